package move

import (
	"context"
	"errors"

	"cellular/internal/operator/placement"
)

// Places reads the moves under way for a recount: they reserve places.
type Places struct{ *Mover }

var _ placement.Moves = Places{}

// Open implements placement.Moves.
func (p Places) Open(ctx context.Context) ([]placement.OpenMove, error) {
	open, err := p.Mover.Open(ctx)
	moves := make([]placement.OpenMove, len(open))
	for i, m := range open {
		moves[i] = m.places()
	}
	return moves, err
}

// Of implements placement.Moves.
func (p Places) Of(ctx context.Context, tenantID string) (m placement.OpenMove, under bool, err error) {
	move, err := p.Get(ctx, tenantID)
	if errors.Is(err, ErrNoMove) {
		return placement.OpenMove{}, false, nil
	}
	return move.places(), err == nil, err
}

func (m Move) places() placement.OpenMove {
	return placement.OpenMove{TenantID: m.TenantID, From: m.From, To: m.To}
}
