package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cellular/internal/model/event"
	"cellular/internal/model/facts"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// remover works on the deployment's removals.
func (s *session) remover() *removal.Remover { return s.observedRemover("", nil) }

// observedRemover is a remover that tells of every change of a removal, and goes on without the cell lost, if it names one.
func (s *session) observedRemover(lost string, observe func(removal.Removal)) *removal.Remover {
	letters := &deadletter.Letters{SQS: s.sqs, Streams: s.streams, Home: s.home()}
	return removal.New(removal.Options{
		DynamoDB: s.dynamo, Queue: s.sqs, ControlPlane: s.ControlPlane, Cells: s.Cells, Lost: lost,
		SweepLetters: func(ctx context.Context, cell facts.Cell, tenantID string, confirm func(context.Context) error) (map[string]int, error) {
			swept, err := letters.Sweep(ctx, cell, deadletter.Kinds(), tenantID, confirm)
			byKind := map[string]int{}
			for kind, n := range swept {
				byKind[string(kind)] = n
			}
			return byKind, err
		},
		Quarantine: s.quarantine(), IndexSettle: move.DefaultIndexSettle, Holder: s.holder, Gone: gone, Observe: observe,
	})
}

// export is the file that a removal writes its copy to.
type export struct {
	a       *app
	s       *session
	tenant  string
	file    *os.File
	written bool // completely
}

func (a *app) newExport(s *session, r removalRequest) (*export, error) {
	file, err := createNew(r.export, "--export")
	return &export{a: a, s: s, tenant: r.tenant, file: file}, err
}

// checkExport refuses a file of the copy that cannot be written, and leaves none behind.
func (r removalRequest) checkExport() error {
	if r.export == "" {
		return nil
	}
	file, err := createNew(r.export, "--export")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(r.export))
}

// explainExport says of a file that is there already what it may be to the removal under way.
func explainExport(err error, name string, open removal.Removal) error {
	switch {
	case !errors.Is(err, errRefused):
		return err
	case open.Phase.Deleting():
		return refused("%s is there already; if this removal wrote it, it is the copy of what is deleted already: keep it. "+
			"Name another file with --export, which will hold only the rest", name)
	}
	return refused("%s is there already; name another file with --export, which will hold everything: nothing was deleted yet", name)
}

// write writes what cells hold of the tenant. What follows deletes the original: the copy is on the disk when this returns.
func (e *export) write(ctx context.Context, cells []facts.Cell) (removal.Copy, error) {
	written, err := tenantdata.Export(ctx, e.s.dynamo, cells, e.tenant, e.file)
	if err == nil {
		err = e.file.Sync()
	}
	if err = errors.Join(err, e.file.Close()); err == nil {
		err = syncDirectory(filepath.Dir(e.file.Name()))
	}
	if err != nil {
		return nil, err
	}
	e.written = true
	e.a.note("%s has %s, %s and %s, %s.", e.file.Name(), counted(written.Events, "event"), counted(written.Outcomes, "outcome"),
		counted(written.State, "other item"), counted(int(written.Bytes), "byte"))
	return written, nil
}

// syncDirectory has a file that was created in the directory outlive a crash of the host.
func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// discard takes the file away, unless it is a complete copy.
func (e *export) discard() {
	if !e.written {
		_ = e.file.Close()
		_ = os.Remove(e.file.Name())
	}
}

// hold says which cells hold something: "cell c01 holds".
func hold(cells []facts.Cell) string {
	ids := cellIDs(cells)
	if len(ids) == 1 {
		return "cell " + ids[0] + " holds"
	}
	return "cells " + strings.Join(ids, ", ") + " hold"
}

func deletedItems(counts removal.Counts) int {
	n := 0
	for _, c := range counts {
		n += c.Events + c.Outcomes + c.State
	}
	return n
}

// reportRemoved says what was deleted where, and what may still come.
func (a *app) reportRemoved(m removal.Removal) {
	for _, cell := range slices.Sorted(maps.Keys(m.Counts)) {
		c := m.Counts[cell]
		letters := "no dead letter"
		if n := len(c.Letters); n > 0 {
			var kinds []string
			sum := 0
			for _, kind := range slices.Sorted(maps.Keys(c.Letters)) {
				sum += c.Letters[kind]
				kinds = append(kinds, fmt.Sprintf("%s %d", kind, c.Letters[kind]))
			}
			letters = counted(sum, "dead letter") + " (" + strings.Join(kinds, ", ") + ")"
		}
		a.note("Deleted in cell %s: %s, %s, %s, %s.", cell, counted(c.Events, "event"), counted(c.Outcomes, "outcome"), counted(c.State, "other item"), letters)
	}
	a.note("Tenant %s is removed. What is still in flight for it, in queues, and for up to 24 hours in streams, is dropped by the consumers; "+
		"a dead letter that comes later is deleted by the first dlq command that meets it. Backups for point-in-time recovery keep what they have, for up to 35 days.", m.TenantID)
}

// removalWays are the commands by which an open removal goes on.
func removalWays(m removal.Removal) string {
	if m.Phase == removal.Restore {
		return fmt.Sprintf("'cellctl tenants remove %s' goes on calling it off", m.TenantID)
	}
	on := fmt.Sprintf("'cellctl tenants remove %s' with --export FILE or --forget goes on with it", m.TenantID)
	if m.GiveUp {
		on = fmt.Sprintf("'cellctl tenants remove %s' goes on with it", m.TenantID)
	}
	if m.Phase.Deleting() {
		return on
	}
	return on + ", with --back-out calls it off"
}

// noteInterrupted says to an operator who ended the command how things stand. The removal is the zero value where none was
// seen; one may then have begun all the same, unless the command had not come so far.
func (a *app) noteInterrupted(tenant string, m removal.Removal, maybeBegun bool) {
	switch {
	case m.TenantID == "" && maybeBegun:
		a.note("Nothing was deleted. Whether the removal of tenant %s has begun is not known; 'cellctl moves show %[1]s' shows it.", tenant)
	case m.TenantID == "":
		a.note("Nothing was done about the removal of tenant %s.", tenant)
	case m.Phase.Ended():
		a.note("The removal of tenant %s is over: %s.", tenant, m.Phase)
	case m.Phase.Deleting():
		a.note("The removal of tenant %s is safe where it is, in phase %s; %s deleted so far, as far as it was noted.", tenant, m.Phase, counted(deletedItems(m.Counts), "item"))
		a.note("%s.", removalWays(m))
	default:
		a.note("The removal of tenant %s is safe where it is, in phase %s; nothing was deleted.", tenant, m.Phase)
		a.note("%s.", removalWays(m))
	}
}

// explainUnknownTenant says of a tenant that has no mapping when it was removed, if it was: err is about it, and is returned
// if it says something else, or if nothing is known of a removal.
func (s *session) explainUnknownTenant(ctx context.Context, err error, tenant string) error {
	if !errors.Is(err, mapping.ErrUnknownTenant) {
		return err
	}
	known, failed := residence.Get(ctx, s.dynamo, s.ControlPlane.MoveTable, tenant)
	if failed != nil || !known.Removed() {
		return err
	}
	text := fmt.Sprintf("tenant %q was removed", tenant)
	if !known.RemovedAt.IsZero() {
		text += " at " + event.FormatTime(known.RemovedAt)
	}
	if past, failed := s.remover().History(ctx, tenant, 1); failed == nil && len(past) > 0 {
		text += fmt.Sprintf("; see 'cellctl moves list --tenant %s'", tenant)
	}
	return refused("%s", text)
}

// explainRemoval says of a removal that did not come to its end what to do.
func explainRemoval(err error, m removal.Removal) error {
	switch {
	case errors.Is(err, removal.ErrUnsettled):
		return refused("%v; nothing was deleted; wait, or redrive the DLQs of cell %s, then go on: %s", err, m.CellID, removalWays(m))
	case errors.Is(err, removal.ErrHolds):
		return refused("%v; add --export FILE to keep a copy, or --forget to give it up", err)
	case errors.Is(err, removal.ErrTooLate):
		return refused("%v; %s", err, removalWays(m))
	case errors.Is(err, removal.ErrCellLost):
		return refused("%v: %s; if it is lost for good, add --abandon %s: %s", err, bringBack(m.CellID), m.CellID, removalWays(m))
	case errors.Is(err, removal.ErrTakenOver):
		return refused("%v, and goes on with it", err)
	case errors.Is(err, errRefused), m.TenantID == "":
		return err
	}
	return fmt.Errorf("%w; the removal is safe where it is: %s", err, removalWays(m))
}
