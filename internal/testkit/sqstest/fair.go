package sqstest

import (
	"cmp"
	"slices"
	"time"
)

// What makes a message group noisy, and quiet again, from "How Amazon SQS fair queues work" of the developer guide: it has
// more than a tenth of the messages in flight, and at least 30; until its backlog is used up, or nothing of it was sent for
// five minutes. The service calls its figures approximate. It has a second measure, the group's recent share of the time that
// consumers took, whose length it does not document, and which is left out here.
const (
	noisyShare    = 0.1
	noisyInFlight = 30
	quietAfter    = 5 * time.Minute
)

// inFairOrder orders visible messages, which come oldest first, as a fair queue delivers them: those of quiet groups, and
// those without a group, first; then those of noisy groups, of the group with the fewest messages in flight first. A
// queue of whose messages none has a group stays as it is.
func (s *SQS) inFairOrder(q *queue, visible []*message) {
	now := s.now()
	inFlight, total := map[string]int{}, 0
	for _, m := range q.messages {
		if m.receives > 0 && m.hiddenUntil.After(now) {
			inFlight[m.group]++
			total++
		}
	}
	backlog := map[string]bool{}
	for _, m := range visible {
		backlog[m.group] = true
	}
	for group, n := range inFlight {
		if group != "" && n >= noisyInFlight && float64(n) > noisyShare*float64(total) {
			q.noisy[group] = true
		}
	}
	for group := range q.noisy {
		if !backlog[group] || now.Sub(q.sentAt[group]) >= quietAfter {
			delete(q.noisy, group)
		}
	}
	if len(q.noisy) == 0 {
		return
	}
	rank := func(m *message) int {
		if !q.noisy[m.group] {
			return -1
		}
		return inFlight[m.group]
	}
	slices.SortStableFunc(visible, func(a, b *message) int { return cmp.Compare(rank(a), rank(b)) })
}
