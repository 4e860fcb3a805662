package dynamotest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/dynamotest"
)

// takes is how long a transaction of these tests takes.
const takes = 8 * time.Millisecond

// crowd has a test in a bubble, with tables whose requests meet.
func crowd(t *testing.T, c dynamotest.Concurrency, f func(t *testing.T, db *dynamotest.DB)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db := newDB()
		db.Concurrent(c)
		f(t, db)
	})
}

func putOf(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(things), Item: item{"id": s(id)}}}
}

func checkOf(id string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(things), Key: item{"id": s(id)}, ConditionExpression: aws.String("attribute_not_exists(id)"),
	}}
}

// start begins a transaction, and returns once it is at its items. The channel has its answer.
func start(t *testing.T, ctx context.Context, db *dynamotest.DB, items ...types.TransactWriteItem) <-chan error {
	t.Helper()
	answer := make(chan error, 1)
	go func() {
		_, err := db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		answer <- err
	}()
	synctest.Wait()
	return answer
}

// Whatever a transaction does with an item, another one that asks for it meanwhile is canceled, and says which item it was.
func TestConcurrent_TransactionsThatMeetAtAnItemAreCanceled(t *testing.T) {
	for name, first := range map[string]types.TransactWriteItem{"write": putOf("b"), "check": checkOf("b")} {
		for name2, second := range map[string]types.TransactWriteItem{"write": putOf("b"), "check": checkOf("b")} {
			t.Run(name+" then "+name2, func(t *testing.T) {
				crowd(t, dynamotest.Concurrency{Transaction: takes}, func(t *testing.T, db *dynamotest.DB) {
					won := start(t, t.Context(), db, putOf("a"), first)
					require.Equal(t, []string{"None", "TransactionConflict"}, codes(t, transact(t, db, putOf("c"), second)))
					require.NoError(t, <-won)
					require.NotNil(t, db.Item(things, "a"))
					require.Nil(t, db.Item(things, "c"), "nothing of the canceled one is left")
					require.NoError(t, transact(t, db, putOf("c"), putOf("b")), "once the other is done")
					u := db.Usage()
					require.Equal(t, []int{3, 1, 1}, []int{u.Transactions, u.Canceled, u.Conflicts})
				})
			})
		}
	}
}

func TestConcurrent_TransactionsOfOtherItemsDoNotMeet(t *testing.T) {
	crowd(t, dynamotest.Concurrency{Transaction: takes}, func(t *testing.T, db *dynamotest.DB) {
		begin := time.Now()
		first := start(t, t.Context(), db, putOf("a"))
		require.NoError(t, transact(t, db, putOf("b")))
		require.NoError(t, <-first)
		require.Equal(t, takes, time.Since(begin), "they took their time together")
	})
}

// A canceled transaction has prepared the items that it found free, and is in the way of others there until it has let go.
func TestConcurrent_ACanceledTransactionHoldsWhatItPrepared(t *testing.T) {
	crowd(t, dynamotest.Concurrency{Transaction: takes}, func(t *testing.T, db *dynamotest.DB) {
		won := start(t, t.Context(), db, putOf("a"))
		canceled := start(t, t.Context(), db, putOf("a"), putOf("b"))
		require.Equal(t, []string{"TransactionConflict"}, codes(t, transact(t, db, putOf("b"))))
		require.Equal(t, []string{"TransactionConflict", "None"}, codes(t, <-canceled))
		require.NoError(t, transact(t, db, putOf("b")))
		require.NoError(t, <-won)
	})
}

func TestConcurrent_PlainWritesOfAnItemInATransactionFailAndReadsDoNot(t *testing.T) {
	crowd(t, dynamotest.Concurrency{Transaction: takes}, func(t *testing.T, db *dynamotest.DB) {
		ctx, key := t.Context(), item{"id": s("a")}
		put(t, db, things, item{"id": s("a"), "of": s("before")})
		won := start(t, ctx, db, types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String(things), Item: item{"id": s("a"), "of": s("after")},
		}})
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(things), Item: key})
		require.Equal(t, "TransactionConflictException", code(t, err))
		_, err = db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(things), Key: key, UpdateExpression: aws.String("SET #a = #a"),
			ExpressionAttributeNames: names{"#a": "of"},
		})
		require.Equal(t, "TransactionConflictException", code(t, err))
		_, err = db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(things), Key: key})
		require.Equal(t, "TransactionConflictException", code(t, err))
		batch, err := db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
			things: {{PutRequest: &types.PutRequest{Item: key}}, {PutRequest: &types.PutRequest{Item: item{"id": s("b")}}}},
		}})
		require.NoError(t, err)
		require.Len(t, batch.UnprocessedItems[things], 1)

		out, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(things), Key: key, ConsistentRead: aws.Bool(true)})
		require.NoError(t, err)
		require.Equal(t, s("before"), out.Item["of"], "a read sees what was committed")
		require.NoError(t, <-won)
		require.Equal(t, s("after"), db.Item(things, "a")["of"])
		require.Equal(t, 4, db.Usage().Blocked)
	})
}

// Who leaves a transaction alone does not stop it, and its token is still under way.
func TestConcurrent_ATransactionThatNobodyWaitsForTakesEffect(t *testing.T) {
	crowd(t, dynamotest.Concurrency{Transaction: takes}, func(t *testing.T, db *dynamotest.DB) {
		inserted := 0
		db.OnInsert(things, func(dynamotest.Item) { inserted++ })
		ctx, cancel := context.WithTimeout(t.Context(), takes/4)
		defer cancel()
		in := &dynamodb.TransactWriteItemsInput{
			TransactItems: []types.TransactWriteItem{putOf("a")}, ClientRequestToken: aws.String("token"),
		}
		_, err := db.TransactWriteItems(ctx, in)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Nil(t, db.Item(things, "a"))
		_, err = db.TransactWriteItems(t.Context(), in)
		require.Equal(t, "TransactionInProgressException", code(t, err))
		time.Sleep(takes)
		synctest.Wait()
		require.NotNil(t, db.Item(things, "a"))
		_, err = db.TransactWriteItems(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, 1, inserted)
	})
}

// rate is how many of the calls that one client makes as fast as it can, over five seconds, are carried out each second.
func rate(t *testing.T, call func(i int) error) float64 {
	t.Helper()
	begin, done := time.Now(), 0
	for i := 0; time.Since(begin) < 5*time.Second; i++ {
		switch err := call(i); {
		case err == nil:
			done++
		default:
			var throttled *types.ThrottlingException
			require.ErrorAs(t, err, &throttled)
			require.Len(t, throttled.ThrottlingReasons, 1)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return float64(done) / 5
}

func putItem(t *testing.T, db *dynamotest.DB, it item) error {
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(things), Item: it})
	return err
}

// A second's worth of capacity is there at the beginning, so that five seconds take six seconds' worth. The limits are a
// twentieth of those of a new table.
func TestConcurrent_KeysIndexKeysAndTablesTakeSoMuchASecond(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("id-%d", i) }
	limits := dynamotest.OnDemand(0)
	for _, limit := range []*float64{&limits.KeyReads, &limits.KeyWrites, &limits.TableReads, &limits.TableWrites} {
		*limit /= 20
	}
	for name, c := range map[string]struct {
		call func(t *testing.T, db *dynamotest.DB, i int) error
		want float64
	}{
		"writes of one key": {
			func(t *testing.T, db *dynamotest.DB, _ int) error { return putItem(t, db, item{"id": s("hot")}) }, 1000,
		},
		"writes of one key, of 1.5 KB each": {
			func(t *testing.T, db *dynamotest.DB, _ int) error {
				return putItem(t, db, item{"id": s("hot"), "pad": s(string(make([]byte, 1500)))})
			}, 500,
		},
		"writes of many keys": {
			func(t *testing.T, db *dynamotest.DB, i int) error { return putItem(t, db, item{"id": s(id(i))}) }, 4000,
		},
		"writes of many keys that an index has under one": {
			func(t *testing.T, db *dynamotest.DB, i int) error {
				return putItem(t, db, item{"id": s(id(i)), "owner_id": s("hot")})
			}, 1000,
		},
		"consistent reads of one key": {
			func(t *testing.T, db *dynamotest.DB, _ int) error {
				_, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{
					TableName: aws.String(things), Key: item{"id": s("hot")}, ConsistentRead: aws.Bool(true),
				})
				return err
			}, 3000,
		},
		"other reads of one key": {
			func(t *testing.T, db *dynamotest.DB, _ int) error {
				_, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(things), Key: item{"id": s("hot")}})
				return err
			}, 6000,
		},
	} {
		t.Run(name, func(t *testing.T) {
			crowd(t, limits, func(t *testing.T, db *dynamotest.DB) {
				got := rate(t, func(i int) error { return c.call(t, db, i) })
				require.InEpsilon(t, c.want/20*6/5, got, 0.02)
				require.Positive(t, db.Usage().Throttled)
			})
		})
	}
}

// A transaction takes two units for each item, also for a check, and says which item there was no capacity for. A throttled
// index key throttles the transaction that would write it.
func TestConcurrent_TransactionsAreCanceledWhereAKeyHasNoCapacity(t *testing.T) {
	inIndex := func(id string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(things), Item: item{"id": s(id), "owner_id": s("hot")}}}
	}
	for name, hot := range map[string]func(i int) types.TransactWriteItem{
		"a check":          func(int) types.TransactWriteItem { return checkOf("hot") },
		"a write":          func(int) types.TransactWriteItem { return putOf("hot") },
		"a write of index": func(i int) types.TransactWriteItem { return inIndex(fmt.Sprintf("of-index-%d", i)) },
	} {
		t.Run(name, func(t *testing.T) {
			crowd(t, dynamotest.Concurrency{KeyWrites: 10}, func(t *testing.T, db *dynamotest.DB) {
				done := 0
				var err error
				for i := 0; err == nil; i++ {
					if err = transact(t, db, putOf(fmt.Sprintf("cold-%d", i)), hot(i)); err == nil {
						done++
					}
				}
				require.Equal(t, []string{"None", "ThrottlingError"}, codes(t, err))
				want := 5
				if name == "a write of index" {
					want = 10 // one unit for each of two indexes, which have a key each
				}
				require.Equal(t, want, done)
				time.Sleep(time.Second)
				require.NoError(t, transact(t, db, putOf("later"), hot(done+1)))
			})
		})
	}
}

func TestConcurrent_UsageCountsUnitsByTableAndIndex(t *testing.T) {
	crowd(t, dynamotest.OnDemand(0), func(t *testing.T, db *dynamotest.DB) {
		put(t, db, things, item{"id": s("a"), "owner_id": s("o"), "rank_no": n("1")})
		require.Equal(t, map[string]float64{things: 1, things + "/all": 1, things + "/by-owner": 1}, db.Usage().WriteUnits)
		put(t, db, things, item{"id": s("a"), "owner_id": s("o"), "rank_no": n("1"), "more": s("x")})
		require.Equal(t, map[string]float64{things: 2, things + "/all": 2, things + "/by-owner": 1}, db.Usage().WriteUnits,
			"an entry that stays what it was costs nothing")
		put(t, db, things, item{"id": s("a"), "owner_id": s("p"), "rank_no": n("1"), "more": s("x")})
		require.Equal(t, map[string]float64{things: 3, things + "/all": 4, things + "/by-owner": 3}, db.Usage().WriteUnits,
			"one that moves is deleted and put")
		require.NoError(t, transact(t, db, checkOf("b"), putOf("c")))
		require.Equal(t, 7.0, db.Usage().WriteUnits[things])
	})
}

// Requests of one client take the time of each; those of many take it together.
func TestConcurrent_RequestsTakeTheirTime(t *testing.T) {
	crowd(t, dynamotest.OnDemand(takes), func(t *testing.T, db *dynamotest.DB) {
		begin := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { put(t, db, things, item{"id": s(fmt.Sprint(i))}) })
		}
		all.Wait()
		require.Equal(t, takes/2, time.Since(begin))

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(things), Key: item{"id": s("1")}, ConsistentRead: aws.Bool(true)})
		require.True(t, errors.Is(err, context.DeadlineExceeded))
	})
}
