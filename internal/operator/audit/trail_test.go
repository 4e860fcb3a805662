package audit_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/operator/audit"
	"cellular/internal/testkit/dynamotest"
)

const stack naming.Stack = "dev"

const (
	ada = "arn:aws:sts::123456789012:assumed-role/ops/ada"
)

// caller is STS: the ARN of who calls, "" for one that hangs.
type caller string

func (c caller) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	if c == "" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &sts.GetCallerIdentityOutput{Arn: new(string(c))}, nil
}

func newTrail() (audit.Trail, *dynamotest.DB) {
	db := dynamotest.NewTables(dynamotest.ControlPlane(stack))
	return audit.Trail{DynamoDB: db, STS: caller(ada), Table: stack.AuditTable()}, db
}

func list(t *testing.T, trail audit.Trail) []audit.Act {
	t.Helper()
	acts, next, err := trail.List(t.Context(), audit.Filter{Since: time.Now().Add(-time.Hour), Limit: 100})
	require.NoError(t, err)
	require.Empty(t, next)
	return acts
}

var suspend = audit.Act{Process: "bastion:4711", Command: "tenants suspend acme", Tenants: []string{"acme"}}

func TestTrail_KeepsAnActBeforeAndAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail, _ := newTrail()
		began := time.Now().UTC()
		a, err := trail.Begin(t.Context(), suspend)
		require.NoError(t, err)
		want := suspend
		want.ID, want.StartedAt, want.Caller, want.Outcome = a.ID, began, ada, audit.Started
		require.True(t, strings.HasPrefix(a.ID, event.FormatTime(began)+"_"))
		require.Equal(t, []audit.Act{want}, list(t, trail), "a process that dies now leaves this")

		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, trail.End(t.Context(), a, audit.Failed, errors.New("suspend acme: down\nand more")))
		want.Outcome, want.Error, want.EndedAt = audit.Failed, "suspend acme: down", time.Now().UTC()
		require.Equal(t, []audit.Act{want}, list(t, trail))
	})
}

func TestTrail_KeepsHowAnInterruptedActEnded(t *testing.T) {
	trail, _ := newTrail()
	ctx, cancel := context.WithCancel(t.Context())
	a, err := trail.Begin(ctx, suspend)
	require.NoError(t, err)
	cancel()
	require.NoError(t, trail.End(ctx, a, audit.Interrupted, ctx.Err()))
	require.Equal(t, audit.Interrupted, list(t, trail)[0].Outcome)
}

func TestTrail_WaitsForWhatHangsNoLongerThanItSays(t *testing.T) {
	hang := func(ctx context.Context, c dynamotest.Call) error {
		if c.Operation != "PutItem" {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	for _, c := range []struct {
		name        string
		sts         caller
		table       func(context.Context, dynamotest.Call) error
		begin, end  string
		began, took time.Duration
	}{
		{"table", ada, hang, "the audit does not have this act: no answer within 3s", "the audit does not have how this act ended: no answer within 2s", 3 * time.Second, 5 * time.Second},
		{"STS", "", nil, "the audit does not know who does this: no answer within 2s", "", 2 * time.Second, 2 * time.Second},
		{"both", "", hang, "the audit does not have this act: no answer within 3s", "the audit does not have how this act ended: no answer within 2s", 3 * time.Second, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trail, db := newTrail()
				trail.STS, db.Intercept = c.sts, c.table
				at := time.Now()
				a, err := trail.Begin(t.Context(), suspend)
				require.EqualError(t, err, c.begin)
				require.Equal(t, c.began, time.Since(at))
				err = trail.End(t.Context(), a, audit.Done, nil)
				require.Equal(t, c.end, text(err))
				require.Equal(t, c.took, time.Since(at))
				if c.table == nil {
					require.Empty(t, list(t, trail)[0].Caller)
					require.Equal(t, audit.Done, list(t, trail)[0].Outcome)
				}
			})
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTrail_SaysInOneLineWhatAWSSays(t *testing.T) {
	trail, db := newTrail()
	db.Intercept = func(context.Context, dynamotest.Call) error {
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "ada may not\nx-amz-security-token: s3cr3t"}
	}
	_, err := trail.Begin(t.Context(), suspend)
	require.EqualError(t, err, "the audit does not have this act: AccessDeniedException: ada may not")
}

// The table may be there again when a long act ends.
func TestTrail_KeepsTheWholeActAtItsEndWhereItsBeginningWasLost(t *testing.T) {
	trail, db := newTrail()
	db.Intercept = func(context.Context, dynamotest.Call) error { return errors.New("down") }
	a, err := trail.Begin(t.Context(), suspend)
	require.EqualError(t, err, "the audit does not have this act: operation error DynamoDB: PutItem, down")
	db.Intercept = nil
	require.NoError(t, trail.End(t.Context(), a, audit.Done, nil))
	got := list(t, trail)
	require.Len(t, got, 1)
	require.Equal(t, a.ID, got[0].ID)
	require.Equal(t, ada, got[0].Caller)
	require.Equal(t, suspend.Command, got[0].Command)
	require.Equal(t, audit.Done, got[0].Outcome)
}

// Whatever was kept when, the pages of a listing have, one after the other, all that the filter selects, the newest first, and
// each once.
func TestList_PagesHaveEveryActOfTheFilterOnce(t *testing.T) {
	const day = 24 * time.Hour
	rapid.Check(t, func(rt *rapid.T) {
		trail, db := newTrail()
		db.PageItems = rapid.IntRange(1, 5).Draw(rt, "items of a page")
		now := time.Now()
		var kept []audit.Act
		for i := range rapid.IntRange(0, 30).Draw(rt, "acts") {
			at := now.Add(-time.Duration(rapid.Int64Range(0, int64(450*day/time.Hour)).Draw(rt, "hours ago")) * time.Hour).Truncate(time.Millisecond)
			a := audit.Act{
				ID: fmt.Sprintf("%s_%02d", event.FormatTime(at), i), StartedAt: at,
				Caller:  "arn:aws:sts::123456789012:assumed-role/ops/" + rapid.SampledFrom([]string{"ada", "bob"}).Draw(rt, "who"),
				Tenants: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"acme", "whale"}), 0, 2, rapid.ID).Draw(rt, "tenants"),
				Cells:   rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"c01", "c02"}), 0, 2, rapid.ID).Draw(rt, "cells"),
				More:    rapid.IntRange(0, 9).Draw(rt, "more") == 0,
			}
			require.NoError(rt, trail.End(t.Context(), a, audit.Done, nil))
			kept = append(kept, a)
		}
		f := audit.Filter{
			Since:  now.Add(-time.Duration(rapid.Int64Range(1, 500).Draw(rt, "since")) * day),
			Tenant: rapid.SampledFrom([]string{"", "acme", "ac"}).Draw(rt, "tenant"),
			Cell:   rapid.SampledFrom([]string{"", "c01"}).Draw(rt, "cell"),
			By:     rapid.SampledFrom([]string{"", "ada", "role/ops"}).Draw(rt, "by"),
			Limit:  rapid.IntRange(1, 12).Draw(rt, "limit"),
		}
		var want []string
		for _, a := range kept {
			since := f.Since
			if oldest := now.Add(-audit.Kept); since.Before(oldest) {
				since = oldest
			}
			if event.FormatTime(a.StartedAt) >= event.FormatTime(since) && strings.Contains(a.Caller, f.By) &&
				(f.Tenant == "" || a.More || slices.Contains(a.Tenants, f.Tenant)) && (f.Cell == "" || a.More || slices.Contains(a.Cells, f.Cell)) {
				want = append(want, a.ID)
			}
		}
		slices.SortFunc(want, func(a, b string) int { return cmp.Compare(b, a) })
		var got []string
		for {
			page, next, err := trail.List(t.Context(), f)
			require.NoError(rt, err)
			require.LessOrEqual(rt, len(page), f.Limit)
			for _, a := range page {
				got = append(got, a.ID)
			}
			if next == "" {
				break
			}
			f.Before = next
		}
		require.Equal(rt, want, got)
	})
}

// Listing takes a query for each month that the filter reaches into, and no Scan.
func TestList_ReadsTheMonthsOfTheFilterAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(14 * 24 * time.Hour) // 15 January 2000
		trail, db := newTrail()
		for since, queries := range map[time.Duration]int{7 * 24 * time.Hour: 1, 20 * 24 * time.Hour: 2, 10000 * time.Hour: 14} {
			before := len(db.Calls())
			_, _, err := trail.List(t.Context(), audit.Filter{Since: time.Now().Add(-since), Limit: 10})
			require.NoError(t, err)
			calls := db.Calls()[before:]
			require.Len(t, calls, queries, since)
			for _, c := range calls {
				require.Equal(t, "Query", c.Operation)
			}
		}
	})
}

func TestList_ShowsWhatCannotBeReadBesideTheOthers(t *testing.T) {
	trail, db := newTrail()
	a, err := trail.Begin(t.Context(), suspend)
	require.NoError(t, err)
	id := event.FormatTime(a.StartedAt.Add(time.Millisecond)) + "_X"
	db.Put(stack.AuditTable(), dynamotest.Item{"utc_month": item.Text(id[:7]), "act_id": item.Text(id), "outcome": item.Text("done")})
	got := list(t, trail)
	require.Len(t, got, 2)
	require.Equal(t, audit.Unreadable, got[0].Outcome)
	require.Equal(t, id, got[0].ID)
	require.Contains(t, got[0].Error, "malformed act: attribute process is missing")
	require.Equal(t, suspend.Command, got[1].Command)
}
