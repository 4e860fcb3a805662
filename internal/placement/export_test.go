package placement

// What the tests of waiting and trying again go by.
const (
	Patience   = patience
	DelayLimit = delayLimit
)

var Delay = delay
