package queue_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda/queue"
	"cellular/local/lambda/source"
)

func numbered(from, to int) []string {
	var bodies []string
	for i := from; i <= to; i++ {
		bodies = append(bodies, fmt.Sprintf("m%d", i))
	}
	return bodies
}

func failures(bodies ...string) (source.Invocation, error) {
	var items []string
	for _, body := range bodies {
		items = append(items, fmt.Sprintf(`{"itemIdentifier":"id-%s"}`, body))
	}
	return source.Invocation{Payload: []byte(`{"batchItemFailures":[` + strings.Join(items, ",") + `]}`)}, nil
}

func crash() (source.Invocation, error) {
	return source.Invocation{FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}, nil
}

func TestMappingDeletesWhatTheFunctionHandled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send(numbered(1, 25)...)
		b.runFor(10 * time.Second)
		require.ElementsMatch(t, [][]string{numbered(1, 10), numbered(11, 20), numbered(21, 25)}, b.bodies())
		require.Empty(t, b.left())
	})
}

func TestMappingPassesMessagesOnAsLambdaWritesThem(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("hello")
		b.runFor(time.Second)
		require.Len(t, b.calls, 1)
		require.Equal(t, events.SQSMessage{
			MessageId:      "id-hello",
			ReceiptHandle:  "id-hello",
			Body:           "hello",
			Md5OfBody:      "5d41402abc4b2a76b9719d911017c592",
			Attributes:     map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
			EventSource:    "aws:sqs",
			EventSourceARN: queueARN,
			AWSRegion:      "us-east-1",
			MessageAttributes: map[string]events.SQSMessageAttribute{
				"tenant_id": {DataType: "String", StringValue: aws.String("acme"), StringListValues: []string{}, BinaryListValues: [][]byte{}},
				"raw":       {DataType: "Binary", BinaryValue: []byte{1, 2}, StringListValues: []string{}, BinaryListValues: [][]byte{}},
			},
		}, b.calls[0].event.Records[0])
	})
}

func TestMappingCountsWhatBecameOfMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var mu sync.Mutex
		counts := map[source.Count]int{}
		b.config.Count = func(what source.Count, n int) {
			mu.Lock()
			defer mu.Unlock()
			counts[what] += n
		}
		b.send("good", "bad", "fine")
		throttled := false
		b.handle = func(call) (source.Invocation, error) {
			if !throttled {
				throttled = true
				return source.Invocation{}, source.ErrThrottled
			}
			return failures("bad")
		}
		b.failDelete["id-fine"] = 1
		b.runFor(visibility / 2)
		require.Equal(t, map[source.Count]int{source.Polled: 3, source.Invoked: 3, source.Failed: 3 + 1, source.Deleted: 2}, counts)
	})
}

func TestMappingReturnsOnlyFailedMessagesAfterTheirVisibilityTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("good", "bad", "fine")
		b.handle = func(c call) (source.Invocation, error) {
			if c.event.Records[0].Attributes["ApproximateReceiveCount"] == "1" {
				return failures("bad")
			}
			return failures()
		}
		stop := b.run()
		time.Sleep(visibility - time.Second)
		require.Equal(t, []string{"bad"}, b.left())
		require.Len(t, b.bodies(), 1, "the message is invisible")
		time.Sleep(2 * time.Second)
		stop()
		require.Equal(t, [][]string{{"good", "bad", "fine"}, {"bad"}}, b.bodies())
		require.Empty(t, b.left())
	})
}

func TestMappingLeavesAVisibilityThatTheFunctionSet(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("retry-soon")
		b.handle = func(c call) (source.Invocation, error) {
			b.hideUntil("retry-soon", time.Now().Add(2*time.Second))
			if c.event.Records[0].Attributes["ApproximateReceiveCount"] == "1" {
				return failures("retry-soon")
			}
			return failures()
		}
		b.runFor(4 * time.Second)
		require.Len(t, b.calls, 2)
		require.InDelta(t, 2, (b.calls[1].at - b.calls[0].at).Seconds(), 0.2)
	})
}

func TestMappingKeepsTheWholeBatch(t *testing.T) {
	for name, handle := range map[string]func(call) (source.Invocation, error){
		"when the function crashes":                  func(call) (source.Invocation, error) { return crash() },
		"when the response names an unknown message": func(call) (source.Invocation, error) { return failures("other") },
		"when the response has an empty identifier": func(call) (source.Invocation, error) {
			return source.Invocation{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":""}]}`)}, nil
		},
		"when the response is not valid JSON":         func(call) (source.Invocation, error) { return source.Invocation{Payload: []byte(`nonsense`)}, nil },
		"when the function cannot be invoked at all":  func(call) (source.Invocation, error) { return source.Invocation{}, fmt.Errorf("no such function") },
		"when every message of the batch is reported": func(call) (source.Invocation, error) { return failures("a", "b") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.send("a", "b")
				b.handle = handle
				b.runFor(time.Second)
				require.Equal(t, [][]string{{"a", "b"}}, b.bodies())
				require.Equal(t, []string{"a", "b"}, b.left())
				require.Error(t, b.problems[len(b.problems)-1], "the problem is reported")
			})
		})
	}
}

func TestMappingIgnoresTheResponseUnlessItReportsBatchItemFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.ReportFailures = false
		b.send("a")
		b.handle = func(call) (source.Invocation, error) { return failures("a") }
		b.runFor(time.Second)
		require.Empty(t, b.left())
	})
}

func TestMappingBoundsItsConcurrency(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxConcurrency, b.config.BatchSize = 3, 1
		b.send(numbered(1, 12)...)
		b.handle = func(call) (source.Invocation, error) {
			time.Sleep(5 * time.Second)
			return failures()
		}
		stop := b.run()
		time.Sleep(4 * time.Second)
		require.Len(t, b.bodies(), 3)
		require.Equal(t, 9, b.untouched(), "what nobody can work on stays in the queue")
		time.Sleep(20 * time.Second)
		stop()
		require.Empty(t, b.left())
		require.Equal(t, 3, b.most)
		require.Len(t, b.calls, 12)
	})
}

func TestMappingWaitsForTheBatchWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BatchSize, b.config.BatchWindow = 30, 5*time.Second
		stop := b.run()
		defer stop()
		b.send(numbered(1, 3)...)
		time.Sleep(3 * time.Second)
		require.Empty(t, b.bodies())
		b.send(numbered(4, 5)...)
		time.Sleep(3 * time.Second)
		require.Equal(t, [][]string{numbered(1, 5)}, b.bodies())

		b.send(numbered(6, 45)...)
		time.Sleep(time.Second)
		require.Equal(t, [][]string{numbered(1, 5), numbered(6, 35)}, b.bodies(), "a full batch does not wait")
	})
}

func TestMappingBatchesByBytes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BatchSize, b.config.BatchWindow = 100, 2*time.Second
		for i := range 30 {
			b.send(fmt.Sprintf("%d-%s", i, strings.Repeat("x", 250_000)))
		}
		b.runFor(10 * time.Second)
		var sizes []int
		for _, bodies := range b.bodies() {
			sizes = append(sizes, len(bodies))
		}
		require.Equal(t, []int{25, 5}, sizes, "25 messages of 250 kB are what 6 MB hold")
		require.Empty(t, b.left())
	})
}

func TestMappingWaitsOutThrottling(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("a")
		attempts := 0
		b.handle = func(call) (source.Invocation, error) {
			if attempts++; attempts <= 5 {
				return source.Invocation{}, source.ErrThrottled
			}
			return failures()
		}
		b.runFor(visibility - time.Second)
		require.Empty(t, b.left())
		require.Equal(t, 6, attempts)
		require.Equal(t, "1", b.calls[5].event.Records[0].Attributes["ApproximateReceiveCount"], "it was not received again")
	})
}

func TestMappingGivesUpAThrottledBatchBeforeTheQueueHandsItOutAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("a")
		b.handle = func(call) (source.Invocation, error) { return source.Invocation{}, source.ErrThrottled }
		b.runFor(2*visibility + 10*time.Second)
		require.Equal(t, 1, b.most, "the message is never in two hands")
		require.Equal(t, "3", b.calls[len(b.calls)-1].event.Records[0].Attributes["ApproximateReceiveCount"])
	})
}

func TestMappingRetriesFailedDeletions(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("a", "b", "c")
		b.failDelete["id-b"] = 2
		b.runFor(5 * time.Second)
		require.Empty(t, b.left())
		require.Equal(t, 3, b.deletes)
		require.Len(t, b.calls, 1)
	})
}

func TestMappingBoundsTheRetriesOfADeletion(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("a")
		b.failDelete["id-a"] = 100
		b.runFor(visibility / 2)
		require.Equal(t, 4, b.deletes)
		require.ErrorContains(t, b.problems[len(b.problems)-1], "InternalError")
	})
}

func TestMappingFinishesWhatItWorksOnWhenStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("a")
		b.handle = func(call) (source.Invocation, error) {
			time.Sleep(10 * time.Second)
			return failures()
		}
		start := time.Now()
		b.runFor(time.Millisecond)
		require.Empty(t, b.left())
		require.GreaterOrEqual(t, time.Since(start), 10*time.Second)
	})
}

func TestMappingStopsWithinOnePoll(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		start := time.Now()
		b.runFor(2500 * time.Millisecond)
		require.Equal(t, 3*time.Second, time.Since(start))
		b.send("late")
		time.Sleep(time.Minute)
		require.Empty(t, b.bodies())
	})
}

func TestMappingAbortsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			queue.New(b.fakeQueue, b.function, b.config).Run(ctx, nil)
		}()
		time.Sleep(500 * time.Millisecond)
		start := time.Now()
		cancel()
		<-done
		require.Zero(t, time.Since(start))
	})
}

func TestMappingPollsGently(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.runFor(time.Minute)
		require.LessOrEqual(t, b.receives, 61, "one long poll a second on an idle queue")
		require.LessOrEqual(t, b.longest, int32(20))
	})
}

func TestMappingBringsBackTheBatchOfACrashWithoutWhatTheFunctionDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("done", "kills", "untried")
		b.handle = func(c call) (source.Invocation, error) {
			if c.event.Records[0].Attributes["ApproximateReceiveCount"] == "1" {
				b.remove(t, "id-done")
				return crash()
			}
			return failures()
		}
		b.runFor(visibility + 2*time.Second)
		require.Equal(t, [][]string{{"done", "kills", "untried"}, {"kills", "untried"}}, b.bodies())
		require.GreaterOrEqual(t, b.calls[1].at, visibility)
		require.Equal(t, "2", b.calls[1].event.Records[1].Attributes["ApproximateReceiveCount"], "also of one that was not tried")
	})
}

func TestMappingDeletesWhatTheFunctionHasDeletedAlready(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send("a", "b")
		b.handle = func(call) (source.Invocation, error) {
			b.remove(t, "id-a")
			return failures()
		}
		b.runFor(time.Second)
		require.Empty(t, b.left())
		require.NotEmpty(t, b.problems)
		for _, problem := range b.problems {
			require.NoError(t, problem)
		}
	})
}
