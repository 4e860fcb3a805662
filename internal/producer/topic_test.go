package producer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/event"
)

// topic is an SNS topic in memory. It refuses a batch that SNS would refuse.
type topic struct {
	refuse    map[string]bool // entries of these events fail, the call succeeds
	forget    map[string]bool // the answer does not mention the entries of these events
	poison    map[string]bool // a call that holds one of these events fails
	downAfter int             // calls that succeed before every call fails; negative: all
	calls     int
	published []published
}

type published struct {
	message    event.Message
	body       string
	attributes map[string]string
}

func newTopic() *topic { return &topic{downAfter: -1} }

func (tp *topic) PublishBatch(
	ctx context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options),
) (*sns.PublishBatchOutput, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if tp.downAfter == tp.calls {
		return nil, &types.ThrottledException{Message: aws.String("rate exceeded")}
	}
	tp.calls++
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
		switch {
		case tp.poison[m.ID]:
			return nil, &types.InvalidParameterException{Message: aws.String("Invalid parameter: Message")}
		case tp.refuse[m.ID]:
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String("InternalError"), Message: aws.String("try again"), SenderFault: false,
			})
			continue
		case tp.forget[m.ID]:
			continue
		}
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id})
		p := published{message: m, body: *e.Message, attributes: map[string]string{}}
		for name, v := range e.MessageAttributes {
			p.attributes[name] = *v.StringValue
		}
		taken = append(taken, p)
	}
	tp.published = append(tp.published, taken...)
	return out, nil
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
