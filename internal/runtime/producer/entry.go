package producer

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"cellular/internal/model/event"
)

// What one PublishBatch call may hold, from its API reference: 10 messages, and as many bytes of bodies and attributes
// together as a single message.
const (
	maxBatchEntries = 10
	maxBatchBytes   = event.MaxMessageBytes
)

// entry is one event, ready to be published.
type entry struct {
	record  int // its index in the stream's batch
	probe   bool
	request types.PublishBatchRequestEntry
}

// newEntry encodes an event; see event.EncodeMessage.
func newEntry(record int, e event.Event, inlineBytes int) (entry, error) {
	body, err := event.EncodeMessage(e, inlineBytes)
	if err != nil {
		return entry{}, err
	}
	return entry{record: record, probe: e.Synthetic(), request: types.PublishBatchRequestEntry{
		Id:      aws.String(strconv.Itoa(record)),
		Message: aws.String(string(body)),
		MessageAttributes: map[string]types.MessageAttributeValue{
			event.MessageAttrTenantID: stringAttribute(e.TenantID),
			event.MessageAttrID:       stringAttribute(e.ID),
		},
		MessageGroupId: aws.String(event.MessageGroup(e.TenantID)),
	}}, nil
}

func stringAttribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}

// bytes is what the entry counts for in a batch: its body, and the names, types and values of its attributes.
func (e entry) bytes() int {
	n := len(*e.request.Message)
	for name, v := range e.request.MessageAttributes {
		n += len(name) + len(*v.DataType) + len(*v.StringValue)
	}
	return n
}

// chunks splits entries, in order, into what one call may hold each. No entry is larger than a call by itself: an
// encoded reference is bounded by the lengths of its ids.
func chunks(entries []entry) [][]entry {
	var list [][]entry
	start, size := 0, 0
	for i, e := range entries {
		if i-start == maxBatchEntries || size+e.bytes() > maxBatchBytes {
			list = append(list, entries[start:i])
			start, size = i, 0
		}
		size += e.bytes()
	}
	if start < len(entries) {
		list = append(list, entries[start:])
	}
	return list
}
