package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

func itemEvent() event.Event {
	return event.Event{
		TenantID: "acme", ID: "e1", Type: "order.created", Payload: json.RawMessage(`{"total": 1.0}`),
		Epoch: 3, AcceptedAt: time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC),
	}
}

func TestItemIsWhatTheTableHolds(t *testing.T) {
	require.Equal(t, map[string]types.AttributeValue{
		"id":           item.Text("acme#e1"),
		"tenant_shard": item.Text("acme#1"),
		"event_id":     item.Text("e1"),
		"type":         item.Text("order.created"),
		"payload":      item.Text(`{"total": 1.0}`),
		"epoch":        item.Number(3),
		"accepted_at":  item.Text("2026-02-03T04:05:06.789Z"),
	}, itemEvent().Item())
}

func TestItemRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload, err := json.Marshal(rapid.String().Draw(t, "payload"))
		require.NoError(t, err)
		e := event.Event{
			TenantID:   validTenant().Draw(t, "tenant"),
			ID:         validID().Draw(t, "id"),
			Type:       validType().Draw(t, "type"),
			Payload:    payload,
			Epoch:      rapid.Int64Min(1).Draw(t, "epoch"),
			AcceptedAt: time.UnixMilli(rapid.Int64Range(0, 4102444800000).Draw(t, "ms")).UTC(),
		}
		if rapid.Bool().Draw(t, "expires") {
			e.ExpiresAt = event.Expiry(e.AcceptedAt, time.Hour)
		}
		e.CorrelationID = validCorrelationID().Draw(t, "correlation id")
		got, err := event.FromItem(e.Item())
		require.NoError(t, err)
		require.Equal(t, e, got)
	})
}

func TestFromItemNamesTheBadAttribute(t *testing.T) {
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	for _, c := range []struct {
		attribute string
		value     types.AttributeValue // nil removes the attribute
		want      string
	}{
		{"id", nil, "attribute id is missing"},
		{"id", item.Text("acme#e2"), `make the key "acme#e1"`},
		{"tenant_shard", nil, "attribute tenant_shard is missing"},
		{"tenant_shard", item.Text("acme#2"), `attribute tenant_shard is "acme#2"`},
		{"tenant_shard", item.Text("acme"), `attribute tenant_shard is "acme"`},
		{"tenant_shard", item.Text("ac me#1"), `attribute tenant_shard is "ac me#1"`},
		{"tenant_id", item.Text("globex"), `attribute tenant_id is "globex"`},
		{"event_id", number("1"), "attribute event_id is not a string"},
		{"type", item.Text(""), `attribute type is ""`},
		{"payload", item.Text("{"), "is not JSON text"},
		{"epoch", number("0"), "at least 1"},
		{"epoch", item.Text("3"), "attribute epoch is missing or not a number"},
		{"accepted_at", item.Text("yesterday"), `attribute accepted_at is "yesterday"`},
		{"expires_at", number("0"), `attribute expires_at is "0"`},
		{"expires_at", item.Text("soon"), "attribute expires_at is missing or not a number"},
	} {
		t.Run(c.attribute, func(t *testing.T) {
			attributes := itemEvent().Item()
			if c.value == nil {
				delete(attributes, c.attribute)
			} else {
				attributes[c.attribute] = c.value
			}
			_, err := event.FromItem(attributes)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestFromItemIgnoresAttributesOfNewerWriters(t *testing.T) {
	attributes := itemEvent().Item()
	attributes["trace"] = item.Text("1-2-3")
	got, err := event.FromItem(attributes)
	require.NoError(t, err)
	require.Equal(t, itemEvent(), got)
}

func TestFromItemReadsACloneAsTheEventThatItIsACopyOf(t *testing.T) {
	attributes := itemEvent().Item()
	attributes[event.AttrClonedFrom] = item.Text("alpha")
	got, err := event.FromItem(attributes)
	require.NoError(t, err)
	require.Equal(t, itemEvent(), got)
	require.NotContains(t, got.Item(), event.AttrClonedFrom, "what is written of it again is no clone")
}
