package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/config"
)

func TestI6StreamRetriesOutlastTheRecordAge(t *testing.T) {
	c := config.Default()
	require.Equal(t, 932, config.StreamRetries(c.Functions, c.Pipeline.Stream), "docs/architecture.md has the number")
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(name string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Second
		}
		c := config.Default()
		c.Deployment, c.Functions.Timeout, c.Pipeline.Stream.MaxRecordAge = "dev", seconds("timeout", 3, 15*60), seconds("age", 60, 23*60*60)
		c.Pipeline.Consumer.RecordTimeout = time.Second
		c.Alarms.Cell.IteratorAge.Threshold = time.Second
		n, age := config.StreamRetries(c.Functions, c.Pipeline.Stream), c.Pipeline.Stream.MaxRecordAge
		try := c.Functions.Timeout - config.ProducerAnswerMargin // what one that fails takes at least
		require.Greater(t, time.Duration(n)*try, age, "a record of which every try fails is too old before its retries are used up")
		require.True(t, n == 100 || time.Duration(n-1)*try < 5*age/4, "and there are no more of them than that with a margin, or 100: %d", n)

		cell := config.DefaultCell()
		cell.ID = "alpha"
		require.Equal(t, n <= 10_000, c.CheckCell(cell) == nil, "what Lambda would not take is refused, and nothing else")
	})
}

func TestARecordAgeThatNeedsTooManyRetriesIsRefused(t *testing.T) {
	_, err := config.Parse("dev", minimal("cellular:functions", `{"timeout":"4s"}`,
		"cellular:pipeline", `{"stream":{"maxRecordAge":"6h40m1s"},"consumer":{"recordTimeout":"1s"}}`))
	require.EqualError(t, err, "cellular:pipeline.stream.maxRecordAge: is 6h40m1s, want at most 6h40m with the functions' timeout of 4s: "+
		"Lambda retries a record at most 10000 times, and a topic that fails must not use them up")
}
