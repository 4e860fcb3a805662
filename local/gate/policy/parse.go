package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Kind says what a policy is attached to, which decides what its statements must and must not have.
type Kind int

const (
	Identity Kind = iota // a role: resources, no principal
	Resource             // a resource: a principal and resources
	Trust                // a role, as its trust policy: a principal, no resources
)

// Parse reads a policy document, and refuses what AWS would refuse and what this package does not know.
func Parse(kind Kind, text string) (Document, error) {
	d, err := parse(kind, text)
	if err != nil {
		return Document{}, fmt.Errorf("policy document: %w", err)
	}
	return d, nil
}

func parse(kind Kind, text string) (Document, error) {
	root, err := object([]byte(text), "Version", "Id", "Statement")
	if err != nil {
		return Document{}, err
	}
	var version string
	if err := json.Unmarshal(root["Version"], &version); err != nil || version != "2012-10-17" && version != "2008-10-17" {
		return Document{}, fmt.Errorf("the Version is %s, want \"2012-10-17\" or \"2008-10-17\"", shown(root["Version"]))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(root["Statement"], &list); err != nil {
		list = []json.RawMessage{root["Statement"]} // a single statement may be without its list
	}
	if len(list) == 0 || root["Statement"] == nil {
		return Document{}, errors.New("there is no Statement")
	}
	var d Document
	sids := map[string]bool{}
	for i, raw := range list {
		s, err := parseStatement(kind, raw)
		if err != nil {
			return Document{}, fmt.Errorf("statement %d: %w", i, err)
		}
		if s.Sid != "" && sids[s.Sid] {
			return Document{}, fmt.Errorf("statement %d: the Sid %q is used twice", i, s.Sid)
		}
		sids[s.Sid] = true
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func parseStatement(kind Kind, raw []byte) (Statement, error) {
	fields, err := object(raw, "Sid", "Effect", "Principal", "Action", "Resource", "Condition")
	if err != nil {
		return Statement{}, err
	}
	var s Statement
	for name, to := range map[string]*string{"Sid": &s.Sid, "Effect": (*string)(&s.Effect)} {
		if fields[name] != nil {
			if err := json.Unmarshal(fields[name], to); err != nil {
				return Statement{}, fmt.Errorf("the %s is %s, want text", name, shown(fields[name]))
			}
		}
	}
	if s.Effect != Allow && s.Effect != Deny {
		return Statement{}, fmt.Errorf("the Effect is %s, want Allow or Deny", shown(fields["Effect"]))
	}
	if s.Actions, err = texts("Action", fields["Action"], checkAction); err != nil {
		return Statement{}, err
	}
	if s.Principals, err = parsePrincipals(kind, fields["Principal"]); err != nil {
		return Statement{}, err
	}
	switch {
	case kind == Trust && fields["Resource"] != nil:
		return Statement{}, errors.New("there is a Resource, which a trust policy must not have")
	case kind != Trust:
		if s.Resources, err = texts("Resource", fields["Resource"], checkResource); err != nil {
			return Statement{}, err
		}
	}
	s.Conditions, err = parseConditions(fields["Condition"])
	return s, err
}

var actionPattern = regexp.MustCompile(`\A(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)\z`)

func checkAction(s string) error {
	if !actionPattern.MatchString(s) {
		return errors.New("want SERVICE:OPERATION")
	}
	return nil
}

func checkResource(s string) error {
	switch {
	case strings.Contains(s, "${"):
		return errors.New("policy variables are not known here")
	case s != "*" && strings.Count(s, ":") < 5 || s != "*" && !strings.HasPrefix(s, "arn:"):
		return errors.New("want an ARN or *")
	}
	return nil
}

var (
	roleARN     = regexp.MustCompile(`\Aarn:[a-z-]+:iam::[0-9]{12}:role/[^*?]+\z`)
	accountARN  = regexp.MustCompile(`\Aarn:[a-z-]+:iam::([0-9]{12}):root\z`)
	accountID   = regexp.MustCompile(`\A[0-9]{12}\z`)
	serviceName = regexp.MustCompile(`\A[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com\z`)
)

func parsePrincipals(kind Kind, raw json.RawMessage) (Principals, error) {
	switch {
	case kind == Identity && raw != nil:
		return Principals{}, errors.New("there is a Principal, which a role's policy must not have")
	case kind == Identity:
		return Principals{}, nil
	case raw == nil:
		return Principals{}, errors.New("there is no Principal")
	case string(raw) == `"*"`:
		return Principals{Everyone: true}, nil
	}
	fields, err := object(raw, "AWS", "Service")
	if err != nil {
		return Principals{}, fmt.Errorf("the Principal: %w", err)
	}
	var p Principals
	if fields["AWS"] != nil {
		names, err := texts("Principal AWS", fields["AWS"], nil)
		if err != nil {
			return Principals{}, err
		}
		for _, name := range names {
			switch account := accountARN.FindStringSubmatch(name); {
			case name == "*":
				p.Everyone = true
			case roleARN.MatchString(name):
				p.Roles = append(p.Roles, name)
			case account != nil:
				p.Accounts = append(p.Accounts, account[1])
			case accountID.MatchString(name):
				p.Accounts = append(p.Accounts, name)
			default:
				return Principals{}, fmt.Errorf("the Principal AWS is %q; known are the ARN of a role, an account, and *", name)
			}
		}
	}
	if fields["Service"] != nil {
		p.Services, err = texts("Principal Service", fields["Service"], func(s string) error {
			if !serviceName.MatchString(s) {
				return errors.New("want NAME.amazonaws.com")
			}
			return nil
		})
		if err != nil {
			return Principals{}, err
		}
	}
	if fields["AWS"] == nil && fields["Service"] == nil {
		return Principals{}, errors.New("the Principal is empty")
	}
	return p, nil
}

func parseConditions(raw json.RawMessage) ([]Condition, error) {
	if raw == nil {
		return nil, nil
	}
	byOperator, err := object(raw)
	if err != nil {
		return nil, fmt.Errorf("the Condition: %w", err)
	}
	var all []Condition
	for _, name := range slices.Sorted(maps.Keys(byOperator)) {
		o, ok := operators[name]
		if !ok {
			return nil, fmt.Errorf("the Condition has the operator %s; known are %s", name, strings.Join(slices.Sorted(maps.Keys(operators)), ", "))
		}
		byKey, err := object(byOperator[name])
		if err != nil {
			return nil, fmt.Errorf("the Condition %s: %w", name, err)
		}
		for _, key := range slices.Sorted(maps.Keys(byKey)) {
			if !slices.Contains(o.keys, strings.ToLower(key)) {
				return nil, fmt.Errorf("the Condition %s has the key %s; known are %s", name, key, strings.Join(o.keys, ", "))
			}
			values, err := texts("Condition "+name+" "+key, byKey[key], func(s string) error {
				if strings.Contains(s, "${") {
					return errors.New("policy variables are not known here")
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			all = append(all, Condition{Operator: name, Key: strings.ToLower(key), Values: values})
		}
	}
	return all, nil
}

// object reads a JSON object. Its names are as they are written, and each is there once; if any are given, there are no
// others.
func object(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("%s is not a JSON object", shown(raw))
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // an object has no other
		if _, ok := fields[name]; ok {
			return nil, fmt.Errorf("there are two of %s", name)
		}
		if len(known) > 0 && !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is %s; known are %s", name, strings.Join(known, ", "))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return fields, nil
}

// texts reads a text or a list of at least one. check may refuse each.
func texts(name string, raw json.RawMessage, check func(string) error) ([]string, error) {
	var one string
	var all []string
	switch {
	case raw == nil:
		return nil, fmt.Errorf("there is no %s", name)
	case json.Unmarshal(raw, &one) == nil:
		all = []string{one}
	case json.Unmarshal(raw, &all) != nil || len(all) == 0:
		return nil, fmt.Errorf("the %s is %s, want text or a list of text", name, shown(raw))
	}
	for _, s := range all {
		if s == "" {
			return nil, fmt.Errorf("the %s has an empty text", name)
		}
		if check == nil {
			continue
		}
		if err := check(s); err != nil {
			return nil, fmt.Errorf("the %s is %q: %w", name, s, err)
		}
	}
	return all, nil
}

// shown is a piece of JSON for an error.
func shown(raw []byte) string {
	const most = 100
	switch {
	case raw == nil:
		return "missing"
	case len(raw) > most:
		return string(raw[:most]) + "..."
	}
	return string(raw)
}
