package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// runbooks is the page that is followed word by word when things are wrong.
const runbooks = "../../docs/operations.md"

const readme = "../../README.md"

// TestTheRunbooksCommandsExist parses every command of the runbooks, and of the other pages, as cellctl would, without
// running it: a command, a flag or an argument that is not there any more fails here, not at night.
func TestTheRunbooksCommandsExist(t *testing.T) {
	paths, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	require.Contains(t, paths, runbooks)
	for _, path := range append(paths, readme) {
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		fenced, told := commandsOf(string(page))
		if path == runbooks {
			require.Greater(t, len(fenced), 30, "the page has been read")
		}
		for _, line := range fenced {
			require.NoError(t, parses(line), "%s: %q", path, line)
		}
		for _, line := range told {
			for _, alternative := range alternatives(line) {
				require.NoError(t, names(alternative), "%s: %q", path, line)
			}
		}
	}
}

// TestTheReadmeNamesEveryCommand wants each command that operates a deployment in the README's table of commands.
func TestTheReadmeNamesEveryCommand(t *testing.T) {
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	var named []string
	_, told := commandsOf(string(page))
	for _, line := range told {
		named = append(named, alternatives(line)...)
	}
	commands(t, func(cmd *cobra.Command) {
		path := strings.TrimPrefix(cmd.CommandPath(), "cellctl ")
		parent, _, _ := strings.Cut(path, " ")
		if cmd.HasSubCommands() || cmd.Name() == "completion" || cmd.Name() == "help" {
			return
		}
		require.True(t, slices.Contains(named, path) || slices.Contains(named, parent), "README.md does not name 'cellctl %s'", path)
	})
}

// TestTheRunbooksTellOfEveryCommand wants each command that operates a deployment to stand in a runbook.
func TestTheRunbooksTellOfEveryCommand(t *testing.T) {
	page, err := os.ReadFile(runbooks)
	require.NoError(t, err)
	commands(t, func(cmd *cobra.Command) {
		if cmd.HasSubCommands() || cmd.Name() == "completion" || cmd.Name() == "help" {
			return
		}
		told := regexp.MustCompile(regexp.QuoteMeta(cmd.CommandPath()) + `\b`).Match(page)
		require.True(t, told, "no runbook has '%s'", cmd.CommandPath())
	})
}

func TestACommandThatIsNotThereIsFoundOut(t *testing.T) {
	for _, line := range []string{
		"cells lst", "cells show", "cells show c01 c02", "cells drain c01 --evacuat", "dlq redrive --rate fast --cell c01",
		"dlq list", "tenants show 'a b'", "nothing",
	} {
		require.Error(t, parses(line), line)
	}
	require.NoError(t, parses(`cells list -o json | jq -r '.cells[] | .id' > list`))
	require.NoError(t, names("tenants move --resume"))
	require.Error(t, names("tenants move --resum"))
	require.Error(t, names("tenants mov"))

	fenced, told := commandsOf("see `cellctl a b`.\n```\n$ cellctl c; echo $(cellctl d)\ncellctl: `cellctl e`\n```\n```\nfor x; do cellctl f; done\n```\n")
	require.Equal(t, []string{"c; echo $(cellctl d)", "d)", "f; done"}, fenced)
	require.Equal(t, []string{"a b"}, told)
}

// commandsOf returns what stands behind cellctl in the page's fenced blocks and, in the text, between backquotes. In a
// block that has a prompt only the lines behind one are commands, the others are what was printed.
func commandsOf(page string) (fenced, told []string) {
	word := regexp.MustCompile(`(?:^|[\s(])cellctl ([a-z].*)`)
	for i, part := range strings.Split(page, "```") {
		if i%2 == 0 {
			for _, m := range regexp.MustCompile("`cellctl ([^`]+)`").FindAllStringSubmatch(part, -1) {
				told = append(told, m[1])
			}
			continue
		}
		prompted := strings.Contains(part, "\n$ ")
		for line := range strings.SplitSeq(part, "\n") {
			command, isCommand := strings.CutPrefix(line, "$ ")
			if prompted && !isCommand {
				continue
			}
			for m := word.FindStringSubmatch(command); m != nil; m = word.FindStringSubmatch(m[1]) {
				fenced = append(fenced, m[1])
			}
		}
	}
	return fenced, told
}

// alternatives returns the commands that a table's `a b\|c` names: a b, and a c.
func alternatives(line string) []string {
	first, others, several := strings.Cut(line, `\|`)
	if !several {
		return []string{line}
	}
	all := []string{first}
	for name := range strings.SplitSeq(others, `\|`) {
		all = append(all, first[:strings.LastIndex(first, " ")+1]+name)
	}
	return all
}

// parses returns why cellctl would refuse a command line before it does anything.
func parses(line string) error {
	cmd, rest, err := newRoot(&app{}).Find(wordsOf(line))
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	if cell := cmd.Flag("cell"); cell != nil && strings.Contains(cell.Usage, "required") && !cell.Changed {
		return cli.WrongUsage(cmd, "--cell is missing")
	}
	return nil
}

// names returns whether a command and its flags exist; what stands between backquotes may leave the arguments out.
func names(line string) error {
	cmd, rest, err := newRoot(&app{}).Find(wordsOf(line))
	if err != nil {
		return err
	}
	if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return cli.WrongUsage(cmd, "unknown command %q", rest[0])
	}
	err = nil
	for _, word := range rest {
		name, isFlag := strings.CutPrefix(word, "--")
		if name, _, _ = strings.Cut(name, "="); isFlag && flagOf(cmd, name) == nil {
			err = cli.WrongUsage(cmd, "unknown flag --%s", name)
		}
	}
	return err
}

func flagOf(cmd *cobra.Command, name string) *pflag.Flag {
	if flag := cmd.Flag(name); flag != nil {
		return flag
	}
	return cmd.InheritedFlags().Lookup(name)
}

// wordsOf splits a command line as a shell does, up to where another command or a file begins.
func wordsOf(line string) []string {
	var words []string
	for _, quoted := range regexp.MustCompile(`'[^']*'|"[^"]*"|[|;&>)]|[^\s|;&>)]+`).FindAllString(line, -1) {
		if strings.ContainsAny(quoted, "|;&>)") && quoted[0] != '\'' && quoted[0] != '"' {
			break
		}
		words = append(words, strings.Trim(quoted, `'"`))
	}
	return words
}
