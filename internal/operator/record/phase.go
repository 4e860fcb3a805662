package record

// GiveBack is the phase of a move that is backed out, or of a removal that is called off: the tenant is given back to the
// cell that had it.
const GiveBack = "give-back"

// olderGiveBack is the name under which the version before records GiveBack. One release later no record that is open has it.
const olderGiveBack = "restore"

// PhaseOf returns today's name of a phase that a record has.
func PhaseOf(recorded string) string {
	if recorded == olderGiveBack {
		return GiveBack
	}
	return recorded
}
