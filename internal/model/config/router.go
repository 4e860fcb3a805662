package config

import (
	"time"

	"cellular/internal/model/env"
)

// Router is what an operator tunes of the router. Every field is required unless it says otherwise.
type Router struct {
	Auth                Auth
	SoftTTL             time.Duration // a mapping is fresh for this long
	HardTTL             time.Duration // a mapping is never used past this age; more than SoftTTL
	NegativeTTL         time.Duration // an unknown tenant is remembered for this long
	CacheSize           int           // tenants
	RefreshTimeout      time.Duration // deadline of one read of the mapping table
	CellTimeout         time.Duration // deadline of one call into a cell, with its retry
	CounterTimeout      time.Duration // deadline of one report to a tenant's counter, made beside the call into the cell
	MinCellTimeout      time.Duration // of an answer within that: no wait is given up sooner, however fast the cell is otherwise
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

// TenantLimit bounds one tenant's requests to all processes of the function: what is over it is refused with 429, so that
// a tenant that floods costs itself only. Where the processes cannot reach the tenant's counter, it bounds the requests to
// each of them.
type TenantLimit struct {
	Rate  int // per second
	Burst int // before the rate binds; at most so many at once in each process
}

// CellLimit bounds the calls of one process into one cell, over its tenants: what is over it is refused with 503. It is
// at least a tenant's limit, so that one tenant alone does not use up its cell's share of a process.
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
