// Package gateway is the local cloud's API Gateway: HTTP APIs on loopback, with Lambda proxy integrations of payload
// format 2.0.
//
// What a client and a function see is meant to be what they see on AWS: route priority, the event, how a response is
// read, the bodies of errors, limits, throttling, and the access log. Differences, all on purpose:
//   - an API's endpoint is http://127.0.0.1:PORT, and domainName is what the client put in Host;
//   - the $default stage with automatic deployment is the only one served;
//   - the issuer of a JWT authorizer is never asked: the gateway stands in for it, with keys of its own (see Token);
//   - an authorizer takes its token from the Authorization header, and a route asks for no scopes;
//   - AWS_IAM knows Options.Keys and signatures in the Authorization header, and no presigned URLs;
//   - without a throttle on the stage there is no limit, where AWS has one for the account.
//
// What it does not know it refuses when it is configured, never when it serves.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cellular/local/awsapi"
)

// Errors of the management calls, wrapped.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
)

var errClosed = errors.New("the gateway is closed")

// Invoker runs Lambda functions. The error of an invocation that was refused because the function is at its
// concurrency limit has a method Throttled() bool that returns true.
type Invoker interface {
	// Invoke runs a function on behalf of a route, whose ARN is the source, and returns what it answered. functionError is
	// empty unless the function failed. It returns as soon as the context ends.
	Invoke(ctx context.Context, function, source string, payload []byte) (response []byte, functionError string, err error)
}

// Options of New.
type Options struct {
	Account string // account id in events and ARNs; empty: 123456789012
	Region  string // region in ARNs and signatures; empty: us-east-1

	// Keys finds the access keys that requests to routes of type AWS_IAM are signed with. Nil: there can be no such route.
	Keys awsapi.Keys

	// Principal is the ARN of the owner of an access key, and Authorize returns an error if that owner may not call a
	// route, whose ARN is the resource. Nil: the owner is a user named like the key, and may call every route.
	Principal func(accessKey string) string
	Authorize func(accessKey, action, resource string) error

	// Port is the port of the first API; it is an error if somebody else has it. Zero, and every further API, gets a
	// port that the kernel picks.
	Port int

	// DrainTimeout bounds how long the removal of an API waits for requests in flight, which are then cut off.
	// Zero: 5 seconds.
	DrainTimeout time.Duration

	// AccessLogs gives the writer for the access log of stages with that destination. Each line is one Write, one at a
	// time. Nil: nowhere.
	AccessLogs func(destinationARN string) io.Writer

	// Answered is told of each request: the status of its answer, and how long that took. Nil: nobody is.
	Answered func(apiID string, status int, took time.Duration)

	// Logger receives why a request was refused or an integration failed, which clients are never told. Nil: nowhere.
	Logger *slog.Logger

	// Now is the clock by which tokens and signatures are valid. Nil: time.Now.
	Now func() time.Time
}

// Gateway holds HTTP APIs. It is safe for concurrent use.
type Gateway struct {
	invoker Invoker
	options Options

	mu     sync.RWMutex // guards what follows, and everything below an api
	closed bool
	apis   map[string]*api

	issuers issuers // that authorizers name

	logMu sync.Mutex // one line of an access log at a time
}

// New returns a gateway without APIs.
func New(invoker Invoker, o Options) *Gateway {
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Principal == nil {
		o.Principal = func(accessKey string) string { return "arn:aws:iam::" + o.Account + ":user/" + accessKey }
	}
	if o.Authorize == nil {
		o.Authorize = func(_, _, _ string) error { return nil }
	}
	return &Gateway{invoker: invoker, options: o, apis: map[string]*api{}}
}

// Close removes every API, all at once, and ends the issuers.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.closed = true
	apis := g.apis
	g.apis = map[string]*api{}
	g.mu.Unlock()
	var all sync.WaitGroup
	for _, a := range apis {
		all.Go(func() { a.shutDown(g.options.DrainTimeout) })
	}
	all.Wait()
	g.issuers.close()
}

// api finds an API. The caller holds the lock.
func (g *Gateway) api(id string) (*api, error) {
	a, ok := g.apis[id]
	if !ok {
		return nil, fmt.Errorf("API %s: %w", id, ErrNotFound)
	}
	return a, nil
}

// newID makes an identifier in the form of API Gateway's: lower-case letters and digits.
func newID(length int) string { return strings.ToLower(rand.Text())[:length] }

const (
	apiIDLength      = 10
	resourceIDLength = 7 // of integrations, routes and authorizers
)

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
