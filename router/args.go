package router

import (
	"errors"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/env"
	"cellular/internal/naming"
)

// Args configures a CellRouter.
type Args struct {
	// Stack gives the physical names, and the prefixes of the cells' tables. Required.
	Stack naming.Stack
	// MappingTableName and MappingTableARN are the control plane's table. Required.
	MappingTableName pulumi.StringInput
	MappingTableARN  pulumi.StringInput
	// Code is the path of the function's zip file. Required.
	Code string

	Settings Settings

	Architecture     string // arm64 or x86_64
	LogLevel         string // debug, info, warn or error
	LogRetentionDays int    // of the function's log and the access log
	Tracing          bool   // X-Ray
}

// Settings are what an operator tunes. Every field is required unless it says otherwise.
type Settings struct {
	Auth                Auth
	SoftTTL             time.Duration // a mapping is fresh for this long
	HardTTL             time.Duration // a mapping is never used past this age; more than SoftTTL
	NegativeTTL         time.Duration // an unknown tenant is remembered for this long
	CacheSize           int           // tenants
	RefreshTimeout      time.Duration // deadline of one read of the mapping table
	CellTimeout         time.Duration // deadline of one call into a cell, with its retry
	MaxPayloadBytes     int           // of a payload; a DynamoDB item has 400 KB for it and the rest of the event
	Memory              int           // MiB
	Timeout             time.Duration // of the function: whole seconds, less than the API's limit of 30
	ReservedConcurrency int           // 0 reserves none
	Throttle            Throttle
	TenantLimit         TenantLimit
	CellLimit           CellLimit
	Breaker             Breaker
}

// Auth says who may call the API.
type Auth struct {
	Type        AuthType
	Issuer      string   // AuthJWT: a https URL, where the API finds the issuer's keys
	Audience    []string // AuthJWT: a token is for one of these
	TenantClaim string   // AuthJWT: the claim that names the caller's tenant
}

// AuthType is a way of telling callers apart.
type AuthType string

const (
	AuthIAM  AuthType = env.AuthIAM  // a request is signed by an AWS principal that may invoke the API, for any tenant
	AuthJWT  AuthType = env.AuthJWT  // a request carries a bearer token of the issuer, for the tenant that it names
	AuthNone AuthType = env.AuthNone // anyone may call: for throw-away stacks only
)

// Throttle bounds the API's requests, over all tenants.
type Throttle struct {
	Rate  int // per second
	Burst int
}

// TenantLimit bounds one tenant's requests to one process of the function, which answers one request at a time: what is
// over it is refused with 429. It shares a process out, so that a tenant that floods costs itself only. The tenant's
// total is the limit times the processes that run; the bound of all requests is the Throttle.
type TenantLimit struct {
	Rate  int // per second
	Burst int
}

// CellLimit bounds the calls of one process into one cell, over its tenants: what is over it is refused with 503. It is
// at least a tenant's limit, so that a cell's share outlasts any one of its tenants.
type CellLimit struct {
	InFlight int // calls under way
	Rate     int // per second
	Burst    int
}

// Breaker stops a process from calling a cell that does not answer, so that its tenants get a fast 503.
type Breaker struct {
	Failures int           // in a row, after which no call is made
	OpenFor  time.Duration // for this long
	Probes   int           // calls that have to succeed then, until the cell is called as before
}

// apiLimit is how long an HTTP API waits for its integration.
const apiLimit = 30 * time.Second

// Validate returns everything that is wrong with the arguments, joined.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	s := a.Settings
	require(a.Stack != "", "Stack is required")
	require(a.MappingTableName != nil && a.MappingTableARN != nil, "MappingTableName and MappingTableARN are required")
	require(a.Code != "", "Code is required")
	require(a.Architecture != "", "Architecture is required")
	require(a.LogLevel != "", "LogLevel is required")
	require(a.LogRetentionDays > 0, "LogRetentionDays is %d, want at least 1", a.LogRetentionDays)
	for _, wait := range []struct {
		name  string
		value time.Duration
	}{
		{"SoftTTL", s.SoftTTL}, {"HardTTL", s.HardTTL}, {"NegativeTTL", s.NegativeTTL},
		{"RefreshTimeout", s.RefreshTimeout}, {"CellTimeout", s.CellTimeout}, {"Breaker.OpenFor", s.Breaker.OpenFor},
	} {
		require(wait.value > 0, "%s is %s, want more than 0", wait.name, wait.value)
	}
	require(s.SoftTTL < s.HardTTL, "SoftTTL is %s, want less than HardTTL, which is %s", s.SoftTTL, s.HardTTL)
	require(s.Timeout >= time.Second && s.Timeout < apiLimit-time.Second && s.Timeout%time.Second == 0,
		"Timeout is %s, want whole seconds from 1s to less than 29s", s.Timeout)
	for _, size := range []struct {
		name  string
		value int
	}{
		{"CacheSize", s.CacheSize}, {"MaxPayloadBytes", s.MaxPayloadBytes}, {"Memory", s.Memory},
		{"Throttle.Rate", s.Throttle.Rate}, {"Throttle.Burst", s.Throttle.Burst},
		{"TenantLimit.Rate", s.TenantLimit.Rate}, {"TenantLimit.Burst", s.TenantLimit.Burst},
		{"CellLimit.InFlight", s.CellLimit.InFlight}, {"CellLimit.Rate", s.CellLimit.Rate}, {"CellLimit.Burst", s.CellLimit.Burst},
		{"Breaker.Failures", s.Breaker.Failures}, {"Breaker.Probes", s.Breaker.Probes},
	} {
		require(size.value > 0, "%s is %d, want at least 1", size.name, size.value)
	}
	require(s.ReservedConcurrency >= 0, "ReservedConcurrency is %d, want at least 0", s.ReservedConcurrency)
	errs = append(errs, s.Auth.validate(), a.Stack.CheckGlobal())
	return errors.Join(errs...)
}

func (a Auth) validate() error {
	complete := a.Issuer != "" && len(a.Audience) > 0 && a.TenantClaim != ""
	empty := a.Issuer == "" && len(a.Audience) == 0 && a.TenantClaim == ""
	switch a.Type {
	case AuthJWT:
		if !complete {
			return errors.New("Auth of type jwt needs Issuer, Audience and TenantClaim")
		}
	case AuthIAM, AuthNone:
		if !empty {
			return fmt.Errorf("Auth of type %s has no use for Issuer, Audience and TenantClaim", a.Type)
		}
	default:
		return fmt.Errorf("Auth.Type is %q, want %s, %s or %s", a.Type, AuthIAM, AuthJWT, AuthNone)
	}
	return nil
}
