package main

import (
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/placement"
)

func newCellsDrain(a *app) *cobra.Command {
	var e evacuation
	var evacuate bool
	cmd := &cobra.Command{
		Use:   "drain CELL",
		Short: "Let a cell take no more tenants, and move those that it has to other cells",
		Long: `drain lets CELL take no more tenants: none is assigned to it, and no move into it begins. The tenants that it has
stay, and are served as before. 'cellctl cells activate' undoes it.

With --evacuate it then moves every tenant of CELL to the best other cell of the tenant's tier, while their events keep
coming. A tenant that fails does not keep the others, and whatever ends the command, the same one carries on. It may run
several times at once: each waits for the tenants that another one is at work on, and reports what is true at its end. Each move
waits for the router's hard TTL; all of them do at a time. With --no-wait the command returns once other cells serve all
tenants, and the moves are to be finished later: what reaches CELL until then waits.`,
		Example: `  cellctl cells drain c01
  cellctl cells drain c01 --evacuate --parallel 8`,
		Args:              cli.Named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !evacuate {
				for _, name := range []string{"parallel", "no-wait"} {
					if cmd.Flags().Changed(name) {
						return cli.WrongUsage(cmd, "--%s has no meaning without --evacuate", name)
					}
				}
				return a.setCellStatus(cmd, args[0], placement.Draining)
			}
			if err := parallelism(cmd, e.parallel); err != nil {
				return err
			}
			e.cell = args[0]
			return a.evacuateCell(cmd, e)
		},
	}
	cmd.Flags().BoolVar(&evacuate, "evacuate", false, "move the tenants that it has to other cells")
	cmd.Flags().BoolVar(&e.noWait, "no-wait", false, "with --evacuate: return once other cells serve all tenants; the moves are to be finished later")
	addParallel(cmd, &e.parallel)
	return a.changes(cmd)
}
