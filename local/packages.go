package local

import (
	"context"
	"sync"

	"cellular/functions"
)

// packages are the functions as a cloud has built them, by architecture. It builds them once: linking them takes longer than an
// update that changes nothing, and no cloud outlives a change of their source.
type packages struct {
	mu    sync.Mutex
	built map[string]functions.Artifacts
}

// Package builds the functions for an architecture, unless it has done so. A build that fails is tried again.
func (p *packages) Package(ctx context.Context, architecture string) (functions.Artifacts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if built, ok := p.built[architecture]; ok {
		return built, nil
	}
	built, err := functions.Package(ctx, architecture)
	if err != nil {
		return functions.Artifacts{}, err
	}
	if p.built == nil {
		p.built = map[string]functions.Artifacts{}
	}
	p.built[architecture] = built
	return built, nil
}
