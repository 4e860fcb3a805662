package deadletter_test

import (
	"context"

	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/deadletter"
	. "cellular/internal/testkit/resendtest"
)

// world is two cells, and the letters of the first.
type world struct {
	*World
	t       require.TestingT
	stream  *shard
	letters *deadletter.Letters
}

func newWorld(t require.TestingT) *world {
	w := &world{World: New(), t: t, stream: &shard{}}
	w.letters = &deadletter.Letters{SQS: w.Queues, Streams: w.stream, Home: w.Home(w.Queues)}
	return w
}

func (w *world) letter(queueURL, body string) string { return w.Put(w.t, queueURL, body) }

// letterOf is a letter with the attributes of an event, and others.
func (w *world) letterOf(queueURL, body, tenantID, eventID string, attributes ...string) string {
	return w.Put(w.t, queueURL, body, append(attributes, event.MessageAttrTenantID, tenantID, event.MessageAttrID, eventID)...)
}

func (w *world) deadMessage(queueURL string, e event.Event) string {
	return w.PutEvent(w.t, queueURL, e)
}

// redrive redrives all DLQs of the first cell.
func (w *world) redrive(t require.TestingT, f deadletter.Filter) deadletter.Summary {
	summary, err := w.letters.Redrive(context.Background(), Alpha, deadletter.Kinds(), deadletter.Options{Filter: f, Rate: 10_000})
	require.NoError(t, err)
	return summary
}

// sent returns the keys of the events in a cell's queue.
func (w *world) sent(c manifest.Cell) []string { return w.Keys(c.QueueURL) }

// left returns the ids of the messages that are visible in a cell's DLQs.
func (w *world) left(c manifest.Cell) []string {
	var ids []string
	for _, url := range []string{c.StreamDLQURL, c.SubscriptionDLQURL, c.ConsumerDLQURL} {
		for {
			out, err := w.Queues.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
			require.NoError(w.t, err)
			if len(out.Messages) == 0 {
				break
			}
			for _, m := range out.Messages {
				ids = append(ids, *m.MessageId)
			}
		}
		w.Queues.ReleaseAll(url)
	}
	return ids
}

func dynamoText(s string) dynamotypes.AttributeValue {
	return &dynamotypes.AttributeValueMemberS{Value: s}
}
