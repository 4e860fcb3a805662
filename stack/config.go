package stack

import "cellular/internal/model/config"

// The configuration of a stack. Package config has its types, defaults, ranges and rules.
type (
	Config = config.Config
	Cell   = config.Cell
	Plane  = config.Plane
)

// The parts of a deployment that a stack may hold.
const (
	PlaneAll    = config.PlaneAll
	PlaneGlobal = config.PlaneGlobal
	PlaneCells  = config.PlaneCells
)

// Parse reads the configuration of the stack: raw maps namespaced keys, such as "cellular:cells" or "aws:region", to
// values as Pulumi hands them to a program. Its error joins everything that is wrong.
func Parse(stackName string, raw map[string]string) (Config, error) {
	return config.Parse(stackName, raw)
}
