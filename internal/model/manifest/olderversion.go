package manifest

import (
	"encoding/json"
	"regexp"
	"strings"
)

// endOfWord finds where a word of a name in camelCase ends: "maxTenants", "softTTL".
var endOfWord = regexp.MustCompile("([a-z])([A-Z])")

// renamed returns a document with the names of today. The version before published them in camelCase; a field that has its
// name of today, too, keeps that one. One release after every part has published the names of today, it can go.
func renamed(document []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, err
	}
	today := make(map[string]json.RawMessage, len(fields))
	for name, value := range fields {
		if strings.HasPrefix(string(value), "{") {
			inner, err := renamed(value)
			if err != nil {
				return nil, err
			}
			value = inner
		}
		snake := strings.ToLower(endOfWord.ReplaceAllString(name, "${1}_$2"))
		if _, both := fields[snake]; name == snake || !both {
			today[snake] = value
		}
	}
	return json.Marshal(today)
}
