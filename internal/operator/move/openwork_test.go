package move

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/openwork"
)

// open is an index that has one move.
type open struct{ item Item }

func (o open) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	out := &dynamodb.QueryOutput{}
	if open := o.item[controltables.AttrOpen]; open != nil && reflect.DeepEqual(open, in.ExpressionAttributeValues[":open"]) {
		out.Items = []Item{o.item}
	}
	return out, nil
}

// TestMove_IsStalledForTheStandingProbeAsForTheOperator compares what the two tell of one record.
func TestMove_IsStalledForTheStandingProbeAsForTheOperator(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	stalled := 0
	for _, phase := range append([]Phase{GiveBack, Abandon}, order...) {
		for _, holder := range []string{"", "host:1"} {
			for _, quiet := range []time.Duration{0, HolderTimeout - time.Second, HolderTimeout} {
				m := Move{
					TenantID: "acme", From: "alpha", To: "beta", Epoch: 2, OldEpoch: 1, OldFloor: 1, Phase: phase, Holder: holder,
					StartedAt: now.Add(-time.Minute), UpdatedAt: now.Add(-quiet),
				}
				if phase.Ended() {
					m.FinishedAt = now
				}
				attributes, err := m.item()
				require.NoError(t, err)
				got, err := openwork.Counter{DynamoDB: open{attributes}, Table: "moves", HardTTL: time.Hour, Pages: 1}.Survey(t.Context(), now)
				require.NoError(t, err)
				want := m.Stalled(now, func(string) bool { return false })
				require.Equal(t, want, got.Left > 0, "%+v", m)
				if want {
					require.Equal(t, "acme", got.First)
					stalled++
				}
			}
		}
	}
	require.Equal(t, 5*4, stalled, "five phases halt, with no holder and with a silent one")
}
