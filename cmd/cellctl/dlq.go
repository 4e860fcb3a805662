package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/residence"
)

func newDLQ(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look into the dead letter queues of a cell, and redrive or drop what is there",
		Long: `A cell has three DLQs. The stream DLQ tells of records that the producer could not publish, the subscription DLQ has
messages that the topic could not deliver, the consumer DLQ has messages that could not be applied. Each message is there
until it is redriven or dropped, or until the retention of the DLQ is over.

Whoever looks into a DLQ takes its messages out for a moment. They are put back at the end; those of a command that is
killed come back after five minutes.`,
		Example: `  cellctl dlq list --cell c01
  cellctl dlq redrive --cell c01 --kind consumer`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(newDLQList(a), newDLQShow(a), newDLQRedrive(a), newDLQDrop(a))
	return cmd
}

// letters works on the deployment's DLQs. It deletes the letters of tenants that were removed, wherever it meets one.
func (s *session) letters() *deadletter.Letters {
	return &deadletter.Letters{
		SQS: s.sqs, Streams: s.streams, Home: s.home(),
		Residences: func(ctx context.Context, tenantIDs []string) (map[string]residence.Record, error) {
			return residence.GetAll(ctx, s.dynamo, s.ControlPlane.MoveTable, tenantIDs)
		},
		Places: func(ctx context.Context, tenantIDs []string) (map[string]mapping.Mapping, error) {
			return mapping.GetAll(ctx, s.dynamo, s.ControlPlane.MappingTable, tenantIDs)
		},
		OnRemoved: func(manifest.Cell, deadletter.Letter) { s.app.removedLetters++ },
	}
}

// home sends events again to the cells that their tenants are in.
func (s *session) home() *resend.Home {
	return &resend.Home{
		Tables: s.dynamo, Queue: s.sqs, Mappings: s.placement, Cells: s.Cell, Now: time.Now,
		RemovedEpoch: func(ctx context.Context, tenantID string) (int64, error) {
			known, err := residence.Get(ctx, s.dynamo, s.ControlPlane.MoveTable, tenantID)
			return known.RemovedEpoch, err
		},
	}
}

// selection is which messages of a cell's DLQs are meant.
type selection struct {
	cell   string
	kinds  []string // none for all
	tenant string   // "" for all
	event  string   // of the tenant; "" for all
	ids    []string // none for all
}

func (sel *selection) register(a *app, cmd *cobra.Command) {
	registerCell(a, cmd, &sel.cell)
	cmd.Flags().StringSliceVar(&sel.kinds, "kind", nil, "only this DLQ: stream, subscription or consumer; more than once for several (default all)")
	cmd.Flags().StringVar(&sel.tenant, "tenant", "", "only messages all of whose events are of this tenant")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(words(deadletter.Kinds()), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
}

func (sel *selection) registerEvent(cmd *cobra.Command) {
	cmd.Flags().StringVar(&sel.event, "event", "", "only messages that are about the event with this id")
	_ = cmd.RegisterFlagCompletionFunc("event", cobra.NoFileCompletions)
}

func (sel *selection) registerIDs(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&sel.ids, "id", nil, "only the message with this id; more than once for several")
	_ = cmd.RegisterFlagCompletionFunc("id", cobra.NoFileCompletions)
}

// registerCell adds the flag that says which cell a command is about.
func registerCell(a *app, cmd *cobra.Command, cell *string) {
	cmd.Flags().StringVar(cell, "cell", "", "the cell (required)")
	_ = cmd.RegisterFlagCompletionFunc("cell", a.completeCells())
}

func checkCell(cmd *cobra.Command, cell string) error {
	if cell == "" {
		return cli.WrongUsage(cmd, "--cell is missing")
	}
	return nil
}

func checkTenant(cmd *cobra.Command, tenant string) error {
	if tenant != "" && !event.ValidTenantID(tenant) {
		return cli.WrongUsage(cmd, "--tenant is %q, want the form %s", tenant, event.TenantIDPattern)
	}
	return nil
}

// parse returns the kinds that are meant, each once.
func (sel *selection) parse(cmd *cobra.Command) ([]deadletter.Kind, error) {
	if err := checkCell(cmd, sel.cell); err != nil {
		return nil, err
	}
	if err := checkTenant(cmd, sel.tenant); err != nil {
		return nil, err
	}
	switch {
	case sel.event == "":
	case sel.tenant == "":
		return nil, cli.WrongUsage(cmd, "--event needs --tenant: an event's id is its tenant's")
	case !event.ValidID(sel.event):
		return nil, cli.WrongUsage(cmd, "--event is %q, want the form %s", sel.event, event.IDPattern)
	}
	if len(sel.kinds) == 0 {
		return deadletter.Kinds(), nil
	}
	for _, name := range sel.kinds {
		if _, err := deadletter.ParseKind(name); err != nil {
			return nil, cli.WrongUsage(cmd, "--kind: %v", err)
		}
	}
	return slices.DeleteFunc(deadletter.Kinds(), func(k deadletter.Kind) bool { return !slices.Contains(sel.kinds, string(k)) }), nil
}

// filter is the selection as messages are matched with. A message about a range of a stream's records can be about the event and about
// other tenants' events.
func (sel *selection) filter() deadletter.Filter {
	if sel.event != "" {
		return deadletter.Filter{Event: event.Key(sel.tenant, sel.event), MessageIDs: sel.ids}
	}
	return deadletter.Filter{Tenant: sel.tenant, MessageIDs: sel.ids}
}

// missing says that messages that are meant were not seen: as an error if none of those named was, otherwise as a note.
func (a *app) missing(ctx context.Context, s *session, cell manifest.Cell, sel *selection, kinds []deadletter.Kind, seen int) error {
	ids := len(slices.Compact(slices.Sorted(slices.Values(sel.ids))))
	switch {
	case seen == 0 && ids > 0:
		return refused("no message with %s is in the %s; 'cellctl dlq list --cell %s' shows what is there",
			plural(ids, "this id", "these ids"), place(cell.ID, kinds), cell.ID)
	case seen < ids:
		a.note("%d of %d messages were not there.", ids-seen, ids)
	case seen == 0 && sel.event != "":
		a.note("No message about event %s of tenant %s is in the %s.", sel.event, sel.tenant, place(cell.ID, kinds))
	case seen == 0 && sel.tenant != "":
		a.note("No message of tenant %s is in the %s.", sel.tenant, place(cell.ID, kinds))
	case seen == 0:
		return a.nothing(ctx, s, cell, kinds)
	}
	return nil
}

// nothing tells an empty DLQ from one whose messages somebody else has at the moment.
func (a *app) nothing(ctx context.Context, s *session, cell manifest.Cell, kinds []deadletter.Kind) error {
	counts, err := s.letters().Counts(ctx, cell)
	if err != nil {
		return err
	}
	hidden := 0
	for _, kind := range kinds {
		hidden += counts[kind]
	}
	if hidden == 0 {
		a.note("Nothing is in the %s.", place(cell.ID, kinds))
		return nil
	}
	a.note("%s in the %s, and cannot be seen now: another command has them, or had them when it was killed. They come back within %s.",
		counted(hidden, "message")+plural(hidden, " is", " are"), place(cell.ID, kinds), short(deadletter.Hidden))
	return nil
}

// place is where messages of these kinds are: "consumer DLQ of cell c01".
func place(cell string, kinds []deadletter.Kind) string {
	if len(kinds) == len(deadletter.Kinds()) {
		return "DLQs of cell " + cell
	}
	return strings.Join(words(kinds), " and ") + plural(len(kinds), " DLQ", " DLQs") + " of cell " + cell
}

func plural(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

func words[T ~string](all []T) []string {
	var text []string
	for _, one := range all {
		text = append(text, string(one))
	}
	return text
}

// keptView is a message that was left in its DLQ.
type keptView struct {
	Kind      deadletter.Kind `json:"kind"`
	MessageID string          `json:"message_id"`
	Event     *string         `json:"event"`
	Reason    string          `json:"reason"`
}

func viewOfKept(notes []deadletter.Note) []keptView {
	v := []keptView{}
	for _, n := range notes {
		v = append(v, keptView{n.Kind, n.MessageID, orNull(n.Event), n.Reason})
	}
	return v
}

func keptText(s *sheet, kept []keptView) {
	if len(kept) == 0 {
		return
	}
	s.blank()
	s.row("KIND", "EVENT", "MESSAGE ID", "KEPT BECAUSE")
	for _, k := range kept {
		s.row(k.Kind, orDash(k.Event), k.MessageID, k.Reason)
	}
}

// notAllKept says that the list of what was kept is cut short.
func (a *app) notAllKept(kept, listed int) {
	if kept > listed {
		a.note("%d messages were kept, of which these are the first %d.", kept, listed)
	}
}
