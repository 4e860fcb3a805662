package demo

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"cellular/local/cloudwatch/picture"
)

// draw writes the dashboards as pages, while there are letters to be seen on them. That of one cell shows a cell with letters.
func (d *demo) draw(_ context.Context, t *tally) error {
	if d.pictures == "" {
		return nil
	}
	d.out.begin("draw", "the dashboards")
	if err := os.MkdirAll(d.pictures, 0o755); err != nil {
		return err
	}
	cw := d.cloud.CloudWatch()
	parameters := url.Values{"minutes": {"2"}, "cell": {slices.Sorted(maps.Keys(t.poisoned()))[0]}}
	for _, board := range cw.Dashboards.List() {
		f, err := os.Create(filepath.Join(d.pictures, board.Name+".html"))
		if err != nil {
			return err
		}
		if err := picture.Write(f, cw, board, parameters); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("write %s: %w", f.Name(), err)
		}
	}
	d.out.end("%d pages in %s", len(cw.Dashboards.List()), d.pictures)
	return nil
}
