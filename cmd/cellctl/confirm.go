package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
)

// confirm asks a question whose answer is yes or no. Its error says that the operator did not confirm.
func (a *app) confirm(cmd *cobra.Command, question string) error {
	return a.ask(cmd, question+" [y/N] ", func(answer string) bool {
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	})
}

// confirmName asks, before something is destroyed, for its name to be typed.
func (a *app) confirmName(cmd *cobra.Command, warning, name string) error {
	return a.ask(cmd, fmt.Sprintf("%s\nType %s to go on: ", warning, name), func(answer string) bool { return answer == name })
}

func (a *app) ask(cmd *cobra.Command, question string, confirmed func(answer string) bool) error {
	if a.options.yes {
		return nil
	}
	if !a.terminal(a.stdin) {
		return cli.Usagef("the command asks before it acts, and stdin is no terminal; add --yes to go on without being asked")
	}
	fmt.Fprint(a.stderr, question)
	answer, err := a.readLine(cmd.Context())
	if err != nil {
		return err
	}
	if !confirmed(answer) {
		return cli.Usagef("not confirmed; nothing was done")
	}
	return nil
}

// readLine reads a line from stdin; what ends without one is an empty line. A read cannot be interrupted, so it is left
// behind where the context ends: the process ends with it.
func (a *app) readLine(ctx context.Context) (string, error) {
	answer := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(a.stdin)
		in.Scan()
		answer <- strings.TrimSpace(in.Text())
	}()
	select {
	case text := <-answer:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
