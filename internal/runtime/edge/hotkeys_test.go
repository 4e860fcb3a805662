package edge_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
)

// throttled is a throttling error with reasons.
func throttled(reasons ...string) error {
	e := &types.ProvisionedThroughputExceededException{}
	for _, r := range reasons {
		e.ThrottlingReasons = append(e.ThrottlingReasons, types.ThrottlingReason{Reason: new(r)})
	}
	return e
}

const neighbours = `{"tenant_id":"globex","type":"t","payload":1}`

// One tenant heats its keys, and its neighbours in the cell notice nothing.
func TestRouter_AHotRangeOfKeysIsA429AndNoFailureOfTheCell(t *testing.T) {
	for _, resource := range []string{"Table", "Index"} {
		t.Run(resource, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, breaker(1, 1))
				w.mapTenant("globex", "alpha", mapping.Active)
				write, read := resource+"WriteKeyRangeThroughputExceeded", resource+"ReadKeyRangeThroughputExceeded"
				lines := 0
				hot := func(a answer) {
					t.Helper()
					lines++
					w.wantProblem(a, http.StatusTooManyRequests, "too-many-requests")
					require.Equal(t, "1", a.Headers["Retry-After"])
					require.Equal(t, true, w.lastLine(lines)["hot_keys"])
					require.Equal(t, http.StatusAccepted, w.post(neighbours).StatusCode)
					lines++
					require.Equal(t, "closed", w.lastLine(lines)["breaker"])
				}
				for range 3 {
					w.failing("alpha", throttled(write), throttled(write, write))
					hot(w.post(order))
					w.failing("alpha", throttled(read), &types.ThrottlingException{ThrottlingReasons: []types.ThrottlingReason{{Reason: &read}}})
					hot(w.get("order-1", "acme"))
				}
				w.failing("alpha", throttled(write))
				require.Equal(t, http.StatusAccepted, w.post(order).StatusCode, "the range has cooled down by the retry")
			})
		})
	}
}

// What is beyond a range of keys concerns every tenant of the cell.
func TestRouter_AThrottledTableOrAccountIsTheCellsFailure(t *testing.T) {
	const hot = "TableWriteKeyRangeThroughputExceeded"
	for name, err := range map[string]error{
		"table":                throttled("TableWriteMaxOnDemandThroughputExceeded"),
		"provisioned":          throttled("TableWriteProvisionedThroughputExceeded"),
		"account":              throttled("TableWriteAccountLimitExceeded"),
		"hot, and the table":   throttled(hot, "TableWriteMaxOnDemandThroughputExceeded"),
		"account, and hot":     throttled("IndexWriteAccountLimitExceeded", hot),
		"without a reason":     throttled(),
		"of an unknown limit":  throttled("TableWriteSomethingNewExceeded"),
		"by the control plane": &types.RequestLimitExceeded{},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, breaker(1, 1))
				w.mapTenant("globex", "alpha", mapping.Active)
				w.failing("alpha", err, err)
				w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
				w.wantProblem(w.post(neighbours), http.StatusServiceUnavailable, "unavailable")
				require.Equal(t, "open", w.lastLine(2)["breaker"])
			})
		})
	}
}
