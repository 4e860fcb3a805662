package main

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/sqstest"
)

func TestLettersAreRedriven(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, _ string) {
		w.event("c01", "acme", "done", ledger.Processed)
		w.letter(q, "acme", "done")
		w.put(q, c01.SubscriptionDLQURL, "hello")
		w.tells(printed(
			"KIND          MESSAGES  SENT  ALREADY APPLIED  KEPT",
			"stream        0         0     0                0",
			"subscription  1         1     0                0",
			"consumer      2         1     1                0",
		), printed(
			"redriven messages: 1 of 3",
			"redriven messages: 3 of 3",
			"1 message could not be read, and was sent to the cell's queue unchanged.",
		), "dlq", "redrive", "--cell", "c01", "--yes")
		require.Empty(t, q.Messages(c01.ConsumerDLQURL))
		require.Len(t, q.Messages(c01.QueueURL), 2)
		w.tells("", "Nothing is in the DLQs of cell c01.\n", "dlq", "redrive", "--cell", "c01")
	})
}

func TestARedriveTakesOnlyWhatIsNamed(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.event("c01", "acme", "other", "")
		other := w.letter(q, "acme", "other")
		w.tells("", "No message of tenant zeta is in the DLQs of cell c01.\n", "dlq", "redrive", "--cell", "c01", "--tenant", "zeta")
		w.refuses(exitRefused, "cellctl: no message with these ids is in the DLQs of cell c01; 'cellctl dlq list --cell c01' shows what is there\n",
			"dlq", "redrive", "--cell", "c01", "--id", "x", "--id", "y")
		w.refuses(exitRefused, "cellctl: no message with this id is in the stream DLQ of cell c01; 'cellctl dlq list --cell c01' shows what is there\n",
			"dlq", "redrive", "--cell", "c01", "--kind", "stream", "--id", id)
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 2)

		w.tells(printed(
			"KIND      MESSAGES  SENT  ALREADY APPLIED  KEPT",
			"consumer  1         1     0                0",
		), "redriven messages: 1\n1 of 2 messages were not there.\n", "dlq", "redrive", "--cell", "c01", "--kind", "consumer", "--id", id+",y")
		left := q.Messages(c01.ConsumerDLQURL)
		require.Len(t, left, 1)
		require.Equal(t, other, *left[0].MessageId)
	})
}

func TestALetterThatNeedsTheOperatorIsKeptAndIsAFailure(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.db.Delete(stack.MappingTable(), "acme")
		w.fails(cli.ExitFailure, printed(
			"KIND      MESSAGES  SENT  ALREADY APPLIED  KEPT",
			"consumer  1         0     0                1",
			"",
			"KIND      EVENT        MESSAGE ID  KEPT BECAUSE",
			"consumer  acme#broken  "+id+"   "+resend.Unmapped.Explain(),
		), printed(
			"cellctl: 1 message was kept that cannot be redriven; 'cellctl dlq show' prints one, 'cellctl dlq drop' gives it up",
		), "dlq", "redrive", "--cell", "c01", "--kind", "consumer")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)

		stdout, _, code := w.run("dlq", "redrive", "--cell", "c01", "--kind", "consumer", "-o", "json")
		require.Equal(t, cli.ExitFailure, code)
		require.JSONEq(t, `{"cell":"c01","kinds":[{"kind":"consumer","received":1,"redriven":0,"sent":0,"already_applied":0,"gone":0,
			"sent_unchanged":0,"kept":1,"need_operator":1}],
			"kept":[{"kind":"consumer","message_id":"`+id+`","event":"acme#broken","reason":"its tenant is mapped to no cell"}]}`, stdout)
	})
}

func TestALetterOfAnEventWhoseDataHasExpiredIsKeptAndIsAFailure(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		data := w.db.Item(stack.Cell("c01").DataTable(), "acme#broken")
		data[event.AttrExpiresAt] = item.Number(time.Now().Add(time.Hour).Unix())
		w.db.Put(stack.Cell("c01").DataTable(), data)
		time.Sleep(time.Hour)
		w.fails(cli.ExitFailure, printed(
			"KIND      MESSAGES  SENT  ALREADY APPLIED  KEPT",
			"consumer  1         0     0                1",
			"",
			"KIND      EVENT        MESSAGE ID  KEPT BECAUSE",
			"consumer  acme#broken  "+id+"   "+resend.Expired.Explain(),
		), printed(
			"cellctl: 1 message was kept that cannot be redriven; 'cellctl dlq show' prints one, 'cellctl dlq drop' gives it up",
		), "dlq", "redrive", "--cell", "c01", "--kind", "consumer")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)
	})
}

func TestALetterThatALaterRedriveTakesIsNoFailure(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.event("c01", "acme", "broken", ledger.Diverted) // under a later epoch than the mapping has
		entry := w.db.Item(stack.Cell("c01").ResultsTable(), "acme#broken")
		entry[event.AttrEpoch] = &types.AttributeValueMemberN{Value: "1"}
		w.db.Put(stack.Cell("c01").ResultsTable(), entry)
		w.tells(printed(
			"KIND      MESSAGES  SENT  ALREADY APPLIED  KEPT",
			"consumer  1         0     0                1",
			"",
			"KIND      EVENT        MESSAGE ID  KEPT BECAUSE",
			"consumer  acme#broken  "+id+"   "+resend.Moving.Explain(),
		), "1 message is kept for now: redrive again later.\n", "dlq", "redrive", "--cell", "c01", "--kind", "consumer")
	})
}

func TestARedriveThatBreaksOffSaysWhatItHasDone(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, _ string) {
		w.put(q, c01.SubscriptionDLQURL, "hello")
		q.Intercept = func(_ context.Context, c sqstest.Call) error {
			if c.Operation == "ReceiveMessage" && c.QueueURL == c01.ConsumerDLQURL {
				return errDown
			}
			return nil
		}
		stdout, stderr, code := w.run("dlq", "redrive", "--cell", "c01")
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stdout, "subscription  1         1     0                0\n")
		require.Contains(t, stderr, "cellctl: redrive the consumer DLQ of cell c01: receive: ")
	})
}
