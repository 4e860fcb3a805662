package cloudwatch

import (
	"slices"
	"strings"
	"unicode"
)

// searchTerm is a term of a SEARCH: user guide, "Search expression syntax".
type searchTerm struct {
	text  string
	exact bool // in quotes
}

// matches reports whether a name or value is the term, if that is exact, or has the term's words one after another.
func (t searchTerm) matches(name string) bool {
	if t.exact {
		return name == t.text
	}
	want, have := words(t.text), words(name)
	if len(want) == 0 {
		return false
	}
	// One word matches in any case, and so do several with something between them. Several that are written together, as in
	// CustomCount, match as they are written, or a whole name without what is between its words.
	if together := !strings.ContainsFunc(t.text, delimits); len(want) > 1 && together {
		return consecutive(have, want) || strings.EqualFold(strings.Join(have, ""), t.text)
	}
	return consecutive(lower(have), lower(want)) || len(want) == 1 && strings.EqualFold(strings.Join(have, ""), want[0])
}

func delimits(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// words splits a name at whatever is no letter and no digit, before a number and after it, and where capitals begin a word: the
// words of CustomCount1 are Custom, Count and 1, those of SDBFailure are SDB and Failure.
func words(name string) []string {
	var all []string
	runes := []rune(name)
	start := 0
	end := func(at int) {
		if at > start {
			all = append(all, string(runes[start:at]))
		}
		start = at
	}
	for i, r := range runes {
		switch {
		case delimits(r):
			end(i)
			start = i + 1
		case i == start:
		case unicode.IsDigit(r) != unicode.IsDigit(runes[i-1]):
			end(i)
		case unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end(i)
		}
	}
	end(len(runes))
	return all
}

func lower(words []string) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = strings.ToLower(w)
	}
	return all
}

func consecutive(have, want []string) bool {
	for i := 0; i+len(want) <= len(have); i++ {
		if slices.Equal(have[i:i+len(want)], want) {
			return true
		}
	}
	return false
}
