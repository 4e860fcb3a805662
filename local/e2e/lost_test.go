package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/cloudtest"
)

func TestI6RedeliveryHasOneEffect(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	w.Accept(t, tenant, "again", placed, order)
	w.AwaitStatus(t, tenant, "processed", "again")
	before := c.item(t, c.ResultsTable, event.Key(tenant, "again"))

	message := c.message(t, tenant, "again")
	for range 3 { // the queue delivers it again
		c.send(t, tenant, "again", message)
	}
	// The stream's record is published again.
	_, err := sns.NewFromConfig(w.cloud.AWS).Publish(t.Context(), &sns.PublishInput{TopicArn: &c.TopicARN, Message: &message})
	require.NoError(t, err)

	w.awaitLogged(t, tenant, "again", "four deliveries turn out to be duplicates", 4, isDuplicate)
	c.awaitDrained(t)
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, tenant))
	require.Equal(t, before, c.item(t, c.ResultsTable, event.Key(tenant, "again")))
}

func TestI6AConsumerThatDiesMidBatchAppliesNothingTwice(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Consumer)
	ids := w.acceptOrders(t, tenant, "before", 3)
	w.Accept(t, tenant, "crash", "fault.exit-after-apply", `{}`)
	ids = append(ids, w.acceptOrders(t, tenant, "after", 3)...)
	c.awaitWaiting(t, 7)
	resume()

	ids = append(ids, "crash")
	w.AwaitStatus(t, tenant, "processed", ids...)
	w.awaitLogged(t, tenant, "crash", "the event that crashed the consumer comes again", 1, isDuplicate)
	c.awaitDrained(t)
	require.Equal(t, map[string]int{placed: 6, "fault.exit-after-apply": 1}, c.counters(t, tenant))
	require.Empty(t, c.letters(t, c.ConsumerDLQURL))
}

func TestI6ConcurrentDuplicatesAreOneEvent(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	const copies = 50
	answers := make([]answer, copies)
	var g errgroup.Group
	for i := range answers {
		g.Go(func() error {
			// The same content, written in two ways.
			payload := order
			if i%2 == 1 {
				payload = strings.Replace(strings.ReplaceAll(order, ",", " , "), `{"order_id":"A-1" , "customer":"jane"`, `{"customer":"jane","order_id":"A-1"`, 1)
			}
			answers[i] = w.post(t, tenant, "same", placed, payload)
			return nil
		})
	}
	require.NoError(t, g.Wait())
	first := 0
	for _, a := range answers {
		cloudtest.RequireAccepted(t, a)
		require.Equal(t, "same", a.Field("id"))
		if a.Header.Get("Idempotent-Replayed") == "" {
			first++
		}
	}
	require.Equal(t, 1, first, "answers that do not say that the event was there already")

	for _, other := range []answer{
		w.post(t, tenant, "same", placed, strings.Replace(order, "1999", "1998", 1)),
		w.post(t, tenant, "same", "order.cancelled", order),
	} {
		cloudtest.RequireProblem(t, other, http.StatusConflict, "id-conflict")
	}
	w.AwaitStatus(t, tenant, "processed", "same")
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, tenant))
}

func TestI6ALargePayloadIsAppliedByReference(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Consumer)
	limit := 384 << 10 // router.maxPayloadBytes
	note := strings.Repeat("x", limit-len(order)-len(`,"note":""`))
	payload := strings.TrimSuffix(order, "}") + `,"note":"` + note + `"}`
	require.Len(t, payload, limit)
	w.Accept(t, tenant, "large", placed, payload)
	cloudtest.RequireProblem(t, w.post(t, tenant, "too-large", placed, strings.Replace(payload, "x", "xx", 1)),
		http.StatusRequestEntityTooLarge, "too-large")

	c.awaitWaiting(t, 1)
	resume()
	a := w.AwaitStatus(t, tenant, "processed", "large")
	require.JSONEq(t, `{"total":3998,"currency":"EUR"}`, string(decode[map[string]json.RawMessage](t, string(a.Body))["result"]))
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, tenant))
}

func TestI6ARedriveAppliesWhatHadFailed(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	w.Accept(t, tenant, "mended", placed, order)
	w.AwaitStatus(t, tenant, "processed", "mended")
	// A message that no consumer can read ends as failed; the same event, sent in a form that it can, is applied.
	good := c.message(t, tenant, "mended")
	good = strings.ReplaceAll(good, `"mended"`, `"redriven"`)
	c.send(t, tenant, "redriven", strings.Replace(good, `"v":1`, `"v":9`, 1))
	cloudtest.Await(t, "the event is given up on", func() (string, bool) {
		status := cloudtest.Text(c.item(t, c.ResultsTable, event.Key(tenant, "redriven")), ledger.AttrStatus)
		return status, status == string(ledger.Failed)
	})
	c.awaitLetters(t, c.ConsumerDLQURL, `"redriven"`)
	for range 2 {
		c.send(t, tenant, "redriven", good)
	}
	c.awaitApplied(t, tenant, "redriven")
	w.awaitLogged(t, tenant, "redriven", "the second delivery is a duplicate", 1, isDuplicate)
	c.awaitDrained(t)
	require.Equal(t, map[string]int{placed: 2}, c.counters(t, tenant), fmt.Sprint(w.logged(t, tenant, "")))
}
