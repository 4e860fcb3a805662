package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/terminal"
)

// commands calls each with every command.
func commands(t *testing.T, each func(*cobra.Command)) {
	n := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		n++
		each(cmd)
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&app{}))
	require.Greater(t, n, 15, "the walk has seen the commands")
}

func TestEveryCommandExplainsItself(t *testing.T) {
	commands(t, func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if cmd.Name() == "help" {
			return // its texts are cobra's
		}
		require.NotEmpty(t, cmd.Short, path)
		require.False(t, strings.HasSuffix(cmd.Short, "."), "%s: a short text is no sentence", path)
		require.Contains(t, cmd.Example, path, "%s has an example of its own", path)
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			require.True(t, strings.HasPrefix(line, "  "), "%s: examples are indented: %q", path, line)
		}
		for _, argument := range strings.Fields(cmd.Use)[1:] {
			name := strings.Trim(argument, "[].") // [CELL]... is any number of cells
			require.Contains(t, cmd.Long, name, "%s says what its argument is", path)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			require.NotEmpty(t, f.Usage, "%s --%s", path, f.Name)
		})
	})
}

func TestEveryExampleIsOfACommandThatExists(t *testing.T) {
	commands(t, func(cmd *cobra.Command) {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			_, command, ok := strings.Cut(line, "cellctl ")
			if !ok {
				continue
			}
			words := strings.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune(" )\"", r) })
			found, _, err := newRoot(&app{}).Find(words)
			require.NoError(t, err, line)
			require.True(t, found.HasParent(), "%s: %s", cmd.CommandPath(), line)
			for _, word := range words {
				if word == "|" || word == ">" {
					break
				}
				if name, is := strings.CutPrefix(word, "--"); is {
					flag := found.Flag(name)
					if flag == nil {
						flag = found.InheritedFlags().Lookup(name)
					}
					require.NotNil(t, flag, "%s: --%s in %q", cmd.CommandPath(), name, line)
				}
			}
		}
	})
}

func TestTheStackIsNamedByFlagOrEnvironment(t *testing.T) {
	for _, c := range []struct {
		env    string
		args   []string
		stderr string
	}{
		{"", nil, "cellctl: no stack given; name it with --stack or CELLCTL_STACK, 'pulumi stack ls' lists them\n"},
		{"", []string{"--stack", "a/b"}, "cellctl: --stack is \"a/b\", want letters, digits, - and _; 'pulumi stack ls' lists the stacks\n"},
		{"a b", nil, "cellctl: CELLCTL_STACK is \"a b\", want letters, digits, - and _; 'pulumi stack ls' lists the stacks\n"},
		{"", []string{"--output", "yaml"}, "cellctl: --output is \"yaml\", want table or json\n"},
	} {
		t.Setenv(envStack, c.env)
		stdout, stderr, code := run(t, append([]string{"cells", "list"}, c.args...)...)
		require.Equal(t, cli.ExitUsage, code)
		require.Equal(t, c.stderr, stderr)
		require.Empty(t, stdout)
	}
	inWorld(t, func(t *testing.T, w *world) {
		t.Setenv(envStack, "prod")
		w.does("cells", "list") // the flag wins
	})
}

func TestAStackThatIsNotThereIsSaidWithWhereItWasLookedFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.refuses(exitRefused, "cellctl: no Cellular stack \"prod\" in eu-west-1 (account 123456789012); "+
			"check --stack, --region and --profile, 'pulumi stack ls' lists the stacks\n", "cells", "list", "--stack", "prod")
	})
}

func TestARegionIsNeeded(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	_, stderr, code := run(t, "--stack", "dev", "cells", "list")
	require.Equal(t, cli.ExitUsage, code)
	require.Equal(t, "cellctl: no AWS Region given; name it with --region or AWS_REGION, or in the profile\n", stderr)

	_, stderr, code = run(t, "--stack", "dev", "--profile", "none", "cells", "list")
	require.Equal(t, cli.ExitFailure, code)
	require.Contains(t, stderr, "cellctl: load the AWS configuration: ")
	require.Contains(t, stderr, "; check --profile\n")
}

func TestAnInterruptedQuestionIsLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	never := &blocked{asked: cancel, until: make(chan struct{})}
	defer close(never.until)
	a := &app{stdin: never, stderr: terminal.NewWriter(&stderr), terminal: func(any) bool { return true }}
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	require.ErrorIs(t, a.confirm(cmd, "Sure?"), context.Canceled)
}

// blocked is a stdin at which nobody types.
type blocked struct {
	asked func()
	until chan struct{}
}

func (b *blocked) Read([]byte) (int, error) {
	b.asked()
	<-b.until
	return 0, errors.New("closed")
}
