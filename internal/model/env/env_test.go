package env_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
)

func reader(variables map[string]string) *env.Reader {
	return &env.Reader{Lookup: func(name string) (string, bool) {
		v, ok := variables[name]
		return v, ok
	}}
}

func TestReadsVariables(t *testing.T) {
	r := reader(map[string]string{"TABLE": "t", "SIZE": "10", "TTL": "250ms", "ON": "true", "OFF": "false", "KIND": "b", "LEVEL": "warn"})
	require.Equal(t, "t", r.String("TABLE"))
	require.Equal(t, 10, r.Int("SIZE", 10))
	require.Equal(t, 250*time.Millisecond, r.Duration("TTL"))
	require.True(t, r.Bool("ON"))
	require.False(t, r.Bool("OFF"))
	require.Equal(t, "b", r.OneOf("KIND", "a", "b"))
	require.Equal(t, slog.LevelWarn, r.Level("LEVEL"))
	require.NoError(t, r.Err())
}

func TestLevel_HasEveryLevel(t *testing.T) {
	var levels []slog.Level
	for _, name := range env.LogLevels {
		levels = append(levels, reader(map[string]string{"LEVEL": name}).Level("LEVEL"))
	}
	require.Equal(t, []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}, levels)
}

func TestWhatMayBeLeftOutIsNoError(t *testing.T) {
	r := reader(map[string]string{"EMPTY": ""})
	require.Equal(t, slog.LevelInfo, r.Level("UNSET"))
	require.Equal(t, slog.LevelInfo, r.Level("EMPTY"))
	require.Empty(t, r.Optional("UNSET"))
	require.NoError(t, r.Err())
}

func TestTheZeroReaderReadsTheProcess(t *testing.T) {
	t.Setenv("CELLULAR_TEST_VARIABLE", "here")
	require.Equal(t, "here", new(env.Reader).String("CELLULAR_TEST_VARIABLE"))
}

func TestNamesEveryVariableThatIsWrong(t *testing.T) {
	r := reader(map[string]string{"EMPTY": "", "WORD": "many", "SMALL": "1", "NEGATIVE": "-1s", "BARE": "30", "YES": "yes", "KIND": "c", "LEVEL": "INFO"})
	r.String("UNSET")
	r.String("EMPTY")
	r.Int("UNSET2", 0)
	r.Int("WORD", 0)
	r.Int("SMALL", 2)
	r.Duration("UNSET3")
	r.Duration("NEGATIVE")
	r.Duration("BARE")
	r.Bool("UNSET4")
	r.Bool("YES")
	r.OneOf("UNSET5", "a", "b")
	r.OneOf("KIND", "a", "b")
	r.Level("LEVEL")
	require.EqualError(t, r.Err(), `environment variable UNSET is not set
environment variable EMPTY is not set
environment variable UNSET2 is not set
environment variable WORD is "many", want a whole number of at least 0
environment variable SMALL is "1", want a whole number of at least 2
environment variable UNSET3 is not set
environment variable NEGATIVE is "-1s", want a positive duration such as 250ms or 30s
environment variable BARE is "30", want a positive duration such as 250ms or 30s
environment variable UNSET4 is not set
environment variable YES is "yes", want true or false
environment variable UNSET5 is not set
environment variable KIND is "c", want one of a, b
environment variable LEVEL is "INFO", want one of debug, info, warn, error`)
}
