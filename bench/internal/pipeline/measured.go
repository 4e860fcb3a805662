package pipeline

import "time"

// The environment of the test that measures: the file that it writes, the part that it measures, and whether it is to be
// brief.
const (
	FiguresVariable = "CELLULAR_BENCH_FIGURES"
	PartVariable    = "CELLULAR_BENCH_PART"
	QuickVariable   = "CELLULAR_BENCH_QUICK"
)

// What is measured: a tenant that sends so many events a second, and a tenant with a backlog beside so many quiet ones.
const (
	Rate         = 1100
	QuietTenants = 20
)

// MovedTenants are the tenants whose move is measured: how many events and how many items of the business logic each has.
var MovedTenants = [][2]int{{1000, 100}, {10_000, 100}, {50_000, 100}, {1000, 1000}, {1000, 10_000}}

// Measured is what the test has measured, by round.
type Measured struct {
	Sharded, Single, New      []Figures       // one tenant: as the code is, with one fence and one counter, on new tables
	WithGroups, WithoutGroups []time.Duration // the quiet tenants' p99
	Moved                     []Moved         // one for each of MovedTenants
}
