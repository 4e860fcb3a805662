package health

import (
	"sync"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/manifest"
)

// maxParallel bounds how many cells are examined at a time. One cell takes some thirty requests, many of which are bound
// by a rate (pace.go).
const maxParallel = 32

// each calls do for the cells, some at a time, and reports the progress. do keeps what it finds, and what it could not
// read, by the cell's index.
func (d Doctor) each(what string, cells []manifest.Cell, do func(i int, cell manifest.Cell)) {
	var mu sync.Mutex
	done := 0
	var group errgroup.Group
	group.SetLimit(maxParallel)
	for i, cell := range cells {
		group.Go(func() error {
			do(i, cell)
			mu.Lock()
			defer mu.Unlock()
			done++
			d.progress(what, done, len(cells))
			return nil
		})
	}
	_ = group.Wait() // no function of the group has an error
}

func (d Doctor) progress(what string, done, total int) {
	if d.Progress != nil {
		d.Progress(what, done, total)
	}
}
