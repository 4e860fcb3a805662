package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// problems collects what is wrong with the configuration, so that all of it is reported in one go.
type problems struct {
	list []error
	bad  map[string]bool // the paths that have a problem
}

func (p *problems) add(path, label, format string, args ...any) {
	if p.bad == nil {
		p.bad = map[string]bool{}
	}
	p.bad[path] = true
	p.list = append(p.list, fmt.Errorf("%s%s: %w", path, label, fmt.Errorf(format, args...)))
}

// object is one object of the configuration. Each method names one of its fields: the key, where the value is kept and
// what it may be. A given object is read strictly: a field that is not there or is wrong keeps the value it had, the
// default. Where encoding/json would take a key in another case, or stop at the first unknown one, object reports each.
// A checked object has no JSON; its fields are judged as they are.
type object struct {
	prefix   string // of its keys' paths, for example "cellular:router."
	label    string // follows the path in messages, for example " (cell alpha)"
	values   map[string]any
	check    bool // judge the fields as they are
	read     map[string]bool
	problems *problems
}

// given returns an object that is read from values.
func given(prefix, label string, values map[string]any, p *problems) *object {
	return &object{prefix: prefix, label: label, values: values, read: map[string]bool{}, problems: p}
}

// checked returns an object whose fields are judged as they are.
func checked(prefix string, p *problems) *object {
	return &object{prefix: prefix, check: true, read: map[string]bool{}, problems: p}
}

func (o *object) at(key string) string { return o.prefix + key }

// value returns the key's JSON value, and marks the key as known.
func (o *object) value(key string) (any, bool) {
	o.read[key] = true
	v, ok := o.values[key]
	return v, ok
}

func (o *object) refuse(key string, value any, want string) {
	o.problems.add(o.at(key), o.label, "is %s, want %s", show(value), want)
}

// field reads or judges one field: parse takes it from JSON, and valid says whether it is allowed.
func field[T any](o *object, key string, into *T, parse func(any) (T, bool), valid func(T) bool, want string) {
	if o.check {
		if !valid(*into) {
			o.refuse(key, *into, want)
		}
		return
	}
	raw, ok := o.value(key)
	if !ok {
		return
	}
	value, ok := parse(raw)
	if !ok || !valid(value) {
		o.refuse(key, raw, want)
		return
	}
	*into = value
}

func (o *object) integer(key string, into *int, least, most int) {
	field(o, key, into, parseInt, func(n int) bool { return least <= n && n <= most },
		fmt.Sprintf("a whole number from %d to %d", least, most))
}

// oneOf takes a whole number that must be one of a few.
func (o *object) oneOf(key string, into *int, allowed []int) {
	field(o, key, into, parseInt, func(n int) bool { return slices.Contains(allowed, n) }, "one of "+list(allowed))
}

func parseInt(raw any) (int, bool) {
	number, _ := raw.(json.Number)
	n, err := strconv.Atoi(number.String())
	return n, err == nil
}

// share takes a number from 0 that is less than 1: nothing is more than the whole.
func (o *object) share(key string, into *float64) {
	field(o, key, into, func(raw any) (float64, bool) {
		number, _ := raw.(json.Number)
		n, err := number.Float64()
		return n, err == nil
	}, func(n float64) bool { return 0 <= n && n < 1 }, "a number from 0 that is less than 1")
}

func (o *object) boolean(key string, into *bool) {
	field(o, key, into, as[bool], func(bool) bool { return true }, "true or false")
}

func as[T any](raw any) (T, bool) {
	value, ok := raw.(T)
	return value, ok
}

// choice takes a string that must be one of a few.
func choice[T ~string](o *object, key string, into *T, allowed ...T) {
	parse := func(raw any) (T, bool) {
		s, ok := raw.(string)
		return T(s), ok
	}
	field(o, key, into, parse, func(s T) bool { return slices.Contains(allowed, s) }, "one of "+list(allowed))
}

// text takes a string that valid accepts; want says in words which those are. In a checked object "" is a string that is
// not set, about which the rules decide.
func (o *object) text(key string, into *string, valid func(string) bool, want string) {
	field(o, key, into, as[string], func(s string) bool { return o.check && s == "" || valid(s) }, want)
}

// texts takes a list of one to most different strings. In a checked object an empty list is one that is not set.
func (o *object) texts(key string, into *[]string, most int) {
	field(o, key, into, parseTexts, func(all []string) bool {
		distinct := len(slices.Compact(slices.Sorted(slices.Values(all)))) == len(all)
		return (o.check || len(all) > 0) && len(all) <= most && distinct && !slices.ContainsFunc(all, unprintable)
	}, fmt.Sprintf("a list of 1 to %d different strings, none of them empty or with control characters", most))
}

// unprintable reports whether a string is empty, or has a control character.
func unprintable(s string) bool { return s == "" || strings.ContainsFunc(s, unicode.IsControl) }

func parseTexts(raw any) ([]string, bool) {
	entries, ok := raw.([]any)
	all := make([]string, len(entries))
	for i, entry := range entries {
		s, isString := entry.(string)
		all[i], ok = s, ok && isString
	}
	return all, ok
}

// duration takes a duration in Go's notation.
func (o *object) duration(key string, into *time.Duration, least, most time.Duration) {
	o.durationIn(time.Millisecond, "a duration", key, into, least, most)
}

// seconds takes a duration that AWS counts in whole seconds.
func (o *object) seconds(key string, into *time.Duration, least, most time.Duration) {
	o.durationIn(time.Second, "a duration in whole seconds", key, into, least, most)
}

func (o *object) durationIn(unit time.Duration, kind, key string, into *time.Duration, least, most time.Duration) {
	field(o, key, into, parseDuration, func(d time.Duration) bool { return least <= d && d <= most && d%unit == 0 },
		fmt.Sprintf(`%s from %s to %s, written like "1h30m" or "250ms"`, kind, short(least), short(most)))
}

func parseDuration(raw any) (time.Duration, bool) {
	s, _ := raw.(string)
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// object takes a nested object; where none was given, nested sees an empty one.
func (o *object) object(key string, nested func(*object)) {
	if o.check {
		nested(checked(o.at(key)+".", o.problems))
		return
	}
	value, ok := o.value(key)
	if !ok {
		value = map[string]any{}
	}
	values, ok := value.(map[string]any)
	if !ok {
		o.refuse(key, value, "an object")
		return
	}
	child := given(o.at(key)+".", o.label, values, o.problems)
	nested(child)
	child.refuseUnknown()
}

// refuseUnknown reports every key that was not read.
func (o *object) refuseUnknown() {
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		if !o.read[key] {
			o.problems.add(o.at(key), o.label, "unknown key, allowed are %s", strings.Join(slices.Sorted(maps.Keys(o.read)), ", "))
		}
	}
}

// decode reads one JSON value, and refuses anything after it. Numbers stay as they were written.
func decode(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return value, nil
}

// refuseDuplicates reports each key that occurs twice in an object of the JSON value text, of which encoding/json would take
// the last in silence.
func refuseDuplicates(path, text string, p *problems) {
	decoder := json.NewDecoder(strings.NewReader(text))
	var walk func(path string)
	walk = func(path string) {
		token, _ := decoder.Token() // text was decoded before
		switch token {
		case json.Delim('['):
			for i := 0; decoder.More(); i++ {
				walk(fmt.Sprintf("%s[%d]", path, i))
			}
			_, _ = decoder.Token()
		case json.Delim('{'):
			seen := map[string]bool{}
			for decoder.More() {
				token, _ := decoder.Token()
				key, _ := token.(string)
				at := path + "." + key
				if seen[key] && !p.bad[at] {
					p.add(at, "", "is given twice in one object, want it once")
				}
				seen[key] = true
				walk(at)
			}
			_, _ = decoder.Token()
		}
	}
	walk(path)
}

// list writes values with commas between them.
func list[T any](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}

// show writes a value as it may stand in an error message.
func show(value any) string {
	if d, ok := value.(time.Duration); ok {
		return short(d)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%v", value)
	}
	const most = 80
	if runes := []rune(string(text)); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return string(text)
}

// short writes a duration without the zero parts that Duration.String ends in: 1h rather than 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
