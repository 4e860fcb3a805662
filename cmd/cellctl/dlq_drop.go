package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cellular/internal/deadletter"
)

func newDLQDrop(a *app) *cobra.Command {
	var sel selection
	var all bool
	var save string
	cmd := &cobra.Command{
		Use:   "drop CELL",
		Short: "Delete messages from a cell's DLQs for good",
		Long: `drop deletes messages from the DLQs of CELL. What is dropped is not redriven any more; an event that the data table still
has can be replayed. Without --tenant and --message it wants --all. --save writes the messages to a file first, one JSON
document per line.`,
		Example: `  cellctl dlq drop c01 --message 2d3f0c9e-7c1b-4a55-9b0e-52d0a1f0c7a1
  cellctl dlq drop c01 --kind consumer --all --save dropped.jsonl`,
		Args: named("CELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds, err := sel.parse(cmd)
			if err != nil {
				return err
			}
			if chosen := sel.tenant != "" || len(sel.messages) > 0; chosen == all {
				return wrongUsage(cmd, "say which messages: either --tenant or --message, or --all")
			}
			return a.dropLetters(cmd, args[0], &sel, kinds, all, save)
		},
	}
	sel.registerFilter(a, cmd)
	cmd.Flags().BoolVar(&all, "all", false, "drop every message")
	cmd.Flags().StringVar(&save, "save", "", "write the messages to this file, which must not exist, before they are deleted")
	return cmd
}

type droppedView struct {
	Dropped int `json:"dropped"`
}

func (v droppedView) text(s *sheet) {
	s.row("DROPPED")
	s.row(v.Dropped)
}

func (a *app) dropLetters(cmd *cobra.Command, id string, sel *selection, kinds []deadletter.Kind, all bool, save string) (err error) {
	ctx := cmd.Context()
	s, cell, err := a.connectToCell(ctx, id)
	if err != nil {
		return err
	}
	if err := a.confirmName(cmd, "This deletes for good what is "+sel.of(kinds, cell, s.Stack)+".", cell.ID); err != nil {
		return err
	}
	var keep func([]deadletter.Letter) error
	if save != "" {
		file, err := createNew(save, "--save")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		keep = saveTo(file)
	}
	dropped, err := s.letters().Drop(ctx, cell, kinds, sel.filter(), all, keep)
	if printed := a.print(droppedView{len(dropped)}); err == nil {
		err = printed
	}
	return err
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
