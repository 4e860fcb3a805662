// Package iam writes IAM policy documents from typed statements. A document is a pure function of its statements, with
// a stable order of keys, so that the same policy is the same text in every deployment and shows no diff.
package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// version is the current version of the policy language; without it, IAM falls back to the language of 2008.
const version = "2012-10-17"

// Effect says what a statement does to a request that it matches.
type Effect string

const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny" // wins over every Allow
)

// Statement is one statement of a policy.
type Statement struct {
	Sid       string    // letters and digits; unique within a document
	Effect    Effect    // Allow or Deny
	Principal Principal // in the policy of a resource or a role's trust: who; zero in a policy that belongs to a role
	Actions   []string  // such as "dynamodb:GetItem", at least one
	Resources []string  // ARNs; none only in a role's trust, where the resource is the role
	Condition Condition // all of it must hold; nil means always
}

// Principal is who a statement is about. At most one field is set.
type Principal struct {
	Role     string // the ARN of an IAM role
	Account  string // the ARN of an account's root: what its own policies say, of its roles and users
	Service  string // an AWS service, such as "lambda.amazonaws.com"
	Everyone bool   // any principal, signed in or not: only for Deny
}

// Condition maps an operator, such as "ArnEquals", to context keys and the one value that each must have.
type Condition map[string]map[string]string

// Document renders the statements as a policy's JSON, in their order. It fails on a statement that AWS would refuse or
// that grants more than this program ever should, and reports every problem at once.
func Document(statements ...Statement) (string, error) {
	if len(statements) == 0 {
		return "", errors.New("policy document: no statements")
	}
	sids := map[string]bool{}
	var errs []error
	doc := document{Version: version}
	for _, s := range statements {
		if err := s.validate(); err != nil {
			errs = append(errs, fmt.Errorf("policy statement %q: %w", s.Sid, err))
		}
		if sids[s.Sid] {
			errs = append(errs, fmt.Errorf("policy statement %q: the Sid is used twice", s.Sid))
		}
		sids[s.Sid] = true
		doc.Statement = append(doc.Statement, s.render())
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // AWS returns policies unescaped; an escape would read as a change
	if err := enc.Encode(doc); err != nil {
		return "", fmt.Errorf("policy document: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

func (s Statement) validate() error {
	var errs []error
	if s.Sid == "" || strings.Trim(s.Sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		errs = append(errs, errors.New("a Sid has letters and digits only, at least one"))
	}
	if s.Effect != Allow && s.Effect != Deny {
		errs = append(errs, fmt.Errorf("effect %q is neither Allow nor Deny", s.Effect))
	}
	if len(s.Actions) == 0 {
		errs = append(errs, errors.New("no action"))
	}
	for _, a := range s.Actions {
		if s.Effect == Allow && strings.Contains(a, "*") && !s.mayName(a) {
			errs = append(errs, fmt.Errorf("action %q: an Allow names its actions one by one", a))
		}
	}
	for _, r := range s.Resources {
		if r == "" {
			errs = append(errs, errors.New("an empty resource"))
		}
	}
	if s.Principal.Everyone && s.Effect == Allow {
		errs = append(errs, errors.New("an Allow for everyone"))
	}
	return errors.Join(errs...)
}

// mayName reports whether an Allow may have an action with a wildcard. There are two, both in the policies of keys.
func (s Statement) mayName(action string) bool {
	return action == GenerateDataKeys || action == everyKeyAction && s.Principal.Account != ""
}

// document and statement fix the order in which keys are written.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    Effect
	Principal any       `json:",omitempty"`
	Action    any       // one action is written as a string, as AWS returns it
	Resource  any       `json:",omitempty"`
	Condition Condition `json:",omitempty"`
}

func (s Statement) render() statement {
	return statement{
		Sid: s.Sid, Effect: s.Effect, Principal: s.Principal.render(),
		Action: oneOrMany(s.Actions), Resource: oneOrMany(s.Resources), Condition: s.Condition,
	}
}

func (p Principal) render() any {
	switch {
	case p.Everyone:
		return "*"
	case p.Role != "":
		return map[string]string{"AWS": p.Role}
	case p.Account != "":
		return map[string]string{"AWS": p.Account}
	case p.Service != "":
		return map[string]string{"Service": p.Service}
	}
	return nil
}

func oneOrMany(values []string) any {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return values[0]
	}
	return values
}
