package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	awslambda "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// permissionKind is a statement of a function's resource policy. Its id is the statement's.
var permissionKind = &kind{
	token: "aws:lambda/permission:Permission",
	args:  elementOf(awslambda.PermissionArgs{}),
	state: reflect.TypeFor[awslambda.Permission](),
	rules: map[string]rule{
		"function":      functionRef,
		"action":        oneOf("lambda:InvokeFunction"),
		"principal":     length(1, 256),
		"sourceArn":     length(1, 2_048),
		"sourceAccount": named("0-9", 12, 12),
		"statementId":   named("a-zA-Z0-9_-", 1, 100),
	},
	required:  []string{"function"},
	replaceOn: []string{"function", "action", "principal", "sourceArn", "sourceAccount", "statementId"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		name, id := functionName(r.in.str("function")), r.in.str("statementId")
		f, err := c.lambda.GetFunction(ctx, name)
		if err != nil {
			return "", nil, absent(err)
		}
		if err := c.permissions.add(name, f.ARN, id, r.in); err != nil {
			return "", nil, err
		}
		return id, values{"statementIdPrefix": ""}, nil
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		in, ok := c.permissions.get(functionName(r.in.str("function")), r.id)
		if !ok {
			return nil, errGone
		}
		found := values{"statementIdPrefix": ""}
		for key, v := range in {
			found[string(key)] = v.V
		}
		return found, nil
	},
	update: func(context.Context, *clients, request) (values, error) { return nil, nil }, // every change replaces
	remove: func(_ context.Context, c *clients, r request) error {
		return c.permissions.remove(functionName(r.in.str("function")), r.id)
	},
}

// Permissions are the resource policies of functions: who may invoke which. It is safe for concurrent use.
type Permissions struct {
	enforce func(functionARN, document string) error

	mu sync.Mutex
	by map[string]*functionPolicy // by function
}

type functionPolicy struct {
	arn        string
	statements map[string]props // by id
}

// NewPermissions lets nobody invoke anything. enforce is told each policy that changes, "" for one that is gone; nil: nobody.
func NewPermissions(enforce func(functionARN, document string) error) *Permissions {
	if enforce == nil {
		enforce = func(string, string) error { return nil }
	}
	return &Permissions{enforce: enforce, by: map[string]*functionPolicy{}}
}

// document is the policy as Lambda writes it of permissions.
func (p *functionPolicy) document() (string, error) {
	if len(p.statements) == 0 {
		return "", nil
	}
	type statement struct {
		Sid, Effect string
		Principal   map[string]string
		Action      string
		Resource    string
		Condition   map[string]map[string]string `json:",omitempty"`
	}
	var all []statement
	for _, id := range sortedKeys(p.statements) {
		in := p.statements[id]
		s := statement{
			Sid: id, Effect: "Allow", Principal: map[string]string{"Service": in.str("principal")}, Action: in.str("action"), Resource: p.arn,
			Condition: map[string]map[string]string{},
		}
		if in.has("sourceArn") {
			s.Condition["ArnLike"] = map[string]string{"AWS:SourceArn": in.str("sourceArn")}
		}
		if in.has("sourceAccount") {
			s.Condition["StringEquals"] = map[string]string{"AWS:SourceAccount": in.str("sourceAccount")}
		}
		all = append(all, s)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	return string(text), err
}

func (p *Permissions) add(function, arn, id string, statement props) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.by[function]
	if f == nil {
		f = &functionPolicy{arn: arn, statements: map[string]props{}}
		p.by[function] = f
	}
	if _, ok := f.statements[id]; ok {
		return fmt.Errorf("the policy of function %s has a statement %s already", function, id)
	}
	f.statements[id] = props(resource.PropertyMap(statement).Copy())
	if err := p.tell(f); err != nil {
		delete(f.statements, id)
		return fmt.Errorf("permission %s of function %s: %w", id, function, err)
	}
	return nil
}

// tell has a policy enforced. The caller holds the mutex.
func (p *Permissions) tell(f *functionPolicy) error {
	text, err := f.document()
	if err != nil {
		return err
	}
	return p.enforce(f.arn, text)
}

func (p *Permissions) get(function, id string) (props, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.by[function]
	if f == nil {
		return nil, false
	}
	s, ok := f.statements[id]
	return s, ok
}

func (p *Permissions) remove(function, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.by[function]
	if f == nil {
		return nil
	}
	delete(f.statements, id)
	return p.tell(f)
}

// forget removes the policy of a function that is deleted.
func (p *Permissions) forget(function string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.by[function]
	if f == nil {
		return nil
	}
	delete(p.by, function)
	return p.enforce(f.arn, "")
}
