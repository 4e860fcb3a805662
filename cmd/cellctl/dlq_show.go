package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/terminal"
)

func newDLQShow(a *app) *cobra.Command {
	var cell string
	cmd := &cobra.Command{
		Use:   "show MESSAGE_ID",
		Short: "Show one message of a cell's DLQs, with its body",
		Long: `show prints all that is known of the message MESSAGE_ID, as 'cellctl dlq list' has its id: why it is there, what the failure said, what it is
about, and its body. A body that is JSON is indented; with --output json it is as it was received.

` + exitCodes,
		Example: `  cellctl dlq show 2d3f0c9e-7c1b-4a55-9b0e-52d0a1f0c7a1 --cell c01
  cellctl dlq show 2d3f0c9e-7c1b-4a55-9b0e-52d0a1f0c7a1 --cell c01 --output json | jq -r .body`,
		Args:              cli.Named("MESSAGE_ID"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkCell(cmd, cell); err != nil {
				return err
			}
			return a.showLetter(cmd.Context(), cell, args[0])
		},
	}
	registerCell(a, cmd, &cell)
	return a.changes(cmd)
}

func (a *app) showLetter(ctx context.Context, id, message string) error {
	s, cell, err := a.connectToCell(ctx, id)
	if err != nil {
		return err
	}
	sel := &selection{cell: id, ids: []string{message}}
	found, err := s.letters().List(ctx, cell, deadletter.Kinds(), sel.filter(), 1)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return a.missing(ctx, s, cell, sel, deadletter.Kinds(), 0)
	}
	return a.print(letterDetailView{viewOfLetter(found[0]), time.Now()})
}

type letterDetailView struct {
	letterView
	now time.Time
}

func (v letterDetailView) text(s *sheet) {
	s.row("kind", v.Kind)
	s.row("message id", v.MessageID)
	s.row("tenant", orDash(v.TenantID))
	s.row("event", v.event())
	if len(v.Events) > 1 {
		for _, key := range v.Events {
			s.row("", key)
		}
	}
	s.row("type", orDash(v.Type))
	s.row("reason", v.Reason)
	if v.ReasonText != nil {
		s.row("text", *v.ReasonText)
	}
	if v.Note != nil {
		s.row("note", *v.Note)
	}
	if v.AcceptedAt != nil {
		s.row("accepted", *v.AcceptedAt)
	}
	if v.ExpiresAt != nil {
		s.row("data expires", *v.ExpiresAt)
	}
	s.row("first seen", orDash(v.FirstSeen)+", "+ago(v.seen, v.now))
	s.row("receives", v.Receives)
	for _, name := range slices.Sorted(maps.Keys(v.Attributes)) {
		s.row("attribute "+name, v.Attributes[name])
	}
	s.blank()
	for line := range strings.SplitSeq(indented(v.Body), "\n") {
		s.row(line)
	}
}

// indented is a text in more lines, and printable with JSON's own escapes, if it is JSON; it is as it is otherwise.
func indented(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		return text
	}
	return string(terminal.JSON(b.Bytes()))
}
