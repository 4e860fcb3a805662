package main

import (
	"maps"
	"slices"

	"cellular/internal/operator/restore"
)

// partView is what became of the items of one kind.
type partView struct {
	Found        int                    `json:"found"`
	PutBack      int                    `json:"put_back"` // in a dry run: would be
	AlreadyThere int                    `json:"already_there"`
	LeftAlone    map[restore.Reason]int `json:"left_alone"`
}

type namedPart struct {
	name string
	partView
}

func viewOfPart(p restore.Part) partView {
	v := partView{Found: p.Found, PutBack: p.PutBack, AlreadyThere: p.There, LeftAlone: map[restore.Reason]int{}}
	maps.Copy(v.LeftAlone, p.LeftAlone)
	return v
}

func (v partView) left() int {
	n := 0
	for _, items := range v.LeftAlone {
		n += items
	}
	return n
}

// tellParts adds a line for each kind, and one for each reason for which items were left alone.
func tellParts(s *sheet, dryRun bool, parts []namedPart) {
	putBack := "PUT BACK"
	if dryRun {
		putBack = "WOULD BE PUT BACK"
	}
	s.row("WHAT", "FOUND", putBack, "ALREADY THERE", "LEFT ALONE")
	left := 0
	for _, p := range parts {
		left += p.left()
		s.row(p.name, p.Found, p.PutBack, p.AlreadyThere, p.left())
	}
	if left == 0 {
		return
	}
	s.blank()
	s.row("LEFT ALONE", "ITEMS", "BECAUSE")
	for _, p := range parts {
		for _, why := range slices.Sorted(maps.Keys(p.LeftAlone)) {
			s.row(p.name, p.LeftAlone[why], why)
		}
	}
}
