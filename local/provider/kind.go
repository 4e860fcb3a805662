package provider

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// errGone says that the resource does not exist (any more).
var errGone = errors.New("does not exist")

// kind defines one resource type: the properties that it takes, the rules that AWS enforces on them, and how it is
// created, read, updated and deleted.
type kind struct {
	token string
	args  reflect.Type // the SDK's struct of plain inputs: names and kinds of the properties
	state reflect.Type // the SDK's resource struct: names of the outputs

	// rules holds every property that the local cloud supports, by path: "name", "ttl.enabled", "attributes[].type".
	rules map[string]rule
	// required lists properties that the real provider requires although the SDK's types do not say so.
	required []string
	// defaults are the values that the real provider fills in.
	defaults values
	// verify checks properties against each other; it may meet properties that are not known yet.
	verify func(in props) []problem
	// replaceOn lists the properties whose change replaces the resource.
	replaceOn []string
	// renews lists, by input, the outputs that get a new value when that input changes.
	renews map[string][]string

	// create returns the id and the outputs that are not inputs. If it fails after it made something, it returns
	// the id of it with the error: the provider then deletes it again.
	create func(context.Context, *clients, request) (string, values, error)
	// read returns what is there: inputs and outputs; errGone if nothing is.
	read func(context.Context, *clients, request) (values, error)
	// update changes what is there in place. It returns the outputs that changed.
	update func(context.Context, *clients, request) (values, error)
	// remove deletes the resource. errGone counts as success.
	remove func(context.Context, *clients, request) error
}

// request is what a handler works on.
type request struct {
	id   string
	in   props             // the inputs wanted; for read and remove the last ones known
	old  props             // update: the inputs that were in force before
	out  props             // the outputs that were known before; empty in create
	tags map[string]string // the tags wanted, with the provider's default tags
}

// oldTags returns the tags that were in force before an update.
func (r request) oldTags() map[string]string { return r.out.strMap("tagsAll") }

// changed tells whether an update changes any of the properties.
func (r request) changed(keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool {
		a, b := r.old[resource.PropertyKey(k)], r.in[resource.PropertyKey(k)]
		return !equivalent(a, b)
	})
}

// tagged tells whether the type takes tags.
func (k *kind) tagged() bool {
	_, ok := fieldByTag(k.state, "tagsAll")
	return ok
}

// nameProperty is the property with the physical name; "" if the type has none.
func (k *kind) nameProperty() resource.PropertyKey {
	for _, name := range []string{"name", "statementId", "alarmName", "dashboardName"} {
		if _, ok := k.rules[name]; ok {
			return resource.PropertyKey(name)
		}
	}
	return ""
}

// outputs names the outputs that the SDK takes for granted: those whose type has no way to say "not set".
func (k *kind) outputs() []string {
	var names []string
	for i := range k.state.NumField() {
		f := k.state.Field(i)
		name, of := f.Tag.Get("pulumi"), f.Type.Name()
		optional := strings.HasSuffix(of, "PtrOutput") || strings.HasSuffix(of, "ArrayOutput") || strings.HasSuffix(of, "MapOutput")
		if name != "" && !optional {
			names = append(names, name)
		}
	}
	return names
}

// kinds are the resource types that the local cloud knows, by token.
var kinds = index(
	tableKind, tablePolicyKind,
	topicKind, topicPolicyKind, subscriptionKind,
	queueKind, queuePolicyKind, redriveAllowPolicyKind,
	roleKind, rolePolicyKind,
	logGroupKind,
	parameterKind,
	metricAlarmKind, compositeAlarmKind, dashboardKind, queryDefinitionKind,
	keyKind, aliasKind,

	functionKind, mappingKind, permissionKind, invokeConfigKind,
	scheduleKind,
	apiKind, integrationKind, routeKind, stageKind, authorizerKind,
)

func index(all ...*kind) map[string]*kind {
	m := make(map[string]*kind, len(all))
	for _, k := range all {
		m[k.token] = k
	}
	return m
}

// find returns the type's definition, or an error that names the types there are.
func find(token string) (*kind, error) {
	if k, ok := kinds[token]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("the local cloud has no resource type %s, it has: %s", token, strings.Join(sortedKeys(kinds), ", "))
}

// elementOf returns the struct of plain inputs behind an SDK's Args type.
func elementOf(args interface{ ElementType() reflect.Type }) reflect.Type { return args.ElementType() }
