package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"cellular/local/awsapi"
)

// SavedQueries keeps the saved queries of CloudWatch Logs Insights, which the emulator's CloudWatch Logs does not know. None is run.
type SavedQueries struct {
	mu  sync.Mutex
	all map[string]savedQuery // by id
}

type savedQuery struct {
	ID     string   `json:"queryDefinitionId"`
	Name   string   `json:"name"`
	Text   string   `json:"queryString"`
	Groups []string `json:"logGroupNames"`
}

const logsTarget = "Logs_20140328."

// Wrap answers the requests about saved queries, and passes all others on.
func (s *SavedQueries) Wrap(next http.Handler) http.Handler {
	operations := map[string]func([]byte) (any, error){
		"PutQueryDefinition": s.put, "DescribeQueryDefinitions": s.describe, "DeleteQueryDefinition": s.remove,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation, ok := operations[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), logsTarget)]
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		var out any
		if err == nil {
			out, err = operation(body)
		}
		if err != nil {
			f := failure{"InvalidParameterException", err.Error()}
			_ = errors.As(err, &f) // an error that is none is of the input
			awsapi.Refuse(w, r, http.StatusBadRequest, f.code, f.message)
			return
		}
		var answer bytes.Buffer
		_ = json.NewEncoder(&answer).Encode(out) // texts and lists of them
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(answer.Bytes()) // a client that has gone does not miss it
	})
}

func (s *SavedQueries) put(body []byte) (any, error) {
	var q savedQuery
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[q.ID]; q.ID != "" && !ok {
		return nil, noQuery(q.ID)
	}
	if q.ID == "" {
		q.ID = rand.Text()
	}
	if s.all == nil {
		s.all = map[string]savedQuery{}
	}
	s.all[q.ID] = q
	return map[string]string{"queryDefinitionId": q.ID}, nil
}

func (s *SavedQueries) describe(body []byte) (any, error) {
	var in struct {
		Prefix string `json:"queryDefinitionNamePrefix"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []savedQuery{}
	for _, id := range slices.Sorted(maps.Keys(s.all)) {
		if strings.HasPrefix(s.all[id].Name, in.Prefix) {
			found = append(found, s.all[id])
		}
	}
	return map[string]any{"queryDefinitions": found}, nil
}

func (s *SavedQueries) remove(body []byte) (any, error) {
	var in savedQuery
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[in.ID]; !ok {
		return nil, noQuery(in.ID)
	}
	delete(s.all, in.ID)
	return map[string]bool{"success": true}, nil
}

func noQuery(id string) error {
	return failure{notFound, fmt.Sprintf("there is no saved query %s", id)}
}
