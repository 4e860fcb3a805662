package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// policyOn says what a policy document is attached to, which decides what a statement must and must not have.
type policyOn int

const (
	identityPolicy policyOn = iota // to a role: resources, no principal
	resourcePolicy                 // to a resource: a principal and resources
	trustPolicy                    // to a role as its trust policy: a principal, no resources
)

type policyDocument struct {
	Version   string
	ID        string `json:"Id"`
	Statement json.RawMessage
}

type statement struct {
	Sid          string
	Effect       string
	Principal    any
	NotPrincipal any
	Action       any
	NotAction    any
	Resource     any
	NotResource  any
	Condition    map[string]map[string]any
}

// policy requires a policy document that AWS would take. maxBytes is the service's limit.
func policy(on policyOn, maxBytes int) rule {
	doc := document(func(d policyDocument) error {
		if !slices.Contains([]string{"2012-10-17", "2008-10-17"}, d.Version) {
			return fmt.Errorf("has the policy Version %q, allowed: 2012-10-17, 2008-10-17", d.Version)
		}
		statements, err := parseStatements(d.Statement)
		if err != nil {
			return err
		}
		if len(statements) == 0 {
			return errors.New("has no Statement")
		}
		for i, s := range statements {
			if err := s.check(on); err != nil {
				return fmt.Errorf("has a bad statement %d: it %w", i, err)
			}
		}
		return nil
	})
	return text(func(s string) error {
		if len(s) > maxBytes {
			return fmt.Errorf("is a policy of %d bytes, allowed: %d", len(s), maxBytes)
		}
		return doc(stringValue(s))
	})
}

// parseStatements takes one statement or a list of them.
func parseStatements(raw json.RawMessage) ([]statement, error) {
	one := document(func(statement) error { return nil })
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	out := make([]statement, len(list))
	for i, e := range list {
		if err := one(stringValue(string(e))); err != nil {
			return nil, fmt.Errorf("has a bad statement %d: it %w", i, err)
		}
		if err := json.Unmarshal(e, &out[i]); err != nil {
			return nil, fmt.Errorf("has a bad statement %d: it %w", i, err)
		}
	}
	return out, nil
}

func (s statement) check(on policyOn) error {
	principal := s.Principal != nil || s.NotPrincipal != nil
	resources := s.Resource != nil || s.NotResource != nil
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf("has the Effect %q, allowed: Allow, Deny", s.Effect)
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("needs either Action or NotAction")
	case emptyList(s.Action), emptyList(s.NotAction), emptyList(s.Resource), emptyList(s.NotResource):
		return errors.New("has an empty list or string of actions or resources")
	case on == identityPolicy && principal:
		return errors.New("has a Principal, which a role's policy must not have")
	case on == identityPolicy && !resources, on == resourcePolicy && !resources:
		return errors.New("has no Resource")
	case on != identityPolicy && !principal:
		return errors.New("has no Principal")
	case on == trustPolicy && resources:
		return errors.New("has a Resource, which a trust policy must not have")
	}
	return nil
}

func emptyList(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0 || slices.ContainsFunc(v, emptyList)
	}
	return false
}
