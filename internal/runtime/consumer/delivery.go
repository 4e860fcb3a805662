package consumer

import (
	"cmp"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cellular/internal/model/event"
	"cellular/internal/runtime/telemetry"
)

// delivery is one message of a batch, read as far as it can be.
type delivery struct {
	sqs      events.SQSMessage
	receives int // how often the queue has delivered the message, this time included; at least 1

	message event.Message
	err     error // why the body is not a message

	// From the body or, where it is broken, from the message's attributes; both are empty if neither tells.
	tenantID, eventID string

	publishedAt time.Time // when the queue got the message; zero if it does not tell
	sentAgain   bool      // by an operator or a move

	copyOf string // the id of the message that this one is a copy of; "" for none
	trial  trial  // of a message that is on trial
}

func read(m events.SQSMessage) delivery {
	d := delivery{sqs: m, receives: 1}
	// SQS sets the count. Were it missing, the message would be retried as if new: the queue's own count ends that.
	if n, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"]); err == nil && n > 1 {
		d.receives = n
	}
	if ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil {
		d.publishedAt = time.UnixMilli(ms)
	}
	d.sentAgain = attribute(m, event.MessageAttrSentAgain) != ""
	d.copyOf = attribute(m, event.MessageAttrCopyOf)
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

// followed are the attributes of a line about a delivery: its event, and the request that the event was accepted with.
func (d delivery) followed() []slog.Attr {
	return []slog.Attr{telemetry.Tenant(d.tenantID), telemetry.Event(d.eventID), telemetry.Correlation(d.message.CorrelationID)}
}

// synthetic reports whether a message is about a synthetic event, also where nothing but its attributes tells.
func (d delivery) synthetic() bool { return event.SyntheticTenant(d.tenantID) }

// outdated reports whether a message is about a synthetic event that has expired: nobody waits to see what becomes of it. A cell
// that was sick for a day has more than a thousand of them in its DLQ, and a redrive of that DLQ is about tenants' events.
func (d delivery) outdated(now time.Time) bool { return d.synthetic() && d.message.Expired(now) }

func attribute(m events.SQSMessage, name string) string {
	if v := m.MessageAttributes[name].StringValue; v != nil {
		return *v
	}
	return ""
}

// inOrder puts a batch with messages on trial into the order in which to handle it.
//
// First comes what has never been started on trial, the oldest first: it may be innocent, and its receives are limited.
// Then what is new, which comes back as a whole if one of it kills the process; by then all before it is out of danger.
// Last comes what was started before and is back, so that it failed or killed: the more often, the later.
func inOrder(list []delivery, age func(delivery) int64) {
	rank := func(d delivery) int64 {
		switch {
		case !d.onTrial():
			return 1
		case !d.trial.known:
			return 2
		case d.trial.Trials > 0:
			return 2 + d.trial.Trials
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b delivery) int {
		if c := cmp.Compare(rank(a), rank(b)); c != 0 || !a.onTrial() {
			return c
		}
		return cmp.Or(cmp.Compare(age(b), age(a)), strings.Compare(a.sqs.MessageId, b.sqs.MessageId))
	})
}
