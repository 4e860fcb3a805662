// Package policy evaluates IAM policies as AWS does for the principals and resources of one account.
//
// It reads documents as they are deployed. What it does not know, an element, an operator, a context key, a kind of
// principal, is an error of Parse: a document that is only half understood grants or denies something else on AWS.
//
// The rules are those of "Policy evaluation logic" of the IAM user guide: an explicit deny in any policy wins; otherwise
// one allow is enough, from a policy of the role or from the resource's policy if that names the role, everyone, or the
// calling service. A resource's policy that names the account leaves the decision to the role's policies. There are no
// permissions boundaries, session policies, or policies of an organization.
package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Effect says what a statement does to a request that it matches.
type Effect string

const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Document is a parsed policy.
type Document struct{ Statements []Statement }

// Statement is a statement of a policy.
type Statement struct {
	Sid        string
	Effect     Effect
	Principals Principals // in the policy of a resource or of a role's trust
	Actions    []string   // patterns
	Resources  []string   // patterns; none in a role's trust, where the resource is the role
	Conditions []Condition
}

// Principals are whom a statement is about.
type Principals struct {
	Everyone bool
	Roles    []string // ARNs
	Accounts []string // ids
	Services []string // such as "sns.amazonaws.com"
}

// Condition is one operator on one key: it holds if the request's value matches one of the values.
type Condition struct {
	Operator string
	Key      string // lower-case
	Values   []string
}

// Caller is who makes a request: a role, or a service of AWS.
type Caller struct {
	Role    string // ARN
	Service string // such as "sns.amazonaws.com"
}

// The context keys that a request can have, lower-case: IAM does not distinguish their case.
const (
	SourceARN       = "aws:sourcearn"
	SourceAccount   = "aws:sourceaccount"
	SecureTransport = "aws:securetransport"
	LeadingKeys     = "dynamodb:leadingkeys" // the hash key of the one item that a request is about
)

// Request is what a caller wants to do.
type Request struct {
	Caller   Caller
	Action   string // such as "dynamodb:PutItem"
	Resource string // ARN, or "*" where AWS knows no resource
	Context  map[string]string
}

// Decision is the answer to a request.
type Decision struct {
	Allowed bool
	Reason  string // why it is denied, in AWS's words: "because no identity-based policy allows the ... action"
}

// Decide evaluates a request against the policies of the caller's role and the policy of the resource, nil if it has none.
func Decide(identity []Document, resource *Document, r Request) Decision {
	allowed := false
	for _, d := range identity {
		for _, s := range d.Statements {
			if !s.about(r) {
				continue
			}
			if s.Effect == Deny {
				return Decision{Reason: "with an explicit deny in an identity-based policy"}
			}
			allowed = true
		}
	}
	if resource != nil {
		for _, s := range resource.Statements {
			if !s.about(r) {
				continue
			}
			switch {
			case s.Effect == Deny && (s.Principals.match(r.Caller) || s.Principals.matchAccount(r.Caller)):
				return Decision{Reason: "with an explicit deny in a resource-based policy"}
			case s.Effect == Allow && s.Principals.match(r.Caller):
				allowed = true
			}
		}
	}
	if allowed {
		return Decision{Allowed: true}
	}
	kind := "identity-based"
	if r.Caller.Service != "" {
		kind = "resource-based"
	}
	return Decision{Reason: fmt.Sprintf("because no %s policy allows the %s action", kind, r.Action)}
}

// DelegatesTo reports whether the policy of a resource leaves an action on it, without a condition, to the policies of an
// account's own roles and users.
func (d Document) DelegatesTo(account, action string) bool {
	for _, s := range d.Statements {
		if s.Effect == Allow && len(s.Conditions) == 0 && slices.Contains(s.Principals.Accounts, account) && matchesAny(s.Actions, action, matchAction) {
			return true
		}
	}
	return false
}

// about reports whether a statement is about what is requested, whoever requests it.
func (s Statement) about(r Request) bool {
	return matchesAny(s.Actions, r.Action, matchAction) &&
		(len(s.Resources) == 0 || matchesAny(s.Resources, r.Resource, MatchARN)) &&
		s.holds(r.Context)
}

// holds reports whether every condition holds. A key that the request does not have fails its condition.
func (s Statement) holds(context map[string]string) bool {
	for _, c := range s.Conditions {
		value, ok := context[c.Key]
		if !ok || !matchesAny(c.Values, value, operators[c.Operator].match) {
			return false
		}
	}
	return true
}

func (p Principals) match(c Caller) bool {
	if p.Everyone {
		return true
	}
	for _, role := range p.Roles {
		if c.Role == role {
			return true
		}
	}
	for _, service := range p.Services {
		if c.Service == service {
			return true
		}
	}
	return false
}

func (p Principals) matchAccount(c Caller) bool {
	for _, account := range p.Accounts {
		if c.Role != "" && accountOf(c.Role) == account {
			return true
		}
	}
	return false
}

// operator is a condition operator: the keys that it is known with, and how a policy's value matches a request's.
type operator struct {
	keys  []string
	match func(pattern, value string) bool
}

// operators are those that the program's policies use, and the one that Lambda writes for a permission with a source.
var operators = map[string]operator{
	"ArnEquals":    {[]string{SourceARN}, MatchARN},
	"ArnLike":      {[]string{SourceARN}, MatchARN}, // the two are the same
	"Bool":         {[]string{SecureTransport}, strings.EqualFold},
	"StringEquals": {[]string{SourceAccount}, func(pattern, value string) bool { return pattern == value }},
	// A request has one leading key here, or none that is known. On AWS the operator holds for a request without keys; here it does
	// not, so that a request whose keys the gate cannot tell is denied.
	"ForAllValues:StringLike": {[]string{LeadingKeys}, wildcard},
}

func matchesAny(patterns []string, value string, match func(pattern, value string) bool) bool {
	for _, p := range patterns {
		if match(p, value) {
			return true
		}
	}
	return false
}

// matchAction matches an action, in which IAM does not distinguish case.
func matchAction(pattern, action string) bool {
	return wildcard(strings.ToLower(pattern), strings.ToLower(action))
}

// MatchARN matches an ARN part by part, so that no wildcard reaches beyond its part; the sixth part is all the rest. The
// pattern "*" matches everything.
func MatchARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	const parts = 6
	want, got := strings.SplitN(pattern, ":", parts), strings.SplitN(arn, ":", parts)
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !wildcard(want[i], got[i]) {
			return false
		}
	}
	return true
}

// wildcard matches * to any characters, none included, and ? to exactly one. It goes back to the last * only, so it needs
// no more than len(pattern)*len(s) steps.
func wildcard(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// accountOf is the account in an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
