package console

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"cellular/internal/model/mapping"
)

// entry is what a person reads of a line.
type entry struct {
	at                  time.Time
	cell, tenant, event string // "" where there is none
	part                string // who says it
	text                string
	level               slog.Level
	recovered           bool   // it is the end of a trouble
	kind                string // of a line that is summed if it repeats; "" of one that is not
}

// partGateway is the part that writes the access log. The others are called as their label says: router, producer, consumer,
// cloudwatch.
const partGateway = "gateway"

// read reads a line that came at a time. It reports false for one that is nothing to a person.
func read(line string, now time.Time) (entry, bool) {
	e := entry{at: now}
	label, content, ok := strings.Cut(line, " | ")
	if !ok {
		label, content = "", line
	}
	e.part = label
	if words := strings.Fields(label); len(words) == 3 && words[0] == "cell" {
		e.cell, e.part = words[1], words[2]
	}
	content = strings.TrimSpace(content)
	if content == "" {
		return entry{}, false
	}
	if f, ok := object(content); ok {
		return f.entry(e)
	}
	return e.plain(content)
}

// alarmChange is what local.watch writes of an alarm.
var alarmChange = regexp.MustCompile(`\Aalarm (\S+): (\S+) -> (\S+): `)

const (
	stateOK    = "OK"
	stateAlarm = "ALARM"
)

// plain reads a line of text: CloudWatch's, with a time before it, or what a process prints that panics, without.
func (e entry) plain(text string) (entry, bool) {
	if at, rest, ok := strings.Cut(text, " "); ok {
		if t, err := time.Parse(time.RFC3339, at); err == nil {
			e.at, text = t, rest
		}
	}
	e.text = text
	change := alarmChange.FindStringSubmatch(text)
	if change == nil {
		e.kind = text
		return e, true
	}
	name, from, to := change[1], change[2], change[3]
	if _, cell, ok := strings.Cut(name, "-cell-"); ok {
		e.cell = cell
	}
	if to == stateAlarm {
		e.level = slog.LevelError
	}
	e.recovered = from == stateAlarm && to == stateOK
	return e, from == stateAlarm || to == stateAlarm
}

// fields are the fields of a line that is a JSON object.
type fields map[string]any

func object(text string) (fields, bool) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var f fields
	if d.Decode(&f) != nil || f == nil || d.More() {
		return nil, false
	}
	return f, true
}

// take returns a field as text and removes it: what is left at the end is what nobody has put into words.
func (f fields) take(name string) string {
	value, ok := f[name]
	if !ok {
		return ""
	}
	delete(f, name)
	switch v := value.(type) {
	case string:
		return v
	case nil:
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// number takes a number, 0 for none.
func (f fields) number(name string) float64 {
	n, ok := f[name].(json.Number)
	if !ok {
		return 0
	}
	delete(f, name)
	value, err := n.Float64()
	if err != nil {
		return 0
	}
	return value
}

// entry reads a line of a function, of Lambda, or of the access log.
func (f fields) entry(e entry) (entry, bool) {
	_, metrics := f["_aws"]
	_, said := f["message"]
	if metrics && !said {
		return entry{}, false
	}
	if _, ok := f["integrationStatus"]; ok {
		return f.access(e)
	}
	if t, err := time.Parse(time.RFC3339, f.take("timestamp")); err == nil {
		e.at = t
	}
	if err := e.level.UnmarshalText([]byte(f.take("level"))); err != nil {
		e.level = slog.LevelInfo
	}
	if cell := f.take("cell"); cell != "" {
		e.cell = cell
	}
	e.tenant, e.event = f.take("tenant"), f.take("event")
	message := f.take("message")
	shown := !f.routine(e, message)
	switch message {
	case "request":
		return f.request(e), shown
	case "batch published", "batch reported for a retry":
		return f.batch(e), shown
	case "record handled":
		return f.record(e), shown
	}
	return f.other(e, message), shown
}

// routine reports whether a line is about what the standing probe does and nothing is wrong: each round has some twenty, which would
// drown those of tenants' events. A batch of synthetic events alone publishes none that counts.
func (f fields) routine(e entry, message string) bool {
	if e.level >= slog.LevelWarn {
		return false
	}
	switch message {
	case "round ended":
		return true
	case "batch published":
		return f.isZero("published") && f.isZero("clones") && f.isZero("ejected") && f.isZero("left")
	}
	_, refused := f["problem"]
	return mapping.IsProbeTenant(e.tenant) && !refused
}

// isZero reports whether a number is 0 or not there, and leaves it.
func (f fields) isZero(name string) bool {
	n, ok := f[name].(json.Number)
	return !ok || n == "0"
}
