package consumer_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

func TestAnEffectThatNoTransactionTakesIsRejected(t *testing.T) {
	tooLong := item.Text(strings.Repeat("x", 400<<10))
	half := item.Text(strings.Repeat("x", 390<<10))
	many := func(n int, state attributes) (writes []types.TransactWriteItem) {
		for i := range n {
			state["id"] = item.Text("#" + string(rune('A'+i)))
			put := putState(attributes{})
			put.Put.Item = map[string]types.AttributeValue{"tenant_id": item.Text("acme"), "id": state["id"], "v": state["v"]}
			writes = append(writes, put)
		}
		return writes
	}
	for name, c := range map[string]struct {
		effect app.Effect
		want   string
	}{
		"too many writes": {
			app.Effect{Writes: make([]types.TransactWriteItem, app.MaxWrites+1)}, "the effect has 99 writes, at most 98"},
		"a result not of JSON": {app.Effect{Result: json.RawMessage(`{`)}, "the result of the effect is not JSON"},
		"too large a result": {
			app.Effect{Result: json.RawMessage(`"` + strings.Repeat("x", 400<<10) + `"`)}, "the result of the effect has 409602 bytes"},
		"too large an item": {
			app.Effect{Writes: many(1, attributes{"v": tooLong})}, "write 1 of the effect puts an item of 409618 bytes, an item may have 409600"},
		"too large a list": {app.Effect{Writes: many(1, attributes{"v": &types.AttributeValueMemberL{Value: []types.AttributeValue{half, half}}})},
			"write 1 of the effect puts an item of"},
		"too much together": {app.Effect{Writes: many(11, attributes{"v": half})}, "the first 11 writes of the effect have"},
		"two writes of an item": {
			app.Effect{Writes: []types.TransactWriteItem{removeState("#cart"), putState(attributes{"id": item.Text("#cart"), "tenant_id": item.Text("acme")})}},
			"write 2 of the effect is to the same item as an earlier one"},
		"no key":             {app.Effect{Writes: []types.TransactWriteItem{putState(attributes{"tenant_id": item.Text("acme")})}}, "write 1 of the effect has no text as its key"},
		"state of no tenant": {app.Effect{Writes: []types.TransactWriteItem{putState(attributes{"id": item.Text("#cart")})}}, "without the attribute tenant_id"},
		"state of nobody": {
			app.Effect{Writes: []types.TransactWriteItem{putState(attributes{"id": item.Text("#cart"), "tenant_id": item.Text("")})}}, "without the attribute tenant_id"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRejected(t, c.effect, c.want)
		})
	}
}

// requireRejected applies an event with an effect, and finds it rejected: nothing is written but the outcome.
func requireRejected(t *testing.T, effect app.Effect, want string) {
	t.Helper()
	c := newCell()
	c.Apply = func(context.Context, event.Event) (app.Effect, error) { return effect, nil }
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Contains(t, c.log.String(), "reason=rejected")
	require.Contains(t, c.log.String(), want)
	require.Equal(t, 1, c.tables.calls)
	require.Len(t, c.stored(), 1)
	require.Equal(t, ledger.Failed, c.status("e-1"))
}

// What the system keeps in the results table is not the business logic's to touch, by whatever name it calls the table.
func TestNoEffectReachesWhatIsTheSystems(t *testing.T) {
	for _, key := range []string{"acme#e-1", "acme#e-2", "globex#e-1", "acme", ledger.FenceKey("acme"), ledger.FenceKey("acme#17"), ledger.AppliedKey} {
		for _, table := range []string{resultsTable, "arn:aws:dynamodb:us-east-1:000000000000:table/" + resultsTable} {
			at := map[string]types.AttributeValue{"id": item.Text(key)}
			for operation, write := range map[string]types.TransactWriteItem{
				"put":    {Put: &types.Put{TableName: &table, Item: attributes{"id": item.Text(key), "tenant_id": item.Text("acme")}}},
				"update": {Update: &types.Update{TableName: &table, Key: at, UpdateExpression: aws.String("REMOVE floor")}},
				"delete": {Delete: &types.Delete{TableName: &table, Key: at}},
				"check": {ConditionCheck: &types.ConditionCheck{
					TableName: &table, Key: at, ConditionExpression: aws.String("attribute_not_exists(id)")}},
			} {
				t.Run(operation+" "+key, func(t *testing.T) {
					requireRejected(t, app.Effect{Writes: []types.TransactWriteItem{write}}, "belongs to the system")
				})
			}
		}
	}
}

func TestAnEffectMayDeleteAndCheckBusinessState(t *testing.T) {
	alpha := naming.Stack("dev").Cell("alpha")
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	db.Put(alpha.ResultsTable(), dynamotest.Item{"id": item.Text("#cart"), "tenant_id": item.Text("acme")})
	c := newCell()
	c.Tables, c.DataTable, c.ResultsTable = db, alpha.DataTable(), alpha.ResultsTable()
	c.Apply = func(context.Context, event.Event) (app.Effect, error) {
		remove := removeState("#cart")
		remove.Delete.TableName = aws.String(alpha.ResultsTable())
		return app.Effect{Writes: []types.TransactWriteItem{remove, {ConditionCheck: &types.ConditionCheck{
			TableName: aws.String(alpha.ResultsTable()), Key: attributes{"id": item.Text("#closed")},
			ConditionExpression: aws.String("attribute_not_exists(id)"),
		}}}}, nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Nil(t, db.Item(alpha.ResultsTable(), "#cart"))
}

// Only the table knows that an item has no room left, or holds a text where a number is added. That is no weather.
func TestAnEffectThatTheTableRefusesAsInvalidIsRejected(t *testing.T) {
	canceled := func(code string) error { return cancellation("None", "None", code) }
	for name, c := range map[string]struct {
		err    error
		reason string
	}{
		"an item that is full":       {canceled("ValidationError"), "rejected"},
		"a request that is invalid":  {&smithy.GenericAPIError{Code: "ValidationException", Message: "no such function"}, "rejected"},
		"a condition that is unmet":  {canceled("ConditionalCheckFailed"), "error"},
		"a right that is not there":  {&smithy.GenericAPIError{Code: "AccessDeniedException"}, "error"},
		"a table that is in trouble": {&smithy.GenericAPIError{Code: "InternalServerError"}, "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cell := newCell()
				cell.tables.before = func(int) error { return c.err }
				require.Equal(t, []string{"e-1"}, cell.handle(t.Context(), t, deliver("e-1", "t", 1)))
				require.Contains(t, cell.log.String(), "reason="+c.reason+" ")
			})
		})
	}
}

func TestAnItemThatAnUpdateFillsRejectsTheEvent(t *testing.T) {
	alpha := naming.Stack("dev").Cell("alpha")
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	c := newCell()
	c.Tables, c.DataTable, c.ResultsTable = db, alpha.DataTable(), alpha.ResultsTable()
	c.Apply = func(_ context.Context, e event.Event) (app.Effect, error) {
		return app.Effect{Writes: []types.TransactWriteItem{{Update: &types.Update{
			TableName: aws.String(alpha.ResultsTable()), Key: attributes{"id": item.Text("#log")}, UpdateExpression: aws.String("SET #name = :v"),
			ExpressionAttributeNames:  map[string]string{"#name": e.ID},
			ExpressionAttributeValues: attributes{":v": item.Text(strings.Repeat("x", 150<<10))},
		}}}}, nil
	}
	reported := c.handle(t.Context(), t, deliver("e-1", "t", 1), deliver("e-2", "t", 1), deliver("e-3", "t", 1))
	require.Equal(t, []string{"e-3"}, reported)
	require.Regexp(t, "event=e-3 .*reason=rejected ", c.log.String())
	require.Equal(t, []string{"e-3"}, c.sent, "it does not wait for a retry that cannot help")
}

func removeState(key string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(resultsTable), Key: attributes{"id": item.Text(key)}}}
}

func putState(state attributes) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(resultsTable), Item: state}}
}

// A table of the user's own moves by other means, or not at all.
func TestWhatIsNotStateOfTheResultsTableNeedsNoTenant(t *testing.T) {
	c := newCell()
	c.Apply = func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{Writes: []types.TransactWriteItem{
			{Put: &types.Put{TableName: aws.String("own"), Item: attributes{"id": item.Text("#cart")}}},
			putState(attributes{"id": item.Text("#cart"), "tenant_id": item.Text("acme")}),
		}}, nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
}

func TestTheLargestEffectIsApplied(t *testing.T) {
	c := newCell()
	c.Apply = func(context.Context, event.Event) (app.Effect, error) {
		var effect app.Effect
		for i := range app.MaxWrites {
			effect.Writes = append(effect.Writes, putState(attributes{"id": item.Text("#" + string(rune('A'+i))), "tenant_id": item.Text("acme")}))
		}
		return effect, nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
}
