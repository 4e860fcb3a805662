package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"cellular/internal/facts"
	"cellular/internal/mapping"
	"cellular/internal/tenantdata"
	"cellular/internal/wait"
)

// An index shows a write after a second or so. What was deleted is looked for again until nothing shows, a few times.
const (
	forgetRounds = 5
	forgetPause  = 2 * time.Second
)

// emptyCellOf exports what a cell holds of a tenant, where that is asked for, and deletes it. The tenant must be as it was
// when it was checked: somebody may have resumed it since.
func (a *app) emptyCellOf(ctx context.Context, s *session, m mapping.Mapping, cell facts.Cell, r removal) error {
	if r.export != "" {
		summary, err := exportTo(ctx, s, cell, r)
		if err != nil {
			return err
		}
		a.note("%s has %s, %s and %s, %s.", r.export, counted(summary.Events, "event"), counted(summary.Outcomes, "outcome"),
			counted(summary.State, "other item"), counted(int(summary.Bytes), "byte"))
	}
	now, err := s.placement.Get(ctx, r.tenant)
	if err != nil {
		return err
	}
	if now != m {
		return refused("tenant %q has been changed meanwhile, it is %s in cell %s; nothing was deleted", r.tenant, now.State, now.CellID)
	}
	p := a.progress("deleted items:", 0)
	defer p.end()
	for range forgetRounds {
		if _, err := tenantdata.Forget(ctx, s.dynamo, cell, r.tenant, func(done tenantdata.Summary) {
			p.at(int64(done.Events + done.Outcomes + done.State))
		}); err != nil {
			return err
		}
		if err := wait.For(ctx, forgetPause); err != nil {
			return err
		}
		left, err := tenantdata.Any(ctx, s.dynamo, cell, r.tenant)
		if err != nil || !left {
			return err
		}
	}
	return fmt.Errorf("cell %s holds data of tenant %q again each of %d times that it was deleted; try again later, the mapping is still there", cell.ID, r.tenant, forgetRounds)
}

func exportTo(ctx context.Context, s *session, cell facts.Cell, r removal) (summary tenantdata.Summary, err error) {
	file, err := createNew(r.export, "--export")
	if err != nil {
		return summary, err
	}
	summary, err = tenantdata.Export(ctx, s.dynamo, cell, r.tenant, file)
	// What follows deletes the original: the copy must be on the disk.
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return summary, errors.Join(err, os.Remove(r.export))
	}
	return summary, nil
}
