package e2e_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
)

func TestI7PoisonIsEjectedAlone(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Consumer)

	reasons := map[string]string{"rejects": "rejected", "panics": "panic", "fails": "error", "garbled": "malformed"}
	good := w.acceptOrders(t, tenant, "before", 2)
	w.Accept(t, tenant, "rejects", placed, `{"order_id":"A-1","customer":"jane","currency":"EUR","lines":[]}`)
	w.Accept(t, tenant, "panics", "fault.panic", `{}`)
	w.Accept(t, tenant, "fails", "fault.error", `{}`)
	c.send(t, tenant, "garbled", "not a message")
	good = append(good, w.acceptOrders(t, tenant, "after", 2)...)
	c.awaitWaiting(t, len(good)+len(reasons)) // no more than a batch holds
	resume()

	for id, reason := range reasons {
		a := w.AwaitStatus(t, tenant, "failed", id)
		require.Equal(t, reason, a.Field("reason"), "%s", a)
	}
	c.awaitLetters(t, c.ConsumerDLQURL, `"rejects"`, `"panics"`, `"fails"`, "not a message")
	c.awaitDrained(t)
	c.requireDead(t, slices.Collect(maps.Keys(reasons))...)

	w.AwaitStatus(t, tenant, "processed", good...)
	require.Equal(t, map[string]int{placed: len(good)}, c.counters(t, tenant))
	batch := map[string]bool{}
	for _, id := range slices.Concat(good, slices.Collect(maps.Keys(reasons))) {
		attempts := attempts(w.logged(t, tenant, id))
		require.NotEmpty(t, attempts)
		batch[attempts[0].RequestID] = true
		if slices.Contains(good, id) {
			require.Len(t, attempts, 1, "a good event is not delivered again for its siblings' sake")
		}
	}
	require.Len(t, batch, 1, "they were siblings in one batch")
	c.requireUnseenElsewhere(t, tenant)
}

func TestI7ARecordThatHangsFailsAlone(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Consumer)
	good := w.acceptOrders(t, tenant, "before", 2)
	w.Accept(t, tenant, "hangs", "fault.hang", `{}`)
	good = append(good, w.acceptOrders(t, tenant, "after", 2)...)
	c.awaitWaiting(t, len(good)+1)
	resume()

	a := w.AwaitStatus(t, tenant, "failed", "hangs")
	require.Equal(t, "deadline", a.Field("reason"), "%s", a)
	c.awaitLetters(t, c.ConsumerDLQURL, `"hangs"`)
	c.awaitDrained(t)
	c.requireDead(t, "hangs")
	w.AwaitStatus(t, tenant, "processed", good...)
	require.Equal(t, map[string]int{placed: len(good)}, c.counters(t, tenant))
}

// attempts are the records of the consumer.
func attempts(list []record) []record {
	return slices.DeleteFunc(list, func(r record) bool { return r.Outcome == "" })
}

func TestI7ABadStreamRecordIsEjectedAloneAndItsShardMovesOn(t *testing.T) {
	t.Parallel()
	w := start(t)
	begun := time.Now().Add(-time.Second) // the stream tells whole seconds
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Producer)
	good := w.acceptOrders(t, tenant, "before", 3)
	// Whatever wrote it, it is in the table and it is no event: it has no type, no epoch, no time.
	_, err := w.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.DataTable, Item: map[string]types.AttributeValue{
		event.AttrKey:      &types.AttributeValueMemberS{Value: event.Key(tenant, "bad")},
		event.AttrTenantID: &types.AttributeValueMemberS{Value: tenant},
		event.AttrPayload:  &types.AttributeValueMemberS{Value: "confidential"},
	}})
	require.NoError(t, err)
	good = append(good, w.acceptOrders(t, tenant, "after", 3)...)
	resume()

	body := c.awaitLetters(t, c.StreamDLQURL, "DDBStreamBatchInfo")[0]
	letter, ok := ejection.Decode(body)
	require.True(t, ok, "the producer has ejected it itself: %s", body)
	require.Equal(t, event.Key(tenant, "bad"), letter.Key)
	require.Contains(t, letter.Reason, "attribute type is missing")
	require.NotEmpty(t, letter.SequenceNumber)
	require.Contains(t, letter.StreamARN, c.DataTable)
	require.NotEmpty(t, letter.RequestID)
	require.Contains(t, letter.FunctionARN, c.Producer)
	require.WithinRange(t, letter.ArrivedAt, begun, time.Now())
	require.NotContains(t, body, "confidential", "the letter has no payload")

	good = append(good, w.acceptOrders(t, tenant, "later", 1)...)
	w.AwaitStatus(t, tenant, "processed", good...)
	require.Equal(t, map[string]int{placed: len(good)}, c.counters(t, tenant))
	require.Equal(t, []string{body}, c.letters(t, c.StreamDLQURL), "it is the only letter, and there is one of it")
	for _, other := range c.others() {
		require.Empty(t, other.letters(t, other.StreamDLQURL), "cell %s", other.ID)
	}
}

// Two records kill the consumer, again and again, and one kills it once, when it has been applied. The good ones beside them
// lose a visibility timeout to the first crash, which nobody can foresee.
func TestI7RecordsThatKillTheConsumerAreEjectedAlone(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Consumer)
	good := w.acceptOrders(t, tenant, "before", 2)
	w.Accept(t, tenant, "kills", "fault.exit", `{}`)
	w.Accept(t, tenant, "kills-too", "fault.exit", `{}`)
	w.Accept(t, tenant, "kills-once", "fault.exit-after-apply", `{}`)
	good = append(good, w.acceptOrders(t, tenant, "after", 3)...)
	c.awaitWaiting(t, len(good)+3)
	resume()

	w.AwaitStatus(t, tenant, "processed", append(good, "kills-once")...)
	c.awaitDrained(t)
	for _, id := range []string{"kills", "kills-too"} {
		a := w.AwaitStatus(t, tenant, "failed", id)
		require.Equal(t, "crashed", a.Field("reason"), "%s", a)
	}
	c.requireDead(t, "kills", "kills-too")
	require.Equal(t, map[string]int{placed: len(good), "fault.exit-after-apply": 1}, c.counters(t, tenant))
	c.requireUnseenElsewhere(t, tenant)
}
