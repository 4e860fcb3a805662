package producer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
)

// topic is an SNS topic in memory. It refuses a batch that SNS would refuse.
type topic struct {
	mu        sync.Mutex                                   // of all below: the producer makes several calls at a time
	fails     func() error                                 // how the next call fails as a whole; nil, or a nil error, for not at all
	blames    map[string]types.BatchResultErrorEntry       // entries of these events fail, the call succeeds
	failEntry func(id string) *types.BatchResultErrorEntry // how the next try of an event's entry fails; nil for not at all
	forget    map[string]bool                              // the first answer with one of these events does not mention it
	poison    map[string]bool                              // a call that holds one of these events is refused
	calls     int
	published []published
}

type published struct {
	message    event.Message
	body       string
	attributes map[string]string
}

func newTopic() *topic { return &topic{} }

func throttled() error { return &types.ThrottledException{Message: aws.String("rate exceeded")} }

func (tp *topic) PublishBatch(
	ctx context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options),
) (*sns.PublishBatchOutput, error) {
	tp.mu.Lock()
	tp.calls++
	var err error
	if tp.fails != nil {
		err = tp.fails()
	}
	tp.mu.Unlock()
	if errors.Is(err, errHangs) {
		<-ctx.Done()
	} else if err != nil {
		return nil, err
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := checkLimits(in); err != nil {
		return nil, err
	}
	out := &sns.PublishBatchOutput{}
	var taken []published
	for _, e := range in.PublishBatchRequestEntries {
		m, err := event.DecodeMessage([]byte(*e.Message))
		if err != nil {
			return nil, err
		}
		if tp.poison[m.ID] {
			return nil, &types.InvalidParameterException{Message: aws.String("Invalid parameter: Message")}
		}
		failure, fails := tp.blames[m.ID]
		if tp.failEntry != nil && !fails {
			if f := tp.failEntry(m.ID); f != nil {
				failure, fails = *f, true
			}
		}
		if fails {
			failure.Id = e.Id
			out.Failed = append(out.Failed, failure)
			continue
		}
		if aws.ToString(e.MessageGroupId) != m.TenantID {
			return nil, fmt.Errorf("event %s of tenant %s is in message group %q", m.ID, m.TenantID, aws.ToString(e.MessageGroupId))
		}
		p := published{message: m, body: *e.Message, attributes: map[string]string{}}
		for name, v := range e.MessageAttributes {
			p.attributes[name] = *v.StringValue
		}
		taken = append(taken, p)
		if tp.forget[m.ID] {
			delete(tp.forget, m.ID)
			continue
		}
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id})
	}
	tp.published = append(tp.published, taken...)
	return out, nil
}

// errHangs has a call hang until its context ends.
var errHangs = errors.New("hangs")

// senderFault and serviceFault are how an entry of a call fails.
func senderFault(code string) types.BatchResultErrorEntry {
	return types.BatchResultErrorEntry{Code: &code, Message: aws.String("no"), SenderFault: true}
}

func serviceFault(code string) types.BatchResultErrorEntry {
	return types.BatchResultErrorEntry{Code: &code, Message: aws.String("not now")}
}

func checkLimits(in *sns.PublishBatchInput) error {
	ids := map[string]bool{}
	bytes := 0
	for _, e := range in.PublishBatchRequestEntries {
		ids[*e.Id] = true
		bytes += len(*e.Message)
		for name, v := range e.MessageAttributes {
			bytes += len(name) + len(*v.DataType) + len(*v.StringValue)
		}
	}
	switch n := len(in.PublishBatchRequestEntries); {
	case n == 0:
		return &types.EmptyBatchRequestException{}
	case n > 10:
		return &types.TooManyEntriesInBatchRequestException{Message: aws.String(fmt.Sprint(n))}
	case len(ids) != n:
		return &types.BatchEntryIdsNotDistinctException{}
	case bytes > 262144:
		return fmt.Errorf("batch of %d bytes", bytes)
	}
	return nil
}

func (tp *topic) ids() []string {
	list := []string{}
	for _, p := range tp.published {
		list = append(list, p.message.ID)
	}
	return list
}

func TestTheTopicOfTheseTestsKnowsTheLimits(t *testing.T) {
	entries := make([]types.PublishBatchRequestEntry, 11)
	for i := range entries {
		entries[i] = types.PublishBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), Message: aws.String("x")}
	}
	require.Error(t, checkLimits(&sns.PublishBatchInput{PublishBatchRequestEntries: entries}))
	require.NoError(t, checkLimits(&sns.PublishBatchInput{PublishBatchRequestEntries: entries[:10]}))
	entries[0].Message = aws.String(string(make([]byte, 262144)))
	require.Error(t, checkLimits(&sns.PublishBatchInput{PublishBatchRequestEntries: entries[:2]}))
}
