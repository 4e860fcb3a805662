package main

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
)

func TestOnlyAnEmptyCellIsRetired(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.refuses(exitRefused, "cellctl: cell c01 is active and may be given tenants at any time; 'cellctl cells drain c01' first\n", "cells", "retire", "c01", "--yes")
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.does("cells", "drain", "c01")
		w.queues["dev-processing-queue-cell-c01"] = [2]int{2, 1}
		w.queues["dev-processing-queue-stream-dlq-cell-c01"] = [2]int{4, 0}
		w.queues["dev-processing-queue-sub-dlq-cell-c01"] = [2]int{5, 0}
		w.queues["dev-processing-queue-dlq-cell-c01"] = [2]int{6, 0}
		w.event("c01", "acme", "1", ledger.Diverted)
		w.refuses(exitRefused, "cellctl: cell c01 is not empty, it has 1 tenant ('cellctl tenants list --cell c01'; 'cellctl moves list' has those that a move brings or takes), "+
			"3 messages in its queue (wait until they are processed), 4 messages in its stream DLQ (redrive or drop them), "+
			"5 messages in its subscription DLQ (redrive or drop them), 6 messages in its consumer DLQ (redrive or drop them), "+
			"1 diverted event to follow their tenant (finish the moves); then retire it again\n", "cells", "retire", "c01", "--yes")
	})
}

func TestOneMessageInFlightKeepsACell(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("cells", "drain", "c01")
		w.queues["dev-processing-queue-cell-c01"] = [2]int{0, 1}
		_, stderr, code := w.run("cells", "retire", "c01", "--yes")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "1 message in its queue")
	})
}

func TestCellsRetire_LeavesARetiredCellRetiredThatIsProbedStill(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		tenant := mapping.ProbeTenant("c01")
		w.does("cells", "drain", "c01")
		w.does("cells", "retire", "c01", "--yes")
		w.db.Put(stack.MappingTable(), mapping.Mapping{TenantID: tenant, CellID: "c01", Epoch: 1, State: mapping.Active, Tier: "standard"}.Item())
		stdout, stderr, code := w.run("tenants", "list", "--cell", "c01")
		require.Zero(t, code, stderr)
		require.NotContains(t, stdout, tenant)
		w.does("cells", "retire", "c01", "--yes")
		require.Nil(t, w.mapping(tenant))
	})
}

// settling has one message in the queue of c01 until a time, and is asked so often.
type settling struct {
	sqsClient
	until time.Time
	asked *atomic.Int32
}

func (s settling) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	depths := queues{}
	if *in.QueueUrl == c01.QueueURL {
		s.asked.Add(1)
		if time.Now().Before(s.until) {
			depths["dev-processing-queue-cell-c01"] = [2]int{0, 1}
		}
	}
	return depths.GetQueueAttributes(ctx, in)
}

// The standing probe has a message in each cell's queue once a minute, for a moment.
func TestCellsRetire_WaitsForTheMessageOfAProbe(t *testing.T) {
	const told = "Cell c01 has 1 message in its queue, which may be the standing probe's: waiting up to 30s until they are processed.\n"
	for name, c := range map[string]struct {
		lasts time.Duration
		args  []string
		check func(t *testing.T, code int, stderr string, asked int32)
	}{
		"that is processed": {25 * time.Second, []string{"cells", "drain", "c01"}, func(t *testing.T, code int, stderr string, asked int32) {
			require.Zero(t, code, stderr)
			require.True(t, strings.HasPrefix(stderr, told+"Nothing of cell c01 is needed any more."), stderr)
		}},
		"and not for ever": {time.Hour, []string{"cells", "drain", "c01"}, func(t *testing.T, code int, stderr string, asked int32) {
			require.Equal(t, exitRefused, code)
			require.Equal(t, told+"cellctl: cell c01 is not empty, it has 1 message in its queue (wait until they are processed); then retire it again\n", stderr)
		}},
		"and not where the cell has something else": {time.Hour, []string{"tenants", "assign", "acme", "--cell", "c01"}, func(t *testing.T, code int, stderr string, asked int32) {
			require.Equal(t, exitRefused, code)
			require.NotContains(t, stderr, told)
			require.EqualValues(t, 1, asked)
		}},
		"and not where the cell is active": {time.Hour, nil, func(t *testing.T, code int, stderr string, asked int32) {
			require.Equal(t, exitRefused, code)
			require.NotContains(t, stderr, told)
			require.EqualValues(t, 1, asked)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				if c.args != nil {
					w.does(c.args...)
				}
				asked := new(atomic.Int32)
				w.sqs = settling{w.sqs, time.Now().Add(c.lasts), asked}
				_, stderr, code := w.run("cells", "retire", "c01", "--yes")
				c.check(t, code, stderr, asked.Load())
			})
		})
	}
}

func TestRetiringAsksAndSaysHowToRemoveTheCell(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.db.Put(stack.MappingTable(), mapping.Mapping{TenantID: mapping.ProbeTenant("c01"), CellID: "c01", Epoch: 1, State: mapping.Active, Tier: "standard"}.Item())
		w.does("cells", "drain", "c01")
		w.refuses(cli.ExitUsage, "cellctl: the command asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n", "cells", "retire", "c01")
		w.stdin = "no\n"
		w.refuses(cli.ExitUsage, "Retire cell c01 of stack dev? [y/N] cellctl: not confirmed; nothing was done\n", "cells", "retire", "c01")
		require.NotNil(t, w.mapping(mapping.ProbeTenant("c01")))

		w.stdin = "y\n"
		stdout, stderr, code := w.run("cells", "retire", "c01")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("CELL  STATUS   TENANTS", "c01   retired  0/100"), stdout)
		require.Equal(t, "Retire cell c01 of stack dev? [y/N] Nothing of cell c01 is needed any more. "+
			"Remove its entry from cellular:cells of the stack's configuration, then:\n\n  pulumi up\n", stderr)
		require.Nil(t, w.mapping(mapping.ProbeTenant("c01")), "the tenant that it was probed with has gone, too")
	})
}

func TestAProtectedCellIsToBeUnprotectedFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := cellManifest("c01", 1, 100)
		c.Settings.Protect = true
		w.publish(c)
		w.does("cells", "drain", "c01")
		_, stderr, code := w.run("cells", "retire", "c01", "--yes")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "for part in data results queue consumer-dlq subscription-dlq stream-dlq; do\n")
		require.Contains(t, stderr, "cell-c01-$part")
		require.Contains(t, stderr, "--table-name dev-app-data-cell-c01 --no-deletion-protection-enabled\n")
		require.Contains(t, stderr, "--table-name dev-app-results-cell-c01 --no-deletion-protection-enabled\n")
	})
}
