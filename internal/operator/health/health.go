// Package health tells an operator whether a deployment is as it should be, in two ways. Doctor compares what there is
// with what the deployment publishes of itself, and changes nothing. Probe sends one event through each cell, as a client
// would, and waits until it is processed.
package health

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"cellular/internal/model/manifest"
)

// Level says how bad a finding is.
type Level string

const (
	OK Level = "ok"
	// Fixed was wrong, and has just been corrected.
	Fixed Level = "fixed"
	Warn  Level = "warn" // works today, and will not go on to, or is not what the program made
	Fail  Level = "fail" // events are lost, refused or delayed, or would be
	Skip  Level = "skip" // could not be looked at: the endpoint does not offer it, or the credentials do not allow it
)

// Finding is what one check has found about one thing.
type Finding struct {
	Check   string `json:"check"`
	Subject string `json:"subject"` // such as a cell, or a table's name
	Level   Level  `json:"level"`
	Text    string `json:"text"`
	Fix     string `json:"fix,omitempty"` // what to do about it
}

// Failed reports whether a finding is a Fail.
func Failed(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == Fail })
}

// look collects what a check finds about one thing.
type look struct {
	check, subject string
	fix            string // of what differs from the program's
	findings       []Finding
}

func (l *look) add(level Level, fix, format string, args ...any) {
	l.findings = append(l.findings, Finding{l.check, l.subject, level, fmt.Sprintf(format, args...), fix})
}

func (l *look) fail(format string, args ...any) { l.add(Fail, l.fix, format, args...) }
func (l *look) warn(format string, args ...any) { l.add(Warn, l.fix, format, args...) }

// unseen is a finding about what could not be read: a Fail, except where the endpoint or the credentials are the reason.
func (l *look) unseen(err error) {
	switch {
	case notOffered(err):
		l.add(Skip, "", "the endpoint does not offer this: %s", said(err))
	case notAllowed(err):
		l.add(Skip, "grant it ('cellctl iam-policy' prints what cellctl needs), or ask somebody who may", "the credentials do not allow this: %s", said(err))
	case isNoTable(err):
		l.add(Fail, restoreTable, "could not be read: %v", err)
	default:
		l.fail("could not be read: %v", err)
	}
}

// restoreTable is the fix of a table that is gone. What the program makes in its place is empty, and takes its name.
const restoreTable = "restore it under its own name from the backup that AWS keeps of a deleted table for 35 days, before any 'pulumi up': that makes an empty one (docs/operations.md, 11)"

// isNoTable reports whether an error says that a table is not there.
func isNoTable(err error) bool {
	_, none := errors.AsType[*dynamodbtypes.ResourceNotFoundException](err)
	return none
}

// said is what AWS said, without what the SDK says around it.
func said(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}

// end returns what was found, or that all is well.
func (l *look) end(format string, args ...any) []Finding {
	if len(l.findings) == 0 {
		l.add(OK, "", format, args...)
	}
	return l.findings
}

// same compares what is with what the deployment says of itself.
func same[T comparable](l *look, what string, is, want T) {
	if is != want {
		l.fail("%s is %v, want %v", what, is, want)
	}
}

// The codes by which emulators, and Regions without a feature, say that they do not know an operation, or a
// part of one.
var notOfferedCodes = []string{
	"NotImplemented", "NotImplementedException", "UnknownOperation", "UnknownOperationException", "InvalidAction", "UnsupportedOperation",
	"InvalidAttributeName",
}

var notAllowedCodes = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}

func notOffered(err error) bool {
	var answer interface{ HTTPStatusCode() int }
	return hasCode(err, notOfferedCodes) || errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotImplemented
}

func notAllowed(err error) bool { return hasCode(err, notAllowedCodes) }

func hasCode(err error, codes []string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// seconds is a duration as the services have theirs.
func seconds(d manifest.Duration) int { return int(time.Duration(d) / time.Second) }
