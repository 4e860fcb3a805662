package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/terminal"
)

func newDLQList(a *app) *cobra.Command {
	var sel selection
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the messages in a cell's DLQs, with why each is there",
		Long: `list prints the messages in the DLQs of a cell. REASON is what the consumer noted when it gave the event up (rejected,
malformed, expired, panic, deadline, crashed, error; conflict for an event that a move set aside), what the producer noted when it
ejected a record that can never be published, or what AWS says of the message. The line below a message is what the failure said, as
far as it fits: 'cellctl dlq show' has all of it. NOTE, if there is one, is what to know before acting
on the message: that the event's data has expired, for instance. AGE counts from when the message was first sent.

The JSON has the messages' bodies and attributes, too. Each listing is a receive, and adds one to the receives of a message. That has no
effect: a DLQ gives no message up for it, and what is redriven begins at none.

` + exitCodes,
		Example: `  cellctl dlq list --cell c01
  cellctl dlq list --cell c01 --kind consumer --tenant acme
  cellctl dlq list --cell c01 --tenant acme --event order-17
  cellctl dlq list --cell c01 --output json | jq -r '.letters[] | select(.reason == "panic") | .message_id'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kinds, err := sel.parse(cmd)
			if err != nil {
				return err
			}
			if limit < 1 {
				return cli.WrongUsage(cmd, "--limit is %d, want at least 1", limit)
			}
			return a.listLetters(cmd.Context(), &sel, kinds, limit)
		},
	}
	sel.register(a, cmd)
	sel.registerEvent(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "how many messages are printed at most")
	return a.changes(cmd)
}

func (a *app) listLetters(ctx context.Context, sel *selection, kinds []deadletter.Kind, limit int) error {
	s, cell, err := a.connectToCell(ctx, sel.cell)
	if err != nil {
		return err
	}
	letters, err := s.letters().List(ctx, cell, kinds, sel.filter(), limit+1)
	if err != nil {
		return err
	}
	v := lettersView{Letters: []letterView{}, More: len(letters) > limit, now: time.Now()}
	for _, l := range letters[:min(limit, len(letters))] {
		v.Letters = append(v.Letters, viewOfLetter(l))
	}
	if err := a.print(v); err != nil {
		return err
	}
	if v.More {
		a.note("There are more: raise --limit.")
	}
	return a.missing(ctx, s, cell, sel, kinds, len(v.Letters))
}

type lettersView struct {
	Letters []letterView `json:"letters"`
	More    bool         `json:"more"` // there are more than --limit

	now time.Time
}

func (v lettersView) text(s *sheet) {
	notes := slices.ContainsFunc(v.Letters, func(l letterView) bool { return l.Note != nil })
	row := func(note any, columns ...any) {
		if notes {
			columns = append(columns, note)
		}
		s.row(columns...)
	}
	row("NOTE", "KIND", "TENANT", "EVENT", "TYPE", "REASON", "AGE", "MESSAGE ID")
	for _, l := range v.Letters {
		row(orDash(l.Note), l.Kind, orDash(l.TenantID), l.event(), orDash(l.Type), reasonCell(l.Reason), age(l.seen, v.now), l.MessageID)
		s.reasonText(l.Reason, l.ReasonText)
	}
}

// reasonColumns is how much of a reason a column shows: every class, and of a reason in words its beginning.
const reasonColumns = 30

func reasonCell(reason string) string { return cut(terminal.Line(reason), reasonColumns) }

// screen is how many columns a list may take: what a terminal shows that somebody has made a little wider than usual.
const screen = 100

// reasonText adds what a failure said below its row, or the reason itself where the row does not have all of it, as far as it fits a
// screen.
func (s *sheet) reasonText(reason string, text *string) {
	switch {
	case text != nil:
		s.detail(cut(terminal.Line(*text), screen-len(detailIndent)))
	case reasonCell(reason) != reason:
		s.detail(cut(terminal.Line(reason), screen-len(detailIndent)))
	}
}

// letterView is one message of a DLQ.
type letterView struct {
	Kind       deadletter.Kind   `json:"kind"`
	MessageID  string            `json:"message_id"`
	TenantID   *string           `json:"tenant_id"`
	EventID    *string           `json:"event_id"`
	Type       *string           `json:"type"`
	Events     []string          `json:"events"` // their keys
	Reason     string            `json:"reason"`
	ReasonText *string           `json:"reason_text"` // what the failure said
	Note       *string           `json:"note"`
	AcceptedAt *string           `json:"accepted_at"`
	ExpiresAt  *string           `json:"expires_at"` // when its event's data does, unless a redrive has extended its life
	FirstSeen  *string           `json:"first_seen"`
	Receives   int               `json:"receives"`
	Attributes map[string]string `json:"attributes"`
	Body       string            `json:"body"`

	seen time.Time
}

func viewOfLetter(l deadletter.Letter) letterView {
	return letterView{
		Kind: l.Kind, MessageID: l.MessageID, TenantID: orNull(l.TenantID), EventID: orNull(l.EventID), Type: orNull(l.Type),
		Events: append([]string{}, l.Events...), Reason: l.Reason, ReasonText: orNull(l.ReasonText), AcceptedAt: jsonTime(l.AcceptedAt), ExpiresAt: jsonTime(l.ExpiresAt),
		FirstSeen: jsonTime(l.FirstSeen), Receives: l.Receives,
		Note: orNull(l.Note), Body: l.Body, Attributes: l.Attributes, seen: l.FirstSeen,
	}
}

// event is what fits a column of the events that a message is about.
func (l letterView) event() string {
	if len(l.Events) > 1 {
		return counted(len(l.Events), "event")
	}
	return orDash(l.EventID)
}

// age is for how long something has been there.
func age(since, now time.Time) string {
	if since.IsZero() {
		return "-"
	}
	return short(max(0, now.Sub(since)))
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
