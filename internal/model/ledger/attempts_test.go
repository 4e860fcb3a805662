package ledger_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/printable"
	"cellular/internal/model/transact"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/formattest"
)

var failing = event.Event{
	TenantID: "acme", ID: "order-1", Epoch: 3, AcceptedAt: noon, ExpiresAt: noon.Add(48 * time.Hour), CorrelationID: "req-1",
}

func attemptAt(n int) ledger.Attempt {
	return ledger.Attempt{
		At: noon.Add(time.Duration(n) * time.Second), ReceiveCount: n, Reason: "error", ReasonText: "no such account", RequestID: "8f0b1f6e",
	}
}

func TestTheFormatOfAttemptsIsKept(t *testing.T) {
	kept := ledger.AttemptsOf(failing)
	for n := range 3 {
		kept = kept.With(attemptAt(n+1), 2, time.Hour)
	}
	kept.Latest[1].RequestID = ""
	formattest.WritesItem(t, "testdata/attempts-v1/failed.json", kept.Item())
	for path, stored := range formattest.Items(t, "testdata/attempts-v*") {
		for _, stored := range []formattest.Item{stored, formattest.NewerItem(stored)} {
			got, err := ledger.AttemptsFromItem(stored)
			require.NoError(t, err, path)
			require.Equal(t, kept, got, path)
		}
	}
}

// However often an event fails, and whatever the errors say, its attempts are an item that the table takes.
func TestAttempts_AreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newTable()
		most := rapid.IntRange(1, 2*ledger.MaxAttempts).Draw(t, "most")
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{strings.Repeat("\xff", 5000), strings.Repeat("<", 5000), strings.Repeat("\\", 5000)}))
		var all []ledger.Attempt
		for n := range rapid.IntRange(1, 3*ledger.MaxAttempts).Draw(t, "failures") {
			read := readAttempts(t, db)
			current := read
			if n == 0 {
				current = ledger.AttemptsOf(failing)
			}
			attempt := attemptAt(n + 1)
			attempt.ReasonText = text.Draw(t, "text")
			require.NoError(t, db.write(ledger.SetAttempts(db.name, read, current.With(attempt, most, time.Hour))))
			attempt.ReasonText = printable.Bounded(attempt.ReasonText, ledger.MaxReasonText)
			all = append(all, attempt)
		}
		got := readAttempts(t, db)
		require.EqualValues(t, len(all), got.Failures)
		require.Equal(t, all[len(all)-min(len(all), most, ledger.MaxAttempts):], got.Latest)
		require.Equal(t, all[len(all)-1].At.Add(time.Hour), got.ExpiresAt)

		stored := db.db.Item(db.name, ledger.AttemptsKey("acme", "order-1"))
		size := 0
		for name, v := range stored {
			if s, ok := v.(*types.AttributeValueMemberS); ok {
				size += len(name) + len(s.Value)
			}
		}
		require.Less(t, size, 40<<10)
	})
}

func readAttempts(t require.TestingT, c table) ledger.Attempts {
	a, err := ledger.AttemptsFromItem(c.db.Item(c.name, ledger.AttemptsKey("acme", "order-1")))
	require.NoError(t, err)
	return a
}

// Two deliveries of an event may fail at one moment: neither writes over what the other has noted.
func TestSetAttempts_WritesOverNothingThatWasNotRead(t *testing.T) {
	c := newTable()
	first := ledger.AttemptsOf(failing).With(attemptAt(1), 5, time.Hour)
	require.NoError(t, c.write(ledger.SetAttempts(c.name, ledger.Attempts{}, first)))
	require.Error(t, c.write(ledger.SetAttempts(c.name, ledger.Attempts{}, first)))
	second := first.With(attemptAt(2), 5, time.Hour)
	require.NoError(t, c.write(ledger.SetAttempts(c.name, first, second)))
	require.Error(t, c.write(ledger.SetAttempts(c.name, first, second)))
	later := failing
	later.AcceptedAt, later.ExpiresAt = noon.Add(50*time.Hour), noon.Add(98*time.Hour)
	require.NoError(t, c.write(ledger.SetAttempts(c.name, second, ledger.AttemptsOf(later).With(attemptAt(1), 5, time.Hour))))
	got := readAttempts(t, c)
	require.EqualValues(t, 1, got.Failures)
	require.True(t, got.After(failing))
	require.False(t, !got.Of(later) || got.After(later) || second.After(failing))
	require.False(t, second.Of(later) || got.Of(failing))
	require.True(t, second.Of(event.Event{AcceptedAt: noon.Add(time.Hour), ExpiresAt: noon.Add(49 * time.Hour)}), "of another cell during a move")
}

// Attempts are nobody's business state and no outcome: whoever lists a tenant's items does not find them, in the version before
// either, which asks the same index for the tenant's keys.
func TestAttempts_AreListedByThemselves(t *testing.T) {
	c := newTable()
	require.NoError(t, c.write(ledger.SetAttempts(c.name, ledger.Attempts{}, ledger.AttemptsOf(failing).With(attemptAt(1), 5, time.Hour))))
	for _, q := range append(ledger.OfTenant(c.name, "acme"), append(ledger.StateOf(c.name, "acme"), ledger.WaitingOf(c.name, "acme")...)...) {
		out, err := c.db.Query(t.Context(), q)
		require.NoError(t, err)
		require.Empty(t, out.Items)
	}
	found := 0
	for _, q := range ledger.AttemptsOfTenant(c.name, "acme") {
		out, err := c.db.Query(t.Context(), q)
		require.NoError(t, err)
		found += len(out.Items)
	}
	require.Equal(t, 1, found)

	key := ledger.AttemptsKey("acme", "order-1")
	require.True(t, ledger.IsState(key) && ledger.Reserved(key) && !ledger.IsFence(key))
	_, _, err := event.ParseKey(key)
	require.Error(t, err)
}

func TestAttemptsFromItem_NamesWhatIsWrong(t *testing.T) {
	none, err := ledger.AttemptsFromItem(nil)
	require.NoError(t, err)
	require.Zero(t, none)
	good := ledger.AttemptsOf(failing).With(attemptAt(1), 5, time.Hour).Item()
	for _, c := range []struct{ name, value, message string }{
		{event.AttrAcceptedAt, "noon", `attempts "#attempts#acme#order-1": attribute accepted_at is "noon"`},
		{event.AttrKey, "acme#order-1", `attempts "acme#order-1": want the key #attempts#TENANT#order-1`},
		{"attempts", "{", "attribute attempts is not JSON text"},
		{"attempts", "{}", "attribute attempts: json: cannot unmarshal object"},
		{"attempts", `[{"at":"noon"}]`, `attribute attempts: at is "noon", want a time`},
	} {
		bad := maps.Clone(good)
		bad[c.name] = item.Text(c.value)
		_, err := ledger.AttemptsFromItem(bad)
		require.ErrorContains(t, err, c.message)
	}
}

// What an operator is shown of a failure is bounded where it is written, whoever writes it.
func TestOutcome_KeepsOnePrintableLineOfTheReason(t *testing.T) {
	o := ledger.Outcome{TenantID: "acme", EventID: "order-1", Status: ledger.Failed, ReasonText: "one\ntwo\x1b[2J" + strings.Repeat("é", 1000)}
	got := ledger.Peek(o.Item()).ReasonText
	require.True(t, strings.HasPrefix(got, `one; two\x1b[2Jéé`), got)
	require.LessOrEqual(t, len(got), ledger.MaxReasonText)
	require.True(t, printable.Text(got, ""))
	require.NotContains(t, ledger.Shown(), ledger.AttrReasonText, "no client is told it")
}

// What keeping an attempt costs, as docs/decisions.md has it: nothing where an event does not fail.
func TestSetAttempts_CostsItsSizeTwiceAndACheck(t *testing.T) {
	c := newTable()
	var read ledger.Attempts
	units := func() (item, index float64) {
		c.db.Concurrent(dynamotest.Concurrency{})
		next := ledger.AttemptsOf(failing)
		if read.Failures > 0 {
			next = read
		}
		next = next.With(attemptAt(int(read.Failures)+1), 5, time.Hour)
		require.NoError(t, transact.Retrier{}.Write(t.Context(), c.db, ledger.SetAttempts(c.name, read, next), ledger.MayApply(c.name, failing)))
		read = next
		used := c.db.Usage().WriteUnits
		return used[c.name], used[c.name+"/"+ledger.ShardIndex]
	}
	item, index := units()
	require.Equal(t, []float64{4, 1}, []float64{item, index})
	item, index = units()
	require.Equal(t, []float64{4, 0}, []float64{item, index})
}
