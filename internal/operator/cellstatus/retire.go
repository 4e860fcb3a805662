package cellstatus

import (
	"errors"
	"fmt"

	"cellular/internal/operator/placement"
)

// ErrActive is the error for a cell that is to be retired and may be given tenants at any time.
var ErrActive = errors.New("the cell is active")

// NotEmptyError is the error for a cell that is to be retired and has something: tenants, or what its Status shows.
type NotEmptyError struct {
	Tenants int
	Status
}

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the cell is not empty: it has %d tenants, %d messages in its queues and %d diverted events", e.Tenants, e.messages(), e.Waiting.Total)
}

// OnlyQueue reports whether all that the cell has is messages in its queue, which its consumer takes out by itself.
func (e *NotEmptyError) OnlyQueue() bool {
	return e.Tenants == 0 && e.Waiting.Total == 0 && e.messages() == e.Queue.Total()
}

// messages is every message of the cell's queues, also one that is being processed.
func (s Status) messages() int {
	return s.Queue.Total() + s.StreamDLQ.Total() + s.SubscriptionDLQ.Total() + s.ConsumerDLQ.Total()
}

// MayRetire returns why a cell that is in a state, and has what a status shows, cannot be retired: a *NotEmptyError, or
// ErrActive for a cell that is empty.
func MayRetire(state placement.CellState, s Status) error {
	switch {
	case state.Tenants > 0 || s.messages() > 0 || s.Waiting.Total > 0:
		return &NotEmptyError{Tenants: state.Tenants, Status: s}
	case state.Status == placement.Active:
		return ErrActive
	}
	return nil
}
