package main

import (
	"fmt"
	"time"

	"cellular/internal/model/ledger"
	"cellular/internal/operator/follow"
	"cellular/internal/operator/move"
)

// storyView is an event's way. What is not known is null.
type storyView struct {
	TenantID      string        `json:"tenant_id"`
	EventID       string        `json:"event_id"`
	Status        follow.Status `json:"status"`
	Reason        *string       `json:"reason"`      // class of the failure that it was given up for
	ReasonText    *string       `json:"reason_text"` // what the failure said
	CellID        string        `json:"cell_id"`     // that has what the status is by
	Type          *string       `json:"type"`
	Epoch         *int64        `json:"epoch"`
	CorrelationID *string       `json:"correlation_id"`
	AcceptedAt    *string       `json:"accepted_at"`
	ExpiresAt     *string       `json:"expires_at"` // when its data does; null for never, and where that is not known
	SettledAt     *string       `json:"settled_at"` // when it was applied or given up on
	Published     bool          `json:"published"`  // the consumer is known to have received it
	Failures      int           `json:"failures"`   // attempts that failed, those included that no step is kept of

	Steps  []stepView  `json:"steps"`
	Copies []copyView  `json:"copies"` // what each cell has of it now
	Tenant tenantView  `json:"tenant"`
	Move   *flightView `json:"move"`   // the one under way; null for none
	Queues *depthsView `json:"queues"` // of the cell that its message would be in; null where it is in none
	Next   next        `json:"next"`

	of story
}

// stepView is something that happened to the event.
type stepView struct {
	At           *string     `json:"at"`
	CellID       *string     `json:"cell_id"`
	What         follow.What `json:"what"`
	ReceiveCount *int        `json:"receive_count"` // of a failed attempt: how often the message had been received by then
	Reason       *string     `json:"reason"`
	ReasonText   *string     `json:"reason_text"`
	RequestID    *string     `json:"request_id"` // of the invocation, which its log lines have
}

// copyView is what one cell has of the event.
type copyView struct {
	CellID     string         `json:"cell_id"`
	Data       string         `json:"data"` // none, there, expired, unreadable or lost
	ClonedFrom *string        `json:"cloned_from"`
	Outcome    *ledger.Status `json:"outcome"`
	Fence      *string        `json:"fence"` // the cell's part in a move of the tenant
	Malformed  *string        `json:"malformed"`
}

type flightView struct {
	From  string     `json:"from"`
	To    string     `json:"to"`
	Phase move.Phase `json:"phase"`
}

// depthsView is how many messages the queues of a cell have, approximately.
type depthsView struct {
	CellID          string `json:"cell_id"`
	Queue           int    `json:"queue"`
	StreamDLQ       int    `json:"stream_dlq"`
	SubscriptionDLQ int    `json:"subscription_dlq"`
	ConsumerDLQ     int    `json:"consumer_dlq"`
}

func viewOfStory(of story) storyView {
	v := storyView{
		TenantID: of.TenantID, EventID: of.EventID, Status: of.Status, CellID: of.Copy.CellID,
		Reason: orNull(of.Outcome.Reason), ReasonText: orNull(of.Outcome.ReasonText),
		Type: orNull(of.Event.Type), CorrelationID: orNull(of.Event.CorrelationID),
		AcceptedAt: jsonTime(of.Event.AcceptedAt), ExpiresAt: jsonTime(of.Event.ExpiresAt),
		Published: of.Received(), Failures: of.Failures(), Steps: []stepView{}, Copies: []copyView{},
		Tenant: viewOfTenant(of.Mapping), Next: of.next(), of: of,
	}
	if of.Event.Epoch > 0 {
		v.Epoch = &of.Event.Epoch
	}
	if of.Status == follow.Processed || of.Status == follow.Failed {
		v.SettledAt = jsonTime(of.Outcome.AppliedAt)
	}
	for _, step := range of.Steps() {
		v.Steps = append(v.Steps, viewOfStep(step))
	}
	for _, c := range of.Copies {
		v.Copies = append(v.Copies, viewOfCopy(c, of.At))
	}
	if m := of.move; m != nil {
		v.Move = &flightView{m.From, m.To, m.Phase}
		v.Tenant.MovingFrom = &m.From
	}
	if d := of.depth; d != nil {
		v.Queues = &depthsView{of.cell, d.Queue.Total(), d.StreamDLQ.Total(), d.SubscriptionDLQ.Total(), d.ConsumerDLQ.Total()}
	}
	return v
}

func viewOfStep(step follow.Step) stepView {
	v := stepView{
		At: jsonTime(step.At), CellID: orNull(step.CellID), What: step.What,
		Reason: orNull(step.Reason), ReasonText: orNull(step.ReasonText), RequestID: orNull(step.RequestID),
	}
	if step.What == follow.HasFailed {
		v.ReceiveCount = &step.Receive
	}
	return v
}

func viewOfCopy(c follow.Copy, now time.Time) copyView {
	v := copyView{CellID: c.CellID, Data: "none", ClonedFrom: orNull(c.ClonedFrom)}
	switch {
	case c.Lost:
		v.Data = "lost"
	case c.Malformed != nil:
		v.Data, v.Malformed = "unreadable", new(flat(c.Malformed))
	case c.Event != nil && c.Event.Expired(now):
		v.Data = "expired"
	case c.Event != nil:
		v.Data = "there"
	}
	if c.Outcome != nil {
		v.Outcome = &c.Outcome.Status
	}
	if c.Fence != nil {
		v.Fence = new(string(c.Fence.State))
	}
	return v
}

func (v storyView) text(s *sheet) {
	now := v.of.At
	s.row("tenant", v.TenantID)
	s.row("event", v.EventID)
	s.row("type", orDash(v.Type))
	s.row("status", v.standing())
	s.row("cell", v.CellID)
	s.row("correlation id", orDash(v.CorrelationID))
	s.row("accepted", when(v.of.Event.AcceptedAt, now))
	s.row("published", v.published())
	s.row("failed attempts", v.failures())
	s.row("data expires", v.expires())
	if m := v.Move; m != nil {
		s.row("move", fmt.Sprintf("from %s to %s, phase %s", m.From, m.To, m.Phase))
	}
	if v.Tenant.Removing {
		s.row("removal", "the tenant is being removed")
	}
	s.blank()
	s.row("AT", "CELL", "WHAT", "REASON")
	for _, step := range v.Steps {
		s.row(orDash(step.At), orDash(step.CellID), step.what(), reasonCell(orDash(step.Reason)))
		if step.ReasonText != nil {
			s.detail(*step.ReasonText)
		}
	}
	s.blank()
	s.row("CELL", "DATA", "OUTCOME", "TENANT")
	for i, c := range v.Copies {
		outcome := "-"
		if c.Outcome != nil {
			outcome = string(*c.Outcome)
		}
		s.row(c.CellID, c.data(), outcome, v.role(i))
	}
	if q := v.Queues; q != nil {
		s.blank()
		s.row("QUEUES OF "+q.CellID, "QUEUE", "STREAM-DLQ", "SUB-DLQ", "CONSUMER-DLQ")
		s.row("messages", q.Queue, trouble(q.StreamDLQ, fmt.Sprint(q.StreamDLQ)), trouble(q.SubscriptionDLQ, fmt.Sprint(q.SubscriptionDLQ)), trouble(q.ConsumerDLQ, fmt.Sprint(q.ConsumerDLQ)))
	}
	s.blank()
	s.row("next: " + v.Next.Text)
	for _, command := range v.Next.Commands {
		s.row("  " + command)
	}
}

// standing is the status with the class of why.
func (v storyView) standing() coloured {
	c := eventStatus(v.Status)
	switch {
	case v.Reason != nil:
		c.text += ", " + *v.Reason
	case v.of.Trying:
		c.text += ", an attempt is under way"
	}
	return c
}

func when(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return *jsonTime(at) + ", " + ago(at, now)
}

func (v storyView) published() string {
	if v.Published {
		return "yes, it was received; when is not kept"
	}
	return "not known: no consumer has failed on it or settled it"
}

func (v storyView) failures() string {
	kept := 0
	for _, step := range v.Steps {
		if step.What == follow.HasFailed {
			kept++
		}
	}
	if kept < v.Failures {
		return fmt.Sprintf("%d, of which the latest %d are below", v.Failures, kept)
	}
	return fmt.Sprint(v.Failures)
}

func (v storyView) expires() string {
	at := v.of.Event.ExpiresAt
	switch {
	case at.IsZero():
		return "never, or not known"
	case v.of.Event.Expired(v.of.At):
		return when(at, v.of.At)
	}
	return *v.ExpiresAt + ", in " + short(at.Sub(v.of.At))
}

func (v stepView) what() coloured {
	switch v.What {
	case follow.HasFailed:
		return coloured{fmt.Sprintf("%s (receive %d)", v.What, *v.ReceiveCount), yellow}
	case follow.WasApplied:
		return coloured{string(v.What), green}
	case follow.WasGivenUp, follow.WasDropped, follow.HasExpired:
		return coloured{string(v.What), red}
	case follow.WasAccepted, follow.WasDiverted:
	}
	return coloured{string(v.What), plain}
}

func (v copyView) data() string {
	switch {
	case v.Data == "none":
		return "-"
	case v.Data == "lost":
		return "the cell is not there"
	case v.ClonedFrom != nil:
		return v.Data + ", copied from " + *v.ClonedFrom
	}
	return v.Data
}

// role is the part of a cell in the tenant's life.
func (v storyView) role(i int) string {
	if i == 0 {
		return "is mapped here"
	}
	if f := v.Copies[i].Fence; f != nil {
		return *f
	}
	return "-"
}
