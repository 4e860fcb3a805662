package resend

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// A message that is sent again begins a new retention of its queue. Were the event's item to expire while the message is on its
// way, the id could be used again, and whichever of the two came to the consumer last would be taken for a duplicate or a late
// delivery. So the item lives on for as long as the message can.

// WayAhead is for how long a message that is sent to a cell now can be on its way: in the queue, and then in the dead letter
// queue, until it is gone or sent again.
func WayAhead(cell manifest.Cell) time.Duration {
	return time.Duration(cell.Settings.QueueRetention) + time.Duration(cell.Settings.DLQRetention)
}

// until is how long an item must live at least whose event is sent now. A later acceptance may be stamped event.ClockMargin before
// the earlier one has expired.
func (h *Home) until(to target) time.Time {
	return event.Expiry(h.Now(), WayAhead(to.owner)+event.ClockMargin)
}

// Extend is the write that gives an event's item a longer life, unless somebody else has given it one, it has expired by now, or
// the item is not the one of that acceptance any more. The stream's filter lets no change of an item pass.
func Extend(table string, e event.Event, until, now time.Time) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:                aws.String(table),
		Key:                      tenantdata.Item{event.AttrKey: item.Text(e.Key())},
		UpdateExpression:         aws.String("SET #expires = :until"),
		ConditionExpression:      aws.String("#accepted = :accepted AND #expires > :now AND #expires < :until"),
		ExpressionAttributeNames: map[string]string{"#accepted": event.AttrAcceptedAt, "#expires": event.AttrExpiresAt},
		ExpressionAttributeValues: tenantdata.Item{
			":accepted": item.Text(event.FormatTime(e.AcceptedAt)), ":until": item.Number(until.Unix()), ":now": item.Number(now.Unix()),
		},
	}}
}

// extend lets the item of an event, as it was read, live until a message that is sent now is gone. Its verdict is Sent where it
// does. An item of the version before never expires. That of a synthetic event need not live on: its id is not used again, and its
// message is dropped from its expiry on.
func (h *Home) extend(ctx context.Context, to target, read event.Event) (Verdict, error) {
	until := h.until(to)
	if read.Synthetic() || read.ExpiresAt.IsZero() || !read.ExpiresAt.Before(until) {
		return Sent, nil
	}
	wrote, err := h.ifOwned(ctx, to.owner, read.TenantID, read.ID, to.epoch, Extend(to.owner.DataTable, read, until, h.Now()))
	switch {
	case err != nil:
		return "", err
	case wrote == notOwned:
		return Moving, nil
	case wrote == written:
		return Sent, nil
	}
	there, err := h.stored(ctx, to, read.Key())
	switch {
	case err != nil:
		return "", err
	case there.After(read):
		return Superseded, nil
	case there.TenantID == "" || there.Expired(h.Now()):
		return Expired, nil
	case there.ExpiresAt.IsZero() || !there.ExpiresAt.Before(until):
		return Sent, nil // somebody else has extended it
	}
	return Moving, nil // it changes under our hands: another try will tell
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Hold keeps the data of an event, in its tenant's cell, for as long as a message about it can be on its way that is sent as it
// is, because nobody can read it. Its verdict is Expired, Lapsed or Superseded if that is too late, Moving if it is not possible at the
// moment, and Due if the message may be sent, which it may be too where nothing is known of its event.
func (h *Home) Hold(ctx context.Context, from manifest.Cell, tenantID, key string) (Verdict, error) {
	assessed, to, err := h.assess(ctx, from, tenantID, []Wanted{{Key: key}})
	if err != nil {
		return "", err
	}
	switch a := assessed[key]; {
	case a.Verdict == Expired, a.Verdict == Lapsed, a.Verdict == Superseded:
		return a.Verdict, nil
	case a.Verdict == Due && a.clone == nil:
		verdict, err := h.extend(ctx, to, a.stored)
		if err == nil && verdict == Sent {
			verdict = Due
		}
		return verdict, err
	}
	return Due, nil
}
