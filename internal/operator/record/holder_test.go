package record_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/record"
)

func TestHolder_IsGoneWhenItsProcessHasEnded(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	require.False(t, record.Gone(record.Holder()), "this process is there")

	ended := exec.Command("true")
	require.NoError(t, ended.Run())
	pid := ended.Process.Pid
	require.True(t, record.Gone(fmt.Sprintf("%s:%d", host, pid)))
	for _, holder := range []string{fmt.Sprintf("other-%s:%d", host, pid), host + ":", host + ":x", host + ":-1", host + ":0", ""} {
		require.False(t, record.Gone(holder), "nothing is known of %q", holder)
	}
}

func TestHeld_IsAnotherProcessThatIsNeitherSilentNorGone(t *testing.T) {
	there, gone := func(string) bool { return false }, func(string) bool { return true }
	require.True(t, record.Held("host:1", "host:2", 0, there))
	require.False(t, record.Held("host:1", "host:1", 0, there))
	require.False(t, record.Held("host:1", "host:2", record.HolderTimeout, there))
	require.False(t, record.Held("host:1", "host:2", 0, gone))
}

// job is what Await is tested on: another process held it at began, and has shown itself every beat since, if that is not 0.
type job struct {
	began time.Time
	beat  time.Duration
	ends  time.Time // when the other process lets go; zero for never
}

var errHeld = errors.New("held")

func (j job) seen(job) time.Time {
	if j.beat == 0 {
		return j.began
	}
	return j.began.Add(time.Since(j.began).Truncate(j.beat))
}

// carry works as those that take a record over do.
func (j job) carry() (job, error) {
	if over := !j.ends.IsZero() && !time.Now().Before(j.ends); over || time.Since(j.seen(j)) >= record.HolderTimeout {
		return j, nil
	}
	return j, fmt.Errorf("%w by host:1", errHeld)
}

func TestAwait_TellsAProcessThatIsAliveFromOneThatIsDead(t *testing.T) {
	for name, c := range map[string]struct {
		beat, ends time.Duration
		err        error
		took       time.Duration
	}{
		"a process that died":     {took: record.HolderTimeout},
		"one that lets go":        {ends: 3 * time.Second, took: 3 * time.Second},
		"one that is alive":       {beat: record.TouchEvery, err: record.ErrAlive, took: record.TouchEvery},
		"one that is slow, alive": {beat: record.HolderTimeout - time.Second, err: record.ErrAlive, took: record.HolderTimeout - time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := job{began: time.Now(), beat: c.beat}
				if c.ends > 0 {
					j.ends = j.began.Add(c.ends)
				}
				var told []error
				_, err := record.Await(t.Context(), errHeld, j.seen, func(err error) { told = append(told, err) }, j.carry)
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.took, time.Since(j.began))
				require.Len(t, told, 1, "the wait is said once")
				require.ErrorIs(t, told[0], errHeld)
			})
		})
	}
}

// The clock of the host that writes the record may be wrong: its work then never seems to be free, and never to get on.
func TestAwait_EndsThoughNothingIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := record.Await(t.Context(), errHeld, func(int) time.Time { return began.Add(time.Hour) }, func(error) {}, func() (int, error) { return 0, errHeld })
		require.ErrorIs(t, err, record.ErrAlive)
		require.Greater(t, time.Since(began), record.HolderTimeout)
	})
}

func TestAwait_EndsWithTheContextAndWithAnyOtherError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		j := job{began: time.Now()}
		_, err := record.Await(ctx, errHeld, j.seen, func(error) {}, j.carry)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		other := errors.New("other")
		_, err = record.Await(t.Context(), errHeld, j.seen, func(error) { t.Error("nobody is waited for") }, func() (job, error) { return j, other })
		require.ErrorIs(t, err, other)
	})
}
