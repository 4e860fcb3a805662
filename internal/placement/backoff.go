package placement

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"cellular/internal/wait"
)

// The delays between two tries of a contended transaction. One takes some ten milliseconds, so the first try again falls
// behind the one that won; at the limit, a hundred who want the same cell come a few at a time.
const (
	delayBase  = 20 * time.Millisecond
	delayLimit = time.Second

	// patience is how long a contended operation is tried. Two hundred placements in one cell, one after the other, take
	// a few seconds.
	patience = 30 * time.Second
)

// delay is a random share of a time that doubles with each try, from 0 on: those that collided do not collide again.
func delay(try int) time.Duration {
	most := delayLimit
	if try < 6 { // 20 ms << 6 is above the limit
		most = min(most, delayBase<<try)
	}
	return 1 + rand.N(most)
}

// pause waits for the delay after a try.
func pause(ctx context.Context, try int) error {
	return wait.For(ctx, delay(try))
}

// contended repeats an operation that may lose to others who change the same items: until it is done, fails for good, or
// patience is over. once reports again where trying again may help.
func contended(ctx context.Context, once func() (again bool, err error)) error {
	start := time.Now()
	for try := 0; ; try++ {
		again, err := once()
		if err == nil || !again {
			return err
		}
		if time.Since(start) >= patience {
			return fmt.Errorf("others have changed the same items again and again for %s, try later: %w", patience, err)
		}
		if waited := pause(ctx, try); waited != nil {
			return fmt.Errorf("%w; before that: %w", waited, err)
		}
	}
}

// lost reports whether a transaction was canceled by something that may be over at the next look: a condition that no
// longer held, another transaction on the same items, or throttling.
func lost(err error) bool {
	temporary := false
	for n := range 100 { // the operations that a transaction can have
		switch reason(err, n) {
		case "":
		case conditionFailed, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			temporary = true
		default:
			return false
		}
	}
	return temporary
}
