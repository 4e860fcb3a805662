package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// suggestionDistance is how many letters a mistyped name may be away from one that is suggested, as cobra has it by default.
const suggestionDistance = 2

// Prepare makes a mistake in the flags of a command line, and in what it asks help for, wrong usage. The root has its commands.
func Prepare(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Run, cmd.RunE = nil, helpOf // cobra's own takes what it does not know for nothing
		}
	}
}

// helpOf prints the help of the command that its arguments name.
func helpOf(cmd *cobra.Command, args []string) error {
	target, rest, err := cmd.Root().Find(args)
	if err != nil {
		return WrongUsage(cmd, "%w", err)
	}
	if len(rest) > 0 {
		return NoArgs(target, rest)
	}
	target.InitDefaultHelpFlag()
	return target.Help()
}

// Help is what a command that only groups others does.
func Help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// NoArgs refuses arguments, and so unknown subcommands, as wrong usage.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || !cmd.HasSubCommands() {
		return Named()(cmd, args)
	}
	if near := suggested(cmd, args[0]); near != "" {
		return WrongUsage(cmd, "unknown command %q (did you mean '%s %s'?)", args[0], cmd.CommandPath(), near)
	}
	return WrongUsage(cmd, "unknown command %q", args[0])
}

// suggested is the subcommand that was meant by a mistyped name; "" for none.
func suggested(cmd *cobra.Command, typed string) string {
	cmd.SuggestionsMinimumDistance = suggestionDistance
	if near := cmd.SuggestionsFor(typed); len(near) > 0 {
		return near[0]
	}
	return ""
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

func flagError(cmd *cobra.Command, err error) error {
	// The flags of a mistyped command are unknown to the one that groups it. What was typed wrong comes before them.
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return NoArgs(cmd, args)
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		if near := suggestedFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			return WrongUsage(cmd, "%w (did you mean --%s?)", err, near)
		}
	}
	return WrongUsage(cmd, "%w", err)
}

// suggestedFlag is the flag that was meant by a mistyped name, by the rule for commands; "" for none.
func suggestedFlag(cmd *cobra.Command, typed string) string {
	var names cobra.Command
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Hidden: f.Hidden, RunE: Help})
	})
	return suggested(&names, typed)
}
