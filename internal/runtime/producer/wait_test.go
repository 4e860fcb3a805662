package producer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"
)

func TestATopicThatThrottlesForAWhileIsWaitedFor(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 10 * time.Second, 23 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			tp, dead := newTopic(), newDLQ()
			began := time.Now()
			tp.fails = func() error {
				if time.Since(began) < down {
					return throttled()
				}
				return nil
			}
			require.Empty(t, handle(t, newProducer(tp, dead), inserts(25)...))
			require.Less(t, time.Since(began), down+6*time.Second, "it is found healed within the longest delay")
			require.Len(t, tp.ids(), 25, "each is published once")
			require.Empty(t, dead.keys(t))
		})
	}
}

func TestOnlyTheEntriesThatFailedAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		tries := map[string]int{}
		tp.failEntry = func(id string) *types.BatchResultErrorEntry {
			if tries[id]++; (id == "3" || id == "7") && tries[id] <= 4 {
				return new(serviceFault("InternalError"))
			}
			return nil
		}
		tp.forget = map[string]bool{"5": true}
		require.Empty(t, handle(t, newProducer(tp, newDLQ()), inserts(12)...))
		ids := tp.ids()
		require.ElementsMatch(t, []string{"0", "1", "2", "4", "5", "6", "8", "9", "10", "11"}, ids[:10], "two calls at a time")
		require.Equal(t, []string{"5", "3", "7"}, ids[10:],
			"what the answer does not mention counts as failed")
	})
}

// The worst neighbour: the topic fails for one event, and for no other, in every way that a topic can.
func TestI7AnEventThatTheTopicFailsForDoesNotKeepItsSiblings(t *testing.T) {
	for name, fail := range map[string]func(*topic){
		"its entry": func(tp *topic) {
			tp.blames = map[string]types.BatchResultErrorEntry{"0": serviceFault("InternalError")}
		},
		"every call with it": func(tp *topic) {
			tp.failEntry = func(id string) *types.BatchResultErrorEntry {
				if id == "0" {
					return new(serviceFault("Throttled"))
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tp := newTopic()
				fail(tp)
				began := time.Now()
				var last time.Duration
				tp.fails = func() error {
					if len(tp.published) < 39 {
						last = time.Since(began)
					}
					return nil
				}
				require.Equal(t, []string{"seq-0"}, handle(t, newProducer(tp, newDLQ()), inserts(40)...))
				require.Len(t, tp.ids(), 39)
				require.Less(t, last, time.Second, "all others are published at once")
			})
		})
	}
}

func TestReportsOnlyTheLowestOfSeveralFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		tp.blames = map[string]types.BatchResultErrorEntry{"1": serviceFault("InternalError"), "3": serviceFault("InternalError")}
		require.Equal(t, []string{"seq-1"}, handle(t, newProducer(tp, newDLQ()), inserts(6)...))
		require.Equal(t, []string{"0", "2", "4", "5"}, tp.ids())
	})
}

func TestATopicThatIsDownIsCalledEverLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		var calls []time.Time
		tp.fails = func() error {
			calls = append(calls, time.Now())
			return errors.New("down")
		}
		handle(t, newProducer(tp, newDLQ()), inserts(500)...)
		require.Less(t, len(calls), 20, "one call a try, whatever the batch")
		require.Equal(t, calls[0], calls[atATime-1], "but for the first try, which does not know yet")
		calls = calls[atATime-1:]
		for i, least := 1, 50*time.Millisecond; i < len(calls); i++ {
			require.GreaterOrEqual(t, calls[i].Sub(calls[i-1]), least)
			require.LessOrEqual(t, calls[i].Sub(calls[i-1]), 5*time.Second)
			least = min(2*least, 2500*time.Millisecond)
		}
	})
}

// A batch takes as long as its calls take one after the other, divided by how many are made at a time; never are more under way.
func TestProducer_MakesSeveralCallsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 20 * time.Millisecond
		tp := &slowTopic{topic: newTopic(), takes: takes}
		p := newProducer(tp.topic, newDLQ())
		p.Topic = tp
		began := time.Now()
		require.Empty(t, handle(t, p, inserts(100)...))
		require.Len(t, tp.ids(), 100)
		require.Equal(t, atATime, tp.most)
		require.Equal(t, 4*takes, time.Since(began), "10 calls, 3 at a time")
	})
}

// slowTopic takes its time, and notes how many calls were under way at most.
type slowTopic struct {
	*topic
	takes          time.Duration
	mu             sync.Mutex
	underWay, most int
}

func (s *slowTopic) PublishBatch(ctx context.Context, in *sns.PublishBatchInput, o ...func(*sns.Options)) (*sns.PublishBatchOutput, error) {
	add := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.underWay += n
		s.most = max(s.most, s.underWay)
	}
	add(1)
	defer add(-1)
	time.Sleep(s.takes)
	return s.topic.PublishBatch(ctx, in, o...)
}

func TestTwoProducersDoNotWaitInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		var calls []time.Time
		tp.fails = func() error {
			calls = append(calls, time.Now())
			return errors.New("down")
		}
		began := time.Now()
		handle(t, newProducer(tp, newDLQ()), inserts(1)...)
		first := calls[len(calls)-1].Sub(began)
		began = time.Now()
		handle(t, newProducer(tp, newDLQ()), inserts(1)...)
		require.NotEqual(t, first, calls[len(calls)-1].Sub(began))
	})
}
