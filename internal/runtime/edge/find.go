package edge

import (
	"context"
	"errors"
	"time"
)

// find looks for the exchange's event: in its tenant's cell and, where that cell does not have it, has diverted it or has no more
// than the outcome of an acceptance that may have ended, in the other cell of a move that the cell has a part in. During a move each event is in one of the two, and each of them
// names the other, so an event is found whichever of them the router's mapping names. The other cell is not asked for a
// third.
//
// These are at most five reads: outcome, event and fence in the first cell, outcome and event in the second. Each cell's
// reads are one call into it, with that cell's own guard: a peer that fails or hangs counts against itself, and the cell
// that named it stays well. Both calls share the deadline of one.
//
// The exchange's cell becomes the one that the answer is about: where the event was found or, where neither knows it,
// the tenant's.
func (h *Handler) find(ctx context.Context, x *exchange) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, h.config.Cell.Timeout.Max)
	defer cancel()
	var record Record
	var peer string
	err := h.inCell(ctx, x, func(ctx context.Context) (err error) {
		if record, err = h.cells.Read(ctx, x.cellID, x.tenantID, x.eventID); err != nil || record.conclusive() {
			return err
		}
		peer, err = h.cells.Peer(ctx, x.cellID, x.tenantID)
		return err
	})
	if err != nil || peer == "" {
		return record.public(), err
	}
	return h.follow(ctx, x, peer, record)
}

// follow asks a peer for an event of which the exchange's cell knows only what is in known.
//
// Where the peer does not answer, what is known is the answer: an event that was diverted is accepted, whatever has
// become of it since. An event that is not known at all may well be in the peer, so to say that there is none would be
// wrong, and so may a later acceptance of one whose time has ended: the request fails, and as the peer's failure.
func (h *Handler) follow(ctx context.Context, x *exchange, peer string, known Record) (Record, error) {
	x.peer = peer
	if !h.leavesTimeForPeer(ctx) {
		return x.without(errNoTimeForPeer, known)
	}
	there := *x
	there.cellID, there.attempts, there.dispatchTook = peer, 0, 0
	var record Record
	err := h.inCell(ctx, &there, func(ctx context.Context) (err error) {
		record, err = h.cells.Read(ctx, peer, x.tenantID, x.eventID)
		return err
	})
	if err == nil && known.goesBefore(record) {
		return known.public(), nil
	}
	if err == nil || !known.answers() {
		*x = there
	}
	if err != nil {
		return x.without(err, known)
	}
	return record.public(), nil
}

var errNoTimeForPeer = errors.New("the cell took so long that no time is left to ask its peer")

// leavesTimeForPeer reports whether at least half of a cell's time is left. With less, a peer that is well might not
// answer in time, and the slowness of one cell would open the breaker of another.
func (h *Handler) leavesTimeForPeer(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= h.config.Cell.Timeout.Max/2
}

// without is the answer where the peer did not give one.
func (x *exchange) without(err error, known Record) (Record, error) {
	if !known.answers() {
		return Record{}, err
	}
	x.peerErr = err
	return known.public(), nil
}
