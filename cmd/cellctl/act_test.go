package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/audit"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// audit is what the audit has, the newest first.
func (w *world) audit(args ...string) []actView {
	w.t.Helper()
	stdout, stderr, code := w.run(append([]string{"audit", "--output", "json"}, args...)...)
	require.Zero(w.t, code, stderr)
	var v auditView
	require.NoError(w.t, json.Unmarshal([]byte(stdout), &v))
	return v.Acts
}

// kept are the acts of the audit, the oldest first: "OUTCOME COMMAND".
func (w *world) kept() []string {
	w.t.Helper()
	kept := []string{}
	for _, a := range w.audit() {
		kept = append([]string{string(a.Outcome) + " " + a.Command}, kept...)
	}
	time.Sleep(time.Millisecond) // acts of the same one are in no order
	return kept
}

// leaves calls each with every command that does something itself.
func leaves(t *testing.T, each func(*cobra.Command)) {
	commands(t, func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() && cmd.Name() != "help" {
			each(cmd)
		}
	})
}

func TestEveryCommandDeclaresWhetherItChangesSomething(t *testing.T) {
	n := map[string]int{}
	leaves(t, func(cmd *cobra.Command) {
		declared := cmd.Annotations[annotation]
		require.Contains(t, []string{thatItChanges, thatItLooks}, declared, "'%s' is to be made with changes or with onlyLooks", cmd.CommandPath())
		n[declared]++
	})
	require.Greater(t, n[thatItChanges], 15)
	require.Greater(t, n[thatItLooks], 5)
}

func TestACommandThatDeclaresToLookCannotWrite(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme")
		var out, errs bytes.Buffer
		a := w.app(&out, &errs)
		a.options.stackName = string(stack)
		s, err := a.connect(t.Context())
		require.NoError(t, err)
		_, err = s.placement.Suspend(t.Context(), "acme")
		require.ErrorIs(t, err, errLooks)
		w.does("tenants", "assign", "beta")
		require.Equal(t, "active", w.state("acme"))
	})
}

func (w *world) state(tenant string) string {
	w.t.Helper()
	stdout, stderr, code := w.run("tenants", "show", tenant, "--output", "json")
	require.Zero(w.t, code, stderr)
	var v struct{ State string }
	require.NoError(w.t, json.Unmarshal([]byte(stdout), &v))
	return v.State
}

// Every method of a client that is no read tells of itself before it does anything: a method that an interface gains is
// found here.
func TestWatched_TellsOfEveryWrite(t *testing.T) {
	reads := regexp.MustCompile(`^(Get|BatchGet|TransactGet|Describe|List|Query|Scan|Receive|ChangeMessageVisibility)`)
	told := errors.New("told")
	w := (&clients{}).watched(func(context.Context) error { return told })
	n := 0
	for _, client := range []any{&w.dynamo, &w.sqs, &w.recovery, &w.streams, &w.ssm, &w.sts, &w.cloudwatch, &w.health.DynamoDB, &w.health.SQS, &w.health.Lambda, &w.health.IAM, &w.health.SNS} {
		v := reflect.ValueOf(client).Elem()
		for i := range v.Type().NumMethod() {
			m := v.Type().Method(i)
			if reads.MatchString(m.Name) {
				continue
			}
			require.False(t, v.IsNil(), "%s.%s is not watched", v.Type(), m.Name)
			out := v.Method(i).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.Zero(m.Type.In(1))})
			require.Equal(t, told, out[1].Interface(), "%s.%s is not watched", v.Type(), m.Name)
			n++
		}
	}
	require.GreaterOrEqual(t, n, 6)
}

func TestAudit_HasWhoDidWhatAndWhatCameOfIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.holder = func() string { return "bastion:4711" }
		w.does("tenants", "assign", "acme", "--cell", "c01")
		time.Sleep(time.Second)
		w.does("tenants", "suspend", "acme", "--yes", "--no-color")
		suspended := w.audit()[0]
		require.True(t, strings.HasPrefix(suspended.ID, "2000-01-01T00:00:01.000Z_"))
		suspended.ID = ""
		require.Equal(t, actView{
			At: new("2000-01-01T00:00:01.000Z"), By: new("arn:aws:sts::123456789012:assumed-role/ops/ada"), Process: "bastion:4711",
			Command: "tenants suspend acme --yes", Tenants: []string{"acme"}, Cells: []string{}, Outcome: audit.Done, Took: new(manifest.Duration(0)),
		}, suspended)
		w.prints(printed(
			"AT                        BY                    OUTCOME  TOOK  COMMAND                         ERROR",
			"2000-01-01T00:00:01.000Z  assumed-role/ops/ada  done     0s    tenants suspend acme --yes      -",
			"2000-01-01T00:00:00.000Z  assumed-role/ops/ada  done     0s    tenants assign acme --cell c01  -",
		), "audit")
	})
}

func TestAudit_HasNothingOfWhatChangedNothing(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		before := w.kept()
		for _, args := range [][]string{
			{"cells", "list"}, {"tenants", "show", "acme"}, {"moves", "list"}, {"audit"},
			{"tenants", "suspend", "acme"},                         // asks, and nobody is there to answer
			{"tenants", "move", "nobody", "--to", "c02"},           // there is no such tenant
			{"tenants", "move", "acme"},                            // a wrong command line
			{"tenants", "move", "acme", "--to", "c09"},             // there is no such cell
			{"cells", "retire", "c01", "--yes"},                    // it is active
			{"replay", "--cell", "c01", "--dry-run"},               // a dry run
			{"dlq", "list", "--cell", "c01"},                       // no letter of a removed tenant is there
			{"dlq", "drop", "--cell", "c01", "--all"},              // asks
			{"dlq", "drop", "--cell", "c01", "--id", "x", "--yes"}, // there is no such message
			{"moves", "resume", "--all"},                           // none is under way
		} {
			_, _, _ = w.run(args...)
			require.Equal(t, before, w.kept(), args)
		}
		w.stdin = "n\n"
		w.refuses(cli.ExitUsage, "Suspend tenant acme of stack dev? [y/N] cellctl: not confirmed; nothing was done\n", "tenants", "suspend", "acme")
		require.Equal(t, before, w.kept())
		w.stdin = "y\n"
		w.does("tenants", "suspend", "acme")
		require.Equal(t, append(before, "done tenants suspend acme"), w.kept(), "without --yes, the question was answered")
	})
}

func TestAudit_HasAnActThatFailedWithTheFirstLineOfItsError(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme")
		time.Sleep(time.Millisecond)
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "UpdateItem" && c.Table == stack.MappingTable() {
				return errors.New("no such luck:\nx-amz-security-token: s3cr3t")
			}
			return nil
		}
		_, stderr, code := w.run("tenants", "suspend", "acme", "--yes")
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stderr, "s3cr3t", "the operator sees all of it")
		got := w.audit()[0]
		require.Equal(t, audit.Failed, got.Outcome)
		require.True(t, strings.HasSuffix(*got.Error, "no such luck"), *got.Error)
		require.NotContains(t, fmt.Sprint(w.db.Items(stack.AuditTable())), "s3cr3t")
	})
}

func TestAudit_HasAnActThatWasRefusedOnceItHadBegun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, _, code := w.run("tenants", "suspend", "nobody", "--yes")
		require.Equal(t, exitRefused, code)
		require.Equal(t, []string{"refused tenants suspend nobody --yes"}, w.kept())
	})
}

// What a process leaves that is killed is what is there while it writes for the first time.
func TestAudit_HasAnActAsStartedBeforeItsFirstWrite(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme")
		time.Sleep(time.Millisecond)
		var then []string
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Writes() && c.Table != stack.AuditTable() {
				w.db.Intercept = nil
				then = w.kept()
			}
			return nil
		}
		w.does("tenants", "suspend", "acme", "--yes")
		require.Equal(t, []string{"done tenants assign acme", "started tenants suspend acme --yes"}, then)
	})
}

func TestAudit_HasAnActThatWasInterrupted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme")
		time.Sleep(time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "UpdateItem" {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		var out, errs bytes.Buffer
		require.Error(t, w.app(&out, &errs).run(ctx, []string{"--stack", string(stack), "tenants", "suspend", "acme", "--yes"}))
		require.Empty(t, errs.String())
		w.db.Intercept = nil
		require.Equal(t, []string{"done tenants assign acme", "interrupted tenants suspend acme --yes"}, w.kept())
	})
}

// An evacuation writes for many tenants at a time: the audit has it once, and before all of that.
func TestAudit_HasAnEvacuationOnce(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		for i := range 5 {
			w.does("tenants", "assign", tenantID(i), "--cell", "c01")
			time.Sleep(time.Millisecond)
		}
		before := w.kept()
		w.does("cells", "drain", "c01", "--evacuate", "--no-wait", "--parallel", "4")
		require.Equal(t, append(before, "done cells drain c01 --evacuate --no-wait --parallel 4"), w.kept())
		require.Equal(t, []string{"c01"}, w.audit()[0].Cells)
	})
}

// hangingSTS is an STS that does not answer.
type hangingSTS struct{}

func (hangingSTS) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAnActGoesOnWithoutTheAudit(t *testing.T) {
	onAudit := func(fail func(context.Context) error) func(*world) {
		return func(w *world) {
			w.db.Intercept = func(ctx context.Context, c dynamotest.Call) error {
				if c.Table == stack.AuditTable() && c.Writes() {
					return fail(ctx)
				}
				return nil
			}
		}
	}
	for name, c := range map[string]struct {
		breaks  func(*world)
		warning string
		longest time.Duration
		kept    []string
	}{
		"table that hangs": {
			onAudit(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
			"the audit does not have this act: no answer within 3s; the act goes on", audit.BeginWithin + audit.EndWithin, []string{},
		},
		"table that denies": {
			onAudit(func(context.Context) error {
				return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "ada is not authorized"}
			}),
			"the audit does not have this act: AccessDeniedException: ada is not authorized; the act goes on", 0, []string{},
		},
		"table that is gone": {
			func(w *world) { w.deletePart(part{table: stack.AuditTable()}) },
			"the audit does not have this act: ResourceNotFoundException: Requested resource not found: Table: dev-global-audit not found; the act goes on", 0, nil,
		},
		"control plane of the version before": {
			func(w *world) {
				w.ssm[stack.ControlPlaneParameter()] = strings.Replace(w.ssm[stack.ControlPlaneParameter()], "audit_table", "other_table", 1)
			},
			"this deployment keeps no audit yet, 'pulumi up' of its global plane adds it; the act goes on", 0, nil,
		},
		"STS that hangs": {
			func(w *world) { w.sts = hangingSTS{} },
			"the audit does not know who does this: no answer within 2s; the act goes on", audit.CallerWithin,
			[]string{"done tenants suspend acme --yes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c.breaks(w)
				began := time.Now()
				w.does("tenants", "assign", "acme")
				require.LessOrEqual(t, time.Since(began), c.longest)
				stdout, stderr, code := w.run("tenants", "suspend", "acme", "--yes")
				require.Zero(t, code, stderr)
				require.Contains(t, stdout, "suspended")
				require.Equal(t, "Warning: "+c.warning+".\n", stderr, "one line")
				if c.kept != nil {
					require.Equal(t, append([]string{}, c.kept...), lastOf(w.kept(), len(c.kept)))
				}
			})
		})
	}
}

func lastOf(all []string, n int) []string {
	return append([]string{}, all[len(all)-min(n, len(all)):]...)
}

// A table that comes back while a long act is under way has it, and how it ended.
func TestAudit_HasAnActWhoseBeginningCouldNotBeKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		down := true
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Table == stack.AuditTable() && c.Operation == "PutItem" && down {
				down = false
				return errors.New("down")
			}
			return nil
		}
		_, stderr, code := w.run("tenants", "assign", "acme")
		require.Zero(t, code)
		require.Equal(t, "Warning: the audit does not have this act: operation error DynamoDB: PutItem, down; the act goes on.\n", stderr)
		require.Equal(t, []string{"done tenants assign acme"}, w.kept())
	})
}

func TestDescribe_NamesWhatTheCommandLineNames(t *testing.T) {
	for _, c := range []struct {
		line           []string
		command        string
		tenants, cells []string
	}{
		{[]string{"tenants", "move", "acme", "--to", "c02"}, "tenants move acme --to c02", []string{"acme"}, []string{"c02"}},
		{[]string{"tenants", "move", "acme", "--abandon=c02", "-y"}, "tenants move acme --abandon c02 --yes", []string{"acme"}, []string{"c02"}},
		{[]string{"tenants", "assign", "acme", "--cell", "c02", "--lost", "c01"}, "tenants assign acme --cell c02 --lost c01", []string{"acme"}, []string{"c02", "c01"}},
		{[]string{"moves", "resume", "acme", "beta", "--stack", "dev", "--output", "json"}, "moves resume acme beta", []string{"acme", "beta"}, nil},
		{[]string{"moves", "resume", "--all"}, "moves resume --all", nil, nil},
		{[]string{"cells", "drain", "c01", "--evacuate=false"}, "cells drain c01 --evacuate=false", nil, []string{"c01"}},
		{[]string{"dlq", "redrive", "--cell", "c01", "--tenant", "acme", "--kind", "stream,consumer"}, "dlq redrive --cell c01 --kind stream --kind consumer --tenant acme",
			[]string{"acme"}, []string{"c01"}},
		{[]string{"dlq", "show", "0001", "--cell", "c01"}, "dlq show 0001 --cell c01", nil, []string{"c01"}},
		{[]string{"restore", "mapping", "--at", "2026-07-01T12:00:00Z", "--revive", "acme"}, "restore mapping --at 2026-07-01T12:00:00Z --revive acme", []string{"acme"}, nil},
		{[]string{"tenants", "remove", "acme", "--export", "it's mine.jsonl"}, `tenants remove acme --export 'it'\''s mine.jsonl'`, []string{"acme"}, nil},
		{[]string{"probe", "c01", "c02"}, "probe c01 c02", nil, []string{"c01", "c02"}},
		{[]string{"cells", "activate", "no cell"}, "cells activate 'no cell'", nil, nil},
		{[]string{"doctor", "--fix"}, "doctor --fix", nil, nil},
	} {
		cmd, rest, err := newRoot(&app{}).Find(c.line)
		require.NoError(t, err, c.line)
		require.NoError(t, cmd.ParseFlags(rest), c.line)
		require.Equal(t, audit.Act{Command: c.command, Tenants: c.tenants, Cells: c.cells}, describe(cmd, cmd.Flags().Args()))
	}
}

// A flag that names a tenant or a cell is one by which the audit is searched.
func TestDescribe_KnowsEveryFlagThatNamesATenantOrACell(t *testing.T) {
	about := regexp.MustCompile(`(?i)\b(cell|tenant)\b`)
	other := map[string]bool{ // say how, not to whom
		"at": true, "dry-run": true, "evacuate": true, "export": true, "forget": true, "no-wait": true, "resume": true, "back-out": true,
		"search": true, "tier": true, "wait": true, "all": true, "patience": true, "fix": true, "rate": true, "parallel": true, "since": true,
	}
	leaves(t, func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if cmd.Annotations[annotation] == thatItChanges && about.MatchString(f.Usage) && !other[f.Name] {
				require.NotEmpty(t, subjectsOfFlags[f.Name], "%s --%s: %s", cmd.CommandPath(), f.Name, f.Usage)
			}
		})
	})
}

// A command line is kept and shown to whoever reads the audit: no flag may take a secret. One is read from the environment,
// of which nothing is kept.
func TestAudit_HasNoSecrets(t *testing.T) {
	secret := regexp.MustCompile(`(?i)token|secret|password|credential|\bkey\b`)
	leaves(t, func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			require.NotRegexp(t, secret, f.Name, cmd.CommandPath())
			require.NotRegexp(t, secret, f.Usage, cmd.CommandPath())
		})
	})
	inWorld(t, func(t *testing.T, w *world) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "k3y")
		w.does("tenants", "assign", "acme")
		require.NotContains(t, fmt.Sprint(w.db.Items(stack.AuditTable())), "k3y")
	})
}
