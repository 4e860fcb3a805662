package console

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request puts the router's line of a request into words: method, status, what that says, how long it took, and what was not
// as usual.
func (f fields) request(e entry) entry {
	method, status := f.take("method"), int(f.number("status"))
	problem, replayed := f.take("problem"), f.take("replayed") != ""
	said := problem
	switch {
	case said != "" || method != http.MethodPost || status >= http.StatusMultipleChoices:
	case replayed:
		said = "accepted before"
	default:
		said = "accepted"
	}
	e.text = spaced(method, strconv.Itoa(status), said, "in", took(f.number("total_ms")))
	if mapping := f.take("mapping"); mapping == "stale" || mapping == "held" || mapping == "unavailable" {
		e.text += ", mapping " + mapping
	}
	if breaker := f.take("breaker"); breaker != "" && breaker != "closed" {
		e.text += ", breaker " + breaker
	}
	if attempts := f.number("attempts"); attempts > 1 {
		e.text += fmt.Sprintf(", %.0f attempts", attempts)
	}
	if shed := f.take("shed"); shed != "" {
		e.text += ", shed by " + shed
	}
	if f.take("hot_keys") != "" {
		e.text += ", hot keys"
	}
	failure := joined(f.take("counter_error"), f.take("peer_error"), strings.TrimPrefix(f.take("error"), problem+": "))
	e.kind = trouble(e.level, problem, strconv.Itoa(status), failure)
	return e.because("", failure)
}

// batch puts the producer's line of a batch into words.
func (f fields) batch(e entry) entry {
	left := f.number("left")
	if published := f.number("published"); left > 0 {
		e.text = fmt.Sprintf("published %.0f of %s", published, events(f.number("records")))
	} else {
		e.text = "published " + events(published)
	}
	if clones := f.number("clones"); clones > 0 {
		e.text += fmt.Sprintf(", passed over %.0f that a move copied", clones)
	}
	if ejected := f.number("ejected"); ejected > 0 {
		e.text += fmt.Sprintf(", ejected %.0f", ejected)
	}
	if left > 0 {
		e.text += fmt.Sprintf(", %.0f to be tried again", left)
	}
	if waited := f.number("waited_ms"); waited > 0 {
		e.text += ", waited " + took(waited)
	}
	failure := f.take("error")
	e.kind = trouble(e.level, "batch", failure)
	return e.because("", failure)
}

// outcomes are the words for what became of a delivery.
var outcomes = map[string]string{
	"applied":   "applied",
	"duplicate": "had been applied before",
	"diverted":  "kept for the cell that its tenant has moved to",
	"removed":   "dropped: its tenant has been removed",
	"retry":     "failed, to be tried again",
	"resent":    "put back into the queue as a copy",
	"ejected":   "failed for good, sent to the dead letter queue",
}

// record puts the consumer's line of a delivery into words.
func (f fields) record(e entry) entry {
	outcome := f.take("outcome")
	e.text = outcomes[outcome]
	if e.text == "" {
		e.text = outcome
	}
	if outcome == "applied" {
		if _, ok := f["took_ms"]; ok {
			e.text += " in " + took(f.number("took_ms"))
		}
		if _, ok := f["accepted_to_applied_ms"]; ok {
			e.text += ", " + took(f.number("accepted_to_applied_ms")) + " after it was accepted"
		}
	}
	if f.take("sent_again") != "" {
		e.text += ", sent again"
	}
	if receives := f.number("receive_count"); receives > 1 {
		e.text += fmt.Sprintf(", receive %.0f", receives)
	}
	reason, failure := f.take("reason"), f.take("error")
	e.kind = trouble(e.level, outcome, reason, failure)
	return e.because(reason, failure)
}

// access puts a request of the access log into words, unless the router got it and answered: then it has a line of its own.
func (f fields) access(e entry) (entry, bool) {
	failure := dashed(f.take("integrationError"))
	if f.take("integrationStatus") == strconv.Itoa(http.StatusOK) && failure == "" {
		return entry{}, false
	}
	e.part = partGateway // the time is the arrival's: the log's own is in seconds
	status := f.take("status")
	switch code, _ := strconv.Atoi(status); {
	case code >= http.StatusInternalServerError:
		e.level = slog.LevelError
	case code == http.StatusTooManyRequests:
		e.level = slog.LevelWarn
	}
	route := dashed(f.take("route"))
	if route == "" {
		route = "no route"
	}
	problem := dashed(f.take("error"))
	e.text = spaced(route, status, problem)
	e.kind = trouble(e.level, route, status, problem, failure)
	return e.because("", failure), true
}

// omitted are fields that say nothing to a person who reads along. They are in the log's file.
var omitted = []string{"_aws", "requestId", "version", "message_id", "sequence_number", "stack"}

// other shows any other line: its message, why, and the rest of its fields by name.
func (f fields) other(e entry, message string) entry {
	mapping := f.take("eventSourceMapping")
	switch cause, lambdas := strings.CutPrefix(message, "Error: "); {
	case mapping != "":
		message = "event source mapping: " + message
	case lambdas:
		message = "Lambda: " + cause
	}
	for _, name := range omitted {
		delete(f, name)
	}
	reason, failure := f.take("reason"), joined(f.take("error"), f.take("detail"))
	e.kind = trouble(e.level, message, reason, failure)
	e.text = message
	e = e.because(reason, failure)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		e.text = spaced(e.text, name+"="+f.take(name))
	}
	return e
}

// because adds why something failed. A failure that begins with its reason does not say it twice.
func (e entry) because(reason, failure string) entry {
	failure = strings.TrimPrefix(failure, reason+": ")
	if reason != "" {
		e.text += " (" + reason + ")"
	}
	if failure != "" {
		e.text += ": " + failure
	}
	e.text = brief(e.text)
	return e
}

// trouble is the kind of a line: that of its texts for a warning or an error, none for what is as it should be.
func trouble(level slog.Level, texts ...string) string {
	if level < slog.LevelWarn {
		return ""
	}
	return same(strings.Join(texts, " "))
}

// What errors of the AWS SDK have more of than a person reads.
var (
	response = regexp.MustCompile(`https response error StatusCode: (\d+), RequestID: [^,\s]*`)
	arn      = regexp.MustCompile(`\barn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:`)
)

// brief shortens what AWS's texts say at length: a response to its status, an ARN to its resource.
func brief(text string) string {
	return arn.ReplaceAllString(response.ReplaceAllString(text, "status $1"), "")
}

// took is a number of milliseconds as a person says it.
func took(ms float64) string {
	switch {
	case ms >= 120_000:
		return time.Duration(ms * float64(time.Millisecond)).Round(time.Second).String()
	case ms >= 10_000:
		return fmt.Sprintf("%.0f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", max(ms, 0.1))
}

// events is a number of them.
func events(n float64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%.0f events", n)
}

// dashed is a value of the access log, "" where it has none.
func dashed(value string) string {
	if value == "-" {
		return ""
	}
	return value
}

func spaced(words ...string) string { return strings.Join(nonempty(words), " ") }

func joined(texts ...string) string { return strings.Join(nonempty(texts), "; ") }

func nonempty(texts []string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}
