// Package event is the event as it travels: what the router writes into a cell's data table, what the producer
// publishes, what the consumer applies.
package event

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Event is one accepted event.
type Event struct {
	TenantID   string
	ID         string // unique within the tenant
	Type       string
	Payload    json.RawMessage // any JSON value
	Epoch      int64           // the epoch of the tenant's mapping when the router accepted the event
	AcceptedAt time.Time       // when the router accepted it; milliseconds, UTC
	ExpiresAt  time.Time       // from when on its item is as good as deleted; whole seconds, UTC; zero for never, as the version before has it
	// CorrelationID names the request that the event was first accepted with, in the client's words where it has any: what is
	// logged and kept of the event has it. It is no part of the event's content, and "" where nothing valid is known.
	CorrelationID string
}

// Key is the event's key in the data and results tables.
func (e Event) Key() string { return Key(e.TenantID, e.ID) }

const keySeparator = "#"

// Key joins a tenant and an event id into a table key. Neither can contain the separator, so no two pairs share a key.
func Key(tenantID, eventID string) string { return tenantID + keySeparator + eventID }

// ParseKey splits a table key into tenant and event id. It fails on a key that no valid pair makes.
func ParseKey(key string) (tenantID, eventID string, err error) {
	tenantID, eventID, ok := strings.Cut(key, keySeparator)
	if !ok || !ValidTenantID(tenantID) || !ValidID(eventID) {
		return "", "", fmt.Errorf("key %q is not TENANT%sEVENT", key, keySeparator)
	}
	return tenantID, eventID, nil
}

// What the ids and types of an event may be. A type is what a user's code switches on, so it is kept short and printable.
const (
	TenantIDPattern = `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`
	IDPattern       = `[A-Za-z0-9._:-]{1,128}`
	TypePattern     = `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`
)

var (
	tenantID  = regexp.MustCompile(`\A` + TenantIDPattern + `\z`)
	eventID   = regexp.MustCompile(`\A` + IDPattern + `\z`)
	eventType = regexp.MustCompile(`\A` + TypePattern + `\z`)
)

// ValidTenantID reports whether s matches TenantIDPattern.
func ValidTenantID(s string) bool { return tenantID.MatchString(s) }

// ValidID reports whether s matches IDPattern.
func ValidID(s string) bool { return eventID.MatchString(s) }

// ValidType reports whether s matches TypePattern.
func ValidType(s string) bool { return eventType.MatchString(s) }

// CorrelationIDPattern has what an HTTP header, a log and a shell take as it is: ids of requests, of API Gateway's too, which are
// base64, and trace ids.
const CorrelationIDPattern = `[A-Za-z0-9._:=+/-]{1,128}`

var correlationID = regexp.MustCompile(`\A` + CorrelationIDPattern + `\z`)

// ValidCorrelationID reports whether s matches CorrelationIDPattern. What does not is left out wherever it is written or read: an
// event is never refused for it.
func ValidCorrelationID(s string) bool { return correlationID.MatchString(s) }

// correlationIDFrom returns s if it is a valid correlation id, or else "".
func correlationIDFrom(s string) string {
	if !ValidCorrelationID(s) {
		return ""
	}
	return s
}

// TimeLayout is how times stand in tables and messages: UTC, fixed width, so that they sort as text.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime formats t in TimeLayout.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }
