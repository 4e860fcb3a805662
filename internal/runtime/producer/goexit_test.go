package producer_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"
)

// endsOnce is a topic whose first call ends its goroutine.
type endsOnce struct {
	*topic
	ended atomic.Bool
}

func (e *endsOnce) PublishBatch(ctx context.Context, in *sns.PublishBatchInput, o ...func(*sns.Options)) (*sns.PublishBatchOutput, error) {
	if !e.ended.Swap(true) {
		runtime.Goexit()
	}
	return e.topic.PublishBatch(ctx, in, o...)
}

func TestI6ACallWhoseGoroutineEndsEarlyIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		p := newProducer(tp, newDLQ())
		p.Topic = &endsOnce{topic: tp}
		require.Empty(t, handle(t, p, inserts(25)...))
		require.Len(t, tp.ids(), 25)
	})
}
