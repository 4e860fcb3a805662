package partstest_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/cloudtest"
)

// row is a row of the table in docs/operations.md: a part of a cell that somebody deletes.
type row struct {
	// lose deletes the part of its cell. It may accept events before that, which are then on their way through the part, and returns their
	// ids, and, where the part is a table, what restores it before the update.
	lose func(t *testing.T, c *cell) (restore func(*testing.T))
	// says is what commands say then: pieces of it, by name of the command.
	says map[string][]string
	// refused says that the router accepts nothing for the cell meanwhile.
	refused bool
	// meanwhile awaits what the row says of the events that are accepted meanwhile.
	meanwhile func(t *testing.T, c *cell)
	// mend is what has to be done after the update for all events to be applied, and what is seen then.
	mend func(t *testing.T, c *cell)
}

// cell is the cell of one row, with a tenant of its own.
type cell struct {
	manifest.Cell
	*world
	tenant   string
	accepted []string // ids of good events
	rejected []string // ids of events that end in the consumer DLQ

	at      time.Time // of the backups of its data and results tables
	backups []string
}

// accept sends good events, which have to be accepted.
func (c *cell) accept(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.Equal(t, http.StatusAccepted, c.post(t, c.tenant, id, cloudtest.Order), "cell %s, event %s", c.ID, id)
	}
	c.accepted = append(c.accepted, ids...)
}

func (c *cell) reject(t *testing.T, id string) {
	t.Helper()
	require.Equal(t, http.StatusAccepted, c.post(t, c.tenant, id, bad))
	c.rejected = append(c.rejected, id)
}

func (c *cell) processed(t *testing.T, ids ...string) {
	t.Helper()
	c.AwaitStatus(t, c.tenant, "processed", ids...)
}

// replayed demands that a replay finds and sends so many events.
func (c *cell) replayed(t *testing.T, n int) {
	t.Helper()
	said := c.does(t, "replay", "--cell", c.ID, "--since", "1h", "--grace", "0s")
	require.Contains(t, said, fmt.Sprintf("sent %d", n), "cell %s", c.ID)
}

func (c *cell) redriven(t *testing.T, n int) {
	t.Helper()
	require.Contains(t, c.does(t, "dlq", "redrive", "--cell", c.ID), fmt.Sprintf("redriven messages: %d of %d", n, n), "cell %s", c.ID)
}

func (c *cell) deleteQueue(t *testing.T, queueURL string) {
	t.Helper()
	_, err := c.queues.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &queueURL})
	require.NoError(t, err)
}

// during are the ids of the events that are accepted while the parts are gone.
var during = []string{"during-0", "during-1"}

// stay demands that what is accepted meanwhile stays accepted for as long as the operator looks around.
func stay(t *testing.T, c *cell) {
	t.Helper()
	for _, id := range during {
		require.Equal(t, "accepted", c.status(t, c.tenant, id), "cell %s", c.ID)
	}
}

// goOn demands that what is accepted meanwhile is processed meanwhile.
func goOn(t *testing.T, c *cell) {
	t.Helper()
	c.processed(t, during...)
}

const (
	noQueue      = "The specified queue does not exist"
	noTable      = "Requested resource not found"
	depths       = "read the depth of queue"
	restoreFirst = "restore it under its own name from the backup"
)

// rows are the cells that lose a part, by id, and one that loses none.
func rows() map[string]row {
	return map[string]row{
		"calm": {
			lose:      func(*testing.T, *cell) func(*testing.T) { return nil },
			meanwhile: goOn,
		},
		"stream": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				_, err := c.tables.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
					TableName: &c.DataTable, StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)},
				})
				require.NoError(t, err)
				return nil
			},
			says:      map[string][]string{"doctor": {"it has no stream: what is accepted is not processed"}},
			meanwhile: stay,
			mend:      func(t *testing.T, c *cell) { c.replayed(t, len(during)) },
		},
		"topic": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				_, err := sns.NewFromConfig(c.cloud.AWS).DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &c.TopicARN})
				require.NoError(t, err)
				return nil
			},
			says:      map[string][]string{"doctor": {"could not be read", "Topic does not exist"}},
			meanwhile: stay,
			// What the producer publishes between the making of the topic and that of its subscription reaches nobody.
			mend: func(t *testing.T, c *cell) {
				c.awaitPublished(t, len(c.accepted))
				c.does(t, "replay", "--cell", c.ID, "--since", "1h", "--grace", "0s")
			},
		},
		"subscription": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				client := sns.NewFromConfig(c.cloud.AWS)
				all, err := client.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &c.TopicARN})
				require.NoError(t, err)
				require.Len(t, all.Subscriptions, 1)
				_, err = client.Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: all.Subscriptions[0].SubscriptionArn})
				require.NoError(t, err)
				return nil
			},
			says:      map[string][]string{"doctor": {"is not subscribed to it: what the producer publishes is lost"}},
			meanwhile: func(t *testing.T, c *cell) { c.awaitPublished(t, len(c.accepted)); stay(t, c) },
			mend:      func(t *testing.T, c *cell) { c.replayed(t, len(during)) },
		},
		"queue": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				cloudtest.Feed(t, c.cloud, c.Consumer, false)
				c.accept(t, "held-0", "held-1")
				c.awaitDepth(t, c.QueueURL, 2)
				c.deleteQueue(t, c.QueueURL)
				return nil // the mapping stays stopped: the update starts it

			},
			says: map[string][]string{
				"doctor": {depths, noQueue}, "list": {depths, noQueue, "queue 0 standard active 1/100 ? ? ? ? ? ? ?"}, "show": {depths, noQueue},
			},
			meanwhile: func(t *testing.T, c *cell) { stay(t, c); c.awaitDepth(t, c.SubscriptionDLQURL, len(during)) },
			mend: func(t *testing.T, c *cell) {
				c.redriven(t, len(during))
				c.replayed(t, 2)
			},
		},
		"dlqs": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				c.reject(t, "bad-0")
				c.awaitDepth(t, c.ConsumerDLQURL, 1)
				for _, queue := range []string{c.ConsumerDLQURL, c.SubscriptionDLQURL, c.StreamDLQURL} {
					c.deleteQueue(t, queue)
				}
				return nil
			},
			says: map[string][]string{
				"doctor": {"processing-queue-dlq-cell-dlqs: could not be read", "processing-queue-sub-dlq-cell-dlqs: could not be read", "processing-queue-stream-dlq-cell-dlqs: could not be read"},
				"list":   {depths, noQueue, "dlqs 0 standard active 1/100 ? ? ? ? ? ? ?"}, "show": {depths, noQueue}, "dlq": {noQueue}, "replay": {noQueue},
			},
			meanwhile: goOn,
			mend: func(t *testing.T, c *cell) {
				c.replayed(t, 1)
				c.awaitDepth(t, c.ConsumerDLQURL, 1)
			},
		},
		"mappings": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				require.NoError(t, c.cloud.Lambda.DeleteMapping(t.Context(), cloudtest.Feeding(t, c.cloud, c.Consumer).UUID))
				c.accept(t, "held-0", "held-1")
				c.awaitDepth(t, c.QueueURL, 2)
				require.NoError(t, c.cloud.Lambda.DeleteMapping(t.Context(), cloudtest.Feeding(t, c.cloud, c.Producer).UUID))
				return nil
			},
			says: map[string][]string{"doctor": {
				"producer-cell-mappings: nothing feeds the function: events wait until they expire", "consumer-cell-mappings: nothing feeds the function: events wait until they expire",
			}},
			meanwhile: func(t *testing.T, c *cell) { stay(t, c); c.awaitDepth(t, c.QueueURL, 2) },
		},
		"functions": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				require.NoError(t, c.cloud.Lambda.DeleteFunction(t.Context(), c.Consumer))
				c.accept(t, "held-0", "held-1")
				c.awaitDepth(t, c.QueueURL, 2)
				require.NoError(t, c.cloud.Lambda.DeleteFunction(t.Context(), c.Producer))
				return nil
			},
			says:      map[string][]string{"doctor": {"producer-cell-functions: could not be read", "consumer-cell-functions: could not be read", "ResourceNotFoundException"}},
			meanwhile: func(t *testing.T, c *cell) { stay(t, c); c.awaitDepth(t, c.QueueURL, 2) },
		},
		"parameter": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				_, err := ssm.NewFromConfig(c.cloud.AWS).DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String(stack.Cell(c.ID).Parameter())})
				require.NoError(t, err)
				return nil
			},
			says: map[string][]string{
				"doctor": {"is mapped to cell parameter, whose parameter is not there, while tables or queues of it are"},
				"list":   {"Cell parameter is not there, and tenants are mapped to it"}, "show": {"not there"}, "dlq": {"not there"}, "replay": {"not there"},
			},
			meanwhile: goOn,
		},
		"indexes": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				c.dropIndex(t, c.DataTable, event.ShardTimeIndex)
				c.dropIndex(t, c.DataTable, event.TenantTimeIndex)
				c.dropIndex(t, c.ResultsTable, ledger.ShardIndex)
				c.dropIndex(t, c.ResultsTable, ledger.TenantIndex)
				c.dropIndex(t, c.ResultsTable, ledger.WaitingIndex)
				return nil
			},
			says: map[string][]string{
				"doctor": {
					"it has no index " + event.ShardTimeIndex, "it has no index " + event.TenantTimeIndex,
					"it has no index " + ledger.ShardIndex, "it has no index " + ledger.TenantIndex, "it has no index " + ledger.WaitingIndex,
				},
				"list": {"index"}, "show": {"index"}, "replay": {"index"},
			},
			meanwhile: goOn,
		},
		"alarms": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				n := stack.Cell(c.ID)
				_, err := cloudwatch.NewFromConfig(c.cloud.AWS).DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{
					AlarmNames: []string{n.Health(), n.Alarm(naming.AlarmConsumerDLQ)},
				})
				require.NoError(t, err)
				return nil
			},
			says:      map[string][]string{"doctor": {"it is not there: nobody is paged for cell alarms"}},
			meanwhile: goOn,
		},
		"data": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				cloudtest.Feed(t, c.cloud, c.Producer, false)
				c.accept(t, "held-0", "held-1")
				return c.restorable(t, c.DataTable)
			},
			says:    map[string][]string{"doctor": {"app-data-cell-data: could not be read", restoreFirst}, "replay": {noTable}},
			refused: true,
			mend:    func(t *testing.T, c *cell) { c.replayed(t, 2) },
		},
		"results": {
			lose: func(t *testing.T, c *cell) func(*testing.T) { return c.restorable(t, c.ResultsTable) },
			says: map[string][]string{
				"doctor": {"app-results-cell-results: could not be read", restoreFirst}, "list": {"results 0 standard active 1/100 ? ? ? ? ? ? ?"}, "show": {noTable},
				"replay": {noTable}, "dlq": {noTable},
			},
			meanwhile: func(t *testing.T, c *cell) { c.awaitDepth(t, c.ConsumerDLQURL, len(during)) },
			mend:      func(t *testing.T, c *cell) { c.redriven(t, len(during)) },
		},
		// Its name was taken by an empty table before anybody restored it: what the backups have comes back through scratch tables.
		"data-gone": {
			lose: func(t *testing.T, c *cell) func(*testing.T) {
				cloudtest.Feed(t, c.cloud, c.Producer, false)
				c.accept(t, "held-0", "held-1")
				c.at = time.Now().UTC().Truncate(time.Second)
				for _, table := range []string{c.DataTable, c.ResultsTable} {
					c.backups = append(c.backups, c.backup(t, table))
				}
				c.drop(t, c.DataTable)
				return nil
			},
			says:    map[string][]string{"doctor": {"app-data-cell-data-gone: could not be read", restoreFirst}, "replay": {noTable}},
			refused: true,
			mend: func(t *testing.T, c *cell) {
				for i, table := range []string{c.DataTable, c.ResultsTable} {
					c.fromBackup(t, c.backups[i], restore.ScratchName(table, c.at))
				}
				said := c.does(t, "restore", "cell", c.ID, "--at", c.at.Format(time.RFC3339))
				require.Contains(t, said, "events 4 4 0 0", "found, put back, already there, left alone")
				require.Contains(t, said, "outcomes 2 0 2 0")
				c.does(t, "replay", "--cell", c.ID, "--since", "1h", "--grace", "0s")
			},
		},
	}
}

// texts are findings, one a line.
func texts(found []finding) string {
	var all strings.Builder
	for _, f := range found {
		fmt.Fprintf(&all, "%s %s %s: %s -> %s\n", f.Level, f.Check, f.Subject, f.Text, f.Fix)
	}
	return all.String()
}

// commands are what an operator looks at a cell with, by name.
func commands(id string) map[string][]string {
	return map[string][]string{
		"list":   {"cells", "list"},
		"show":   {"cells", "show", id},
		"dlq":    {"dlq", "list", "--cell", id},
		"replay": {"replay", "--cell", id, "--since", "1h", "--grace", "0s", "--dry-run"},
	}
}

func TestI6WhatADeletedPartOfACellHeldUpIsAppliedOnceItIsMadeAgain(t *testing.T) {
	all, w := rows(), start(t)
	ids := slices.Sorted(maps.Keys(all))
	cells, failed := map[string]*cell{}, map[string]bool{}
	each := func(what string, do func(t *testing.T, c *cell, r row)) {
		t.Helper()
		t.Run(what, func(t *testing.T) {
			for _, id := range ids {
				if !failed[id] { // the next steps build on this one
					failed[id] = !t.Run(id, func(t *testing.T) { do(t, cells[id], all[id]) })
				}
			}
		})
	}

	for _, id := range ids {
		c := &cell{Cell: w.cells[id], world: w, tenant: "tenant-" + id}
		cells[id] = c
		w.does(t, "tenants", "assign", c.tenant, "--cell", id)
		c.accept(t, "before-0", "before-1")
	}
	restores := map[string]func(*testing.T){}
	each("before", func(t *testing.T, c *cell, r row) {
		c.processed(t, c.accepted...)
		restores[c.ID] = r.lose(t, c)
	})
	each("during", func(t *testing.T, c *cell, r row) {
		if r.refused {
			require.Equal(t, http.StatusServiceUnavailable, c.post(t, c.tenant, during[0], cloudtest.Order))
			return
		}
		c.accept(t, during...)
	})
	each("meanwhile", func(t *testing.T, c *cell, r row) {
		if r.meanwhile != nil {
			r.meanwhile(t, c)
		}
	})
	code, found := w.doctor(t)
	require.Equal(t, 1, code)
	_, list := w.run(t, "cells", "list")
	each("what the commands say", func(t *testing.T, c *cell, r row) {
		about := func() (texts []string) {
			for _, f := range found {
				if f.Subject == c.ID || strings.HasSuffix(f.Subject, "-cell-"+c.ID) || strings.Contains(f.Text, "cell "+c.ID+",") {
					texts = append(texts, f.Level+" "+f.Check+" "+f.Subject+": "+f.Text+" -> "+f.Fix)
				}
			}
			return texts
		}()
		if len(r.says["doctor"]) == 0 {
			require.Empty(t, about)
		}
		for _, piece := range r.says["doctor"] {
			require.Contains(t, strings.Join(about, "\n"), piece)
		}
		for name, args := range commands(c.ID) {
			if name == "replay" && len(r.says[name]) == 0 && c.ID != "calm" {
				continue // what it finds is to be sent after the update
			}
			code, said := 0, list
			if name != "list" {
				code, said = w.run(t, args...)
			}
			for _, piece := range r.says[name] {
				require.Contains(t, said, piece, name)
			}
			if len(r.says[name]) == 0 && name != "list" {
				require.Zero(t, code, "%s: %s", name, said)
			}
		}
	})

	for _, restore := range restores {
		if restore != nil {
			restore(t)
		}
	}
	t.Logf("the update did %v", w.refresh(t))
	code, found = w.doctor(t)
	t.Logf("doctor %d: %+v", code, found)
	each("mended", func(t *testing.T, c *cell, r row) {
		if r.mend != nil {
			r.mend(t, c)
		}
		cloudtest.Await(t, "the router writes to cell "+c.ID, func() (status int, ok bool) {
			status = c.post(t, c.tenant, "after-0", cloudtest.Order) // for a moment it still answers 503 where the table was gone
			return status, status == http.StatusAccepted
		})
		c.accept(t, "after-0", "after-1")
		c.processed(t, c.accepted...)
		c.awaitDepth(t, c.QueueURL, 0)
		require.Equal(t, len(c.accepted), c.applied(t, c.Cell, c.tenant), "every event has had its effect once")
		c.AwaitStatus(t, c.tenant, "failed", c.rejected...)
		c.awaitDepth(t, c.ConsumerDLQURL, len(c.rejected))
		require.Contains(t, c.does(t, "replay", "--cell", c.ID, "--since", "1h", "--grace", "0s"), "Nothing to replay")
	})
	w.does(t, "probe")
	if t.Failed() {
		return
	}
	code, found = w.doctor(t)
	require.Zero(t, code, "%+v", found)
	changes := w.refresh(t) // it updates restored tables again, of which the emulator keeps no encryption
	for _, made := range []string{"create", "delete", "replace"} {
		require.Zero(t, changes[made], "everything is there: %v", changes)
	}
}
