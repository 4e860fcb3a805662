package local

import (
	"context"
	"errors"
	"strings"
)

// brief reduces an error of the Automation API, which carries everything that the CLI printed, to the CLI's own
// diagnostics. The whole of it stands in logs/engine.log. An error without diagnostics is returned as it is. Where the
// context ended, that is the reason: the Automation API does not say so.
func brief(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var found []string
	taking := false
	for line := range strings.Lines(err.Error()) {
		text := strings.TrimSpace(line)
		switch {
		case text == "Diagnostics:":
			taking = true
		case strings.HasPrefix(text, "Outputs:"), strings.HasPrefix(text, "Resources:"), strings.HasPrefix(text, "stderr:"):
			taking = false
		case taking && text != "":
			found = append(found, text)
		}
	}
	if len(found) == 0 {
		return err
	}
	return briefed{errors.New(strings.Join(found, "\n")), err}
}

// briefed reads as the short error and is the whole one.
type briefed struct {
	error
	whole error
}

func (b briefed) Unwrap() error { return b.whole }
