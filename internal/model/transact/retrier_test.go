package transact_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/transact"
	"cellular/internal/testkit/dynamotest"
)

func newTable(t *testing.T) *dynamotest.DB {
	t.Helper()
	return dynamotest.New(map[string]string{"t": "id"})
}

func put(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String("t"), Item: transact.Item{"id": &types.AttributeValueMemberS{Value: id}},
		ConditionExpression: aws.String("attribute_not_exists(id)"),
	}}
}

func TestWrite_TriesAgainWhatMaySucceedSoon(t *testing.T) {
	for _, err := range []error{
		canceled("TransactionConflict"), canceled("ThrottlingError"), canceled("ProvisionedThroughputExceeded"),
		&types.TransactionInProgressException{}, &types.ThrottlingException{}, &types.ProvisionedThroughputExceededException{},
		&types.RequestLimitExceeded{}, &types.InternalServerError{},
	} {
		synctest.Test(t, func(t *testing.T) {
			db, calls := newTable(t), 0
			db.Intercept = func(context.Context, dynamotest.Call) error {
				if calls++; calls < 4 {
					return err
				}
				return nil
			}
			require.NoError(t, transact.Retrier{}.Write(t.Context(), db, put("a")), "%v", err)
			require.Equal(t, 4, calls)
			require.NotNil(t, db.Item("t", "a"))
		})
	}
}

func TestWrite_TriesOnceWhatNoRetryMends(t *testing.T) {
	for _, err := range []error{
		canceled("ConditionalCheckFailed"), canceled("ValidationError"), &types.ResourceNotFoundException{}, errors.New("killed"),
		canceled("TransactionConflict", "ConditionalCheckFailed"),
	} {
		synctest.Test(t, func(t *testing.T) {
			db := newTable(t)
			db.Intercept = func(context.Context, dynamotest.Call) error { return err }
			require.ErrorIs(t, transact.Retrier{}.Write(t.Context(), db, put("a")), err)
			require.Len(t, db.Calls(), 1)
		})
	}
}

// A transaction that took effect must not fail on itself when it is tried again.
func TestWrite_SucceedsWhenOnlyTheAnswerWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, lost := newTable(t), 0
		db.After = func(context.Context, dynamotest.Call) error {
			if lost++; lost < 3 {
				return &types.InternalServerError{}
			}
			return nil
		}
		require.NoError(t, transact.Retrier{}.Write(t.Context(), db, put("a")))
		require.Len(t, db.Calls(), 3)
	})
}

func TestWrite_GivesEachTransactionATokenOfItsOwn(t *testing.T) {
	db := newTable(t)
	require.NoError(t, transact.Retrier{}.Write(t.Context(), db, put("a")))
	err := transact.Retrier{}.Write(t.Context(), db, put("a"))
	require.True(t, transact.ConditionFailed(err, 0), "the second transaction was taken for the first: %v", err)
}

func TestWrite_EndsInTimeWithTheCause(t *testing.T) {
	conflict := canceled("TransactionConflict")
	always := func(context.Context, dynamotest.Call) error { return conflict }

	t.Run("no deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db, began := newTable(t), time.Now()
			db.Intercept = always
			err := transact.Retrier{}.Write(t.Context(), db, put("a"))
			require.ErrorIs(t, err, conflict)
			require.ErrorContains(t, err, "tries over 30s, try later")
			require.Less(t, time.Since(began), transact.Patience+2*transact.DelayLimit)
		})
	})
	t.Run("a deadline is used, and never exceeded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const timeout = 2 * time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			db, began := newTable(t), time.Now()
			db.Intercept = always
			err := transact.Retrier{}.Write(ctx, db, put("a"))
			require.ErrorIs(t, err, conflict)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, time.Since(began), timeout)
			require.Greater(t, time.Since(began), timeout-2*transact.DelayLimit)
		})
	})
	t.Run("a caller that leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			db := newTable(t)
			db.Intercept = func(context.Context, dynamotest.Call) error { cancel(); return conflict }
			err := transact.Retrier{}.Write(ctx, db, put("a"))
			require.ErrorIs(t, err, conflict)
			require.ErrorIs(t, err, context.Canceled)
			require.Len(t, db.Calls(), 1)
		})
	})
	t.Run("a sleep that takes no time", func(t *testing.T) {
		db := newTable(t)
		db.Intercept = always
		var slept time.Duration
		r := transact.Retrier{Sleep: func(_ context.Context, d time.Duration) error { slept += d; return nil }}
		require.ErrorIs(t, r.Write(t.Context(), db, put("a")), conflict)
		require.Less(t, slept, transact.Patience+transact.DelayLimit)
	})
}

func TestDelay_GrowsUpToItsLimitAndVaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		try := rapid.IntRange(0, 1_000_000).Draw(t, "try")
		d := transact.Delay(try)
		require.Positive(t, d)
		require.LessOrEqual(t, d, transact.DelayLimit)
		require.LessOrEqual(t, d, transact.DelayBase<<min(try, 6))
	})
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[transact.Delay(20)] = true
	}
	require.Greater(t, len(seen), 50, "tries that collided would collide again")
}

func TestSingle_TriesAPlainWriteAgainThatMetATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, calls := newTable(t), 0
		db.Intercept = func(context.Context, dynamotest.Call) error {
			if calls++; calls < 3 {
				return &types.TransactionConflictException{}
			}
			return nil
		}
		_, err := transact.Single(t.Context(), transact.Retrier{}, db.PutItem, &dynamodb.PutItemInput{
			TableName: aws.String("t"), Item: transact.Item{"id": &types.AttributeValueMemberS{Value: "a"}},
		})
		require.NoError(t, err)
		require.Equal(t, 3, calls)
	})
}

// The SDK's own retries would multiply those of this package, unseen by it.
func TestRetrier_TurnsTheSDKsRetriesOff(t *testing.T) {
	requests, waits := 0, 0
	client := dynamodb.New(dynamodb.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://dynamodb.test"), Credentials: aws.AnonymousCredentials{},
		HTTPClient: responder(func() (int, string) {
			if requests++; requests <= 2 {
				return http.StatusInternalServerError, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`
			}
			return http.StatusOK, "{}"
		}),
	})
	r := transact.Retrier{Sleep: func(context.Context, time.Duration) error { waits++; return nil }}
	require.NoError(t, r.Write(t.Context(), client, put("a")))
	require.Equal(t, 3, requests)
	require.Equal(t, 2, waits)
}

type responder func() (status int, body string)

func (f responder) Do(r *http.Request) (*http.Response, error) {
	status, body := f()
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}
