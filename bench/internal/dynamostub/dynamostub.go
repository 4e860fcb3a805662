// Package dynamostub answers as much of DynamoDB's protocol as the router's write path needs, fast and the same every
// time, so that what is measured in front of it is not the store. It stores nothing: every mapping is there, every put
// succeeds.
package dynamostub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"cellular/internal/model/mapping"
)

// Stub is a running stub.
type Stub struct {
	server *http.Server
	url    string
	cellOf func(tenantID string) string

	reads, writes atomic.Int64

	mu      sync.Mutex
	hanging []byte        // `"TABLE"` of the table that hangs, or nil
	release chan struct{} // closed when it no longer does
}

// Start starts a stub on loopback, which maps each tenant to the cell that cellOf says.
func Start(cellOf func(tenantID string) string) (*Stub, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start DynamoDB stub: %w", err)
	}
	s := &Stub{url: "http://" + listener.Addr().String(), cellOf: cellOf}
	s.server = &http.Server{Handler: http.HandlerFunc(s.serve)}
	go func() { _ = s.server.Serve(listener) }() // it ends with Close
	return s, nil
}

// URL is where the stub listens.
func (s *Stub) URL() string { return s.url }

// Reads is how many GetItem calls came so far.
func (s *Stub) Reads() int64 { return s.reads.Load() }

// Writes is how many PutItem calls came so far.
func (s *Stub) Writes() int64 { return s.writes.Load() }

// Close stops the stub.
func (s *Stub) Close() error { return s.server.Close() }

// Hang lets puts into the table wait until resume is called. One table hangs at a time.
func (s *Stub) Hang(table string) (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	release := make(chan struct{})
	s.hanging, s.release = strconv.AppendQuote(nil, table), release
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hanging = nil
		close(release)
	}
}

func (s *Stub) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "DynamoDB_20120810.PutItem":
		s.writes.Add(1)
		s.wait(r, body)
		answer(w, http.StatusOK, []byte("{}"))
	case "DynamoDB_20120810.GetItem":
		s.reads.Add(1)
		s.get(w, body)
	default:
		refuse(w, "UnknownOperationException", "the stub has no "+target)
	}
}

// wait returns when the table that body is for does not hang, or the client gave up.
func (s *Stub) wait(r *http.Request, body []byte) {
	s.mu.Lock()
	hangs := s.hanging != nil && bytes.Contains(body, s.hanging)
	release := s.release
	s.mu.Unlock()
	if !hangs {
		return
	}
	select {
	case <-release:
	case <-r.Context().Done():
	}
}

func (s *Stub) get(w http.ResponseWriter, body []byte) {
	type text struct{ S string }
	var in struct{ Key map[string]text }
	if err := json.Unmarshal(body, &in); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	tenant := in.Key[mapping.AttrTenantID].S
	if tenant == "" {
		refuse(w, "ValidationException", "the stub has the mapping table only")
		return
	}
	answer(w, http.StatusOK, fmt.Appendf(nil,
		`{"Item":{%q:{"S":%q},%q:{"S":%q},%q:{"N":"1"},%q:{"S":"active"},%q:{"S":"standard"},%q:{"S":"2026-01-01T00:00:00.000Z"}}}`,
		mapping.AttrTenantID, tenant, mapping.AttrCellID, s.cellOf(tenant),
		mapping.AttrEpoch, mapping.AttrState, mapping.AttrTier, mapping.AttrUpdatedAt))
}

// answer writes a response with the checksum that DynamoDB sends and the SDK verifies.
func answer(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("X-Amzn-Requestid", "VVCP6LRQNAB1BNTOAEPD9LFK3RVV4KQNSO5AEMVJF66Q9ASUAAJG")
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func refuse(w http.ResponseWriter, kind, message string) {
	body, err := json.Marshal(map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + kind, "message": message})
	if err != nil {
		body = []byte("{}")
	}
	answer(w, http.StatusBadRequest, body)
}
