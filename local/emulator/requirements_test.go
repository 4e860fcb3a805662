package emulator

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequirements_PinEveryPackageByHash(t *testing.T) {
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(requirements, "")
	n := 0
	for requirement := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		n++
		require.Regexp(t, `^[A-Za-z0-9_-]+(\[[a-z0-9,]+\])?==[0-9][0-9a-z.]*( ; [^-]*)?( +--hash=sha256:[0-9a-f]{64})+ *\n?$`, requirement)
	}
	require.Greater(t, n, 20)
}

func TestRequirements_ArePinnedToATestedMoto(t *testing.T) {
	pinned := regexp.MustCompile(`(?m)^moto\[[^]]*\]==(\S+)`).FindStringSubmatch(requirements)
	require.Len(t, pinned, 2)
	require.NoError(t, checkVersion(pinned[1]))
}
