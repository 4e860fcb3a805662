package producer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
)

// eject tries to eject those hopeless records before which everything is done. The others come again in any case, with
// what is not done, and would be ejected each time. It returns a transient failure.
func (w *work) eject(ctx context.Context) error {
	for _, i := range slices.Sorted(maps.Keys(w.hopeless)) {
		if i > w.lowestPending() {
			return nil
		}
		reason := w.hopeless[i]
		if err := w.sendLetter(ctx, i, reason); err != nil {
			return err
		}
		delete(w.hopeless, i)
		w.ejected++
		tenantID, _ := recordIDs(w.records[i])
		if event.SyntheticTenant(tenantID) {
			w.probes.ejected++
		} else if _, ok := errors.AsType[refusal](reason); ok {
			w.refused++
		}
		w.logRecord(ctx, "record ejected", i, reason)
	}
	return nil
}

func (w *work) sendLetter(ctx context.Context, i int, reason error) error {
	body, err := newLetter(ctx, w.records[i], reason).Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.callTimeout)
	defer cancel()
	_, err = w.DLQ.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(w.DLQURL), MessageBody: aws.String(string(body))})
	if err != nil {
		return fmt.Errorf("eject to the stream DLQ: %w", err)
	}
	return nil
}

func newLetter(ctx context.Context, record events.DynamoDBEventRecord, reason error) ejection.Letter {
	l := ejection.Letter{
		EjectedAt: time.Now(),
		StreamARN: record.EventSourceArn, SequenceNumber: record.Change.SequenceNumber, ArrivedAt: record.Change.ApproximateCreationDateTime.Time,
		Key: stringOf(record.Change.Keys[event.AttrKey]), Reason: reason.Error(),
	}
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		l.RequestID, l.FunctionARN = invocation.AwsRequestID, invocation.InvokedFunctionArn
	}
	if epoch := record.Change.NewImage[event.AttrEpoch]; epoch.DataType() == events.DataTypeNumber {
		l.Epoch, _ = strconv.ParseInt(epoch.Number(), 10, 64)
	}
	return l
}
