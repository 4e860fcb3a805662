package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// routeKey is a parsed route key.
type routeKey struct {
	method   string // "ANY" matches every method; empty: the $default route
	segments []segment
}

// segment is a part of a path between slashes.
type segment struct {
	kind segmentKind
	text string // the literal, or the variable's name
}

// segmentKind orders segments from the most to the least specific.
type segmentKind int

const (
	literal  segmentKind = iota
	variable             // {name}: one segment, not empty
	greedy               // {name+}: the rest of the path, not empty
)

const (
	defaultRoute = "$default"
	anyMethod    = "ANY"
)

var (
	methods      = []string{anyMethod, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut}
	pathVariable = regexp.MustCompile(`\A\{([A-Za-z0-9._-]+)(\+?)\}\z`)
)

func parseRouteKey(s string) (routeKey, error) {
	if s == defaultRoute {
		return routeKey{}, nil
	}
	method, path, ok := strings.Cut(s, " ")
	if !ok || !strings.HasPrefix(path, "/") || !slices.Contains(methods, method) {
		return routeKey{}, fmt.Errorf("route key is %q, want $default or METHOD /path with a method of %s", s, strings.Join(methods, ", "))
	}
	key := routeKey{method: method}
	names := map[string]bool{}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		m := pathVariable.FindStringSubmatch(part)
		switch {
		case m == nil && strings.ContainsAny(part, "{}"):
			return routeKey{}, fmt.Errorf("route key %q: %q is not {name} or {name+}", s, part)
		case m == nil:
			key.segments = append(key.segments, segment{literal, part})
			continue
		case names[m[1]]:
			return routeKey{}, fmt.Errorf("route key %q: the variable %s appears twice", s, m[1])
		case m[2] == "+" && i != len(parts)-1:
			return routeKey{}, fmt.Errorf("route key %q: %s is not at the end", s, part)
		}
		names[m[1]] = true
		kind := variable
		if m[2] == "+" {
			kind = greedy
		}
		key.segments = append(key.segments, segment{kind, m[1]})
	}
	return key, nil
}

// match matches a method and an escaped path, and returns the path variables, decoded.
func (k routeKey) match(method, escapedPath string) (map[string]string, bool) {
	if k.method == "" {
		return nil, true
	}
	if k.method != anyMethod && k.method != method {
		return nil, false
	}
	rest, ok := strings.CutPrefix(escapedPath, "/")
	if !ok {
		return nil, false
	}
	var variables map[string]string
	parts := strings.Split(rest, "/")
	for i, s := range k.segments {
		if i >= len(parts) {
			return nil, false
		}
		raw := parts[i]
		if s.kind == greedy {
			raw = strings.Join(parts[i:], "/")
			parts = parts[:i+1]
		}
		text, err := url.PathUnescape(raw)
		if err != nil {
			return nil, false
		}
		if s.kind == literal {
			if text != s.text {
				return nil, false
			}
			continue
		}
		if text == "" {
			return nil, false
		}
		if variables == nil {
			variables = map[string]string{}
		}
		variables[s.text] = text
	}
	return variables, len(parts) == len(k.segments)
}

// compare orders keys by which of two gets a request that both match: one without a greedy variable, then the one that
// is more specific at the first segment where they differ, then the one that names the method; $default is last. It is
// zero for two keys that match the same requests, which differ in the names of variables at most.
func (k routeKey) compare(other routeKey) int {
	return cmp.Or(
		first(k.method != "", other.method != ""),
		first(!k.greedy(), !other.greedy()),
		slices.CompareFunc(k.segments, other.segments, segment.compare),
		first(k.method != anyMethod, other.method != anyMethod),
		cmp.Compare(k.method, other.method),
	)
}

func (k routeKey) greedy() bool {
	return len(k.segments) > 0 && k.segments[len(k.segments)-1].kind == greedy
}

func (s segment) compare(other segment) int {
	if s.kind != literal || other.kind != literal {
		return cmp.Compare(s.kind, other.kind)
	}
	return cmp.Compare(s.text, other.text)
}

// first orders what has a quality before what has not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
