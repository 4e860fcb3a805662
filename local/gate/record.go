package gate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"cellular/local/gate/policy"
)

// Call is what somebody was allowed to do, or was denied.
type Call struct {
	Caller    string // the ARN of a role, or the name of a service
	Action    string
	Resource  string
	SourceARN string // on whose behalf a service did it; "" for a role
}

func (g *Gate) record(r policy.Request, d policy.Decision) {
	c := Call{cmp.Or(r.Caller.Role, r.Caller.Service), r.Action, r.Resource, r.Context[policy.SourceARN]}
	if !d.Allowed {
		g.mu.Lock()
		g.denied[c] = true
		g.mu.Unlock()
		fmt.Fprintf(g.options.Log, "%s was denied %s on %s %s\n", c.Caller, c.Action, c.Resource, d.Reason)
		return
	}
	g.mu.RLock()
	known := g.calls[c]
	g.mu.RUnlock()
	if known {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls[c] = true
}

// Calls are the distinct calls that were allowed so far, those of the administrator left out, in order.
func (g *Gate) Calls() []Call {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return sorted(g.calls)
}

// Denied are the distinct calls that were denied so far, in order.
func (g *Gate) Denied() []Call {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return sorted(g.denied)
}

func sorted(calls map[Call]bool) []Call {
	return slices.SortedFunc(maps.Keys(calls), func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.SourceARN, b.SourceARN))
	})
}
