package producer

import (
	"github.com/aws/aws-lambda-go/events"

	"cellular/internal/model/event"
)

// PanicOn makes the producer panic while it decodes the record with a sequence number: no input is known that does.
func (p *Producer) PanicOn(sequence string) {
	p.decode = func(record events.DynamoDBEventRecord) (event.Event, error) {
		if record.Change.SequenceNumber == sequence {
			panic("a bug")
		}
		return decodeRecord(record)
	}
}
