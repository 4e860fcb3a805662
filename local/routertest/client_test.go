package routertest_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
)

type answer = cloudtest.Answer

// send sends the text of an event. It may be called from any goroutine.
func (w *world) send(body []byte, headers ...string) answer {
	return w.Request(context.Background(), http.MethodPost, "/v1/events", body, headers...)
}

// post sends an event. It may be called from any goroutine.
func (w *world) post(tenant, id, eventType, payload string) answer {
	return w.Post(context.Background(), tenant, id, eventType, payload)
}

const visit = cloudtest.Visit

// visit sends an event whose content does not matter.
func (w *world) visit(tenant, id string) answer { return w.post(tenant, id, visit, cloudtest.Page) }

// requireComeBack checks a refusal that is to be over some time: 429 or 503.
func requireComeBack(t *testing.T, a answer, status int, kind string, latest time.Duration) {
	t.Helper()
	cloudtest.RequireProblem(t, a, status, kind)
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	require.NoError(t, err, "%s: Retry-After", a)
	require.Positive(t, seconds)
	require.LessOrEqual(t, time.Duration(seconds)*time.Second, latest.Truncate(time.Second)+time.Second, "Retry-After")
}

// tenant makes up a tenant that no other test has, and places it.
func (w *world) tenant(t *testing.T, cell manifest.Cell) string {
	t.Helper()
	return cloudtest.Tenant(t, w.tables, cell)
}

// kept are the payloads of a tenant's events in a cell, by id.
func (w *world) kept(t *testing.T, cell manifest.Cell, tenant string) map[string]string {
	t.Helper()
	found := map[string]string{}
	pages := dynamodb.NewScanPaginator(w.tables, &dynamodb.ScanInput{
		TableName:                 &cell.DataTable,
		FilterExpression:          aws.String("begins_with(#key, :tenant)"),
		ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":tenant": &types.AttributeValueMemberS{Value: event.Key(tenant, "")}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, item := range page.Items {
			e, err := event.FromItem(item)
			require.NoError(t, err)
			found[e.ID] = string(e.Payload)
		}
	}
	return found
}

// requireNothingKept checks that no cell has an event of the tenant.
func (w *world) requireNothingKept(t *testing.T, tenant string) {
	t.Helper()
	for id, cell := range w.outputs.Cells {
		require.Empty(t, w.kept(t, cell, tenant), "cell %s", id)
	}
}
