package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cellular/internal/model/event"
)

// suggestionDistance is how many letters a mistyped command may be away from one that is suggested, as cobra has it by default.
const suggestionDistance = 2

// noArgs refuses arguments, and so unknown subcommands, as wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || !cmd.HasSubCommands() {
		return named()(cmd, args)
	}
	cmd.SuggestionsMinimumDistance = suggestionDistance
	suggestion := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		suggestion = fmt.Sprintf(" (did you mean '%s %s'?)", cmd.CommandPath(), near[0])
	}
	return wrongUsage(cmd, "unknown command %q%s", args[0], suggestion)
}

// named wants one argument for each name.
func named(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return wrongUsage(cmd, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return wrongUsage(cmd, "unknown argument %q", args[len(names)])
		}
		return nil
	}
}

// oneTenant wants one argument, a tenant's id.
func oneTenant(cmd *cobra.Command, args []string) error {
	if err := named("TENANT")(cmd, args); err != nil {
		return err
	}
	if !event.ValidTenantID(args[0]) {
		return wrongUsage(cmd, "tenant %q is not of the form %s", args[0], event.TenantIDPattern)
	}
	return nil
}

// wrongUsage is a mistake in a command's arguments or flags.
func wrongUsage(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf("%s; see '%s --help'", fmt.Sprintf(format, args...), cmd.CommandPath())}
}
