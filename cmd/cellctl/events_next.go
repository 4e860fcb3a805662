package main

import (
	"fmt"
	"time"

	"cellular/internal/model/ledger"
	"cellular/internal/operator/follow"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
)

// next is what an operator is to do about an event: a sentence, and the commands in their order.
type next struct {
	Text     string   `json:"text"`
	Commands []string `json:"commands"`
}

func do(text string, commands ...string) next { return next{text, append([]string{}, commands...)} }

// next says what to do about the event.
func (of story) next() next {
	switch {
	case of.Status != follow.Processed && of.Mapping.Removing != 0:
		return do("nothing: its tenant is being removed, with all that it has", "cellctl moves show "+of.TenantID)
	case of.Trying:
		return do("wait: an attempt is under way, the last unless it succeeds", of.showAgain())
	}
	switch of.Status {
	case follow.Processed:
		return do("nothing: it was applied")
	case follow.Expired:
		return do("its data expired before it was applied, and nothing sends it again: have the client send it again if it still matters")
	case follow.Diverted:
		return of.whereDiverted()
	case follow.Failed:
		return of.whereFailed()
	case follow.Unreadable:
		return do("its item in the data table is no event that this version reads: "+flat(of.Copy.Malformed)+"; mend the item, then redrive the producer's message about it",
			of.dlq("list"), of.dlq("redrive"))
	case follow.Accepted, follow.None:
	}
	return of.whereUnderWay()
}

func (of story) whereDiverted() next {
	if of.move != nil && !of.move.Phase.Ended() {
		return do("wait: the move sends it on to the tenant's new cell", "cellctl moves show "+of.TenantID)
	}
	return do("no open move will send it on: send it to the tenant's cell", fmt.Sprintf("cellctl replay --cell %s --tenant %s", of.Copy.CellID, of.TenantID))
}

func (of story) whereFailed() next {
	switch {
	case of.Outcome.Reason == ledger.ReasonDropped:
		return do("nothing: an operator has given it up; have the client send it again, under another id, if it still matters")
	case of.triedSince():
		return do("wait: it was sent again, and is being tried", of.showAgain())
	case of.refusal() != "":
		return of.whereRefused()
	case of.depth != nil && of.depth.Queue.Total() > 0 && of.depth.ConsumerDLQ.Total() == 0:
		return do(fmt.Sprintf("wait, if it was sent again: the cell's queue has %s, and no DLQ has its message", counted(of.depth.Queue.Total(), "message")), of.showAgain(), of.replay())
	case of.depth != nil && of.depth.ConsumerDLQ.Total() == 0:
		return do("mend what it failed of; its message is in no DLQ any more, so that a replay sends it again", of.replay())
	}
	if permanent[of.Outcome.Reason] {
		return do("no retry helps: deploy what takes its content, then send it again; or find its message in the list and drop that", of.dlq("redrive"), of.dlq("list"))
	}
	return do("mend what it failed of, then send it again", of.dlq("redrive"))
}

// permanent are the consumer's classes of failures that no retry mends.
var permanent = map[string]bool{"rejected": true, "malformed": true}

// triedSince reports whether a failed event was sent again and tried a moment ago: the next try is yet to come.
func (of story) triedSince() bool {
	steps := of.Steps()
	return len(steps) > 0 && steps[len(steps)-1].What == follow.HasFailed && of.At.Sub(of.lastSign()) < replay.DefaultGrace
}

// whereRefused is about an event that a redrive does not send.
func (of story) whereRefused() next {
	if of.again.Verdict == resend.Moving {
		return do(of.refusal(), "cellctl moves show "+of.TenantID)
	}
	return do(of.refusal(), of.dlq("list"))
}

// whereUnderWay is about an event that was accepted and has no outcome. It is lost only if it is in no queue.
func (of story) whereUnderWay() next {
	switch {
	case of.At.Sub(of.lastSign()) < replay.DefaultGrace:
		return do("wait: it is on its way", of.showAgain())
	case of.refusal() != "":
		return of.whereRefused()
	case of.depth == nil:
		return do("its cell is not there")
	case of.depth.StreamDLQ.Total()+of.depth.SubscriptionDLQ.Total()+of.depth.ConsumerDLQ.Total() > 0:
		return do("its message may be in a DLQ: if the list has it, mend the cause and redrive it; if not, and its queue is empty, a replay sends it again",
			of.dlq("list"), of.dlq("redrive"), of.replay())
	case of.depth.Queue.Total() > 0:
		return do(fmt.Sprintf("wait: the cell's queue has %s; see how the cell is", counted(of.depth.Queue.Total(), "message")), "cellctl cells show "+of.cell, of.showAgain())
	}
	return do("it is in no queue and was lost on its way, unless the producer is behind: see how the cell is, then send it again",
		"cellctl cells show "+of.cell, of.replay())
}

func (of story) showAgain() string {
	return fmt.Sprintf("cellctl events show %s %s", of.TenantID, of.EventID)
}

// refusal is why the event would not be sent again; "" where it would be, or that is not known.
func (of story) refusal() string {
	if of.again == nil || of.again.Verdict == resend.Due || of.again.Verdict == resend.Sent {
		return ""
	}
	return of.again.Explain()
}

// dlq is the command that works on the event's message in the DLQs.
func (of story) dlq(verb string) string {
	return fmt.Sprintf("cellctl dlq %s --cell %s --tenant %s --event %s", verb, of.cell, of.TenantID, of.EventID)
}

// replay is the command that finds the event if it is lost, and those of its tenant that were accepted since.
func (of story) replay() string {
	since := of.Event.AcceptedAt.Truncate(time.Second).UTC().Format(time.RFC3339)
	return fmt.Sprintf("cellctl replay --cell %s --tenant %s --since %s", of.cell, of.TenantID, since)
}

func flat(err error) string {
	if err == nil {
		return "unknown"
	}
	return err.Error()
}
