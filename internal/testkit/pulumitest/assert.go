package pulumitest

import (
	"strings"
	"testing"
)

// AssertAllDescendFrom reports every resource that is not under root, except root and its ancestors, and except
// providers, which stand beside the components that use them. It fails if root has no descendant.
func (r *Recorder) AssertAllDescendFrom(t testing.TB, root *Resource) {
	t.Helper()
	parents := map[string]string{}
	for _, res := range r.Resources() {
		parents[res.URN] = res.Parent
	}
	above := map[string]bool{}
	for urn := root.URN; urn != "" && !above[urn]; urn = parents[urn] {
		above[urn] = true
	}
	descendants := 0
	for _, res := range r.Resources() {
		if above[res.URN] || res.isProvider() {
			continue
		}
		urn, steps := res.Parent, 0
		for urn != "" && urn != root.URN && steps <= len(parents) {
			urn, steps = parents[urn], steps+1
		}
		if urn != root.URN {
			t.Errorf("%s is not under %s: its parent is %q", res, root, res.Parent)
			continue
		}
		descendants++
	}
	if descendants == 0 {
		t.Errorf("%s has no descendants: nothing was observed", root)
	}
}

// AssertNoDefaultProvider reports every AWS resource and every call that would fall to the default provider. It fails
// if there was no AWS resource.
func (r *Recorder) AssertNoDefaultProvider(t testing.TB) {
	t.Helper()
	observed := 0
	for _, res := range r.Resources() {
		if !strings.HasPrefix(res.Type, "aws:") || !res.Custom {
			continue
		}
		observed++
		if res.Provider == "" {
			t.Errorf("%s uses the default provider", res)
		}
	}
	for _, c := range r.Calls() {
		if c.Provider == "" {
			t.Errorf("the call of %s uses the default provider", c.Token)
		}
	}
	if observed == 0 {
		t.Errorf("no AWS resource was registered: nothing was observed")
	}
}

// AssertNoDuplicateURN reports every URN that was registered twice, which the engine refuses. It fails if nothing was
// registered.
func (r *Recorder) AssertNoDuplicateURN(t testing.TB) {
	t.Helper()
	all := r.Resources()
	if len(all) == 0 {
		t.Errorf("no resource was registered: nothing was observed")
	}
	for i := 1; i < len(all); i++ {
		if all[i].URN == all[i-1].URN {
			t.Errorf("URN %s was registered twice", all[i].URN)
		}
	}
}
