package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/deadletter"
	"cellular/internal/facts"
	"cellular/internal/resend"
)

func newDLQ(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look into the dead letter queues of a cell, and redrive or drop what is there",
		Long: `A cell has three DLQs. The stream DLQ tells of records that the producer could not publish, the subscription DLQ has
messages that the topic could not deliver, the consumer DLQ has messages that could not be applied. Messages that are
looked at are hidden from others meanwhile.`,
		Example: `  cellctl dlq list c01
  cellctl dlq redrive c01 --kind consumer`,
		Args: noArgs,
		RunE: help,
	}
	cmd.AddCommand(newDLQList(a), newDLQRedrive(a), newDLQDrop(a))
	return cmd
}

// letters works on the deployment's DLQs.
func (s *session) letters() *deadletter.Letters {
	return &deadletter.Letters{SQS: s.sqs, Streams: s.streams, Home: s.home()}
}

// home sends events again to the cells that their tenants are in.
func (s *session) home() *resend.Home {
	return &resend.Home{Tables: s.dynamo, Queue: s.sqs, Mappings: s.placement, Cells: s.Cell, Now: time.Now}
}

// selection is which messages of a cell's DLQs are meant.
type selection struct {
	kinds    []string
	tenant   string
	messages []string
}

func (sel *selection) registerKinds(a *app, cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&sel.kinds, "kind", nil, "stream, subscription or consumer, more than once for several (default all)")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(words(deadletter.Kinds()), cobra.ShellCompDirectiveNoFileComp))
	cmd.ValidArgsFunction = first(a.completeCells())
}

func (sel *selection) registerFilter(a *app, cmd *cobra.Command) {
	sel.registerKinds(a, cmd)
	cmd.Flags().StringVar(&sel.tenant, "tenant", "", "only messages of this tenant's events")
	cmd.Flags().StringSliceVar(&sel.messages, "message", nil, "only the message with this id, more than once for several")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
}

func (sel *selection) parse(cmd *cobra.Command) ([]deadletter.Kind, error) {
	if len(sel.kinds) == 0 {
		return deadletter.Kinds(), nil
	}
	var kinds []deadletter.Kind
	for _, name := range sel.kinds {
		k, err := deadletter.ParseKind(name)
		if err != nil {
			return nil, wrongUsage(cmd, "--kind: %v", err)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

func (sel *selection) filter() deadletter.Filter {
	return deadletter.Filter{Tenant: sel.tenant, MessageIDs: sel.messages}
}

// of says in words which messages are meant.
func (sel *selection) of(kinds []deadletter.Kind, cell facts.Cell, stack any) string {
	text := fmt.Sprintf("in the %s DLQ of cell %s of stack %v", strings.Join(words(kinds), ", "), cell.ID, stack)
	if sel.tenant != "" {
		text += ", of tenant " + sel.tenant
	}
	if len(sel.messages) > 0 {
		text += ", of " + counted(len(sel.messages), "message id")
	}
	return text
}

// inDLQs are the keys of the events that the messages in all DLQs of a cell are about.
func (s *session) inDLQs(ctx context.Context, cell facts.Cell) (map[string]bool, error) {
	letters, err := s.letters().List(ctx, cell, deadletter.Kinds(), 0)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, l := range letters {
		for _, key := range l.Events {
			keys[key] = true
		}
	}
	return keys, nil
}

func words[T ~string](all []T) []string {
	var text []string
	for _, one := range all {
		text = append(text, string(one))
	}
	return text
}
