package event_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
)

// Items are kept under keys that have the shard in them.
func TestTheShardOfAnEventIsKept(t *testing.T) {
	for id, want := range map[string][2]int{ // of 64, and of 8
		"e-1":                                  {27, 3},
		"e-2":                                  {54, 6},
		"a":                                    {32, 0},
		"order:2026-03-04.17":                  {42, 2},
		"0195c1f0-7a3b-7c44-9d1e-5f2b8a6c7d90": {44, 4},
	} {
		require.Equal(t, want, [2]int{event.Shard(id, 64), event.Shard(id, 8)}, id)
	}
}

func TestShardsGetLikeNumbersOfEvents(t *testing.T) {
	for name, format := range map[string]string{
		"counted":        "e-%d",
		"padded":         "%012d",
		"a UUIDv7's end": "0195c1f0-7a3b-7c44-9d1e-%012x",
	} {
		for _, n := range []int{8, 64} {
			const events = 64_000
			got := make([]int, n)
			for i := range events {
				got[event.Shard(fmt.Sprintf(format, i), n)]++
			}
			for k, count := range got {
				require.InDelta(t, events/n, count, 0.25*events/float64(n), "%s: shard %d of %d", name, k, n)
			}
		}
	}
}
