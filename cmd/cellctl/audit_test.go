package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

func TestAudit_FindsActsByTenantCellAndCaller(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		time.Sleep(time.Second)
		w.does("cells", "drain", "c02")
		time.Sleep(time.Second)
		w.does("tenants", "suspend", "acme", "--yes")
		commands := func(args ...string) (all []string) {
			for _, a := range w.audit(args...) {
				all = append(all, a.Command)
			}
			return all
		}
		assign, drain, suspend := "tenants assign acme --cell c01", "cells drain c02", "tenants suspend acme --yes"
		require.Equal(t, []string{suspend, drain, assign}, commands())
		require.Equal(t, []string{suspend, assign}, commands("--tenant", "acme"))
		require.Equal(t, []string{drain}, commands("--cell", "c02"))
		require.Equal(t, []string{assign}, commands("--cell", "c01", "--tenant", "acme"))
		require.Len(t, commands("--by", "ops/ada"), 3)
		require.Empty(t, commands("--by", "bob"))
		require.Equal(t, []string{suspend}, commands("--since", "500ms"))
		require.Equal(t, []string{drain, assign}, commands("--before", "2000-01-01T00:00:02Z"))
		time.Sleep(8 * 24 * time.Hour)
		require.Empty(t, commands(), "seven days, unless --since says more")
		require.Len(t, commands("--since", "9d"), 3)
		require.Len(t, commands("--since", "1999-12-31T00:00:00Z"), 3)
	})
}

func TestAudit_PrintsPageAfterPage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range 5 {
			w.does("tenants", "assign", tenantID(i))
			time.Sleep(time.Millisecond)
		}
		var got []string
		args := []string{"audit", "--limit", "2", "--no-color"}
		for page := 0; ; page++ {
			stdout, stderr, code := w.run(args...)
			require.Zero(t, code, stderr)
			for line := range strings.SplitSeq(strings.TrimSpace(stdout), "\n") {
				if _, command, ok := strings.Cut(line, "tenants assign "); ok {
					got = append(got, strings.Fields(command)[0])
				}
			}
			_, next, more := strings.Cut(stderr, "There are more: add --before ")
			if !more {
				require.Equal(t, 2, page)
				break
			}
			args = []string{"audit", "--limit", "2", "--before", strings.TrimSuffix(next, ".\n")}
		}
		require.Equal(t, []string{tenantID(4), tenantID(3), tenantID(2), tenantID(1), tenantID(0)}, got)
	})
}

func TestAudit_RefusesWhatItCannotFilterBy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const times = "a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m or 7d"
		for want, args := range map[string][]string{
			`--since is "noon", want ` + times:                                {"--since", "noon"},
			`--since is "-7d", want ` + times:                                 {"--since", "-7d"},
			`--since is "0d", want ` + times:                                  {"--since", "0d"},
			`--since is "9999999d", want ` + times:                            {"--since", "9999999d"},
			`--before is "noon", want what the page before said, or ` + times: {"--before", "noon"},
			`--limit is 0, want 1 to 1000`:                                    {"--limit", "0"},
			`--limit is 1001, want 1 to 1000`:                                 {"--limit", "1001"},
		} {
			w.refuses(cli.ExitUsage, "cellctl: "+want+"; see 'cellctl audit --help'\n", append([]string{"audit"}, args...)...)
		}
		_, stderr, code := w.run("audit", "--tenant", "a b")
		require.Equal(t, cli.ExitUsage, code)
		require.Contains(t, stderr, `--tenant is "a b", want the form `)
	})
}

func TestAudit_SaysThatADeploymentOfTheVersionBeforeKeepsNone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.ssm[stack.ControlPlaneParameter()] = strings.Replace(w.ssm[stack.ControlPlaneParameter()], "audit_table", "other_table", 1)
		w.refuses(exitRefused, "cellctl: stack dev keeps no audit: the version that deployed its global plane knows none; 'pulumi up' of this version adds it\n", "audit")
	})
}

func TestMoment_ReadsTimesAndHowLongAgoTheyWere(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"90m": "2026-11-30T10:30:00Z", "7d": "2026-11-23T12:00:00Z", "2026-07-01T12:00:00+02:00": "2026-07-01T10:00:00Z",
		"": "", "d": "", "7": "", "1.5d": "", "+7d": "", "-1h": "", "yesterday": "",
	} {
		got, ok := moment(text, now)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, got.UTC().Format(time.RFC3339), text)
		}
	}
}
