package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/deadletter"
)

// dropRequest is what to drop, and where to.
type dropRequest struct {
	selection
	all  bool
	save string // file; "" for none
}

func newDLQDrop(a *app) *cobra.Command {
	var r dropRequest
	cmd := &cobra.Command{
		Use:   "drop",
		Short: "Give up the events of messages in a cell's DLQs, and delete the messages",
		Long: `drop gives up the events of messages in a cell's DLQs and deletes the messages for good: neither a redrive nor a replay
sends them any more, and who asks the router for such an event is told that it failed. It wants to be told which messages: by
--id, by --tenant, or --all. A message whose tenant is being moved is kept; drop it when the move is done. Where the event's data
has expired and its id was used again, only the message is deleted: the later event stays as it is.

--save writes the messages to a file first, one JSON document per line, as 'cellctl dlq list --output json' has them. A
drop cannot be undone: to have such an event applied after all, have the client send it again under a new id.

` + exitCodes,
		Example: `  cellctl dlq drop --cell c01 --id 2d3f0c9e-7c1b-4a55-9b0e-52d0a1f0c7a1
  cellctl dlq drop --cell c01 --kind consumer --all --save dropped.jsonl`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kinds, err := r.parse(cmd)
			if err != nil {
				return err
			}
			if chosen := r.tenant != "" || len(r.ids) > 0; chosen == r.all {
				return cli.WrongUsage(cmd, "say which messages: --id or --tenant, or else --all")
			}
			return a.dropLetters(cmd, &r, kinds)
		},
	}
	r.register(a, cmd)
	r.registerIDs(cmd)
	cmd.Flags().BoolVar(&r.all, "all", false, "drop every message")
	cmd.Flags().StringVar(&r.save, "save", "", "write the messages to this file, which must not exist, before they are deleted")
	_ = cmd.MarkFlagFilename("save", "jsonl")
	return a.changes(cmd)
}

func (a *app) dropLetters(cmd *cobra.Command, r *dropRequest, kinds []deadletter.Kind) error {
	s, cell, err := a.connectToCell(cmd.Context(), r.cell)
	if err != nil {
		return err
	}
	if err := a.confirmName(cmd, r.warning(s, kinds), cell.ID); err != nil {
		return err
	}
	sum, err := a.drop(cmd.Context(), s, cell, kinds, r)
	v := viewOfDrop(cell, kinds, sum)
	if err == nil {
		err = a.missing(cmd.Context(), s, cell, &r.selection, kinds, v.seen)
	}
	if err != nil && v.seen == 0 {
		return err
	}
	if err := errors.Join(err, a.print(v)); err != nil {
		return err
	}
	a.notAllKept(sum.Kept, len(v.Kept))
	if n := sum.Kept; n > 0 {
		return fmt.Errorf("%s kept; drop again later", counted(n, "message")+plural(n, " was", " were"))
	}
	return nil
}

func (r *dropRequest) warning(s *session, kinds []deadletter.Kind) string {
	what := "every message"
	switch {
	case len(r.ids) > 0 && r.tenant != "":
		what = fmt.Sprintf("%s of tenant %s", counted(len(r.ids), "message"), r.tenant)
	case len(r.ids) > 0:
		what = counted(len(r.ids), "message")
	case r.tenant != "":
		what = "every message of tenant " + r.tenant
	}
	text := fmt.Sprintf("This deletes %s in the %s of stack %s, and gives up what has not been applied.", what, place(r.cell, kinds), s.Stack)
	if r.save == "" {
		return text + " There will be no copy."
	}
	return text + " A copy will be in " + r.save + "."
}

// drop drops, with a copy where that is asked for. A file that would stay empty is taken away again.
func (a *app) drop(ctx context.Context, s *session, cell manifest.Cell, kinds []deadletter.Kind, r *dropRequest) (sum deadletter.Dropped, err error) {
	p := a.progress("dropped messages:", 0)
	defer p.end()
	o := deadletter.Dropping{Filter: r.filter(), All: r.all, Progress: func(sum deadletter.Dropped) {
		done := 0
		for _, n := range sum.Dropped {
			done += n
		}
		if done > 0 {
			p.at(int64(done))
		}
	}}
	if r.save == "" {
		return s.letters().Drop(ctx, cell, kinds, o)
	}
	file, err := createNew(r.save, "--save")
	if err != nil {
		return sum, err
	}
	saved := false
	write := saveTo(file)
	o.Save = func(letters []deadletter.Letter) error {
		saved = true
		return write(letters)
	}
	sum, err = s.letters().Drop(ctx, cell, kinds, o)
	err = errors.Join(err, file.Close())
	if !saved {
		err = errors.Join(err, os.Remove(r.save))
	}
	return sum, err
}

// saveTo writes letters to a file. They are deleted once it returns: the copy must be on the disk.
func saveTo(file *os.File) func([]deadletter.Letter) error {
	lines := json.NewEncoder(file)
	lines.SetEscapeHTML(false)
	return func(letters []deadletter.Letter) error {
		for _, l := range letters {
			if err := lines.Encode(viewOfLetter(l)); err != nil {
				return err
			}
		}
		return file.Sync()
	}
}

// createNew creates a file for tenants' data. It never writes over another one.
func createNew(name, flag string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, refused("%s is there already; name another file with %s", name, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("create the file of %s: %w", flag, err)
	}
	return file, nil
}

// dropView is what a drop did.
type dropView struct {
	Cell  string        `json:"cell"`
	Kinds []droppedView `json:"kinds"`
	Kept  []keptView    `json:"kept"` // the first hundred

	seen int // messages, dropped and kept
}

func viewOfDrop(cell manifest.Cell, kinds []deadletter.Kind, sum deadletter.Dropped) dropView {
	v := dropView{Cell: cell.ID, Kinds: []droppedView{}, Kept: viewOfKept(sum.Notes), seen: sum.Kept}
	for _, kind := range kinds {
		v.seen += sum.Dropped[kind]
		v.Kinds = append(v.Kinds, droppedView{kind, sum.Dropped[kind]})
	}
	return v
}

type droppedView struct {
	Kind    deadletter.Kind `json:"kind"`
	Dropped int             `json:"dropped"` // messages
}

// text has nothing where nothing was there: a note says so.
func (v dropView) text(s *sheet) {
	if v.seen == 0 {
		return
	}
	s.row("KIND", "DROPPED")
	for _, k := range v.Kinds {
		s.row(k.Kind, k.Dropped)
	}
	keptText(s, v.Kept)
}
