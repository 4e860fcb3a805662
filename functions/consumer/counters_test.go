package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/testkit/dynamotest"
)

func TestEveryTypeIsCountedForItsTenant(t *testing.T) {
	for _, eventType := range []string{"order.placed", "visit", "fault.panic"} {
		s := onNothing()
		effect, err := apply(t.Context(), event.Event{TenantID: "acme", Type: eventType, Payload: json.RawMessage(validOrder)}, s)
		require.NoError(t, err)
		require.Len(t, effect.Writes, 1)
		update := effect.Writes[0].Update
		require.Equal(t, s.table, *update.TableName)
		require.Equal(t, dynamotest.Item{"id": &types.AttributeValueMemberS{Value: "#counters#acme"}}, update.Key)
		require.Equal(t, "SET #tenant = :tenant ADD #counter :one", *update.UpdateExpression)
		require.Equal(t, map[string]string{"#tenant": "tenant_id", "#counter": "type:" + eventType}, update.ExpressionAttributeNames)
		require.Equal(t, &types.AttributeValueMemberS{Value: "acme"}, update.ExpressionAttributeValues[":tenant"],
			"the counters move with their tenant")
	}
}

// A client that makes up a type for each event gets each of them applied and counted, and the item stays small.
func TestTheCountersOfATenantThatMakesUpTypesAreBounded(t *testing.T) {
	c, db, _ := onTables(t, environment())
	const made = 3 * maxTypes
	deliver := func(id, eventType string) {
		t.Helper()
		body, err := event.Message{Event: event.Event{TenantID: "acme", ID: id, Type: eventType, Epoch: 1, Payload: json.RawMessage(`1`)}}.Encode()
		require.NoError(t, err)
		answer, err := c.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: id, Body: string(body)}}})
		require.NoError(t, err)
		require.Empty(t, answer.BatchItemFailures)
	}
	for i := range made {
		deliver(fmt.Sprint("e-", i), fmt.Sprintf("%0128d", i)) // as long as a type may be
	}
	deliver("again", fmt.Sprintf("%0128d", 0))
	deliver("other", "other_types")

	names, sum, bytes := 0, 0, 0
	counters := db.Item(alpha.ResultsTable(), "#counters#acme")
	for name, v := range counters {
		bytes += len(name) + 8
		if n, ok := v.(*types.AttributeValueMemberN); ok {
			value, err := strconv.Atoi(n.Value)
			require.NoError(t, err)
			sum += value
		}
		if strings.HasPrefix(name, typePrefix) {
			names++
		}
	}
	require.Equal(t, maxTypes, names)
	require.Equal(t, made+2, sum, "every event is counted once")
	require.Equal(t, &types.AttributeValueMemberN{Value: "2"}, counters["type:"+fmt.Sprintf("%0128d", 0)], "a type that has a name keeps it")
	require.Equal(t, &types.AttributeValueMemberN{Value: strconv.Itoa(made - maxTypes + 1)}, counters[otherTypes])
	require.Less(t, bytes, 16<<10)
}

func TestCountersThatCannotBeReadFailTheEventForNow(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	db.Intercept = func(context.Context, dynamotest.Call) error { return errors.New("out of order") }
	s := state{table: alpha.ResultsTable(), reader: db}
	_, err := apply(t.Context(), event.Event{TenantID: "acme", Type: "visit", Payload: json.RawMessage(`1`)}, s)
	require.ErrorContains(t, err, "read the tenant's counters: ")
}
