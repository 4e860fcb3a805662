package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// operationTimeout bounds one create, read, update or delete. Nothing in the local cloud takes seconds.
	operationTimeout = time.Minute
	// autoNameLength is the number of random characters in a name that the real provider makes.
	autoNameLength = 7
	// cleanUpTimeout bounds the removal of what a failed create left behind.
	cleanUpTimeout = 10 * time.Second
)

// service answers the engine.
type service struct {
	pulumirpc.UnimplementedResourceProviderServer
	clients *clients
	closing <-chan struct{} // closed when the server closes
}

// GetPluginInfo gives the version that the program's SDK asks for.
func (s *service) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: SDKVersion}, nil
}

// Check refuses inputs that the real provider or AWS would refuse, and fills in the real provider's defaults.
func (s *service) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	k, err := kindOfURN(req.GetUrn())
	if err != nil {
		return nil, err
	}
	old, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	in, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	for key, v := range k.defaults.propertyMap() {
		if given, ok := in[key]; !ok || given.IsNull() {
			in[key] = v
		}
	}
	if err := autoName(k, old, in, resource.URN(req.GetUrn()), req.GetRandomSeed()); err != nil {
		return nil, err
	}
	problems := checkShape(k, in)
	if len(problems) == 0 && k.verify != nil {
		problems = k.verify(props(in))
	}
	inputs, err := marshal(in)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: failures(problems)}, nil
}

// autoName gives a resource without a physical name one that is made of its logical name, like the real provider.
func autoName(k *kind, old, in resource.PropertyMap, urn resource.URN, seed []byte) error {
	property := k.nameProperty()
	if v, ok := in[property]; property == "" || ok && !v.IsNull() {
		return nil
	}
	if f, ok := fieldByTag(k.args, string(property)); ok && required(f.Type) {
		return nil // the real provider makes no name where it demands one
	}
	if v, ok := old[property]; ok && v.IsString() {
		in[property] = v
		return nil
	}
	name, err := resource.NewUniqueName(seed, urn.Name()+"-", autoNameLength, 0, nil)
	if err != nil {
		return fmt.Errorf("name %s: %w", urn, err)
	}
	in[property] = resource.NewProperty(name)
	return nil
}

// Diff compares the inputs in force with the inputs wanted.
func (s *service) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, err := kindOfURN(req.GetUrn())
	if err != nil {
		return nil, err
	}
	old, err := unmarshal(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	wanted, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	return diff(k, old, wanted, props(state).strMap("tagsAll"), allTags(ctx, props(wanted))), nil
}

// Create makes the resource. A create that fails half-way leaves nothing behind; if even that fails, the engine is told
// what is there.
func (s *service) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	k, err := kindOfURN(req.GetUrn())
	if err != nil {
		return nil, err
	}
	in, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	r := request{in: props(in), tags: allTags(ctx, props(in))}
	if req.GetPreview() {
		out, err := marshal(previewed(k, r, nil))
		return &pulumirpc.CreateResponse{Properties: out}, err
	}
	ctx, done := s.operation(ctx)
	defer done()
	id, made, err := k.create(ctx, s.clients, r)
	if err != nil {
		err = fmt.Errorf("create %s %s: %w", k.token, r.in.str(string(k.nameProperty())), err)
		if id == "" {
			return nil, err
		}
		return nil, s.undo(ctx, k, id, r, err)
	}
	out, err := marshal(outputs(k, r, nil, made))
	return &pulumirpc.CreateResponse{Id: id, Properties: out}, err
}

// undo deletes what a failed create made.
func (s *service) undo(ctx context.Context, k *kind, id string, r request, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	r.id = id
	err := k.remove(ctx, s.clients, r)
	if err == nil || errors.Is(err, errGone) {
		return cause
	}
	out, marshalErr := marshal(outputs(k, r, nil, nil))
	if marshalErr != nil {
		return errors.Join(cause, marshalErr)
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, cause.Error()), &pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: out, Inputs: out,
		Reasons: []string{cause.Error(), fmt.Sprintf("what was made could not be deleted again: %v", err)},
	})
}

// Update changes the resource in place.
func (s *service) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	k, err := kindOfURN(req.GetUrn())
	if err != nil {
		return nil, err
	}
	old, err := unmarshal(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	in, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	r := request{id: req.GetId(), in: props(in), old: props(old), out: props(state), tags: allTags(ctx, props(in))}
	if req.GetPreview() {
		out, err := marshal(previewed(k, r, state))
		return &pulumirpc.UpdateResponse{Properties: out}, err
	}
	ctx, done := s.operation(ctx)
	defer done()
	made, err := k.update(ctx, s.clients, r)
	if err != nil {
		return nil, fmt.Errorf("update %s %s: %w", k.token, r.id, err)
	}
	out, err := marshal(outputs(k, r, state, made))
	return &pulumirpc.UpdateResponse{Properties: out}, err
}

// Delete deletes the resource; that it is gone already is success.
func (s *service) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, err := kindOfURN(req.GetUrn())
	if err != nil {
		return nil, err
	}
	in, err := unmarshal(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	ctx, done := s.operation(ctx)
	defer done()
	if err := k.remove(ctx, s.clients, request{id: req.GetId(), in: props(in), out: props(state)}); err != nil && !errors.Is(err, errGone) {
		return nil, fmt.Errorf("delete %s %s: %w", k.token, req.GetId(), err)
	}
	return &emptypb.Empty{}, nil
}

// operation bounds a call to the rooms, and ends it when the server closes. Where the engine has cancelled, the call does
// not begin.
func (s *service) operation(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	select {
	case <-connectionOf(ctx).cancel:
		cancel()
	default:
	}
	go func() {
		select {
		case <-ctx.Done():
		case <-s.closing:
			cancel()
		}
	}()
	return ctx, cancel
}

func kindOfURN(urn string) (*kind, error) {
	k, err := find(string(resource.URN(urn).Type()))
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return k, nil
}

func failures(problems []problem) []*pulumirpc.CheckFailure {
	var out []*pulumirpc.CheckFailure
	for _, p := range problems {
		out = append(out, &pulumirpc.CheckFailure{Property: p.path, Reason: strings.TrimSpace(p.path + " " + p.reason)})
	}
	return out
}

func unmarshal(s *structpb.Struct) (resource.PropertyMap, error) {
	in, err := plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true, SkipNulls: true})
	if in == nil {
		in = resource.PropertyMap{}
	}
	return in, err
}

func marshal(m resource.PropertyMap) (*structpb.Struct, error) {
	return plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, SkipNulls: true})
}
