package producer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
)

// correlated is the stream record of an event that was accepted with a request.
func correlated(id, payload, request string) events.DynamoDBEventRecord {
	record := insert(id, payload)
	record.Change.NewImage[event.AttrCorrelationID] = events.NewStringAttribute(request)
	return record
}

func TestProducer_PassesOnWhatAnEventIsFollowedBy(t *testing.T) {
	tp := newTopic()
	large := `"` + strings.Repeat("x", inlineBytes) + `"`
	require.Empty(t, handle(t, newProducer(tp, newDLQ()),
		correlated("1", `1`, "client-42"), correlated("2", large, "JKJaXmPLvHcESHA="), insert("3", `3`), correlated("4", `4`, "two words")))
	got := map[string]event.Message{}
	for _, m := range tp.published {
		got[m.message.ID] = m.message
	}
	require.Equal(t, "client-42", got["1"].CorrelationID)
	require.True(t, got["2"].PayloadRef)
	require.Equal(t, "JKJaXmPLvHcESHA=", got["2"].CorrelationID)
	require.Empty(t, got["3"].CorrelationID, "of the version before")
	require.Empty(t, got["4"].CorrelationID, "an event is published for all that is wrong with its id of a request")
}

func TestProducer_NamesTheRequestInEachLineOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := correlated("2", `2`, "client-43")
		delete(broken.Change.NewImage, event.AttrType)
		lines := func(level slog.Level, tp *topic) map[string][]map[string]any {
			p := newProducer(tp, newDLQ())
			var log bytes.Buffer
			p.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: level}))
			handle(t, p, correlated("1", `1`, "client-42"), broken, insert("3", `3`))
			byMessage := map[string][]map[string]any{}
			for line := range strings.Lines(log.String()) {
				var fields map[string]any
				require.NoError(t, json.Unmarshal([]byte(line), &fields))
				message := fields["msg"].(string)
				byMessage[message] = append(byMessage[message], fields)
			}
			return byMessage
		}
		got := lines(slog.LevelDebug, newTopic())
		require.Len(t, got["record ejected"], 1)
		require.Equal(t, []any{"acme", "2", "client-43"}, fields(got["record ejected"][0], "tenant", "event", "correlation_id"))
		require.Len(t, got["event published"], 2)
		for _, line := range got["event published"] {
			require.Equal(t, "acme", line["tenant"])
			require.Equal(t, map[string]any{"1": "client-42", "3": nil}[line["event"].(string)], line["correlation_id"])
		}

		down := newTopic()
		down.fails = func() error { return errors.New("down") }
		got = lines(slog.LevelDebug, down)
		require.Len(t, got["event not published"], 2)
		require.Equal(t, []any{"acme", "1", "client-42"}, fields(got["event not published"][0], "tenant", "event", "correlation_id"))

		got = lines(slog.LevelInfo, newTopic())
		require.Empty(t, got["event published"], "a line for each event costs more than all else that a producer does")
	})
}
