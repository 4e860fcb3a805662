package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

var alpha = naming.Stack("dev").Cell("alpha")

// deliverOn returns the tables of a cell, and how its consumer is given orders of one epoch.
func deliverOn(t *testing.T) (*dynamotest.DB, func(epoch int64, ids ...string)) {
	c, db, _ := onTables(t, environment())
	return db, func(epoch int64, ids ...string) {
		t.Helper()
		var batch events.SQSEvent
		for _, id := range ids {
			body, err := event.Message{Event: event.Event{
				TenantID: "acme", ID: id, Type: "order.placed", Epoch: epoch, Payload: json.RawMessage(validOrder),
			}}.Encode()
			require.NoError(t, err)
			batch.Records = append(batch.Records, events.SQSMessage{MessageId: id, Body: string(body)})
		}
		answer, err := c.Handle(t.Context(), batch)
		require.NoError(t, err)
		require.Empty(t, answer.BatchItemFailures)
	}
}

func counted(t *testing.T, db *dynamotest.DB) counters.Counts {
	t.Helper()
	counts, err := counters.Read(t.Context(), db, alpha.ResultsTable(), "acme")
	require.NoError(t, err)
	return counts
}

func TestTheCountersMoveWithTheirTenant(t *testing.T) {
	db, deliver := deliverOn(t)
	deliver(1, "e-1", "e-2", "e-2")
	require.Equal(t, counters.Counts{ByType: map[string]int{"order.placed": 2}}, counted(t, db))
	for _, item := range db.Items(alpha.ResultsTable()) {
		if _, counts := counters.TenantOf(item[event.AttrKey].(*types.AttributeValueMemberS).Value); counts {
			require.Equal(t, &types.AttributeValueMemberS{Value: "acme"}, item[event.AttrTenantID])
		}
	}
	require.Equal(t, &types.AttributeValueMemberS{Value: "acme#e-2"}, db.Item(alpha.ResultsTable(), ledger.AppliedKey)[ledger.AttrEventKey])
}

func TestI8TheFenceDecidesWhichEventsCount(t *testing.T) {
	db, deliver := deliverOn(t)
	fence := ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Outgoing, Peer: "beta", UpdatedAt: time.Unix(1772600767, 0)}
	db.Put(alpha.ResultsTable(), fence.Item())
	deliver(1, "e-1", "e-2")
	deliver(2, "e-3")
	require.Equal(t, counters.Counts{ByType: map[string]int{"order.placed": 1}}, counted(t, db))
	for i, want := range []ledger.Status{ledger.Diverted, ledger.Diverted, ledger.Processed} {
		entry := db.Item(alpha.ResultsTable(), fmt.Sprintf("acme#e-%d", i+1))
		require.Equal(t, &types.AttributeValueMemberS{Value: string(want)}, entry[ledger.AttrStatus])
		require.Equal(t, want == ledger.Diverted, entry[ledger.AttrWaiting] != nil)
	}

	deliver(2, "e-1") // the move was backed out, and what waits is sent again
	require.Equal(t, counters.Counts{ByType: map[string]int{"order.placed": 2}}, counted(t, db))
}
