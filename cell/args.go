package cell

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// Args configures a cell. The first block is all in which two cells of a stack may differ; the rest is the stamp.
// Every field must be set unless its comment says otherwise: the defaults belong to the stack's configuration.
type Args struct {
	ID         string // 2 to 20 lower-case letters, digits and -, the first a letter
	Wave       int    // release wave, 0 to 99
	Tier       string // mapping.TierStandard or mapping.TierDedicated
	MaxTenants int    // the cap that placement honours, at least 1

	Stack   naming.Stack // what the physical names start with
	Protect bool         // deletion protection, PITR and Pulumi's protect on tables and queues; false for throw-away stacks

	// RouterRoleARN is the one principal outside the cell that may use the cell's tables.
	RouterRoleARN pulumi.StringInput

	// AlarmTopicARN is the topic that is told when the cell's composite alarm begins and ends to fire.
	AlarmTopicARN pulumi.StringInput
	// RouterHealth is the name of the router's composite alarm, during which the cell's tells nobody.
	RouterHealth pulumi.StringInput

	Code      Code
	Functions Functions
	Pipeline  Pipeline
	Alarms    config.Alarms // its period and what it says of cells
	Probe     config.Probe  // the standing probe: the cell has an alarm of what that sees, if it is enabled
}

// Code is the functions' packages: paths of zip files with a bootstrap binary for Functions.Architecture.
type Code struct {
	Producer string
	Consumer string
}

// What configures the functions and the way of an event through the cell. Package config has the ranges and the rules.
type (
	Functions = config.Functions
	Pipeline  = config.Pipeline
	Stream    = config.Stream
	Queue     = config.Queue
	Consumer  = config.Consumer
)

func (a *Args) visibilityTimeout() time.Duration {
	return config.VisibilityTimeout(a.Functions, a.Pipeline.Queue)
}

// Validate returns everything that is wrong with the arguments, joined; nil if nothing is. What the stack's configuration
// refuses is refused here too, in the same words, by the names that the configuration has for it.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("no arguments")
	}
	var errs []error
	if a.RouterRoleARN == nil {
		errs = append(errs, errors.New("RouterRoleARN: is nil, want the ARN of the role that may enter the cell"))
	}
	if a.AlarmTopicARN == nil {
		errs = append(errs, errors.New("AlarmTopicARN: is nil, want the ARN of the topic that the alarms tell"))
	}
	if a.RouterHealth == nil {
		errs = append(errs, errors.New("RouterHealth: is nil, want the name of the router's composite alarm"))
	}
	for _, zip := range []struct{ key, path string }{{"Code.Producer", a.Code.Producer}, {"Code.Consumer", a.Code.Consumer}} {
		if !strings.HasSuffix(zip.path, ".zip") {
			errs = append(errs, fmt.Errorf("%s: is %q, want the path of a zip file", zip.key, zip.path))
		}
	}
	c := config.Config{Deployment: a.Stack, Protect: a.Protect, Functions: a.Functions, Pipeline: a.Pipeline, Probe: a.Probe, Alarms: a.Alarms}
	errs = append(errs, c.CheckCell(config.Cell{ID: a.ID, Wave: a.Wave, Tier: a.Tier, MaxTenants: a.MaxTenants}))
	return errors.Join(errs...)
}
