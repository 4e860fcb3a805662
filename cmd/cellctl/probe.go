package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/health"
)

// envToken has the bearer token of a probe: a flag's value can be seen by every process of the machine.
const envToken = "CELLCTL_PROBE_TOKEN"

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

Where the router asks for signatures, the operator's credentials sign. Where it asks for tokens, one that names the tenant
cellctl-probe.CELL is read from ` + envToken + `; it probes that one CELL.`,
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
	authorize, err := health.NewAuthorizer(s.Router.Auth, s.credentials, s.region, os.Getenv(envToken))
	if err != nil {
		return refused("%v; put it into %s", err, envToken)
	}
	prober := health.Prober{Router: s.Router, Placement: s.placement, HTTP: s.http, Authorize: authorize, Patience: how.patience}
	results, err := prober.Probe(ctx, cells)
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
	AcceptedAfter  *manifest.Duration `json:"accepted_after"`  // null: it was not accepted
	ProcessedAfter *manifest.Duration `json:"processed_after"` // null: it was not seen to be processed
	Error          string             `json:"error,omitempty"`
}

func viewOfProbes(results []health.Probed) probesView {
	v := probesView{Cells: []probeView{}}
	for _, r := range results {
		p := probeView{Cell: r.Cell, Event: r.Event, OK: r.Err == nil, AcceptedAfter: after(r.Accepted), ProcessedAfter: after(r.Processed)}
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
		verdict := coloured{"ok", green}
		if !p.OK {
			verdict = coloured{"failed", red}
		}
		s.row(p.Cell, verdict, orNothing(p.AcceptedAfter), orNothing(p.ProcessedAfter), p.Event)
	}
}

func orNothing(d *manifest.Duration) string {
	if d == nil {
		return "-"
	}
	return fmt.Sprintf("%d ms", time.Duration(*d).Milliseconds())
}
