package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
	"cellular/internal/runtime/telemetry"
)

// line returns the line of the log that says what became of an event, "" if there is none.
func line(log, id string) string {
	for l := range strings.Lines(log) {
		if strings.Contains(l, "record handled") && strings.Contains(l, " event="+id+" ") {
			return l
		}
	}
	return ""
}

func TestConsumer_LogsWhatItAppliedAtTheTimeOfTheRecordNotOfTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell()
		c.ConcurrentTenants = 2
		start := time.Now()
		c.Apply = func(_ context.Context, e event.Event) (app.Effect, error) {
			if e.TenantID == "slow" {
				time.Sleep(2 * time.Second)
			}
			return app.Effect{}, nil
		}
		send := func(tenantID, id string) events.SQSMessage {
			return deliverMessage(event.Message{Event: event.Event{
				TenantID: tenantID, ID: id, Type: "t", Epoch: 1, Payload: json.RawMessage(`{}`), AcceptedAt: start,
			}}, 1)
		}
		require.Empty(t, c.handle(t.Context(), t, send("slow", "s-1"), send("slow", "s-2"), send("fast", "f-1")))
		require.Equal(t, 4*time.Second, time.Since(start))
		for id, want := range map[string]struct {
			at  time.Duration
			say string
		}{
			"f-1": {0, "took_ms=0 apply_ms=0 applied=1 accepted_to_applied_ms=0\n"},
			"s-1": {2 * time.Second, "took_ms=2000 apply_ms=2000 applied=1 accepted_to_applied_ms=2000\n"},
			"s-2": {4 * time.Second, "took_ms=2000 apply_ms=2000 applied=1 accepted_to_applied_ms=4000\n"},
		} {
			l := line(c.log.String(), id)
			require.Contains(t, l, "timestamp="+start.Add(want.at).Format("2006-01-02T15:04:05.000Z07:00")+" ")
			require.Contains(t, l, want.say)
		}
	})
}

const dyingMarker = "CONSUMER_TEST_DIES"

// The process dies of the second record of a tenant, while the second one of another is under way: the log has the first
// ones of both.
func TestConsumer_HasLoggedWhatItAppliedWhenItsProcessDies(t *testing.T) {
	if os.Getenv(dyingMarker) != "" {
		dieInABatch(t)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), dyingMarker+"=1")
	log, err := child.Output()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v: %s", err, log)
	require.Equal(t, 3, exit.ExitCode(), "%s", log)
	for _, id := range []string{"k-1", "w-1"} {
		require.Contains(t, line(string(log), id), "outcome=applied")
	}
	for _, id := range []string{"k-2", "w-2"} {
		require.Empty(t, line(string(log), id))
	}
}

func dieInABatch(t *testing.T) {
	c := newCell()
	c.ConcurrentTenants, c.RecordTimeout = 2, time.Hour
	c.Records = telemetry.NewCellRecords(textTo{os.Stdout}, "Cellular/test", slog.LevelInfo, "alpha")
	waits := make(chan struct{})
	c.Apply = func(_ context.Context, e event.Event) (app.Effect, error) {
		switch e.ID {
		case "w-2":
			close(waits)
			select {}
		case "k-2":
			<-waits
			os.Exit(3)
		}
		return app.Effect{}, nil
	}
	c.handle(t.Context(), t, deliverTo("kills", "k-1", 1), deliverTo("kills", "k-2", 1), deliverTo("waits", "w-1", 1), deliverTo("waits", "w-2", 1))
}

// goexits is tables and a queue whose calls end their goroutines: transactions while tables is true, and letters.
type goexits struct {
	consumer.Tables
	consumer.Queue
	tables bool
}

func (g *goexits) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	if g.tables {
		runtime.Goexit()
	}
	return g.Tables.TransactWriteItems(ctx, in, o...)
}

func (g *goexits) SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	runtime.Goexit()
	return nil, nil
}

func TestI6RecordsWhoseGoroutineEndsEarlyAreRetried(t *testing.T) {
	c := newCell()
	g := &goexits{Tables: c.tables, Queue: c.queue, tables: true}
	c.Tables, c.ConcurrentTenants = g, 2
	batch := []events.SQSMessage{deliver("e-1", "t", 1), deliver("e-2", "t", 1)}
	require.Equal(t, []string{"e-1", "e-2"}, sorted(c.handle(t.Context(), t, batch...)))
	require.Equal(t, int32(2), c.queue.hidden["e-1"], "as after any failure")
	for _, id := range []string{"e-1", "e-2"} {
		require.Contains(t, line(c.log.String(), id), "outcome=retry")
		require.Contains(t, line(c.log.String(), id), "its goroutine ended early")
	}

	g.tables = false
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2), deliver("e-2", "t", 2)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.Equal(t, ledger.Processed, c.status("e-2"))
}

func TestI6ALetterWhoseGoroutineEndsEarlyIsLeftToTheQueue(t *testing.T) {
	c := newCell()
	c.reject()
	c.Queue = &goexits{Queue: c.queue}
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, 1), deliver("e-2", "t", 1)))
	require.Empty(t, c.sent)
}
