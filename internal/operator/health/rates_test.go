package health_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/operator/health"
)

// answered is how many requests of an operation AWS answers a second in an account and Region, as documented, and of which
// operations they are counted together. DynamoDB's and SQS's other requests have no documented rate that a run comes near.
// That of GetSubscriptionAttributes is not documented; it is taken to be that of its neighbour.
var answered = map[string]struct {
	together string
	rate     int
}{
	"GetParameter": {"parameters", 40}, "GetParametersByPath": {"parameters", 40},
	"DescribeContinuousBackups": {"recovery", 10}, "DescribeStream": {"streams", 10},
	"ListSubscriptionsByTopic": {"subscriptions", 30}, "GetSubscriptionAttributes": {"attributes", 30},
	"GetFunction": {"functions", 100}, "ListEventSourceMappings": {"Lambda", 15}, "GetAccountSettings": {"Lambda", 15},
	"DescribeAlarms": {"alarms", 9}, "GetTopicAttributes": {"topics", 30},
}

// latency is what a request takes.
const latency = 20 * time.Millisecond

// rates refuses what goes beyond AWS's rates in any one second, without the bursts that AWS may allow.
type rates struct {
	mu        sync.Mutex
	last      map[string][]time.Time // of what is counted together: the requests of the last second
	requests  map[string]int         // by operation
	throttled []string
}

func newRates() *rates { return &rates{last: map[string][]time.Time{}, requests: map[string]int{}} }

func (r *rates) ask(operation string) error {
	defer time.Sleep(latency)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests[operation]++
	of, bound := answered[operation]
	if !bound {
		return nil
	}
	now := time.Now()
	last := slices.DeleteFunc(r.last[of.together], func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(last) >= of.rate {
		r.throttled = append(r.throttled, operation)
		return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	r.last[of.together] = append(last, now)
	return nil
}

// ask takes a request as AWS would.
func (w *world) ask(operation string) error {
	if w.aws == nil {
		return nil
	}
	return w.aws.ask(operation)
}

// fleetOf is a healthy world of n cells, with AWS's rates and pages.
func fleetOf(t *testing.T, n int) *world {
	w := healthy(t)
	for i := range n - 2 { // beside alpha and beta
		w.cell(t, fmt.Sprintf("c%04d", i))
	}
	w.tableQuota, w.concurrency, w.unreserved = 10_000, 100_000, 100_000
	w.summary = map[string]int32{"Roles": 2100, "RolesQuota": 5000}
	w.aws, w.alarms.Page = newRates(), 0
	return w
}

// Point-in-time recovery is off in every cell, which the runs of two days find.
func TestDoctor_ExaminesAThousandCellsWithinAWSsRatesInThreeMinutes(t *testing.T) {
	w := fleetOf(t, 1000)
	maps.DeleteFunc(w.recovery, func(name string, _ bool) bool { return strings.Contains(name, "-app-") })
	off := map[string]bool{}
	for day := range 2 {
		w.aws = newRates() // each run begins at the same time
		d := w.doctor()
		d.Now = func() time.Time { return noon.AddDate(0, 0, day) }
		var took time.Duration
		var found []health.Finding
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			found = d.Run(t.Context())
			took = time.Since(began)
		})
		require.Empty(t, w.aws.throttled)
		require.LessOrEqual(t, took, 3*time.Minute)
		t.Logf("%d requests in %s: %v", w.aws.all(), took, w.aws.requests)

		found = slices.DeleteFunc(bad(found), func(f health.Finding) bool {
			is := strings.Contains(f.Text, "point-in-time recovery is off")
			off[f.Subject] = off[f.Subject] || is
			return is
		})
		require.Len(t, found, 1)
		require.Contains(t, lines(found), "it was looked at in 500 of 1000 cells")
	}
	delete(off, "point-in-time recovery")
	require.Equal(t, 2000, len(off), "the data and the results table of each cell")
}

func (r *rates) all() (n int) {
	for _, of := range r.requests {
		n += of
	}
	return n
}

func TestDoctor_TellsHowManyCellsItHasRead(t *testing.T) {
	w := fleetOf(t, 50)
	d := w.doctor()
	told := map[string]int{}
	d.Progress = func(what string, done, total int) { // one at a time, or the race detector finds two
		if total == 0 {
			require.Equal(t, "manifests of cells", what)
			told[what] = done
			return
		}
		require.Equal(t, told[what]+1, done)
		require.Equal(t, 50, total)
		told[what] = done
	}
	run(t, d)
	require.Equal(t, map[string]int{
		"manifests of cells": 50, "counts of tenants": 50, "mappings of tenants": 50, "contents of cells": 50, "cells": 50,
	}, told)
}
