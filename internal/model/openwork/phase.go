package openwork

// GiveBack is the phase of a move that is backed out, or of a removal that is called off: the tenant is given back to the
// cell that had it.
const GiveBack = "give-back"

// OlderGiveBack is the name under which the version before records GiveBack. One release later no record that is open has it.
const OlderGiveBack = "restore"

// PhaseOf returns today's name of a phase that a record has.
func PhaseOf(recorded string) string {
	if recorded == OlderGiveBack {
		return GiveBack
	}
	return recorded
}

// The phases of a move in which no cell applies all of the tenant's events, besides GiveBack.
const (
	Fence   = "fence"
	Copy    = "copy"
	Flip    = "flip"
	Abandon = "abandon"
)

// Halting reports whether a phase of a move is one in which no cell applies all of the tenant's events.
func Halting(phase string) bool {
	switch phase {
	case Fence, Copy, Flip, GiveBack, Abandon:
		return true
	}
	return false
}
