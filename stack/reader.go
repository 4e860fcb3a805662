package stack

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

// object reads one JSON object strictly: each method reads a key into its destination, which keeps the value it had,
// the default, if the key is not there or is wrong. Where encoding/json would take a key in another case, or stop at
// the first unknown one, object reports each.
type object struct {
	prefix   string // of its keys' paths, for example "cellular:router."
	label    string // follows the path in messages, for example " (cell alpha)"
	values   map[string]any
	read     map[string]bool
	problems *problems
}

func newObject(prefix, label string, values map[string]any, p *problems) *object {
	return &object{prefix: prefix, label: label, values: values, read: map[string]bool{}, problems: p}
}

func (o *object) at(key string) string { return o.prefix + key }

// value returns the key's value, and marks the key as known.
func (o *object) value(key string) (any, bool) {
	o.read[key] = true
	v, ok := o.values[key]
	return v, ok
}

func (o *object) refuse(key string, value any, want string) {
	o.problems.add(o.at(key), o.label, "is %s, want %s", show(value), want)
}

func (o *object) integer(key string, into *int, least, most int) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	number, _ := value.(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil || n < least || n > most {
		o.refuse(key, value, fmt.Sprintf("a whole number from %d to %d", least, most))
		return
	}
	*into = n
}

// oneOf reads a whole number that must be one of a few.
func (o *object) oneOf(key string, into *int, allowed []int) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	number, _ := value.(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil || !slices.Contains(allowed, n) {
		o.refuse(key, value, "one of "+list(allowed))
		return
	}
	*into = n
}

func (o *object) boolean(key string, into *bool) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	b, ok := value.(bool)
	if !ok {
		o.refuse(key, value, "true or false")
		return
	}
	*into = b
}

// choice reads a string that must be one of a few.
func choice[T ~string](o *object, key string, into *T, allowed ...T) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	s, ok := value.(string)
	if !ok || !slices.Contains(allowed, T(s)) {
		o.refuse(key, value, "one of "+list(allowed))
		return
	}
	*into = T(s)
}

// text reads a string that valid accepts; want says in words which those are.
func (o *object) text(key string, into *string, valid func(string) bool, want string) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	s, ok := value.(string)
	if !ok || !valid(s) {
		o.refuse(key, value, want)
		return
	}
	*into = s
}

// texts reads a list of at least one non-empty string.
func (o *object) texts(key string, into *[]string) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	entries, _ := value.([]any)
	all := make([]string, 0, len(entries))
	for _, entry := range entries {
		if s, _ := entry.(string); s != "" {
			all = append(all, s)
		}
	}
	if len(all) == 0 || len(all) != len(entries) {
		o.refuse(key, value, "a list of at least one string, none of them empty")
		return
	}
	*into = all
}

// duration reads a duration in Go's notation.
func (o *object) duration(key string, into *time.Duration, least, most time.Duration) {
	o.durationIn(time.Millisecond, "a duration", key, into, least, most)
}

// seconds reads a duration that AWS counts in whole seconds.
func (o *object) seconds(key string, into *time.Duration, least, most time.Duration) {
	o.durationIn(time.Second, "a duration in whole seconds", key, into, least, most)
}

func (o *object) durationIn(unit time.Duration, kind, key string, into *time.Duration, least, most time.Duration) {
	value, ok := o.value(key)
	if !ok {
		return
	}
	s, _ := value.(string)
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > most || d%unit != 0 {
		o.refuse(key, value, fmt.Sprintf(`%s from %s to %s, written like "1h30m" or "250ms"`, kind, short(least), short(most)))
		return
	}
	*into = d
}

// object reads a nested object; without one, nested sees an empty one.
func (o *object) object(key string, nested func(*object)) {
	value, ok := o.value(key)
	if !ok {
		value = map[string]any{}
	}
	values, ok := value.(map[string]any)
	if !ok {
		o.refuse(key, value, "an object")
		return
	}
	child := newObject(o.at(key)+".", o.label, values, o.problems)
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
