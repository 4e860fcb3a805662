package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/testkit/dynamotest"
)

const validOrder = `{"order_id":"A-1","customer":"jane","currency":"EUR",` +
	`"lines":[{"sku":"tea","quantity":2,"unit_price":1999},{"sku":"card","quantity":1,"unit_price":0}],"note":"gift"}`

// onNothing is the state of a cell that has applied nothing yet.
func onNothing() state {
	return state{table: alpha.ResultsTable(), tables: dynamotest.NewTables(dynamotest.Cell(alpha))}
}

func TestAnOrderIsPriced(t *testing.T) {
	effect, err := apply(t.Context(), event.Event{TenantID: "acme", Type: "order.placed", Payload: json.RawMessage(validOrder)}, onNothing())
	require.NoError(t, err)
	require.JSONEq(t, `{"total":3998,"currency":"EUR"}`, string(effect.Result))
}

func TestOtherTypesTakeAnyPayload(t *testing.T) {
	effect, err := apply(t.Context(), event.Event{TenantID: "acme", Type: "visit", Payload: json.RawMessage(`null`)}, onNothing())
	require.NoError(t, err)
	require.Nil(t, effect.Result)
}

func TestAMalformedOrderIsRejectedByTheNameOfItsField(t *testing.T) {
	manyLines := strings.Repeat(`{"sku":"tea","quantity":1,"unit_price":1},`, maxLines)
	for name, c := range map[string]struct{ old, new, want string }{
		"null":              {validOrder, `null`, `"order_id"`},
		"a list":            {validOrder, `[]`, "the payload is not an object"},
		"no id":             {`"order_id":"A-1",`, ``, `"order_id"`},
		"number as id":      {`"A-1"`, `17`, `"order_id" has the wrong type, want string`},
		"no customer":       {`"jane"`, `""`, `"customer"`},
		"no currency":       {`"currency":"EUR",`, ``, `"currency"`},
		"currency":          {`"EUR"`, `"euro"`, `"currency"`},
		"no lines":          {`"lines"`, `"rows"`, `"lines" has 0 lines`},
		"lines as text":     {`"sku":"tea","quantity":2`, `"sku":"tea","quantity":"2"`, `"lines.quantity" has the wrong type`},
		"too many lines":    {`"lines":[`, `"lines":[` + manyLines, `"lines" has 10002 lines, want 1 to 10000`},
		"no SKU":            {`"sku":"card",`, ``, `"lines[1].sku"`},
		"no quantity":       {`"quantity":2,`, ``, `"lines[0].quantity"`},
		"nothing of it":     {`"quantity":2`, `"quantity":0`, `"lines[0].quantity"`},
		"too much of it":    {`"quantity":2`, `"quantity":10001`, `"lines[0].quantity"`},
		"a fraction":        {`"quantity":2`, `"quantity":1.5`, `"lines.quantity" has the wrong type`},
		"no price":          {`,"unit_price":0`, ``, `"lines[1].unit_price"`},
		"price below zero":  {`1999`, `-1`, `"lines[0].unit_price"`},
		"price beyond sums": {`1999`, `1000000001`, `"lines[0].unit_price"`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, validOrder, c.old)
			payload := strings.Replace(validOrder, c.old, c.new, 1)
			_, err := apply(t.Context(), event.Event{TenantID: "acme", Type: "order.placed", Payload: json.RawMessage(payload)}, onNothing())
			require.ErrorContains(t, err, "order: ")
			require.ErrorContains(t, err, c.want)
			for _, content := range []string{"jane", "A-1", "tea", "euro"} {
				require.NotContains(t, err.Error(), content)
			}
		})
	}
}

func TestEveryEventIsCountedForItsTenant(t *testing.T) {
	for _, eventType := range []string{"order.placed", "visit", "fault.panic"} {
		effect, err := apply(t.Context(), event.Event{TenantID: "acme", ID: "e-1", Type: eventType, Payload: json.RawMessage(validOrder)}, onNothing())
		require.NoError(t, err)
		require.Len(t, effect.Writes, 1)
		require.Equal(t, "type:"+eventType, effect.Writes[0].Update.ExpressionAttributeNames["#counter"])
	}
}
