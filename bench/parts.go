package main

import (
	"context"
	"strings"
)

// part is one thing that is measured.
type part struct {
	name string
	what string
	run  func(context.Context, *harness) ([]row, error)
}

// parts are run in this order.
var parts = []part{
	{"cache", "a hit of the mapping cache", measureCacheHit},
	{"allocations", "one request in process, in front of an in-memory store", measureAllocations},
	{"warm", "a warm environment, one request after the other", measureWarm},
	{"cold", "the start of an environment", measureColdStart},
	{"reads", "reads of the mapping table by a fleet of routers", measureReads},
	{"hanging", "the other cells' requests while one cell hangs", measureHangingCell},
	{"limit", "a tenant's limit over all processes, in simulated time", measureLimit},
	{"tenant", "one large tenant alone in its cell, in virtual time", measureTenant},
	{"fairness", "quiet tenants beside one with a backlog, in virtual time", measureFairness},
	{"pause", "the pause of a tenant that moves, by what it has, in virtual time", measurePause},
	{"program", "the Pulumi program as the number of cells grows", measureProgram},
}

func partNames() string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return strings.Join(names, ", ")
}
