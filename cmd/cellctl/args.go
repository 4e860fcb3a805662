package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cellular/internal/model/event"
)

// noArgs refuses arguments, and so unknown subcommands, as wrong usage.
func noArgs(cmd *cobra.Command, args []string) error { return named()(cmd, args) }

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
	return usageError{fmt.Errorf("%s: %s; see '%[1]s --help'", cmd.CommandPath(), fmt.Sprintf(format, args...))}
}
