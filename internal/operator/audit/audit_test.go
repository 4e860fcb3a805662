package audit

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/item"
	"cellular/internal/testkit/formattest"
)

var (
	began  = time.Date(2026, 11, 30, 10, 0, 0, 123e6, time.UTC)
	moving = Act{
		ID: "2026-11-30T10:00:00.123Z_4ZQ2K7XB", StartedAt: began, Caller: "arn:aws:sts::123456789012:assumed-role/ops/ada",
		Process: "bastion:4711", Command: "tenants move acme --to c02", Tenants: []string{"acme"}, Cells: []string{"c02"}, Outcome: Started,
	}
)

// A version reads what every version before has kept.
func TestTheFormatOfAnActIsKept(t *testing.T) {
	failed := moving
	failed.Outcome, failed.Error, failed.EndedAt, failed.More = Failed, "cell c02 takes no tenant", began.Add(1500*time.Millisecond), true
	bare := Act{ID: moving.ID, StartedAt: began, Process: moving.Process, Command: "doctor --fix", Outcome: Done, EndedAt: failed.EndedAt}
	want := map[string]Act{"started": moving, "failed": failed, "bare": bare}
	for name, a := range want {
		formattest.WritesItem(t, "testdata/act-v1/"+name+".json", a.item())
	}
	kept := formattest.Items(t, "testdata/act-v*")
	require.Len(t, kept, len(want))
	for name, a := range want {
		stored := kept["testdata/act-v1/"+name+".json"]
		for _, stored := range []formattest.Item{stored, formattest.NewerItem(stored)} {
			got, err := fromItem(stored)
			require.NoError(t, err, name)
			require.Equal(t, a, got, name)
		}
	}
}

func TestFromItem_NamesEveryAttributeThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		attribute, value, want string
	}{
		{"act_id", "yesterday", `attribute act_id is "yesterday", want 2006-01-02T15:04:05.000Z_ID`},
		{"outcome", "", "attribute outcome is missing"},
		{"command_line", "", "attribute command_line is missing"},
		{"named_cells", "c01", "attribute named_cells is not a list of strings"},
		{"ended_at", "soon", `attribute ended_at is "soon"`},
	} {
		stored := maps.Clone(moving.item())
		stored[c.attribute] = item.Text(c.value)
		if c.value == "" {
			delete(stored, c.attribute)
		}
		_, err := fromItem(stored)
		require.ErrorIs(t, err, errMalformed)
		require.ErrorContains(t, err, c.want)
	}
}

// What an act takes of a table is bounded, whatever is typed and whatever goes wrong.
func TestBounded_KeepsNoMoreThanItsBoundsAndSaysThatMoreWasNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z][a-z0-9]{0,2}`)
		a := moving
		a.Command = strings.Repeat(rapid.String().Draw(t, "word"), rapid.IntRange(0, 300).Draw(t, "times"))
		a.Error = strings.Repeat(rapid.String().Draw(t, "error"), rapid.IntRange(0, 100).Draw(t, "as often"))
		a.Tenants = rapid.SliceOfN(name, 0, 3*MaxNamed).Draw(t, "tenants")
		a.Cells = rapid.SliceOfN(name, 0, 3).Draw(t, "cells")
		got := a.bounded()
		require.LessOrEqual(t, len(got.Command), MaxCommand)
		require.LessOrEqual(t, len(got.Error), MaxError)
		require.LessOrEqual(t, len(got.Tenants), MaxNamed)
		require.Equal(t, utf8.ValidString(a.Command), utf8.ValidString(got.Command), "no character is cut in two")
		for _, named := range []struct{ all, kept []string }{{a.Tenants, got.Tenants}, {a.Cells, got.Cells}} {
			require.True(t, slices.IsSorted(named.kept))
			require.Len(t, slices.Compact(slices.Clone(named.kept)), len(named.kept), "each once")
			for _, one := range named.all {
				require.True(t, slices.Contains(named.kept, one) || got.More, "%s is neither kept nor said to be missing", one)
			}
		}
		if len(a.Command) <= MaxCommand {
			require.Equal(t, a.Command, got.Command)
		} else {
			require.True(t, strings.HasSuffix(got.Command, "..."))
		}
	})
}

// AWS sends the headers of a request back that was signed wrongly, on the lines after the first. A session's token is one.
func TestFirstLine_HasNothingOfTheLinesThatFollow(t *testing.T) {
	err := errors.New("SignatureDoesNotMatch: check your key:\nx-amz-security-token:s3cr3t")
	require.Equal(t, "SignatureDoesNotMatch: check your key", firstLine(err))
}
