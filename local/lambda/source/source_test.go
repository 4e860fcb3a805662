package source_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/local/lambda/source"
)

func TestAPartialBatchResponseIsReadAsLambdaDoes(t *testing.T) {
	ids := []string{"a", "b", "c"}
	for name, c := range map[string]struct {
		response string
		failed   []int
		wantErr  string
	}{
		"no response":          {response: ""},
		"null":                 {response: "null"},
		"empty object":         {response: "{}"},
		"null list":            {response: `{"batchItemFailures":null}`},
		"empty list":           {response: `{"batchItemFailures":[]}`},
		"one":                  {response: `{"batchItemFailures":[{"itemIdentifier":"b"}]}`, failed: []int{1}},
		"any order, twice":     {response: `{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`, failed: []int{0, 2}},
		"unknown id":           {response: `{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"z"}]}`, wantErr: `"z"`},
		"empty id":             {response: `{"batchItemFailures":[{"itemIdentifier":""}]}`, wantErr: "without an itemIdentifier"},
		"null id":              {response: `{"batchItemFailures":[{"itemIdentifier":null}]}`, wantErr: "without an itemIdentifier"},
		"bad key":              {response: `{"batchItemFailures":[{"ItemIdentifier":"b"}]}`, wantErr: "without an itemIdentifier"},
		"id of another type":   {response: `{"batchItemFailures":[{"itemIdentifier":1}]}`, wantErr: "batchItemFailures"},
		"list of another type": {response: `{"batchItemFailures":"b"}`, wantErr: "batchItemFailures"},
		"not an object":        {response: `"done"`, wantErr: "read the batch response"},
		"not JSON":             {response: `{"batch`, wantErr: "read the batch response"},
	} {
		t.Run(name, func(t *testing.T) {
			failed, err := source.Failures([]byte(c.response), ids)
			if c.wantErr != "" {
				require.ErrorContains(t, err, c.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.failed, failed)
		})
	}
}

func TestWhatFitsNeverExceedsTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 3<<20), 1, 20).Draw(t, "sizes")
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		n, full := source.Fit(sizes, limit, func(size int) int { return size })

		require.GreaterOrEqual(t, n, 1)
		require.LessOrEqual(t, n, min(limit, len(sizes)))
		event := source.Event(sizes[:n], func(size int) []byte { return make([]byte, size) })
		if n > 1 {
			require.LessOrEqual(t, len(event), source.MaxPayloadBytes)
		}
		if n < len(sizes) || n == limit {
			require.True(t, full)
		} else {
			require.False(t, full, "everything was taken and there is room for more")
		}
	})
}

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	b := source.Backoff{Base: time.Second, Max: 5 * time.Second}
	var delays []time.Duration
	for failures := 1; failures <= 5; failures++ {
		delays = append(delays, b.Delay(failures))
	}
	require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}, delays)
	require.Equal(t, 5*time.Second, b.Delay(1_000_000))
}
