package gateway

import (
	"errors"
	"fmt"
	"maps"

	"golang.org/x/time/rate"
)

// StageConfig is how an API is served.
type StageConfig struct {
	Name        string // $default, the only one
	AutoDeploy  bool   // must be true: every change is live at once
	Description string
	Throttle    *Throttle  // nil: no limit
	AccessLog   *AccessLog // nil: none
	Variables   map[string]string
	Tags        map[string]string
}

// Throttle is a token bucket over all requests of a stage. A request that finds it empty gets 429.
type Throttle struct {
	Rate  float64 // requests per second, at least 0
	Burst int     // requests at once, at least 0; with 0 no request passes
}

// AccessLog is a line per request.
type AccessLog struct {
	DestinationARN string
	Format         string // one line, in which each $context.NAME is replaced by its value, "-" if it has none
}

// Stage is the stage of an API.
type Stage struct {
	Config    StageConfig
	ARN       string
	InvokeURL string // with a trailing slash
}

// stage is a stage with what serving it needs.
type stage struct {
	Stage
	throttle *rate.Limiter // nil: no limit
	format   logFormat
}

// CreateStage adds the stage to an API.
func (g *Gateway) CreateStage(apiID string, c StageConfig) (Stage, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.api(apiID)
	if err != nil {
		return Stage{}, fmt.Errorf("create stage %s: %w", c.Name, err)
	}
	if a.stage != nil {
		return Stage{}, fmt.Errorf("create stage %s: it exists: %w", c.Name, ErrConflict)
	}
	s, err := a.newStage(c)
	if err != nil {
		return Stage{}, fmt.Errorf("create stage %s: %w", c.Name, err)
	}
	a.stage = s
	return s.snapshot(), nil
}

// GetStage returns the stage.
func (g *Gateway) GetStage(apiID, name string) (Stage, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	a, err := g.stage(apiID, name)
	if err != nil {
		return Stage{}, fmt.Errorf("get %w", err)
	}
	return a.stage.snapshot(), nil
}

// UpdateStage replaces the stage's configuration. The throttle starts full.
func (g *Gateway) UpdateStage(apiID, name string, c StageConfig) (Stage, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.stage(apiID, name)
	if err != nil {
		return Stage{}, fmt.Errorf("update %w", err)
	}
	s, err := a.newStage(c)
	if err != nil {
		return Stage{}, fmt.Errorf("update stage %s: %w", name, err)
	}
	a.stage = s
	return s.snapshot(), nil
}

// DeleteStage removes the stage. The API then answers 404.
func (g *Gateway) DeleteStage(apiID, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.stage(apiID, name)
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	a.stage = nil
	return nil
}

// stage finds an API that has the stage. The caller holds the lock.
func (g *Gateway) stage(apiID, name string) (*api, error) {
	a, err := g.api(apiID)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", name, err)
	}
	if a.stage == nil || a.stage.Config.Name != name {
		return nil, fmt.Errorf("stage %s of API %s: %w", name, apiID, ErrNotFound)
	}
	return a, nil
}

const defaultStage = "$default"

func (a *api) newStage(c StageConfig) (*stage, error) {
	if c.Name != defaultStage {
		return nil, fmt.Errorf("name is %q, want %s", c.Name, defaultStage)
	}
	if !c.AutoDeploy {
		return nil, errors.New("automatic deployment is off, want on: there are no deployments here")
	}
	s := &stage{Stage: Stage{
		Config:    c.clone(),
		ARN:       a.ARN + "/stages/" + c.Name,
		InvokeURL: a.Endpoint + "/",
	}}
	if t := c.Throttle; t != nil {
		if t.Rate < 0 || t.Burst < 0 {
			return nil, fmt.Errorf("throttle has rate %v and burst %d, want at least 0", t.Rate, t.Burst)
		}
		s.throttle = rate.NewLimiter(rate.Limit(t.Rate), t.Burst)
	}
	if l := c.AccessLog; l != nil {
		format, err := parseLogFormat(l.Format)
		if err != nil {
			return nil, err
		}
		s.format = format
	}
	return s, nil
}

func (s *stage) snapshot() Stage {
	c := s.Stage
	c.Config = c.Config.clone()
	return c
}

func (c StageConfig) clone() StageConfig {
	if c.Throttle != nil {
		c.Throttle = new(*c.Throttle)
	}
	if c.AccessLog != nil {
		c.AccessLog = new(*c.AccessLog)
	}
	c.Variables, c.Tags = maps.Clone(c.Variables), maps.Clone(c.Tags)
	return c
}
