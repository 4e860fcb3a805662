package producer_test

import (
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/testkit/emftest"
)

// probe makes a record one of a synthetic event.
func probe(record events.DynamoDBEventRecord) events.DynamoDBEventRecord {
	const tenant = "cellctl-probe.alpha"
	key := events.NewStringAttribute(event.Key(tenant, record.Change.NewImage[event.AttrID].String()))
	record.Change.Keys[event.AttrKey], record.Change.NewImage[event.AttrKey] = key, key
	record.Change.NewImage[event.AttrTenantID] = events.NewStringAttribute(tenant)
	return record
}

func TestProbe_IsPublishedAndCountedApart(t *testing.T) {
	tp, dead := newTopic(), newDLQ()
	tp.blames = map[string]types.BatchResultErrorEntry{"2": senderFault("InvalidParameter"), "3": senderFault("InvalidParameter")}
	p := newProducer(tp, dead)
	lines := linesOf(p, slog.LevelInfo)
	require.Empty(t, handle(t, p,
		insert("0", `1`), probe(insert("1", `1`)), insert("2", `1`), probe(insert("3", `1`)), probe(broken("4")), broken("5"), insert("6", `1`)))
	require.ElementsMatch(t, []string{"0", "1", "6"}, tp.ids())
	require.Len(t, dead.letters(t), 4, "a probe that cannot be published has a letter as any other")
	require.Equal(t, map[string]float64{
		"published": 2, "ejected": 2, "ejected_malformed": 1, "ejected_refused": 1, "probes_published": 1, "probes_ejected": 2,
	}, emftest.OfCell(t, (*lines)[0], "alpha"))

	require.Empty(t, handle(t, p, probe(insert("7", `1`))))
	require.Equal(t, map[string]float64{"probes_published": 1}, emftest.OfCell(t, (*lines)[1], "alpha"))
}
