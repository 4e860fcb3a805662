package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/operator/follow"
)

func newEvents(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Follow one event of a tenant, and list its latest",
		Example: `  cellctl events list --tenant acme --status failed
  cellctl events show acme order-17`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(newEventsShow(a), newEventsList(a))
	return cmd
}

// finder finds the deployment's events.
func (s *session) finder() follow.Finder {
	return follow.Finder{Tables: s.dynamo, Mappings: s.placement, Cells: remembered(s.Cell), Now: time.Now}
}

// explainNowhere says of a tenant that is not mapped why, and of one whose cell is lost what to do.
func (s *session) explainNowhere(ctx context.Context, err error, tenant string) error {
	m, failed := s.placement.Get(ctx, tenant)
	if failed != nil {
		return s.explainUnknownTenant(ctx, failed, tenant)
	}
	if isRefusal(err) {
		return s.cellLost(ctx, m)
	}
	return err
}

// oneEvent wants two arguments: a tenant's id and an event's.
func oneEvent(cmd *cobra.Command, args []string) error {
	if err := cli.Named("TENANT", "EVENT_ID")(cmd, args); err != nil {
		return err
	}
	switch tenant, id := args[0], args[1]; {
	case !event.ValidTenantID(tenant):
		return cli.WrongUsage(cmd, "tenant %q is not of the form %s", tenant, event.TenantIDPattern)
	case !event.ValidID(id):
		return cli.WrongUsage(cmd, "event id %q is not of the form %s", id, event.IDPattern)
	}
	return nil
}
