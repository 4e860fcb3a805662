package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
)

// stamp is the revision that the Makefile has the linker write here, as `git describe` names it. The project is built
// with -buildvcs=false, because the functions' zips must not change with each commit, so Go writes none itself.
var stamp string

// build says which cellctl this is. What is not known is "unknown".
type build struct {
	Version  string `json:"version"` // the module's, of a cellctl that `go install` built; else "devel"
	Revision string `json:"revision"`
	Modified bool   `json:"modified"` // whether there were uncommitted changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

const unknown = "unknown"

// thisBuild returns what this very program is built from.
func thisBuild() build {
	info, _ := debug.ReadBuildInfo()
	return buildOf(info, stamp)
}

// buildOf reads a build from what Go has written into the program, nil for nothing, and from the linker's stamp, which
// decides where both name a revision.
func buildOf(info *debug.BuildInfo, stamp string) build {
	b := build{Version: "devel", Revision: unknown, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info != nil {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			b.Version = v
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if stamp != "" {
		b.Revision, b.Modified = strings.CutSuffix(stamp, "-dirty")
	}
	return b
}

func (b build) String() string {
	modified := ""
	if b.Modified {
		modified = " with uncommitted changes"
	}
	return fmt.Sprintf("cellctl %s, revision %s%s, %s %s", b.Version, b.Revision, modified, b.Go, b.Platform)
}

func (b build) text(s *sheet) { s.row(b.String()) }

func newVersion(a *app) *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "version",
		Short: "Print which cellctl this is",
		Long: `version prints the version, the revision of the sources and the Go version that this cellctl was built from.
The revision is "unknown" where neither make nor the go command has written it into the program.`,
		Example: `  cellctl version
  cellctl version --output json`,
		Args: cli.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.print(thisBuild()) },
	})
}
