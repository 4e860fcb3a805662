package main

import (
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/deadletter"
)

func newDLQList(a *app) *cobra.Command {
	var sel selection
	var limit int
	cmd := &cobra.Command{
		Use:   "list CELL",
		Short: "List the messages in a cell's DLQs, with why each is there",
		Long: `list prints the messages in the DLQs of CELL. The JSON has their bodies and attributes, too, and the events of a message
that tells of several. Each listing adds one to the receives of a message.`,
		Example: `  cellctl dlq list c01
  cellctl dlq list c01 --kind consumer --output json | jq '.letters[].body'`,
		Args: named("CELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds, err := sel.parse(cmd)
			if err != nil {
				return err
			}
			if limit < 1 {
				return wrongUsage(cmd, "--limit is %d, want at least 1", limit)
			}
			return a.listLetters(cmd, args[0], kinds, limit)
		},
	}
	sel.registerKinds(a, cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "how many messages are printed at most")
	return cmd
}

// letterView is one message of a DLQ.
type letterView struct {
	Kind       deadletter.Kind   `json:"kind"`
	MessageID  string            `json:"message_id"`
	TenantID   *string           `json:"tenant_id"`
	EventID    *string           `json:"event_id"`
	Type       *string           `json:"type"`
	Events     []string          `json:"events"`
	Reason     string            `json:"reason"`
	FirstSeen  *string           `json:"first_seen"`
	Receives   int               `json:"receives"`
	Note       *string           `json:"note"`
	Body       string            `json:"body"`
	Attributes map[string]string `json:"attributes"`

	seen time.Time
}

func viewOfLetter(l deadletter.Letter) letterView {
	v := letterView{
		Kind: l.Kind, MessageID: l.MessageID, TenantID: orNull(l.TenantID), EventID: orNull(l.EventID), Type: orNull(l.Type),
		Events: append([]string{}, l.Events...), Reason: l.Reason, FirstSeen: jsonTime(l.FirstSeen), Receives: l.Receives,
		Note: orNull(l.Note), Body: l.Body, Attributes: l.Attributes, seen: l.FirstSeen,
	}
	if v.Attributes == nil {
		v.Attributes = map[string]string{}
	}
	return v
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type lettersView struct {
	Letters []letterView `json:"letters"`

	now time.Time
}

func (v lettersView) text(s *sheet) {
	s.row("DLQ", "MESSAGE", "TENANT", "EVENT", "TYPE", "FIRST SEEN", "RECEIVES", "REASON", "NOTE")
	for _, l := range v.Letters {
		s.row(l.Kind, l.MessageID, orDash(l.TenantID), orDash(l.EventID), orDash(l.Type), ago(l.seen, v.now), l.Receives, l.Reason, orDash(l.Note))
	}
}

func (a *app) listLetters(cmd *cobra.Command, id string, kinds []deadletter.Kind, limit int) error {
	s, cell, err := a.connectToCell(cmd.Context(), id)
	if err != nil {
		return err
	}
	letters, err := s.letters().List(cmd.Context(), cell, kinds, limit)
	if err != nil {
		return err
	}
	v := lettersView{Letters: []letterView{}, now: time.Now()}
	for _, l := range letters {
		v.Letters = append(v.Letters, viewOfLetter(l))
	}
	if err := a.print(v); err != nil {
		return err
	}
	if len(letters) == limit {
		a.note("There may be more: raise --limit.")
	}
	return nil
}
