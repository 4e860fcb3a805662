package move_test

import (
	"runtime/debug"
	"testing"
)

// TestMain has the garbage collector come less often. The models fill a small heap over and over, and it took a fifth of their time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}
