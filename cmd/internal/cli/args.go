package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// suggestionDistance is how many letters a mistyped command may be away from one that is suggested, as cobra has it by default.
const suggestionDistance = 2

// Help is what a command that only groups others does.
func Help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// NoArgs refuses arguments, and so unknown subcommands, as wrong usage.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || !cmd.HasSubCommands() {
		return Named()(cmd, args)
	}
	cmd.SuggestionsMinimumDistance = suggestionDistance
	suggestion := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		suggestion = fmt.Sprintf(" (did you mean '%s %s'?)", cmd.CommandPath(), near[0])
	}
	return WrongUsage(cmd, "unknown command %q%s", args[0], suggestion)
}

// Named wants one argument for each name.
func Named(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return WrongUsage(cmd, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return WrongUsage(cmd, "unknown argument %q", args[len(names)])
		}
		return nil
	}
}

// FlagError makes a mistake in a command's flags wrong usage. A root command has it as its FlagErrorFunc.
func FlagError(cmd *cobra.Command, err error) error {
	// The flags of a mistyped command are unknown to the one that groups it. What was typed wrong comes before them.
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return NoArgs(cmd, args)
	}
	return WrongUsage(cmd, "%w", err)
}
