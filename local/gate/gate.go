// Package gate enforces, in front of the emulator, the IAM policies that were deployed there, which the emulator itself
// only keeps.
//
// A request's access key says whose it is: an administrator's, who may do everything, or that of a session of a role
// (Assume). The gate works out which actions on which resources the request asks for, evaluates the role's policies and
// those of the resources (package policy), and passes the request on or refuses it as AWS does. The policies are those of
// the requests that went through it: it sees a policy before the emulator does, and refuses one that it does not understand
// whole, so that a statement that nobody enforces is not deployed.
//
// What one service does in the name of another is decided here, too: SNS delivers to a queue, and Lambda assumes a role,
// under the policy of that queue or role.
//
// The endpoints of the local cloud are plain HTTP on loopback, and stand for AWS's own, which are TLS. The gate evaluates
// each request as the TLS request that it stands for: aws:SecureTransport is true. A statement that demands TLS is parsed
// and evaluated like every other, and what it refuses cannot be seen here.
package gate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"cellular/local/awsapi"
	"cellular/local/gate/policy"
)

// Account is the account of the local cloud.
const Account = "123456789012"

const partition = "aws"

// Options of New.
type Options struct {
	Region string
	Admin  string // the access key of the administrator, who deploys, and whose requests are not limited
	Log    io.Writer

	// Services are served here and not by the emulator, by the names for which requests to them are signed.
	Services map[string]http.Handler

	// Tables is told of each request to a table that was answered behind the gate. Nil: nobody is.
	Tables func(TableRequest)
}

// Gate is a gate. It is safe for concurrent use.
type Gate struct {
	options Options

	mu       sync.RWMutex
	deployed deployed
	sessions map[string]session    // by access key
	keys     map[sessionOf]session // by what they are of
	calls    map[Call]bool
	denied   map[Call]bool
}

// New makes a gate for an emulator in which nothing is deployed yet.
func New(o Options) *Gate {
	if o.Log == nil {
		o.Log = io.Discard
	}
	return &Gate{options: o, deployed: newDeployed(), sessions: map[string]session{}, keys: map[sessionOf]session{}, calls: map[Call]bool{}, denied: map[Call]bool{}}
}

// Wrap puts the gate between requests whose signatures were found good (awsapi.Authenticate) and the emulator.
func (g *Gate) Wrap(emulator http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := g.read(r)
		if err == nil {
			err = g.admit(awsapi.AccessKey(r.Context()), c)
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		if service := g.options.Services[c.service]; service != nil {
			service.ServeHTTP(w, r)
			return
		}
		if handle := g.special(c); handle != nil {
			handle(w, r, emulator)
			return
		}
		g.observed(c, emulator).ServeHTTP(w, r)
	})
}

// special returns how to handle an operation that is not only passed on, or nil.
func (g *Gate) special(c call) func(http.ResponseWriter, *http.Request, http.Handler) {
	switch {
	case c.is("sts", "GetCallerIdentity"):
		return g.tellCaller
	case c.is("sns", "Publish"), c.is("sns", "PublishBatch"):
		return func(w http.ResponseWriter, r *http.Request, emulator http.Handler) { g.publish(w, r, emulator, c) }
	case c.change != nil:
		return func(w http.ResponseWriter, r *http.Request, emulator http.Handler) {
			answer := &buffer{header: w.Header()}
			emulator.ServeHTTP(answer, r)
			if answer.status == 0 || answer.status/100 == 2 {
				g.mu.Lock()
				c.change(&g.deployed, answer.body.Bytes())
				g.mu.Unlock()
			}
			answer.send(w)
		}
	}
	return nil
}

// admit returns nil if the caller may do what is requested.
func (g *Gate) admit(accessKey string, c call) error {
	if accessKey == g.options.Admin {
		return nil
	}
	s, err := g.session(accessKey)
	if err != nil {
		return err
	}
	if c.is("sts", "GetCallerIdentity") { // everybody may ask who they are
		return nil
	}
	if c.requests == nil {
		return failure{http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf(
			"the local cloud does not know what rights %s of %s needs: add it to the operations of package local/gate", c.operation, c.service)}
	}
	requests, err := c.requests()
	if err != nil {
		return failure{http.StatusBadRequest, "ValidationException", err.Error()}
	}
	for _, r := range requests {
		if err := g.authorize(s, r.action, r.resource, c.item); err != nil {
			return err
		}
		if r.action == publish {
			if err := g.refuseOwnKey(r.resource); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish is the action of a publication to a topic.
const publish = "sns:Publish"

// AuthorizeKey returns nil if the owner of an access key may do something, and otherwise AWS's message.
func (g *Gate) AuthorizeKey(accessKey, action, resource string) error {
	if accessKey == g.options.Admin {
		return nil
	}
	s, err := g.session(accessKey)
	if err != nil {
		return err
	}
	return g.authorize(s, action, resource, nil)
}

// Authorize returns nil if a role may do something, and otherwise AWS's message. The service that acts as the role is the
// name of the session.
func (g *Gate) Authorize(roleARN, session, action, resource string) error {
	return g.authorize(newSession(sessionOf{roleARN, session}), action, resource, nil)
}

// authorize decides about a session's request. item is the one item of a table that it is about, or its key; nil for none.
func (g *Gate) authorize(s session, action, resource string, item item) error {
	g.mu.RLock()
	role, ok := g.deployed.roles[s.of.role]
	if !ok {
		g.mu.RUnlock()
		return failure{http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid: there is no role " + s.of.role}
	}
	request := policy.Request{Caller: policy.Caller{Role: s.of.role}, Action: action, Resource: resource, Context: overTLS("")}
	if key, ok := item[g.deployed.hashKeys[resource]]; ok && key.S != nil {
		request.Context[policy.LeadingKeys] = *key.S
	}
	decision := policy.Decide(role.documents(), g.deployed.policyOf(resource), request)
	g.mu.RUnlock()
	g.record(request, decision)
	if decision.Allowed {
		return nil
	}
	return denied("User: "+s.arn(), request, decision)
}

// AuthorizeService returns nil if a service may do something to a resource on behalf of another one, by the resource's
// policy alone. To publish to an encrypted topic, it needs the policy of the topic's key, too.
func (g *Gate) AuthorizeService(service, action, resource, sourceARN string) error {
	request := policy.Request{Caller: policy.Caller{Service: service}, Action: action, Resource: resource, Context: overTLS(sourceARN)}
	g.mu.RLock()
	decision := policy.Decide(nil, g.deployed.policyOf(resource), request)
	g.mu.RUnlock()
	g.record(request, decision)
	switch {
	case decision.Allowed && action == publish:
		return g.authorizeKey(service, resource, sourceARN)
	case decision.Allowed:
		return nil
	}
	return denied("Service: "+service, request, decision)
}

// overTLS is the context of a request, as the TLS request that it stands for.
func overTLS(sourceARN string) map[string]string {
	context := map[string]string{policy.SecureTransport: "true"}
	if sourceARN != "" {
		context[policy.SourceARN] = sourceARN
		if parts := strings.SplitN(sourceARN, ":", 6); len(parts) == 6 && parts[4] != "" {
			context[policy.SourceAccount] = parts[4]
		}
	}
	return context
}

func denied(who string, r policy.Request, d policy.Decision) error {
	message := fmt.Sprintf("%s is not authorized to perform: %s", who, r.Action)
	if r.Resource != "*" {
		message += " on resource: " + r.Resource
	}
	return failure{http.StatusForbidden, accessDenied, message + " " + d.Reason}
}

// accessDenied is the code of a refusal. Some services have another name for it.
const accessDenied = "AccessDeniedException"

// failure is an error as the services' clients know it.
type failure struct {
	status        int
	code, message string
}

func (f failure) Error() string { return f.code + ": " + f.message }

// IsDenied reports whether an error says that a policy does not allow something.
func IsDenied(err error) bool {
	var f failure
	return errors.As(err, &f) && f.code == accessDenied
}
