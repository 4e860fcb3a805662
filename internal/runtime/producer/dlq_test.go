package producer_test

import (
	"github.com/stretchr/testify/require"

	"cellular/internal/model/ejection"
	"cellular/internal/testkit/sqstest"
)

const dlqURL = "https://sqs/stream-dlq"

// dlq is a stream DLQ in memory.
type dlq struct{ *sqstest.SQS }

func newDLQ() *dlq { return &dlq{sqstest.New(map[string]sqstest.Queue{dlqURL: {}})} }

func (d *dlq) letters(t require.TestingT) []ejection.Letter {
	var list []ejection.Letter
	for _, m := range d.Messages(dlqURL) {
		l, ok := ejection.Decode(*m.Body)
		require.True(t, ok, *m.Body)
		list = append(list, l)
	}
	return list
}

func (d *dlq) keys(t require.TestingT) []string {
	list := []string{}
	for _, l := range d.letters(t) {
		list = append(list, l.Key)
	}
	return list
}
