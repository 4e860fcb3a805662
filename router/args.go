package router

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// Args configures a CellRouter.
type Args struct {
	// Stack gives the physical names, and the prefixes of the cells' tables. Required.
	Stack naming.Stack
	// MappingTableName and MappingTableARN are the control plane's table. Required.
	MappingTableName pulumi.StringInput
	MappingTableARN  pulumi.StringInput
	// AlarmTopicARN is the topic that is told when the router's composite alarm begins and ends to fire. ControlPlaneHealth is
	// the name of the control plane's composite alarm, during which the router's tells nobody. Required.
	AlarmTopicARN      pulumi.StringInput
	ControlPlaneHealth pulumi.StringInput
	// Protect says that the deployment keeps what it holds, which excludes AuthNone.
	Protect bool
	// Code is the path of the function's zip file. Required.
	Code string

	Settings Settings
	// DataTTL is how long an event is kept from when the router accepted it: pipeline.dataTTL of the configuration.
	DataTTL time.Duration
	// Alarms says when the router's alarms fire: its period and what it says of the router.
	Alarms config.Alarms

	Architecture     string // arm64 or x86_64
	LogLevel         string // debug, info, warn or error
	LogRetentionDays int    // of the function's log and the access log, one of the periods that CloudWatch Logs offers
	Tracing          bool   // X-Ray
}

// What an operator tunes. Package config has the ranges and the rules.
type (
	Settings    = config.Router
	Auth        = config.Auth
	AuthType    = config.AuthType
	Throttle    = config.Throttle
	TenantLimit = config.TenantLimit
	CellLimit   = config.CellLimit
	Breaker     = config.Breaker
)

// The ways of telling callers apart.
const (
	AuthIAM  = config.AuthIAM
	AuthJWT  = config.AuthJWT
	AuthNone = config.AuthNone
)

// Validate returns everything that is wrong with the arguments, joined; nil if nothing is. What the stack's configuration
// refuses is refused here too, in the same words, by the names that the configuration has for it.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("no arguments")
	}
	var errs []error
	if a.MappingTableName == nil || a.MappingTableARN == nil {
		errs = append(errs, errors.New("MappingTableName, MappingTableARN: one is nil, want the name and the ARN of the control plane's table"))
	}
	if a.AlarmTopicARN == nil || a.ControlPlaneHealth == nil {
		errs = append(errs, errors.New("AlarmTopicARN, ControlPlaneHealth: one is nil, want the topic that the alarms tell and the name of the control plane's composite alarm"))
	}
	if !strings.HasSuffix(a.Code, ".zip") {
		errs = append(errs, fmt.Errorf("the argument Code is %q, want the path of a zip file", a.Code))
	}
	return errors.Join(append(errs, a.config().CheckRouter())...)
}

// config is the arguments in the form of the stack's configuration.
func (a *Args) config() config.Config {
	return config.Config{
		Deployment: a.Stack, Protect: a.Protect, Router: a.Settings,
		Pipeline: config.Pipeline{DataTTL: a.DataTTL}, Alarms: a.Alarms,
		Functions: config.Functions{
			Architecture: a.Architecture, LogLevel: a.LogLevel, LogRetentionDays: a.LogRetentionDays, Tracing: a.Tracing,
		},
	}
}
