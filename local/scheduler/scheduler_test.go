package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/scheduler"
)

func probe(expression string) scheduler.Schedule {
	return scheduler.Schedule{Group: "default", Name: "probe", Expression: expression, TargetARN: "arn:f", RoleARN: "arn:r", Input: "{}", Enabled: true}
}

// counting is a service whose minutes take ten seconds, and how often it has run something.
func counting(err error) (*scheduler.Service, *atomic.Int32, *bytes.Buffer) {
	var n atomic.Int32
	log := &bytes.Buffer{}
	return scheduler.New(scheduler.Options{
		Region: "eu-west-1", Account: "123456789012", Minute: 10 * time.Second, Log: log,
		Run: func(_ context.Context, s scheduler.Schedule, group string) error {
			if s.TargetARN != "arn:f" || group != "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/default" {
				return errors.New("another schedule")
			}
			n.Add(1)
			return err
		},
	}), &n, log
}

func TestSchedule_RunsAtOnceAndThenEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, log := counting(nil)
		defer s.Close()
		require.NoError(t, s.Put(probe("rate(2 minutes)")))
		synctest.Wait()
		require.EqualValues(t, 1, n.Load())
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 3, n.Load())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 4, n.Load())
		require.Empty(t, log.String())
	})
}

// A run that hangs does not hold up the next.
func TestSchedule_DoesNotWaitForWhatItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		s := scheduler.New(scheduler.Options{Minute: time.Second, Run: func(ctx context.Context, _ scheduler.Schedule, _ string) error {
			n.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}})
		require.NoError(t, s.Put(probe("rate(1 minute)")))
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 4, n.Load())
		s.Close() // ends all of them
	})
}

func TestSchedule_ThatIsReplacedDisabledOrDeletedRunsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, _ := counting(nil)
		defer s.Close()
		require.NoError(t, s.Put(probe("rate(1 minute)")))
		synctest.Wait()
		off := probe("rate(1 hour)")
		off.Enabled = false
		require.NoError(t, s.Put(off))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 1, n.Load())
		got, err := s.Get("default", "probe")
		require.NoError(t, err)
		require.Equal(t, off, got)

		require.NoError(t, s.Put(probe("rate(1 minute)")))
		synctest.Wait()
		require.NoError(t, s.Delete("default", "probe"))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 2, n.Load())
		_, err = s.Get("default", "probe")
		require.ErrorIs(t, err, scheduler.ErrNotFound)
		require.ErrorIs(t, s.Delete("default", "probe"), scheduler.ErrNotFound)
	})
}

func TestSchedule_ThatFailsIsLoggedAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, log := counting(errors.New("denied"))
		require.NoError(t, s.Put(probe("rate(1 minute)")))
		time.Sleep(15 * time.Second)
		s.Close()
		require.EqualValues(t, 2, n.Load())
		require.Contains(t, log.String(), " schedule probe: denied\n")
		require.ErrorContains(t, s.Put(probe("rate(1 minute)")), "the scheduler is closed")
	})
}

func TestService_WithoutMinutesKeepsSchedulesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler.New(scheduler.Options{Run: func(context.Context, scheduler.Schedule, string) error { panic("run") }})
		defer s.Close()
		require.NoError(t, s.Put(probe("rate(1 minute)")))
		time.Sleep(time.Hour)
		_, err := s.Get("default", "probe")
		require.NoError(t, err)
	})
}

func TestInterval_TakesRatesAlone(t *testing.T) {
	for text, want := range map[string]time.Duration{"rate(1 minute)": time.Minute, "rate(15 minutes)": 15 * time.Minute, "rate(2 hours)": 2 * time.Hour, "rate(1 day)": 24 * time.Hour} {
		got, err := scheduler.Interval(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "rate(0 minutes)", "rate(1 second)", "cron(0 12 * * ? *)", "at(2026-11-30T12:00:00)", "rate(1 minute) "} {
		_, err := scheduler.Interval(text)
		require.ErrorContains(t, err, "want rate(N minutes)", text)
	}
}

func TestService_KeepsSchedulesThatItNoLongerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, _ := counting(nil)
		defer s.Close()
		require.NoError(t, s.Put(probe("rate(1 minute)")))
		synctest.Wait()
		s.Pause()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 1, n.Load())
		_, err := s.Get("default", "probe")
		require.NoError(t, err)
		require.NoError(t, s.Put(probe("rate(1 minute)")))
		synctest.Wait()
		require.EqualValues(t, 2, n.Load())
	})
}
