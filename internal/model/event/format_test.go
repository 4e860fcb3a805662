package event_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/testkit/formattest"
)

func keptEvent() event.Event {
	return event.Event{
		TenantID: "acme", ID: "order-1", Type: "order.placed", Epoch: 3, Payload: json.RawMessage(`{"total":12.50}`),
		AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC),
	}
}

// expiring is the event as this version accepts it: the version before gave it no expiry.
func expiring(e event.Event) event.Event {
	e.ExpiresAt = time.Date(2026, 4, 8, 5, 6, 8, 0, time.UTC)
	return e
}

// correlated is the event with the id of its request, which the version before did not write either.
func correlated(e event.Event) event.Event {
	e.CorrelationID = "JKJaXmPLvHcESHA="
	return e
}

func TestTheFormatOfAnEventsItemIsKept(t *testing.T) {
	formattest.WritesItem(t, "testdata/item-v2/event.json", keptEvent().Item())
	formattest.WritesItem(t, "testdata/item-v2/expiring.json", expiring(keptEvent()).Item())
	formattest.WritesItem(t, "testdata/item-v2/correlated.json", correlated(expiring(keptEvent())).Item())
	for path, kept := range formattest.Items(t, "testdata/item-v*") {
		for _, item := range []formattest.Item{kept, formattest.NewerItem(kept)} {
			e, err := event.FromItem(item)
			require.NoError(t, err, path)
			want := keptEvent()
			switch filepath.Base(path) {
			case "expiring.json":
				want = expiring(want)
			case "correlated.json":
				want = correlated(expiring(want))
			}
			require.Equal(t, want, e, path)
		}
	}
}

func TestTheFormatOfAMessageIsKept(t *testing.T) {
	reference := event.Message{Event: keptEvent(), PayloadRef: true}
	reference.Payload = nil
	kept := map[string]event.Message{
		"testdata/message-v1/inline.json":     {Event: keptEvent()},
		"testdata/message-v1/expiring.json":   {Event: expiring(keptEvent())},
		"testdata/message-v1/reference.json":  reference,
		"testdata/message-v1/correlated.json": {Event: correlated(expiring(keptEvent()))},
	}
	for path, m := range kept {
		body, err := m.Encode()
		require.NoError(t, err)
		formattest.WritesDocument(t, path, string(body))
	}
	for path, body := range formattest.Documents(t, "testdata/message-v*") {
		for _, text := range append(formattest.NewerDocuments(t, body, "payload"), body) {
			m, err := event.DecodeMessage([]byte(text))
			require.NoError(t, err, path)
			if m.Payload != nil {
				require.JSONEq(t, string(kept[path].Payload), string(m.Payload), path)
				m.Payload = kept[path].Payload
			}
			require.Equal(t, kept[path], m, path)
		}
	}
}
