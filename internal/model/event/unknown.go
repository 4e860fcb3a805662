package event

import "regexp"

// word is the shape of every state, phase and status that an item may have.
var word = regexp.MustCompile(`\A[a-z][a-z-]{0,31}\z`)

// WordPattern says in words what IsWord accepts.
const WordPattern = "a word of lower-case letters and -"

// IsWord reports whether a value can be that of an enumeration: one that this version knows, or one that a later version
// has added. Readers let both pass, and act on those alone that they know.
func IsWord(s string) bool { return word.MatchString(s) }
