package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/config"
	"cellular/internal/model/env"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/dynamotest"
)

func environment() map[string]string {
	return map[string]string{
		env.DataTable: "data", env.ResultsTable: "results", env.QueueURL: "https://queue", env.ConsumerDLQURL: "https://dead", env.MaxReceiveCount: "5",
		env.ConcurrentTenants: "4", env.RecordTimeout: "5s", env.RetryBackoffBase: "2s", env.RetryBackoffMax: "5m", env.ResultTTL: "2160h",
		env.FaultInjection: "false",
	}
}

func reader(vars map[string]string) *env.Reader {
	return &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
}

func consumerOf(t *testing.T, vars map[string]string) (*consumer.Consumer, error) {
	return newConsumer(t.Context(), reader(vars), slog.New(slog.DiscardHandler), telemetry.Discard())
}

// onTables is a consumer on the tables of cell alpha, which refuse what DynamoDB refuses.
func onTables(t *testing.T, vars map[string]string) (*consumer.Consumer, *dynamotest.DB, *queue) {
	vars[env.DataTable], vars[env.ResultsTable] = alpha.DataTable(), alpha.ResultsTable()
	db, q := dynamotest.NewTables(dynamotest.Cell(alpha)), &queue{}
	c, err := consumerOn(db, q, reader(vars), slog.New(slog.DiscardHandler), telemetry.Discard())
	require.NoError(t, err)
	return c, db, q
}

func TestTheEnvironmentConfiguresTheConsumer(t *testing.T) {
	records := telemetry.Discard()
	c, err := newConsumer(t.Context(), reader(environment()), slog.New(slog.DiscardHandler), records)
	require.NoError(t, err)
	require.Same(t, records, c.Records)
	require.Equal(t, "data", c.DataTable)
	require.Equal(t, "results", c.ResultsTable)
	require.Equal(t, "https://queue", c.QueueURL)
	require.Equal(t, "https://dead", c.DeadLetterURL)
	require.Equal(t, 5, c.MaxReceiveCount)
	require.Equal(t, 5*time.Second, c.RecordTimeout)
	require.Equal(t, 2*time.Second, c.BackoffBase)
	require.Equal(t, 5*time.Minute, c.BackoffMax)
	require.Equal(t, 90*24*time.Hour, c.ResultTTL)
	require.NotNil(t, c.Tables)
	require.NotNil(t, c.Queue)
}

func TestEveryMissingVariableIsNamed(t *testing.T) {
	_, err := consumerOf(t, nil)
	for name := range environment() {
		if name != env.FaultInjection { // off where it is not set
			require.ErrorContains(t, err, name)
		}
	}
}

// While a release is put back, this code runs for some seconds with the environment of the release before.
func TestTheConsumerStartsWithoutALogLevelAndAMetricsNamespace(t *testing.T) {
	set := environment()
	set[env.CellID] = "alpha"
	vars := reader(set)
	logger, records := telemetry.OfCell(vars, io.Discard)
	_, err := newConsumer(t.Context(), vars, logger, records)
	require.NoError(t, err)
}

func TestFaultsAreOrdinaryTypesUnlessInjected(t *testing.T) {
	c, _, _ := onTables(t, environment())
	require.Nil(t, c.AfterApply)
	for _, fault := range []string{faultPanic, faultError, faultHang, faultExit, faultExitAfterApply} {
		effect, err := c.Apply(t.Context(), event.Event{TenantID: "acme", Type: fault, Payload: json.RawMessage(`{}`)})
		require.NoError(t, err)
		require.Len(t, effect.Writes, 1)
	}
}

// queue notes for how long a message was hidden.
type queue struct {
	consumer.Queue
	letters []*sqs.SendMessageInput
}

func (q *queue) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	q.letters = append(q.letters, in)
	return &sqs.SendMessageOutput{}, nil
}

func TestI7AMalformedOrderIsInTheDeadLetterQueueAtOnce(t *testing.T) {
	c, db, q := onTables(t, environment())
	body, err := event.Message{Event: event.Event{
		TenantID: "acme", ID: "e-1", Type: "order.placed", Epoch: 1, Payload: json.RawMessage(`{}`),
	}}.Encode()
	require.NoError(t, err)
	answer, err := c.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m-1", Body: string(body)}}})
	require.NoError(t, err)
	require.Empty(t, answer.BatchItemFailures)
	require.Len(t, q.letters, 1)
	require.Equal(t, []string{"https://dead", string(body)}, []string{*q.letters[0].QueueUrl, *q.letters[0].MessageBody})
	require.Len(t, db.Items(alpha.ResultsTable()), 1, "nothing is written but the outcome")
	outcome := db.Item(alpha.ResultsTable(), event.Key("acme", "e-1"))
	require.Equal(t, []types.AttributeValue{
		&types.AttributeValueMemberS{Value: string(ledger.Failed)}, &types.AttributeValueMemberS{Value: string(consumer.Rejected)},
	}, []types.AttributeValue{outcome[ledger.AttrStatus], outcome[ledger.AttrReason]})
}

// A configuration that is accepted is one that the function starts with: their bounds must not differ the wrong way.
func TestNewConsumer_TakesWhatTheConfigurationAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := configtest.Accepted().Draw(t, "config").Pipeline
		vars := environment()
		maps.Copy(vars, p.ConsumerEnvironment())
		c, err := newConsumer(t.Context(), reader(vars), slog.New(slog.DiscardHandler), telemetry.Discard())
		require.NoError(t, err)
		require.Equal(t, p.Queue.MaxReceiveCount, c.MaxReceiveCount)
		require.Equal(t, p.Consumer, config.Consumer{
			ConcurrentTenants: c.ConcurrentTenants, RecordTimeout: c.RecordTimeout, RetryBackoffBase: c.BackoffBase, RetryBackoffMax: c.BackoffMax, ResultTTL: c.ResultTTL,
		})
	})
}
