package tenantdata

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// Summary is how much cells hold of a tenant.
type Summary struct {
	Events   int   // items of the data table
	Outcomes int   // items of the results table that say what became of an event
	State    int   // other items of the results table: what the business logic keeps
	Bytes    int64 // written by Export
}

// The kinds of lines in an export.
const (
	kindHeader  = "header"
	kindEvent   = "event"
	kindOutcome = "outcome"
	kindState   = "state"
	kindEnd     = "end"
)

// exportFormat names the format, and its version.
const exportFormat = "cellular-tenant-export/1"

// line is one line of an export. Each kind has its own fields; the others are absent.
type line struct {
	Kind string `json:"kind"`

	// header
	Format     string `json:"format,omitempty"`
	TenantID   string `json:"tenant_id,omitempty"`
	CellID     string `json:"cell_id,omitempty"`
	ExportedAt string `json:"exported_at,omitempty"`
	Removal    int64  `json:"removal_epoch,omitempty"`

	// event, outcome and state
	Item map[string]any `json:"item,omitempty"`

	// end
	Counts *counts `json:"counts,omitempty"`
}

type counts struct {
	Events   int `json:"events"`
	Outcomes int `json:"outcomes"`
	State    int `json:"state"`
}

// Export writes all that cells hold of a tenant: its events, their outcomes, and what the business logic keeps for it.
// A fence, which is the cell's and not the tenant's, is not among them, and neither is an event whose data has expired by now.
//
// The format is lines of JSON, each an object with a "kind". There is a section for each cell, in the order of cells:
//
//	{"kind":"header","format":"cellular-tenant-export/1","tenant_id":T,"cell_id":C,"exported_at":TIME,"removal_epoch":N}
//	{"kind":"event","item":ITEM}       of the data table, in the order in which they were accepted
//	{"kind":"outcome","item":ITEM}     of the results table
//	{"kind":"state","item":ITEM}       of the results table, with a key that starts with "#"
//	{"kind":"end","counts":{"events":N,"outcomes":N,"state":N}}
//
// ITEM is the whole item in DynamoDB's own JSON, such as {"id":{"S":"acme#1"},"epoch":{"N":"1"}}, which is what "aws
// dynamodb put-item --item" reads. A section begins with its header and ends with its end, without which the export is
// not complete. Outcomes and state may be mixed. The removal is the one that the export is made for, by its epoch; it is
// absent where removal is 0, for none.
//
// It is no snapshot: what is written to a cell meanwhile may be in it or not. On an error, what was written so far is of
// no use.
func Export(ctx context.Context, client DynamoDB, cells []manifest.Cell, tenantID string, removal int64, now time.Time, w io.Writer) (*Copy, error) {
	e := newExporter(w)
	for _, cell := range cells {
		if err := e.export(ctx, client, cell, tenantID, removal, now); err != nil {
			return nil, fmt.Errorf("export tenant %q from cell %s: %w", tenantID, cell.ID, err)
		}
	}
	return &e.copied, nil
}

// Copy is what an export has written, or ReadExport has found written. It takes some 50 bytes of memory for each item.
type Copy struct {
	Summary
	sums map[[sumBytes]byte]struct{}
}

// sumBytes is how much of an item's sum a Copy keeps: with 128 bits, no two items of a tenant have the same.
const sumBytes = 16

// Has reports whether an item of a table was written, with the very content that it has here.
func (c *Copy) Has(table string, item Item) bool {
	_, has := c.sums[sumIn(table, item)]
	return has
}

func sumIn(table string, item Item) [sumBytes]byte {
	sum := Sum(item)
	sum = sha256.Sum256(append(sum[:], table...))
	return [sumBytes]byte(sum[:sumBytes])
}

type exporter struct {
	copied   Copy
	buffered *bufio.Writer
	lines    *json.Encoder
}

func newExporter(w io.Writer) *exporter {
	e := &exporter{copied: Copy{sums: map[[sumBytes]byte]struct{}{}}}
	e.buffered = bufio.NewWriterSize(&counter{w, &e.copied.Bytes}, 64<<10)
	e.lines = json.NewEncoder(e.buffered)
	e.lines.SetEscapeHTML(false) // a payload stays as legible as the client wrote it
	return e
}

func (e *exporter) export(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string, removal int64, now time.Time) error {
	header := line{
		Kind: kindHeader, Format: exportFormat, TenantID: tenantID, CellID: cell.ID, ExportedAt: event.FormatTime(now), Removal: removal,
	}
	if err := e.lines.Encode(header); err != nil {
		return err
	}
	before := e.copied.Summary
	if err := EventKeys(ctx, client, cell.DataTable, tenantID, time.Time{}, func(keys []string) error {
		events := func(string) (string, *int) { return kindEvent, &e.copied.Events }
		return e.items(ctx, client, cell.DataTable, keys, events, func(i Item) bool { return Expired(i, now) })
	}); err != nil {
		return err
	}
	if err := ResultKeys(ctx, client, cell.ResultsTable, tenantID, func(keys []string) error {
		return e.items(ctx, client, cell.ResultsTable, keys, e.copied.result, func(Item) bool { return false })
	}); err != nil {
		return err
	}
	after := e.copied.Summary
	end := line{Kind: kindEnd, Counts: &counts{after.Events - before.Events, after.Outcomes - before.Outcomes, after.State - before.State}}
	if err := e.lines.Encode(end); err != nil {
		return err
	}
	return e.buffered.Flush()
}

// items writes a page of items, in the order of their keys, but those that are absent although the table has them. One that has gone
// since it was listed has expired.
func (e *exporter) items(
	ctx context.Context, client DynamoDB, table string, keys []string, kind func(key string) (string, *int), absent func(Item) bool,
) error {
	found, err := Read(ctx, client, table, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		item, ok := found[key]
		if !ok || absent(item) {
			continue
		}
		encoded, err := DynamoJSON(item)
		if err != nil {
			return fmt.Errorf("item %q of table %s: %w", key, table, err)
		}
		name, count := kind(key)
		*count++
		e.copied.sums[sumIn(table, item)] = struct{}{}
		if err := e.lines.Encode(line{Kind: name, Item: encoded}); err != nil {
			return err
		}
	}
	return nil
}

// result is what an item of a results table is, by its key, and where it is counted.
func (s *Summary) result(key string) (kind string, count *int) {
	if ledger.IsState(key) {
		return kindState, &s.State
	}
	return kindOutcome, &s.Outcomes
}

// counter counts what is written through it.
type counter struct {
	to    io.Writer
	bytes *int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	*c.bytes += int64(n)
	return n, err
}
