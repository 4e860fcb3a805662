package local

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/functions"
)

// A build under a context that has ended fails, so what is answered under one was not built again.
func TestPackages_AreBuiltOnceUnlessTheBuildFails(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var p packages
	_, err := p.Package(ended, functions.X86_64)
	require.Error(t, err)
	built, err := p.Package(t.Context(), functions.X86_64)
	require.NoError(t, err)
	again, err := p.Package(ended, functions.X86_64)
	require.NoError(t, err)
	require.Equal(t, built, again)
	_, err = p.Package(ended, functions.ARM64)
	require.Error(t, err, "another architecture")
}
