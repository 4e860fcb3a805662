package soaktest_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/testkit/cloudtest"
)

const (
	writers   = 50
	perSecond = 0.4 // of one writer; the emulator carries some twenty events per second to their end
)

// sent is what came of the requests of all writers, by the key of the event; a writer never sends an id twice.
type sent struct {
	mu       sync.Mutex
	accepted map[string]time.Time // when the request began
	refused  map[string]int       // status
	silent   []string             // requests without an answer, which must not be
}

// write has so many writers write to the tenants, each in its turn, until the context ends. What is under way then is brought
// to its end.
func (w *world) write(ctx context.Context, writers int, tenants []string) *sent {
	s := &sent{accepted: map[string]time.Time{}, refused: map[string]int{}}
	all := cloudtest.NewCrowd(ctx)
	for i := range writers {
		all.Go(perSecond, func(ctx context.Context, n int) {
			s.post(ctx, w.Client, tenants[(i+n)%len(tenants)], fmt.Sprintf("w%d-%d", i, n))
		})
	}
	all.Wait()
	return s
}

func (s *sent) post(ctx context.Context, c *cloudtest.Client, tenant, id string) {
	begun := time.Now()
	a := c.Post(ctx, tenant, id, cloudtest.Visit, cloudtest.Page)
	key := event.Key(tenant, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case a.Err != nil:
		s.silent = append(s.silent, fmt.Sprintf("%s: %d %v", key, a.Status, a.Err))
	case a.Status == http.StatusAccepted && a.Field("id") == id:
		s.accepted[key] = begun
	default:
		s.refused[key] = a.Status
	}
}
