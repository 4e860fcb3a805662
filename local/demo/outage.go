package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
)

// outage deletes the mapping table, waits until the router's mappings are past their soft TTL, and sends on: known
// tenants are routed, an unknown one is not guessed.
func (d *demo) outage(ctx context.Context, t *tally) error {
	s := newSender(d.outputs.URL)
	d.out.begin("outage", "of the control plane")
	d.cloud.PauseSchedules() // the probe's requests would land in environments, too
	// One request at a time lands in one environment of the router, which then knows every tenant.
	warmAt := time.Now()
	for _, p := range d.examples.Tenants {
		if _, err := s.post(ctx, firstOf(d.examples.Orders, p.TenantID)); err != nil {
			return err
		}
	}
	tables := dynamodb.NewFromConfig(d.cloud.AWS)
	if _, err := tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &d.outputs.MappingTable}); err != nil {
		return fmt.Errorf("take the mapping table away: %w", err)
	}
	before, err := d.routerLookups()
	if err != nil {
		return err
	}
	for _, p := range d.examples.Tenants {
		if err := d.awaitStale(ctx, s, firstOf(d.examples.Orders, p.TenantID), before); err != nil {
			return err
		}
	}
	rest := d.examples.Orders[len(d.examples.Orders)-outageOrders:]
	var known []answer
	for i, r := range rest {
		// A machine that is too slow for all of them sends fewer: past the hard TTL a router must refuse.
		if i > 0 && time.Since(warmAt) > hardTTL/2 {
			break
		}
		a, err := s.post(ctx, r)
		if err != nil {
			return err
		}
		known = append(known, a)
		d.out.progress(i+1, len(rest))
	}
	stranger := rest[0]
	stranger.Body = []byte(strings.Replace(string(stranger.Body), stranger.TenantID, "stranger", 1))
	unknown, err := s.post(ctx, stranger)
	if err != nil {
		return err
	}
	t.add(known)
	d.found(staticStability(known, unknown))
	d.out.end("mapping table deleted; %d more orders of known tenants accepted, an unknown tenant got %d", accepted(known), unknown.Status)
	return nil
}

// awaitStale sends an order again until the router says in its log that it used a mapping past its soft TTL for the
// tenant.
func (d *demo) awaitStale(ctx context.Context, s *sender, r Request, before lookups) error {
	tick := time.NewTicker(outageInterval)
	defer tick.Stop()
	late := time.After(hardTTL)
	for {
		a, err := s.post(ctx, r)
		if err != nil {
			return err
		}
		now, err := d.routerLookups()
		if err != nil {
			return err
		}
		if now.stale[r.TenantID] > before.stale[r.TenantID] {
			return nil
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("within %s of the outage the router used no mapping of tenant %s past its soft TTL of %s; it answered %d last",
				hardTTL, r.TenantID, softTTL, a.Status)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func accepted(answers []answer) int {
	n := 0
	for _, a := range answers {
		if a.Status == http.StatusAccepted {
			n++
		}
	}
	return n
}

func staticStability(known []answer, unknown answer) finding {
	var errs []error
	for _, a := range known {
		if a.Status != http.StatusAccepted {
			errs = append(errs, fmt.Errorf("event %s of a known tenant: status %d: %s", event.Key(a.Request.TenantID, a.Request.EventID), a.Status, a.Body))
		}
	}
	if unknown.Status != http.StatusServiceUnavailable {
		errs = append(errs, fmt.Errorf("an unknown tenant got %d, want 503", unknown.Status))
	}
	return finding{"I5 Static stability", fmt.Sprintf("without the mapping table %d of %d events of known tenants were routed past the soft TTL, an unknown tenant got %d",
		accepted(known), len(known), unknown.Status), errors.Join(errs...)}
}
