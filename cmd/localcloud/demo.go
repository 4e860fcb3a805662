package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/functions"
	"cellular/internal/operator/terminal"
	"cellular/local/demo"
)

func newDemo() *cobra.Command {
	var o demo.Options
	var dir string
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Bring the system up, send the sample events, check the invariants, take it down",
		Long:    "Exits with 1 and the reason if an event is lost, applied twice or in the wrong cell, or if an invariant does not hold.",
		Example: "  localcloud demo\n  localcloud demo --pictures .local/pictures",
		Args:    cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			examples, err := loadExamples(dir)
			if err != nil {
				return err
			}
			o.Examples = examples
			o.Out = cmd.OutOrStdout()
			o.Live = terminal.Is(o.Out)
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Dir, "dir", "", "directory of the local cloud's state and logs (default .local of the project)")
	cmd.Flags().StringVar(&dir, "examples", "", "directory of the sample input (default examples of the project)")
	cmd.Flags().StringVar(&o.Pictures, "pictures", "", "directory in which the dashboards are drawn as pages, while alarms fire (default nowhere)")
	return cmd
}

// loadExamples reads the sample input of a directory; "" is the project's.
func loadExamples(dir string) (demo.Examples, error) {
	if dir == "" {
		root, err := functions.ModuleRoot()
		if err != nil {
			return demo.Examples{}, err
		}
		dir = filepath.Join(root, "examples")
	}
	return demo.Load(dir)
}
