package config

import "time"

// ProducerAnswerMargin is the part of each invocation that the producer keeps for its answer: until then it waits for a
// topic that fails.
const ProducerAnswerMargin = time.Second

// maxStreamRetries is the most that Lambda takes as the maximum retry attempts of an event source mapping, short of no
// bound.
const maxStreamRetries = 10_000

// minStreamRetries keeps a release whose producer dies at its start from giving up good events within seconds, where the
// functions' timeout is so long that few invocations fit the record age.
const minStreamRetries = 100

// StreamRetries returns the maximum retry attempts of the stream's mapping to the producer: more than a failing topic can
// use up before a record reaches its maximum age, and no more than that with a quarter to spare.
//
// Only a failure that the function itself ends in counts. One that the producer reports comes at the end of an invocation
// that has waited until ProducerAnswerMargin before its timeout, so that the retries of a record take at least their
// number times that long. A record that kills the process fails faster, as fast as a process starts and dies, and this
// count is what ends it. It is no setting, because a lower one gives good events up and a higher one helps nobody.
func StreamRetries(f Functions, s Stream) int {
	shortest := f.Timeout - ProducerAnswerMargin
	if shortest <= 0 {
		return maxStreamRetries + 1 // no time is left to try anything: checkPipeline refuses it
	}
	return max(minStreamRetries, int((s.MaxRecordAge+s.MaxRecordAge/4+shortest-1)/shortest))
}

// longestRecordAge returns the highest maximum record age for which StreamRetries is one that Lambda takes.
func longestRecordAge(f Functions) time.Duration {
	return max(0, maxStreamRetries*(f.Timeout-ProducerAnswerMargin)/5*4)
}
