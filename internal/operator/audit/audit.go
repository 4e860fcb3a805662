// Package audit keeps what operators did with cellctl: who, when, with which command, and what came of it.
//
// An act is kept twice under one key: before its first change, as started, and at its end, with its outcome. The act of a
// process that dies stays started, which says that its changes may have been made in part. An act never waits for the audit
// longer than BeginWithin and EndWithin: an evacuation is more urgent than its record.
//
// Kept are the command line and the name of the caller. The environment is not, and no flag of cellctl takes a secret; an
// error has only its first line, since the later lines of some that AWS sends have the request's headers.
package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/printable"
)

// Outcome is what came of an act.
type Outcome string

// The outcomes are what cellctl's exit codes tell apart, and Started of an act that has not ended, or whose process died.
const (
	Started     Outcome = "started"
	Done        Outcome = "done"
	Failed      Outcome = "failed"
	Refused     Outcome = "refused" // by the state that things are in, after something was changed or tried
	Interrupted Outcome = "interrupted"
)

// Kept is how long an act is kept: a year, so that a yearly review sees all of it, and five weeks to hold the review in.
const Kept = 400 * 24 * time.Hour

// The bounds of what is kept of an act, which make an item of at most some 20 KB and commonly one of less than 1 KB, the
// unit that DynamoDB writes in.
const (
	MaxCommand = 2048 // bytes of the command line
	MaxError   = 512  // bytes of the error's first line
	MaxNamed   = 100  // tenants, and as many cells
)

// The attributes of an act, besides the audit table's keys and the attribute of its TTL.
const (
	AttrCaller  = "caller"  // S: the ARN that STS says; absent where STS did not answer
	AttrProcess = "process" // S: HOST:PID, as records of moves have it
	AttrCommand = "command_line"
	AttrTenants = "named_tenants" // L of S: absent for none
	AttrCells   = "named_cells"   // L of S: absent for none
	AttrMore    = "names_more"    // S: "yes" where the command names more tenants or cells than are kept; absent elsewhere
	AttrOutcome = "outcome"       // S
	AttrError   = "error_line"    // S: absent for none
	AttrEndedAt = "ended_at"      // S, event.TimeLayout: absent for one that has not ended
)

// Act is one run of a command that changes something.
type Act struct {
	ID        string    // when it began, in event.TimeLayout, "_" and some letters of its own: ids sort by time
	StartedAt time.Time // to the millisecond, as the ID has it
	Caller    string    // the ARN of who ran it; "" where that is not known
	Process   string    // HOST:PID

	Command        string   // the command line without "cellctl" and the flags that say where and how to print
	Tenants, Cells []string // that the command line names
	More           bool     // the command line names more of them

	Outcome Outcome
	Error   string    // the first line; "" for none
	EndedAt time.Time // zero for one that has not ended
}

// Unreadable is the outcome with which List returns an item that is no act. Whoever may write the table may have put it there,
// and it must not hide the others.
const Unreadable Outcome = "unreadable"

var errMalformed = errors.New("malformed act")

// bounded returns the act with no more than is kept of it.
func (a Act) bounded() Act {
	a.Command, a.Error = printable.Cut(a.Command, MaxCommand), printable.Cut(a.Error, MaxError)
	for _, named := range []*[]string{&a.Tenants, &a.Cells} {
		*named = slices.Compact(slices.Sorted(slices.Values(*named)))
		if len(*named) > MaxNamed {
			*named, a.More = (*named)[:MaxNamed], true
		}
	}
	return a
}

// firstLine returns the first line of an error, without the colon that announces the next.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, ":")
}

// item is the act as the table has it.
func (a Act) item() map[string]types.AttributeValue {
	stored := map[string]types.AttributeValue{
		controltables.AttrMonth:     item.Text(month(a.StartedAt)),
		controltables.AttrAct:       item.Text(a.ID),
		controltables.AttrExpiresAt: item.Number(a.StartedAt.Add(Kept).Unix()),
		AttrProcess:                 item.Text(a.Process),
		AttrCommand:                 item.Text(a.Command),
		AttrOutcome:                 item.Text(string(a.Outcome)),
	}
	optional := map[string]string{AttrCaller: a.Caller, AttrError: a.Error}
	if a.More {
		optional[AttrMore] = "yes"
	}
	if !a.EndedAt.IsZero() {
		optional[AttrEndedAt] = event.FormatTime(a.EndedAt)
	}
	for name, text := range optional {
		if text != "" {
			stored[name] = item.Text(text)
		}
	}
	for name, all := range map[string][]string{AttrTenants: a.Tenants, AttrCells: a.Cells} {
		if len(all) > 0 {
			stored[name] = item.Texts(all)
		}
	}
	return stored
}

// fromItem reads an act. Its error wraps errMalformed and names each attribute that is wrong.
func fromItem(stored map[string]types.AttributeValue) (Act, error) {
	r := item.Read(stored)
	a := Act{
		ID:      r.Checked(controltables.AttrAct, func(id string) bool { _, err := startOf(id); return err == nil }, event.TimeLayout+ownID+"ID"),
		Caller:  r.OptionalString(AttrCaller),
		Process: r.String(AttrProcess),
		Command: r.String(AttrCommand),
		Tenants: r.OptionalStrings(AttrTenants),
		Cells:   r.OptionalStrings(AttrCells),
		More:    r.OptionalString(AttrMore) != "",
		Outcome: Outcome(r.String(AttrOutcome)),
		Error:   r.OptionalString(AttrError),
	}
	a.StartedAt, _ = startOf(a.ID) // checked above
	if stored[AttrEndedAt] != nil {
		a.EndedAt = r.Time(AttrEndedAt, event.TimeLayout)
	}
	if err := r.Err(); err != nil {
		return a, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return a, nil
}

// ownID is between the time and what tells two acts of one millisecond apart.
const ownID = "_"

// startOf is when an act began, by its id.
func startOf(id string) (time.Time, error) {
	at, _, _ := strings.Cut(id, ownID)
	return time.Parse(event.TimeLayout, at)
}

func month(t time.Time) string { return t.UTC().Format(controltables.MonthLayout) }
