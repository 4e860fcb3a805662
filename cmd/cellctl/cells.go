package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/placement"
)

func newCells(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cells",
		Short: "Show the cells, and say which of them take tenants",
		Example: `  cellctl cells list
  cellctl cells show c01`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(newCellsList(a), newCellsShow(a), newCellsActivate(a), newCellsDrain(a), newCellsRetire(a))
	return cmd
}

// cellView is a cell as lists and single commands print it. What could not be read is null.
type cellView struct {
	ID              string             `json:"id"`
	Wave            int                `json:"wave"`
	Tier            string             `json:"tier"`
	Status          placement.Status   `json:"status"`
	Tenants         int                `json:"tenants"`
	MaxTenants      int                `json:"max_tenants"`
	Queue           *queueView         `json:"queue"`
	Oldest          *manifest.Duration `json:"oldest"` // age of the oldest message; null too where the queue is empty
	StreamDLQ       *int               `json:"stream_dlq"`
	SubscriptionDLQ *int               `json:"subscription_dlq"`
	ConsumerDLQ     *int               `json:"consumer_dlq"`
	Waiting         *int               `json:"waiting"`
	LastAppliedAt   *string            `json:"last_applied_at"` // null too where the cell never applied an event
	Alarms          []string           `json:"alarms"`          // the parts that are in alarm, or "health" alone; null too where the cell has no alarms
	read            *cellstatus.Status // nil where the cell could not be read
	alarmsUnknown   bool               // the alarms could not be read
}

type queueView struct {
	Visible  int `json:"visible"`
	InFlight int `json:"in_flight"`
	Delayed  int `json:"delayed"`
}

func viewOfCell(c manifest.Cell, state placement.CellState) cellView {
	return cellView{
		ID: c.ID, Wave: c.Wave, Tier: c.Tier, Status: state.Status, Tenants: state.Tenants, MaxTenants: c.MaxTenants,
	}
}

func (v *cellView) add(s cellstatus.Status) {
	v.read = &s
	v.Queue = &queueView{Visible: s.Queue.Visible, InFlight: s.Queue.InFlight, Delayed: s.Queue.Delayed}
	v.StreamDLQ = new(s.StreamDLQ.Total())
	v.SubscriptionDLQ = new(s.SubscriptionDLQ.Total())
	v.ConsumerDLQ = new(s.ConsumerDLQ.Total())
	v.Waiting = new(s.Waiting.Total)
	v.LastAppliedAt = jsonTime(s.AppliedAt)
}

// tenantsOf is how many tenants a cell has of how many it may have.
func tenantsOf(tenants, most int) string { return fmt.Sprintf("%d/%d", tenants, most) }
