package lambda_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/lambda"
	"cellular/local/lambda/source"
)

// counts is an observer that counts what it is told of.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what] += n
}

func (c *counts) count(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[what]
}

func (c *counts) Invoked(function string, _ time.Duration, failed bool) {
	c.add(fmt.Sprintf("%s failed=%v", function, failed), 1)
}
func (c *counts) Throttled(function string)                    { c.add(function+" throttled", 1) }
func (c *counts) IteratorAge(function string, _ time.Duration) { c.add(function+" age", 1) }
func (c *counts) MappingEvents(mapping, metric string, n int)  { c.add(mapping+" "+metric, n) }

// A poller that finds its function without concurrency asks again: each time is a throttle, and none is an invocation.
func TestMappingsPollsOfAThrottledFunctionAreThrottles(t *testing.T) {
	seen := &counts{of: map[string]int{}}
	c := newCloudOf(t, func(o *lambda.Options) { o.Observer = seen })
	items, q := c.table(t), c.queue(t, nil)
	throttled := map[string]lambda.FunctionConfig{}
	for _, name := range []string{"producer", "consumer"} {
		f := config(name)
		f.ReservedConcurrency = 0
		c.create(t, f)
		throttled[name] = f
	}
	ids := map[string]string{}
	for name, m := range map[string]lambda.MappingConfig{"producer": streamMapping("producer", items), "consumer": queueMapping("consumer", q)} {
		m.CountEvents = true
		ids[name] = c.connect(t, m).UUID
	}
	c.put(t, items, "item")
	c.send(t, q, "item")
	for _, name := range []string{"producer", "consumer"} {
		eventually(t, func() bool { return seen.count(name+" throttled") > 2 }, "%s is throttled again and again", name)
		require.Zero(t, seen.count(name+" failed=false"))
		require.Positive(t, seen.count(ids[name]+" "+string(source.Failed)))
		require.Zero(t, seen.count(ids[name]+" "+string(source.Invoked)))
	}
	require.Positive(t, seen.count("producer age"), "the record that waits has an age")

	for _, config := range throttled {
		config.ReservedConcurrency = -1
		_, err := c.UpdateFunction(t.Context(), config)
		require.NoError(t, err)
	}
	for _, name := range []string{"producer", "consumer"} {
		eventually(t, func() bool { return seen.count(ids[name]+" "+string(source.Invoked)) == 1 }, "%s gets the event", name)
		require.Equal(t, 1, seen.count(ids[name]+" "+string(source.Polled)))
	}
}
