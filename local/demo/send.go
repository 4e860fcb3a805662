package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// answer is what the router said to one request.
type answer struct {
	Request  Request
	Status   int
	Cell     string
	Replayed bool // the router had this event already
	Body     []byte
}

// sender posts events to the router as its clients would.
type sender struct {
	url    string
	client *http.Client
}

func newSender(url string) *sender {
	// 20 s is above the router's own time limit, so that what is seen is the router's answer.
	return &sender{url: url + "/v1/events", client: &http.Client{Timeout: 20 * time.Second}}
}

func (s *sender) post(ctx context.Context, r Request) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(r.Body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	a, err := s.do(req, r)
	if err != nil {
		return answer{}, fmt.Errorf("send event %s of tenant %s: %w", r.EventID, r.TenantID, err)
	}
	return a, nil
}

// get asks what became of an event.
func (s *sender) get(ctx context.Context, r Request) (answer, error) {
	address := s.url + "/" + url.PathEscape(r.EventID) + "?tenant_id=" + url.QueryEscape(r.TenantID)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	a, err := s.do(req, r)
	if err != nil {
		return answer{}, fmt.Errorf("ask for event %s of tenant %s: %w", r.EventID, r.TenantID, err)
	}
	return a, nil
}

func (s *sender) do(req *http.Request, r Request) (answer, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return answer{
		Request:  r,
		Status:   resp.StatusCode,
		Cell:     resp.Header.Get("X-Cell-Id"),
		Replayed: resp.Header.Get("Idempotent-Replayed") == "true",
		Body:     body,
	}, nil
}

// postAll sends the events of each tenant in their order, tenants side by side, and calls done with each answer, one
// call at a time.
func (s *sender) postAll(ctx context.Context, requests []Request, done func(answer)) ([]answer, error) {
	byTenant := map[string][]int{}
	for i, r := range requests {
		byTenant[r.TenantID] = append(byTenant[r.TenantID], i)
	}
	answers := make([]answer, len(requests))
	var calling sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for _, indexes := range byTenant {
		g.Go(func() error {
			for _, i := range indexes {
				a, err := s.post(ctx, requests[i])
				if err != nil {
					return err
				}
				answers[i] = a
				calling.Lock()
				done(a)
				calling.Unlock()
			}
			return nil
		})
	}
	return answers, g.Wait()
}
