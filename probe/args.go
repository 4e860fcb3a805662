package probe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// Args configures a Probe. Every field is required.
type Args struct {
	// Stack gives the physical names.
	Stack naming.Stack
	// Protect says that the deployment keeps what it holds, which excludes alarms with periods of seconds.
	Protect bool

	// MappingTableARN and MoveTableARN are the control plane's tables: the probe writes the mappings of probe tenants, and reads
	// which moves are open.
	MappingTableARN, MoveTableARN pulumi.StringInput
	// RouterURL is where the router's API answers, without a slash at the end. RouterExecutionARN is what rights to invoke the API
	// are about.
	RouterURL, RouterExecutionARN pulumi.StringInput
	// AlarmTopicARN is the topic that is told when the probe's composite alarm begins and ends to fire. RouterHealth is the name of
	// the router's composite alarm, during which the probe's tells nobody.
	AlarmTopicARN, RouterHealth pulumi.StringInput

	// Code is the path of the function's zip file.
	Code string

	Settings Settings
	// Router and Pipeline are what the probe waits for.
	Router    config.Router
	Pipeline  config.Pipeline
	Functions config.Functions // what all functions share
	Alarms    config.Alarms    // its period and what it says of the probe
}

// Settings is what an operator tunes. Package config has the ranges and the rules.
type Settings = config.Probe

// Validate returns everything that is wrong with the arguments, joined; nil if nothing is. What the stack's configuration
// refuses is refused here too, in the same words, by the names that the configuration has for it.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("no arguments")
	}
	var errs []error
	for _, input := range []struct {
		name  string
		value pulumi.StringInput
	}{
		{"MappingTableARN", a.MappingTableARN}, {"MoveTableARN", a.MoveTableARN}, {"RouterURL", a.RouterURL},
		{"RouterExecutionARN", a.RouterExecutionARN}, {"AlarmTopicARN", a.AlarmTopicARN}, {"RouterHealth", a.RouterHealth},
	} {
		if input.value == nil {
			errs = append(errs, fmt.Errorf("%s: is nil, want a value", input.name))
		}
	}
	if !strings.HasSuffix(a.Code, ".zip") {
		errs = append(errs, fmt.Errorf("the argument Code is %q, want the path of a zip file", a.Code))
	}
	return errors.Join(append(errs, a.config().CheckProbe())...)
}

// config is the arguments in the form of the stack's configuration.
func (a *Args) config() config.Config {
	return config.Config{
		Deployment: a.Stack, Protect: a.Protect, Probe: a.Settings, Router: a.Router, Pipeline: a.Pipeline, Functions: a.Functions, Alarms: a.Alarms,
	}
}
