package stream_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda/filter"
	"cellular/local/lambda/source"
)

func numbered(from, to int) []string {
	var items []string
	for i := from; i <= to; i++ {
		items = append(items, fmt.Sprintf("item-%d", i))
	}
	return items
}

func TestMappingBatchesByCount(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BatchSize = 4
		b.put(numbered(1, 10)...)
		b.runFor(time.Second)
		require.Equal(t, [][]string{numbered(1, 4), numbered(5, 8), numbered(9, 10)}, b.items())
	})
}

func TestMappingWaitsForTheBatchWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BatchSize, b.config.BatchWindow = 3, 5*time.Second
		stop := b.run()
		defer stop()
		b.put("a")
		time.Sleep(4 * time.Second)
		require.Empty(t, b.items(), "the window is not over")
		b.put("b")
		time.Sleep(2 * time.Second)
		require.Equal(t, [][]string{{"a", "b"}}, b.items(), "the window of the first record is over")

		b.put("c", "d", "e")
		time.Sleep(time.Second)
		require.Equal(t, [][]string{{"a", "b"}, {"c", "d", "e"}}, b.items(), "a full batch does not wait")
	})
}

func TestMappingBatchesByBytes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		filling := strings.Repeat("x", 700_000)
		for i := range 20 {
			b.add(types.OperationTypeInsert, fmt.Sprint(i), filling)
		}
		b.runFor(time.Second)
		total := 0
		for _, items := range b.items() {
			require.LessOrEqual(t, len(items), 8, "eight records of 700 kB are what 6 MB hold")
			total += len(items)
		}
		require.Equal(t, 20, total)
		require.Len(t, b.items(), 3)
	})
}

func TestMappingDropsFilteredRecordsBeforeInvocation(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var err error
		b.config.Filter, err = filter.Compile([]string{`{"eventName":["INSERT"]}`})
		require.NoError(t, err)
		b.add(types.OperationTypeModify, "changed", "")
		b.put("new")
		b.add(types.OperationTypeRemove, "gone", "")
		b.runFor(time.Second)
		require.Equal(t, [][]string{{"new"}}, b.items())

		b.put("newer")
		b.runFor(time.Second)
		require.Equal(t, [][]string{{"new"}, {"newer"}}, b.items(), "the checkpoint moved over what the filter dropped")
	})
}

func TestMappingIsolatesAPoisonRecordByBisecting(t *testing.T) {
	for name, partial := range map[string]bool{"the function crashes": false, "the function reports the record": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.put(numbered(1, 20)...)
				applied := map[string]int{}
				b.handle = func(c call) (source.Invocation, error) {
					poisoned := slices.Contains(c.items, "item-7")
					if poisoned && !partial {
						return crash()
					}
					for _, item := range c.items {
						if item == "item-7" {
							break
						}
						applied[item]++
					}
					return report(c, "item-7")
				}
				b.runFor(time.Minute)
				for _, item := range append(numbered(1, 6), numbered(8, 20)...) {
					require.Equal(t, 1, applied[item], "%s is applied once", item)
				}
				require.Equal(t, []string{"RetryAttemptsExhausted 106-106"}, b.batches(), "the poison record is ejected alone")
				alone := slices.DeleteFunc(b.items(), func(items []string) bool { return !slices.Equal(items, []string{"item-7"}) })
				require.Len(t, alone, 1+5, "bisecting did not consume the retry quota")
			})
		})
	}
}

func TestMappingRetriesWithinItsQuotaWithBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BisectOnError, b.config.MaxRetries = false, 3
		b.put("a", "b")
		b.handle = func(call) (source.Invocation, error) { return crash() }
		b.runFor(time.Minute)
		require.Len(t, b.items(), 1+3)
		require.Equal(t, []string{"RetryAttemptsExhausted 100-101"}, b.batches())
		for i, c := range b.calls[1:] {
			require.Equal(t, 200*time.Millisecond<<i, c.at-b.calls[i].at, "the delay doubles")
		}
	})
}

func TestMappingWithoutRetryQuotaRetriesUntilTheRecordIsTooOld(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRetries, b.config.MaxRecordAge = -1, 10*time.Minute
		b.put("old")
		b.handle = func(call) (source.Invocation, error) { return crash() }
		stop := b.run()
		time.Sleep(9 * time.Minute)
		require.Empty(t, b.batches())
		require.Greater(t, len(b.items()), 9*6, "the delay between retries is bounded")
		time.Sleep(2 * time.Minute)
		stop()
		require.Equal(t, []string{"RecordAgeExceeded 100-100"}, b.batches())
	})
}

func TestMappingEjectsOnlyTheRecordsThatAreTooOld(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRecordAge = time.Hour
		b.put("old-1", "old-2")
		time.Sleep(2 * time.Hour)
		b.put("young")
		b.runFor(time.Second)
		require.Equal(t, [][]string{{"young"}}, b.items())
		require.Equal(t, []string{"RecordAgeExceeded 100-101"}, b.batches())
		require.NotContains(t, b.messages[0], "responseContext", "the function never got the records")
	})
}

func TestMappingRetriesFromTheLowestReportedRecord(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BisectOnError = false
		b.put(numbered(1, 5)...)
		attempts := 0
		b.handle = func(c call) (source.Invocation, error) {
			if attempts++; attempts == 1 {
				return report(c, "item-5", "item-3")
			}
			return report(c)
		}
		b.runFor(time.Minute)
		require.Equal(t, [][]string{numbered(1, 5), numbered(3, 5)}, b.items())
	})
}

func TestMappingTreatsAResponseItDoesNotUnderstandAsAFailedBatch(t *testing.T) {
	for name, response := range map[string]string{
		"unknown id": `{"batchItemFailures":[{"itemIdentifier":"999"}]}`,
		"event id":   `{"batchItemFailures":[{"itemIdentifier":"event-b"}]}`,
		"not JSON":   `nonsense`,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.config.BisectOnError, b.config.MaxRetries = false, 1
				b.put("a", "b")
				b.handle = func(call) (source.Invocation, error) {
					return source.Invocation{Payload: []byte(response)}, nil
				}
				b.runFor(time.Minute)
				require.Equal(t, [][]string{{"a", "b"}, {"a", "b"}}, b.items())
				require.Len(t, b.batches(), 1)
			})
		})
	}
}

func TestMappingIgnoresTheResponseUnlessItReportsBatchItemFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.ReportFailures = false
		b.put("a")
		b.handle = func(c call) (source.Invocation, error) { return report(c, "a") }
		b.runFor(time.Minute)
		require.Equal(t, [][]string{{"a"}}, b.items())
	})
}

func TestMappingWaitsOutThrottlingWithoutConsumingRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRetries = 0
		b.put("a")
		throttled := 0
		b.handle = func(c call) (source.Invocation, error) {
			if throttled++; throttled <= 20 {
				return source.Invocation{}, source.ErrThrottled
			}
			return report(c)
		}
		b.runFor(5 * time.Minute)
		require.Len(t, b.items(), 21)
		require.Empty(t, b.batches())
	})
}

func TestMappingCountsWhatBecameOfRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		failing int // deliveries to the destination
		became  source.Count
	}{
		"delivered": {0, source.Delivered}, "delivered late": {4, source.Delivered}, "dropped": {5, source.Dropped},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				var mu sync.Mutex
				counts := map[source.Count]int{}
				b.config.Count = func(what source.Count, n int) {
					mu.Lock()
					defer mu.Unlock()
					counts[what] += n
				}
				b.config.MaxRetries, b.config.BisectOnError = 1, false
				b.destination.failing = tc.failing
				b.put("a", "bad", "c")
				b.handle = func(c call) (source.Invocation, error) { return report(c, "bad") }
				b.runFor(time.Minute)
				require.Equal(t, map[source.Count]int{source.Polled: 3, source.Invoked: 3 + 2, source.Failed: 2 + 2, tc.became: 2}, counts,
					"what follows a bad record in its batch is tried, and given up, with it")
			})
		})
	}
}

func TestMappingGivesUpThrottledRecordsThatAreTooOld(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRecordAge = time.Minute
		b.put("a")
		b.handle = func(call) (source.Invocation, error) { return source.Invocation{}, source.ErrThrottled }
		b.runFor(2 * time.Minute)
		require.Equal(t, []string{"RecordAgeExceeded 100-100"}, b.batches())
	})
}

func TestMappingTellsTheOnFailureDestinationInLambdasWords(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRetries = 1
		b.put("a")
		created := time.Now().UTC().Format(time.RFC3339)
		b.handle = func(call) (source.Invocation, error) { return crash() }
		b.runFor(time.Minute)
		require.Len(t, b.messages, 1)
		message := b.messages[0]
		require.NotEmpty(t, message["timestamp"])
		delete(message, "timestamp")
		require.Equal(t, map[string]any{
			"version": "1.0",
			"requestContext": map[string]any{
				"requestId":              "request",
				"functionArn":            "arn:aws:lambda:us-east-1:123456789012:function:producer",
				"condition":              "RetryAttemptsExhausted",
				"approximateInvokeCount": 2.0,
			},
			"responseContext": map[string]any{"statusCode": 200.0, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"DDBStreamBatchInfo": map[string]any{
				"shardId":                         "shard-1",
				"startSequenceNumber":             "100",
				"endSequenceNumber":               "100",
				"approximateArrivalOfFirstRecord": created,
				"approximateArrivalOfLastRecord":  created,
				"batchSize":                       1.0,
				"streamArn":                       streamARN,
			},
		}, message)
	})
}

func TestMappingMovesOnWhenTheDestinationIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRetries, b.failing = 0, 1_000
		b.put("poison")
		b.handle = func(c call) (source.Invocation, error) {
			if c.items[0] == "poison" {
				return crash()
			}
			return report(c)
		}
		stop := b.run()
		time.Sleep(time.Minute)
		b.put("next")
		time.Sleep(time.Minute)
		stop()
		require.Equal(t, [][]string{{"poison"}, {"next"}}, b.items())
		require.Condition(t, func() bool {
			return slices.ContainsFunc(b.problems, func(err error) bool {
				return err != nil && strings.Contains(err.Error(), "queue is gone")
			})
		}, "the loss is reported")
	})
}

func TestMappingRetriesTheDestination(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.MaxRetries, b.failing = 0, 2
		b.put("poison")
		b.handle = func(call) (source.Invocation, error) { return crash() }
		b.runFor(time.Minute)
		require.Equal(t, []string{"RetryAttemptsExhausted 100-100"}, b.batches())
	})
}

func TestMappingKeepsTheOrderOfEachItemUnderParallelization(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Parallelization, b.config.BatchSize = 4, 5
		for i := range 200 {
			b.add(types.OperationTypeInsert, fmt.Sprintf("item-%d", i%20), fmt.Sprintf("%04d", i))
		}
		running, most := 0, 0
		b.handle = func(c call) (source.Invocation, error) {
			b.function.mu.Lock()
			running++
			most = max(most, running)
			b.function.mu.Unlock()
			time.Sleep(time.Second)
			b.function.mu.Lock()
			running--
			b.function.mu.Unlock()
			return report(c)
		}
		b.runFor(5 * time.Minute)
		last, seen := map[string]string{}, 0
		for _, c := range b.calls {
			for _, r := range c.event.Records {
				item, filling := r.Change.Keys["id"].String(), r.Change.NewImage["filling"].String()
				require.Less(t, last[item], filling, "records of %s are in order", item)
				last[item] = filling
				seen++
			}
		}
		require.Equal(t, 200, seen)
		require.Greater(t, most, 1, "lanes work at the same time")
		require.LessOrEqual(t, most, 4)
	})
}

func TestMappingFinishesWhatItWorksOnWhenStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a")
		finished := false
		b.handle = func(c call) (source.Invocation, error) {
			time.Sleep(10 * time.Second)
			finished = true
			return report(c)
		}
		b.runFor(time.Second)
		require.True(t, finished)
		b.put("b")
		b.runFor(time.Second)
		require.Equal(t, [][]string{{"a"}, {"b"}}, b.items(), "what was finished is not repeated")
	})
}

func TestMappingContinuesWhereItWasStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.BatchSize = 1
		b.put("a", "b")
		b.handle = func(c call) (source.Invocation, error) {
			if c.items[0] == "b" {
				return crash()
			}
			return report(c)
		}
		b.runFor(time.Second)
		b.handle = nil
		b.put("c")
		before := len(b.items())
		b.runFor(time.Second)
		require.Equal(t, [][]string{{"b"}, {"c"}}, b.items()[before:], "the record that was retried comes again, the one before does not")
	})
}

func TestMappingContinuesWhereItsSlowestLaneWasStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Parallelization, b.config.MaxRetries = 4, -1
		b.put(numbered(0, 39)...)
		b.handle = func(c call) (source.Invocation, error) {
			if slices.Contains(c.items, "item-10") {
				return crash()
			}
			return report(c)
		}
		b.runFor(time.Second)
		b.handle = nil
		before := len(b.items())
		b.runFor(time.Second)
		again := slices.Concat(b.items()[before:]...)
		require.Contains(t, again, "item-10", "the record that was retried comes again")
		require.NotContains(t, again, "item-9", "what is before it does not")
	})
}

func TestMappingStopsInTheMiddleOfADelay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a")
		b.handle = func(call) (source.Invocation, error) { return source.Invocation{}, errors.New("function is gone") }
		start := time.Now()
		b.runFor(time.Minute)
		require.Less(t, time.Since(start), time.Minute+time.Millisecond, "no delay outlasts the stop")
	})
}

func TestMappingStartingAtLatestSkipsWhatIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Latest = true
		b.put("old")
		stop := b.run()
		synctest.Wait()
		b.put("new")
		time.Sleep(time.Second)
		stop()
		require.Equal(t, [][]string{{"new"}}, b.items())
	})
}

func TestMappingStartingAtLatestLosesNothingWhileStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.config.Latest = true
		b.runFor(time.Second)
		b.put("while stopped")
		b.runFor(time.Second)
		require.Equal(t, [][]string{{"while stopped"}}, b.items())
	})
}

func TestMappingReadsAChildShardAfterItsParent(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("parent-1", "parent-2")
		b.split("shard-2")
		b.put("child")
		b.handle = func(c call) (source.Invocation, error) {
			time.Sleep(15 * time.Second)
			return report(c)
		}
		b.runFor(time.Minute)
		require.Equal(t, [][]string{{"parent-1", "parent-2"}, {"child"}}, b.items())
		require.GreaterOrEqual(t, b.calls[1].at, 15*time.Second)
	})
}

func TestMappingReadsOnAfterAnExpiredIterator(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a")
		stop := b.run()
		time.Sleep(time.Second)
		b.fakeStream.mu.Lock()
		b.failed = 3
		b.fakeStream.mu.Unlock()
		b.put("b")
		time.Sleep(10 * time.Second)
		stop()
		require.Equal(t, [][]string{{"a"}, {"b"}}, b.items())
	})
}

func TestMappingPollsGently(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a")
		b.runFor(10 * time.Second)
		require.LessOrEqual(t, b.polls, 101, "ten polls a second while there is traffic")
		busy := b.polls
		b.runFor(time.Minute)
		require.LessOrEqual(t, b.polls-busy, 121, "two polls a second when there is none")
	})
}

func TestMappingPassesRecordsOnAsLambdaWritesThem(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a")
		created := time.Now()
		nested := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"text":    &types.AttributeValueMemberS{Value: "x"},
			"number":  &types.AttributeValueMemberN{Value: "12345678901234567890.5"},
			"bytes":   &types.AttributeValueMemberB{Value: []byte{0, 1, 255}},
			"flag":    &types.AttributeValueMemberBOOL{Value: true},
			"nothing": &types.AttributeValueMemberNULL{Value: true},
			"texts":   &types.AttributeValueMemberSS{Value: []string{"p", "q"}},
			"numbers": &types.AttributeValueMemberNS{Value: []string{"1", "2"}},
			"blobs":   &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
			"list":    &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: "1"}, &types.AttributeValueMemberM{}}},
		}}
		b.shards[0].records[0].Dynamodb.NewImage["nested"] = nested
		b.runFor(time.Second)

		require.Len(t, b.calls, 1)
		got := b.calls[0].event.Records[0]
		require.Equal(t, "aws:dynamodb", got.EventSource)
		require.Equal(t, streamARN, got.EventSourceArn)
		require.Equal(t, "us-east-1", got.AWSRegion)
		require.Equal(t, "INSERT", got.EventName)
		require.Equal(t, "event-a", got.EventID)
		require.Equal(t, "1.1", got.EventVersion)
		require.Equal(t, "100", got.Change.SequenceNumber)
		require.Equal(t, "NEW_AND_OLD_IMAGES", got.Change.StreamViewType)
		require.Equal(t, created.Unix(), got.Change.ApproximateCreationDateTime.Unix())
		require.Nil(t, got.Change.OldImage, "an insert has no old image")
		require.Equal(t, events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{
			"text":    events.NewStringAttribute("x"),
			"number":  events.NewNumberAttribute("12345678901234567890.5"),
			"bytes":   events.NewBinaryAttribute([]byte{0, 1, 255}),
			"flag":    events.NewBooleanAttribute(true),
			"nothing": events.NewNullAttribute(),
			"texts":   events.NewStringSetAttribute([]string{"p", "q"}),
			"numbers": events.NewNumberSetAttribute([]string{"1", "2"}),
			"blobs":   events.NewBinarySetAttribute([][]byte{{1}, {2}}),
			"list":    events.NewListAttribute([]events.DynamoDBAttributeValue{events.NewNumberAttribute("1"), events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{})}),
		}), got.Change.NewImage["nested"])
	})
}
