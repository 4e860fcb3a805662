package producer

import "github.com/aws/aws-lambda-go/events"

// outcome is what became of a batch's records, by their index in the batch. The zero value is a batch of which
// nothing failed.
type outcome struct {
	published int
	clones    int           // records of copies that a move has made, which are not published
	failed    map[int]error // why a record by itself could not be published
	stopped   error         // why publishing ended early; nil if it did not
	stoppedAt int           // the first record that was not published because of that
}

func (o *outcome) fail(record int, err error) {
	if o.failed == nil {
		o.failed = make(map[int]error)
	}
	o.failed[record] = err
}

// answer names the lowest record that is not known to be published. Lambda retries from there, and takes a record
// without a sequence number as the failure of the whole batch: that is more than needed, and loses nothing.
func (o *outcome) answer(batch events.DynamoDBEvent) events.DynamoDBEventResponse {
	response := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	for i, record := range batch.Records {
		if _, failed := o.failed[i]; failed || o.stopped != nil && i == o.stoppedAt {
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
			break
		}
	}
	return response
}
