package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
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
		SweepLetters: func(ctx context.Context, cell manifest.Cell, tenantID string, confirm func(context.Context) error) (map[string]int, error) {
			swept, err := letters.Sweep(ctx, cell, deadletter.Kinds(), tenantID, confirm)
			byKind := map[string]int{}
			for kind, n := range swept {
				byKind[string(kind)] = n
			}
			return byKind, err
		},
		Quarantine: s.quarantine(), IndexSettle: move.DefaultIndexSettle, Holder: s.holder, Gone: record.Gone, Observe: observe,
	})
}

// export is the file that a removal writes its copy to, or has written it to.
type export struct {
	a       *app
	s       *session
	tenant  string
	removal int64 // its epoch
	name    string
	file    *os.File // nil where the copy is there
	created fs.FileInfo
	written bool // completely
}

// newExport creates the file, unless it is there and holds the copy of the removal under way.
func (a *app) newExport(s *session, r removalRequest, open removal.Removal) (*export, error) {
	e := &export{a: a, s: s, tenant: r.tenant, removal: open.Epoch, name: r.export}
	if open.TenantID != "" && fileExists(r.export) {
		return e, nil
	}
	var err error
	if e.file, err = createNew(r.export, "--export"); err != nil {
		return nil, err
	}
	if e.created, err = e.file.Stat(); err != nil {
		return nil, errors.Join(err, e.file.Close())
	}
	return e, nil
}

func fileExists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
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

// checkExportOf is checkExport for a removal that is under way. A file that is there must be a complete copy of it.
func (r removalRequest) checkExportOf(open removal.Removal) error {
	if r.export == "" || !fileExists(r.export) {
		return r.checkExport()
	}
	_, err := readCopy(r.export, nil, open.TenantID, open.Epoch)
	return explainCopy(err, r.export, open.Phase)
}

// readCopy reads a file back that a removal has written, and sees to it that it is on the disk: the process that wrote it may
// have died before.
func readCopy(name string, cells []manifest.Cell, tenant string, removal int64) (*tenantdata.Copy, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	copied, err := tenantdata.ReadExport(file, cells, tenant, removal)
	if err != nil {
		return nil, err
	}
	return copied, errors.Join(file.Sync(), syncDirectory(filepath.Dir(name)))
}

// explainCopy says of a file that is there, and is no copy to go on with, what to do.
func explainCopy(err error, name string, phase removal.Phase) error {
	for _, fault := range []error{tenantdata.ErrNoExport, tenantdata.ErrCutShort, tenantdata.ErrOtherRemoval, removal.ErrNotCopied} {
		switch {
		case !errors.Is(err, fault):
		case phase.Deleting():
			return refused("%s is no copy to go on with: %v. If this removal wrote it, it may have what is deleted already: keep it. "+
				"Name another file with --export, which will hold only the rest", name, err)
		default:
			return refused("%s is no copy to go on with: %v. Nothing was deleted yet: name another file with --export, which will hold everything", name, err)
		}
	}
	return err
}

// write writes what cells hold of the tenant, unless that was done before. What follows deletes the original: the copy is on
// the disk when this returns.
func (e *export) write(ctx context.Context, cells []manifest.Cell) (removal.Copy, error) {
	if e.file == nil {
		copied, err := readCopy(e.name, cells, e.tenant, e.removal)
		if err != nil {
			return nil, err
		}
		e.tell("was written by this removal, and has", copied)
		return copied, nil
	}
	written, err := tenantdata.Export(ctx, e.s.dynamo, cells, e.tenant, e.removal, time.Now(), e.file)
	if err == nil {
		err = e.file.Sync()
	}
	if err = errors.Join(err, e.file.Close()); err == nil {
		err = syncDirectory(filepath.Dir(e.name))
	}
	if err != nil {
		return nil, err
	}
	e.written = true
	e.tell("has", written)
	return written, nil
}

func (e *export) tell(what string, c *tenantdata.Copy) {
	e.a.note("%s %s %s, %s and %s, %s.", e.name, what, counted(c.Events, "event"), counted(c.Outcomes, "outcome"),
		counted(c.State, "other item"), counted(int(c.Bytes), "byte"))
}

// syncDirectory has a file that was created in the directory outlive a crash of the host.
func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// discard takes the file away, unless it is a complete copy, or was there. What is under its name may be another's by now:
// of a process that took the removal over from this one while it was frozen.
func (e *export) discard() {
	if e.file == nil || e.written {
		return
	}
	_ = e.file.Close()
	if now, err := os.Lstat(e.name); err == nil && os.SameFile(e.created, now) {
		_ = os.Remove(e.name)
	}
}

// hold says which cells hold something: "cell c01 holds".
func hold(cells []manifest.Cell) string {
	ids := cellIDs(cells)
	if len(ids) == 1 {
		return "cell " + ids[0] + " holds"
	}
	return "cells " + strings.Join(ids, ", ") + " hold"
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
	if m.Phase == removal.GiveBack {
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
		a.note("The removal of tenant %s is safe where it is, in phase %s; %s deleted so far, as far as it was noted.", tenant, m.Phase, counted(m.Counts.Items(), "item"))
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
		return refused("%v: %s; if it is lost for good, add --lost %s: %s", err, bringBack(m.CellID), m.CellID, removalWays(m))
	case errors.Is(err, removal.ErrTakenOver):
		return refused("%v, and goes on with it", err)
	case errors.Is(err, errRefused), m.TenantID == "":
		return err
	}
	return fmt.Errorf("%w; the removal is safe where it is: %s", err, removalWays(m))
}
