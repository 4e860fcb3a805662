package soaktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cellular/internal/model/event"
)

const (
	writers   = 50
	perSecond = 0.4 // of one writer; the emulator carries some twenty events per second to their end
	eventType = "visit"
)

// client has fewer connections than the local Lambda has environments of the router: what is refused is refused by the
// router, or was under way in a process that died.
var client = &http.Client{
	Timeout:   30 * time.Second, // above what the gateway waits for the router
	Transport: &http.Transport{MaxConnsPerHost: 9, MaxIdleConnsPerHost: 9},
}

// sent is what came of the requests of all writers, by the key of the event; a writer never sends an id twice.
type sent struct {
	mu       sync.Mutex
	accepted map[string]time.Time // when the request began
	refused  map[string]int       // status
	silent   []string             // requests without an answer, which must not be
}

// write has the writers write to the tenants, each in its turn, until the context ends. What is under way then is brought
// to its end.
func (w *world) write(ctx context.Context, tenants []string) *sent {
	s := &sent{accepted: map[string]time.Time{}, refused: map[string]int{}}
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			limit := rate.NewLimiter(perSecond, 1)
			for n := 0; limit.Wait(ctx) == nil; n++ {
				s.post(context.WithoutCancel(ctx), w.outputs.URL, tenants[(i+n)%len(tenants)], fmt.Sprintf("w%d-%d", i, n))
			}
		})
	}
	all.Wait()
	return s
}

func (s *sent) post(ctx context.Context, url, tenant, id string) {
	body := fmt.Sprintf(`{"tenant_id":%q,"id":%q,"type":%q,"payload":{"page":1}}`, tenant, id, eventType)
	begun, status := time.Now(), 0
	var answer struct{ ID, Status string }
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/events", strings.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			var text []byte
			text, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if status = resp.StatusCode; err == nil && status == http.StatusAccepted {
				err = json.Unmarshal(text, &answer)
			}
		}
	}
	key := event.Key(tenant, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.silent = append(s.silent, fmt.Sprintf("%s: %d %v", key, status, err))
	case status == http.StatusAccepted && answer.ID == id:
		s.accepted[key] = begun
	default:
		s.refused[key] = status
	}
}
