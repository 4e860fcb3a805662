package consumer

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"cellular/internal/event"
)

// delivery is one message of a batch, read as far as it can be.
type delivery struct {
	sqs      events.SQSMessage
	receives int // how often the queue has delivered the message, this time included; at least 1

	message event.Message
	err     error // why the body is not a message

	// From the body or, where it is broken, from the message's attributes; both are empty if neither tells.
	tenantID, eventID string
}

func read(m events.SQSMessage) delivery {
	d := delivery{sqs: m, receives: 1}
	// SQS sets the count. Were it missing, the message would be retried as if new: the queue's own count ends that.
	if n, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"]); err == nil && n > 1 {
		d.receives = n
	}
	d.message, d.err = event.DecodeMessage([]byte(m.Body))
	if d.err == nil {
		d.tenantID, d.eventID = d.message.TenantID, d.message.ID
		return d
	}
	tenantID, eventID := attribute(m, event.MessageAttrTenantID), attribute(m, event.MessageAttrID)
	if event.ValidTenantID(tenantID) && event.ValidID(eventID) {
		d.tenantID, d.eventID = tenantID, eventID
	}
	return d
}

func attribute(m events.SQSMessage, name string) string {
	if v := m.MessageAttributes[name].StringValue; v != nil {
		return *v
	}
	return ""
}

// inOrder reads a batch and puts it into the order in which to handle it: what was delivered least often comes first.
//
// A record that kills the process takes the whole batch back to the queue, so its siblings must have been applied
// before it runs. What has come back before is suspect and waits behind what has not; and among records that came back
// together the order turns around with each delivery, so that each of them precedes the culprit once in any two.
func inOrder(batch events.SQSEvent) []delivery {
	list := make([]delivery, len(batch.Records))
	for i, m := range batch.Records {
		list[i] = read(m)
	}
	slices.SortStableFunc(list, func(a, b delivery) int {
		if c := cmp.Compare(a.receives, b.receives); c != 0 || a.receives == 1 {
			return c
		}
		if a.receives%2 == 0 {
			return strings.Compare(a.sqs.MessageId, b.sqs.MessageId)
		}
		return strings.Compare(b.sqs.MessageId, a.sqs.MessageId)
	})
	return list
}
