package provider

import (
	"context"
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
		if _, err := c.lambda.GetFunction(ctx, name); err != nil {
			return "", nil, absent(err)
		}
		if err := c.permissions.add(name, id, r.in); err != nil {
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
		c.permissions.remove(functionName(r.in.str("function")), r.id)
		return nil
	},
}

// Permissions are the resource policies of functions: who may invoke which. It is safe for concurrent use.
type Permissions struct {
	mu sync.Mutex
	by map[string]map[string]props // function, statement id
}

// NewPermissions lets nobody invoke anything.
func NewPermissions() *Permissions { return &Permissions{by: map[string]map[string]props{}} }

// Allows tells whether a service principal, such as apigateway.amazonaws.com, may invoke the function.
func (p *Permissions) Allows(principal, function string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.by[functionName(function)] {
		if s.str("principal") == principal {
			return true
		}
	}
	return false
}

func (p *Permissions) add(function, id string, statement props) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.by[function][id]; ok {
		return fmt.Errorf("the policy of function %s has a statement %s already", function, id)
	}
	if p.by[function] == nil {
		p.by[function] = map[string]props{}
	}
	p.by[function][id] = props(resource.PropertyMap(statement).Copy())
	return nil
}

func (p *Permissions) get(function, id string) (props, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.by[function][id]
	return s, ok
}

func (p *Permissions) remove(function, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by[function], id)
}

// forget removes the policy of a function that is deleted.
func (p *Permissions) forget(function string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, function)
}
