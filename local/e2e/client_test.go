package e2e_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/testkit/cloudtest"
)

const (
	placed = cloudtest.OrderPlaced
	order  = cloudtest.Order
)

type answer = cloudtest.Answer

// request sends a request as it is.
func (w *world) request(t *testing.T, method, path, contentType string, body []byte) answer {
	t.Helper()
	return w.Request(t.Context(), method, path, body, "Content-Type", contentType)
}

// post sends an event of a tenant.
func (w *world) post(t *testing.T, tenant, id, eventType, payload string) answer {
	t.Helper()
	return w.Post(t.Context(), tenant, id, eventType, payload)
}

// get asks what became of an event.
func (w *world) get(t *testing.T, tenant, id string) answer {
	t.Helper()
	return w.Get(t.Context(), tenant, id)
}

// acceptOrders sends good orders with the ids PREFIX-0, PREFIX-1 and so on, and returns the ids.
func (w *world) acceptOrders(t *testing.T, tenant, prefix string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", prefix, i)
		w.Accept(t, tenant, ids[i], placed, order)
	}
	return ids
}

// tenant makes up a tenant that no other test has, and places it.
func (w *world) tenant(t *testing.T, cellID string) string {
	t.Helper()
	name := cloudtest.Unplaced()
	w.place(t, name, cellID)
	return name
}

// place places a tenant with an operator's rights.
func (w *world) place(t *testing.T, tenant, cellID string) {
	t.Helper()
	cloudtest.Place(t, dynamodb.NewFromConfig(w.cloud.Operator()), tenant, w.outputs.Cells[cellID])
}
