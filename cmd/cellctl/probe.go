package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/model/probe"
	"cellular/internal/operator/health"
)

// requestTimeout bounds one request of a probe. It is above the router's own, so that what is seen is the router's answer.
const requestTimeout = 35 * time.Second

func newProbe(a *app) *cobra.Command {
	p := probing{patience: 30 * time.Second}
	cmd := &cobra.Command{
		Use:   "probe [CELL]...",
		Short: "Send an event through each cell, and wait until it is processed",
		Long: `probe sends one event to each of [CELL]..., or to every cell, as a client would: to the router, through the pipeline, and
reads it back. ACCEPTED is until the router answered, PROCESSED until the cell was seen to have processed the event. No
tenant is touched: each cell has one of its own for this, cellctl-probe.CELL, which is not counted.

PROBE is ok, failed where the cell is at fault, or unsent where nobody knows: the event did not get to the cell.

The router takes probes on a route of their own, which asks for a signature, whatever it asks of tenants: your credentials sign.
They need the right to call it, which 'cellctl iam-policy operate' has.

A deployment has a standing probe that does the same every minute. 'cellctl alarms list' has what it found.`,
		Example: `  cellctl probe
  cellctl probe c01 c02 --patience 1m`,
		ValidArgsFunction: a.completeCells(),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.probe(cmd.Context(), args, p) },
	}
	cmd.Flags().DurationVar(&p.patience, "patience", p.patience, "how long to wait for each cell")
	return a.changes(cmd)
}

// probing is how cells are probed.
type probing struct {
	patience time.Duration
}

func (a *app) probe(ctx context.Context, ids []string, how probing) error {
	if how.patience <= 0 {
		return cli.Usagef("--patience is %s, want more than 0s", how.patience)
	}
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	cells, err := s.cellsOrAll(ctx, ids)
	if err != nil {
		return err
	}
	prober := probe.Prober{URL: s.Router.URL, HTTP: s.http, Sign: probe.NewSigner(s.credentials, s.region), Patience: how.patience}
	results, err := health.Probe(ctx, prober, s.placement, cells)
	switch {
	case errors.Is(err, probe.ErrNoRoute):
		return refused("stack %s was deployed by a version whose router has no route for probes: deploy this cellctl's version, or use that version's cellctl", s.Stack)
	case errors.Is(err, probe.ErrNotAllowed):
		a.note("The API lets nobody with these credentials probe: 'cellctl iam-policy operate' prints the policy that does.")
	}
	if printErr := a.print(viewOfProbes(results)); printErr != nil {
		return printErr
	}
	return err
}

// cellsOrAll returns the cells with these ids; without any, all.
func (s *session) cellsOrAll(ctx context.Context, ids []string) ([]manifest.Cell, error) {
	if len(ids) == 0 {
		return s.Cells(ctx)
	}
	var cells []manifest.Cell
	for _, id := range ids {
		cell, err := s.Cell(ctx, id)
		if err != nil {
			return nil, s.explainUnknown(ctx, err, id)
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

func newProbeHTTP() *http.Client { return &http.Client{Timeout: requestTimeout} }

type probesView struct {
	Cells []probeView `json:"cells"`
}

type probeView struct {
	Cell           string             `json:"cell"`
	Event          string             `json:"event"`
	OK             bool               `json:"ok"`
	Outcome        string             `json:"outcome"`         // ok, failed, unsent or interrupted
	AcceptedAfter  *manifest.Duration `json:"accepted_after"`  // null: it was not accepted
	ProcessedAfter *manifest.Duration `json:"processed_after"` // null: it was not seen to be processed
	Error          string             `json:"error,omitempty"`
}

func viewOfProbes(results []probe.Result) probesView {
	v := probesView{Cells: []probeView{}}
	for _, r := range results {
		p := probeView{Cell: r.Cell, Event: r.Event, OK: r.Verdict == probe.Healthy, Outcome: r.Verdict.String(), AcceptedAfter: after(r.Accepted), ProcessedAfter: after(r.Processed)}
		if r.Err != nil {
			p.Error = r.Err.Error()
		}
		v.Cells = append(v.Cells, p)
	}
	return v
}

// after returns nil for what did not come about.
func after(d time.Duration) *manifest.Duration {
	if d == 0 {
		return nil
	}
	return new(manifest.Duration(d.Truncate(time.Millisecond)))
}

func (v probesView) text(s *sheet) {
	s.row("CELL", "PROBE", "ACCEPTED", "PROCESSED", "EVENT")
	for _, p := range v.Cells {
		outcome := coloured{p.Outcome, green}
		if !p.OK {
			outcome.colour = red
		}
		s.row(p.Cell, outcome, orNothing(p.AcceptedAfter), orNothing(p.ProcessedAfter), cmp.Or(p.Event, "-"))
	}
}

func orNothing(d *manifest.Duration) string {
	if d == nil {
		return "-"
	}
	return fmt.Sprintf("%d ms", time.Duration(*d).Milliseconds())
}
