package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

const appliedLine = `cell beta consumer | {"timestamp":"2026-11-30T12:00:03.123Z","level":"INFO","message":"record handled","cell":"beta","tenant":"acme","event":"order-17","outcome":"applied"}` + "\n"

func TestLog_IsReadableUnlessItIsWantedAsItIs(t *testing.T) {
	var out bytes.Buffer
	logs, end := logsTo(&out, false)
	_, err := logs.Write([]byte(appliedLine))
	require.NoError(t, err)
	end()
	require.Equal(t, `TIME (UTC)    CELL   TENANT          EVENT       PART        WHAT HAPPENED
12:00:03.123  beta   acme            order-17    consumer    applied
`, out.String())

	out.Reset()
	logs, end = logsTo(&out, true)
	_, err = logs.Write([]byte(appliedLine))
	require.NoError(t, err)
	end()
	require.Equal(t, appliedLine, out.String())
}

func TestColours_AreForTerminalsThatHaveThemAndPeopleWhoWantThem(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm-256color"}, true},
		{map[string]string{"TERM": "xterm-256color", "NO_COLOR": ""}, false},
		{map[string]string{"TERM": "xterm-256color", "NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "dumb"}, false},
		{nil, false},
	} {
		require.Equal(t, c.want, wantsColours(func(name string) (string, bool) { value, ok := c.env[name]; return value, ok }), "%v", c.env)
	}
}
