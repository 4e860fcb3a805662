package main

import (
	"fmt"
	"os"

	"cellular/internal/move"
)

// mover works on the deployment's moves.
func (s *session) mover() *move.Mover {
	return move.New(move.Options{
		DynamoDB: s.dynamo, Queue: s.sqs, ControlPlane: s.ControlPlane, Cell: s.Cell,
		Quarantine: move.QuarantineOf(s.Router), IndexSettle: move.DefaultIndexSettle, Poll: move.DefaultPoll,
		Holder: holder(),
	})
}

// holder is this process, for other operators to find.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// moveView is a move that is under way.
type moveView struct {
	TenantID  string     `json:"tenant_id"`
	From      string     `json:"from"`
	To        string     `json:"to"`
	Epoch     int64      `json:"epoch"`
	Phase     move.Phase `json:"phase"`
	StartedAt *string    `json:"started_at"`
}

func (v moveView) String() string {
	return fmt.Sprintf("%s from %s to %s, phase %s", v.TenantID, v.From, v.To, v.Phase)
}

// viewOfMoves are those of the moves that go into or out of a cell.
func viewOfMoves(moves []move.Move, cell string) []moveView {
	views := []moveView{}
	for _, m := range moves {
		if m.From == cell || m.To == cell {
			views = append(views, moveView{m.TenantID, m.From, m.To, m.Epoch, m.Phase, jsonTime(m.StartedAt)})
		}
	}
	return views
}
