package fleet

import "strings"

// mistyped is how many letters a mistyped name may be away from the one that was meant.
const mistyped = 2

// nearest is the name that is fewest letters away from a mistyped one; "" where none is near. A name that differs in its number
// alone, as c02 does from c03, is another cell's, and none that was meant.
func nearest(names []string, typed string) string {
	best, found := mistyped+1, ""
	for _, name := range names {
		if d := distance(name, typed); d < best && withoutDigits(name) != withoutDigits(typed) {
			best, found = d, name
		}
	}
	return found
}

func withoutDigits(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, name)
}

// distance is the least number of letters to add, drop or change that makes b of a. The algorithm is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
