package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/audit"
)

// Each command declares whether it changes something, by being made with changes or with onlyLooks. One that changes something is
// an act, which the audit has from its first write on: what is refused before, not confirmed, or a dry run that writes
// nothing has changed nothing, and is not kept. One that looks cannot write.

// annotation is where a command has its declaration.
const annotation = "cellctl/declares"

// The declarations.
const (
	thatItChanges = "changes"
	thatItLooks   = "looks"
)

func declare(cmd *cobra.Command, what string) *cobra.Command {
	cmd.Annotations = map[string]string{annotation: what}
	return cmd
}

// onlyLooks declares that a command changes nothing of the deployment.
func onlyLooks(cmd *cobra.Command) *cobra.Command { return declare(cmd, thatItLooks) }

// changes declares that a command may change something of the deployment. The audit then has what it did.
func (a *app) changes(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.act = &act{app: a, is: describe(cmd, args), kept: make(chan struct{})}
		err := run(cmd, args)
		a.act.end(cmd.Context(), err)
		return err
	}
	return declare(cmd, thatItChanges)
}

// errLooks is the error of a write by a command that has declared to look only: a mistake of cellctl's.
var errLooks = errors.New("cellctl would change something with a command that declares that it does not; nothing was done")

// act is the run of a command that changes something, and what the audit has of it.
type act struct {
	app   *app
	is    audit.Act
	trail audit.Trail
	begun atomic.Bool   // with the first write
	kept  chan struct{} // closed when the audit knows of it, or lacks it
	noted bool          // that the audit lacks something was said
}

// kept returns the clients with which a deployment is worked on, of whose first write the audit knows before it is made.
func (a *app) kept(c *clients, control manifest.ControlPlane) *clients {
	if a.act == nil {
		return c.watched(func(context.Context) error { return errLooks })
	}
	a.act.is.Process = c.holder
	a.act.trail = audit.Trail{DynamoDB: c.audit, STS: c.sts, Table: control.AuditTable}
	return c.watched(a.act.begin)
}

// begin is called before each write, and keeps the act before the first. It never keeps a write from being made.
func (k *act) begin(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil // the write is not made either
	}
	if !k.begun.CompareAndSwap(false, true) {
		select {
		case <-k.kept:
		case <-ctx.Done():
		}
		return nil
	}
	defer close(k.kept)
	if k.trail.Table == "" {
		k.lacks(errors.New("this deployment keeps no audit yet, 'pulumi up' of its global plane adds it; the act goes on"))
		return nil
	}
	var err error
	if k.is, err = k.trail.Begin(ctx, k.is); err != nil {
		k.lacks(fmt.Errorf("%w; the act goes on", err))
	}
	return nil
}

// end keeps what came of the act, if it came to a write.
func (k *act) end(ctx context.Context, err error) {
	if !k.begun.Load() || k.trail.Table == "" {
		return
	}
	<-k.kept
	outcome := audit.Failed
	switch {
	case ctx.Err() != nil:
		outcome = audit.Interrupted
	case err == nil:
		outcome = audit.Done
	case isRefusal(err):
		outcome = audit.Refused
	}
	k.lacks(k.trail.End(ctx, k.is, outcome, err))
}

// lacks says once what the audit does not have of the act.
func (k *act) lacks(err error) {
	if err == nil || k.noted {
		return
	}
	k.noted = true
	if k.app.terminal(k.app.stderr) {
		k.app.clearLine() // of a bar
	}
	k.app.note("Warning: %v.", err)
}

// describe is what the audit has of a command line.
func describe(cmd *cobra.Command, args []string) audit.Act {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	words := append(strings.Fields(path), args...)
	named := map[subject][]string{}
	for i, arg := range args {
		named[argument(cmd, i)] = append(named[argument(cmd, i)], arg)
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if howFlags[f.Name] {
			return
		}
		values := valuesOf(f)
		named[subjectsOfFlags[f.Name]] = append(named[subjectsOfFlags[f.Name]], values...)
		for _, value := range values {
			switch {
			case f.Value.Type() != "bool":
				words = append(words, "--"+f.Name, value)
			case value == "true":
				words = append(words, "--"+f.Name)
			default:
				words = append(words, "--"+f.Name+"="+value)
			}
		}
	})
	for i, word := range words {
		words[i] = quoted(word)
	}
	return audit.Act{
		Command: strings.Join(words, " "),
		Tenants: only(named[tenantSubject], event.ValidTenantID), Cells: only(named[cellSubject], naming.ValidCellID),
	}
}

// howFlags say where a command finds the deployment and how it prints: nothing of what it does.
var howFlags = map[string]bool{"stack": true, "region": true, "profile": true, "output": true, "no-color": true}

// subject is what kind of thing an argument or a flag names.
type subject string

const (
	tenantSubject subject = "TENANT"
	cellSubject   subject = "CELL"
)

var subjectsOfFlags = map[string]subject{
	"tenant": tenantSubject, "revive": tenantSubject,
	"cell": cellSubject, "to": cellSubject, "lost": cellSubject, "abandon": cellSubject,
}

// argument is what the i-th argument of a command names, as its usage says it: "move TENANT --to CELL", "resume TENANT...".
func argument(cmd *cobra.Command, i int) subject {
	arguments, _, _ := strings.Cut(cmd.Use, " --")
	names := strings.Fields(arguments)[1:]
	if len(names) == 0 {
		return ""
	}
	return subject(strings.Trim(names[min(i, len(names)-1)], "[]."))
}

func valuesOf(f *pflag.Flag) []string {
	if several, ok := f.Value.(pflag.SliceValue); ok {
		return several.GetSlice()
	}
	return []string{f.Value.String()}
}

func only(all []string, valid func(string) bool) []string {
	var some []string
	for _, one := range all {
		if valid(one) {
			some = append(some, one)
		}
	}
	return some
}

var plainWord = regexp.MustCompile(`\A[A-Za-z0-9_./:@,+=-]+\z`)

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return fmt.Sprintf("'%s'", strings.ReplaceAll(word, "'", `'\''`))
}
