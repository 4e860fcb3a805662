// Package scheduler is the local cloud's EventBridge Scheduler: it keeps schedules, and begins what they are for in the time
// that they say, as the role that they name.
//
// A minute of a schedule is as long as the options say. A schedule is not late and has no retries, of which the provider takes
// none. What it begins is not waited for: the next time comes in any case.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// ErrNotFound is of a schedule that does not exist.
var ErrNotFound = errors.New("ResourceNotFoundException")

// Schedule is a schedule.
type Schedule struct {
	Group, Name, Description string
	Expression               string // such as "rate(1 minute)"
	TargetARN, RoleARN       string
	Input                    string // JSON
	MaximumAge               int    // seconds that a run may be late; kept, since no run is
	Enabled                  bool
}

var rate = regexp.MustCompile(`\Arate\(([1-9][0-9]{0,4}) (minutes?|hours?|days?)\)\z`)

// Interval returns the time between two runs of a rate expression, with minutes of their usual length.
func Interval(expression string) (time.Duration, error) {
	match := rate.FindStringSubmatch(expression)
	if match == nil {
		return 0, fmt.Errorf("the expression is %q, want rate(N minutes), rate(N hours) or rate(N days): the local cloud has no others", expression)
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		return 0, err
	}
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[match[2][0]]
	return time.Duration(n) * unit, nil
}

// Options of New.
type Options struct {
	Region, Account string
	// Minute is how long a minute of a schedule takes. 0: nothing is run, and schedules are only kept.
	Minute time.Duration
	// Run begins what a schedule is for, and returns when that has ended. groupARN is the group on whose behalf it is begun.
	Run func(ctx context.Context, s Schedule, groupARN string) error
	// Log receives a line for each run that failed. Nil: nobody.
	Log io.Writer
}

// Service keeps schedules. It is safe for concurrent use.
type Service struct {
	options Options
	running sync.WaitGroup

	mu     sync.Mutex
	all    map[string]*entry // by group/name
	closed bool
}

type entry struct {
	schedule Schedule
	stop     context.CancelFunc
}

// New makes a service without schedules.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = io.Discard
	}
	return &Service{options: o, all: map[string]*entry{}}
}

// ARN is that of a schedule.
func (s *Service) ARN(group, name string) string { return s.arn("schedule/" + group + "/" + name) }

func (s *Service) arn(resource string) string {
	return "arn:aws:scheduler:" + s.options.Region + ":" + s.options.Account + ":" + resource
}

// Put makes a schedule or takes the place of the one of that name, and begins its first run at once.
func (s *Service) Put(schedule Schedule) error {
	interval, err := Interval(schedule.Expression)
	if err != nil {
		return fmt.Errorf("put schedule %s: %w", schedule.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("put schedule %s: the scheduler is closed", schedule.Name)
	}
	key := schedule.Group + "/" + schedule.Name
	if old := s.all[key]; old != nil {
		old.stop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.all[key] = &entry{schedule, cancel}
	if schedule.Enabled && s.options.Minute > 0 {
		every := time.Duration(float64(interval) / float64(time.Minute) * float64(s.options.Minute))
		s.running.Go(func() { s.keep(ctx, schedule, every) })
	}
	return nil
}

// keep begins a run every so often, until ctx ends.
func (s *Service) keep(ctx context.Context, schedule Schedule, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		s.running.Go(func() {
			if err := s.options.Run(ctx, schedule, s.arn("schedule-group/"+schedule.Group)); err != nil && ctx.Err() == nil {
				fmt.Fprintf(s.options.Log, "%s schedule %s: %v\n", time.Now().UTC().Format(time.RFC3339), schedule.Name, err)
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Get returns a schedule, or ErrNotFound.
func (s *Service) Get(group, name string) (Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[group+"/"+name]
	if e == nil {
		return Schedule{}, fmt.Errorf("%w: there is no schedule %s in group %s", ErrNotFound, name, group)
	}
	return e.schedule, nil
}

// Delete deletes a schedule, and gives up on what it has begun. It returns ErrNotFound for one that does not exist.
func (s *Service) Delete(group, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[group+"/"+name]
	if e == nil {
		return fmt.Errorf("%w: there is no schedule %s in group %s", ErrNotFound, name, group)
	}
	e.stop()
	delete(s.all, group+"/"+name)
	return nil
}

// Pause keeps every schedule, and has it run no more until it is put again. It waits for what they have begun.
func (s *Service) Pause() {
	s.mu.Lock()
	for _, e := range s.all {
		e.stop()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Close ends every schedule, and waits for what they have begun.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Pause()
}
