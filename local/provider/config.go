package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/types/known/emptypb"
)

// settings are what one provider resource of a program configures.
type settings struct {
	defaultTags map[string]string
}

// ignoredSettings tell the real provider how to reach AWS, which is not the local cloud's business.
var ignoredSettings = []string{
	"region", "profile", "accessKey", "secretKey", "token", "maxRetries", "retryMode", "skipCredentialsValidation",
	"skipMetadataApiCheck", "skipRegionValidation", "skipRequestingAccountId", "version", "pluginDownloadURL",
}

// connection is one engine's use of one provider resource of its program: the engine opens a connection for each, and all
// of them reach this one server.
type connection struct {
	settings atomic.Pointer[settings]
	cancel   chan struct{} // closed when the engine cancels
	once     sync.Once
}

type connectionKey struct{}

// perConnection gives each connection its own state.
type perConnection struct{}

func (perConnection) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{cancel: make(chan struct{})})
}
func (perConnection) HandleConn(context.Context, stats.ConnStats)                     {}
func (perConnection) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (perConnection) HandleRPC(context.Context, stats.RPCStats)                       {}

func connectionOf(ctx context.Context) *connection { return ctx.Value(connectionKey{}).(*connection) }

// defaultTags are the tags that the program's provider resource gives to every resource.
func (c *connection) defaultTags() map[string]string {
	if s := c.settings.Load(); s != nil {
		return s.defaultTags
	}
	return nil
}

// Cancel has no further operation begin on the connection. Those in flight are finished: a create that is cut off may
// have been made all the same, and then the engine would not know of it.
func (s *service) Cancel(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	c := connectionOf(ctx)
	c.once.Do(func() { close(c.cancel) })
	return &emptypb.Empty{}, nil
}

// allTags are the tags of a resource with the provider's default tags; a resource's own tag wins.
func allTags(ctx context.Context, in props) map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, connectionOf(ctx).defaultTags())
	maps.Copy(tags, in.strMap("tags"))
	return tags
}

// CheckConfig refuses settings that the real provider does not have, or that the local cloud cannot honour.
func (s *service) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	in, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	var problems []problem
	args := elementOf(aws.ProviderArgs{})
	for _, key := range in.StableKeys() {
		name := string(key)
		_, known := fieldByTag(args, name)
		switch {
		case slices.Contains(ignoredSettings, name), name == "defaultTags":
		case resource.IsInternalPropertyKey(key):
		case !known:
			problems = append(problems, problem{name, fmt.Sprintf("is an unknown setting of the AWS provider, allowed: %s", strings.Join(fieldNames(args), ", "))})
		default:
			problems = append(problems, problem{name, "is a setting of the AWS provider that the local cloud does not support"})
		}
	}
	if region := props(in).str("region"); region != "" && region != s.clients.region {
		problems = append(problems, problem{"region", fmt.Sprintf("is %q, but the local cloud has one region, %s", region, s.clients.region)})
	}
	if _, err := defaultTags(in["defaultTags"]); err != nil {
		problems = append(problems, problem{"defaultTags", err.Error()})
	}
	return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: failures(problems)}, nil
}

// DiffConfig never replaces the provider: nothing that the local cloud honours needs it.
func (s *service) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	old, err := unmarshal(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	wanted, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	if d := old.Diff(wanted, resource.IsInternalPropertyKey); d != nil {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
		for _, key := range d.ChangedKeys() {
			resp.Diffs = append(resp.Diffs, string(key))
		}
	}
	return resp, nil
}

// Configure keeps the settings for the connection that they came on.
func (s *service) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	in, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	tags, err := defaultTags(in["defaultTags"])
	if err != nil {
		return nil, fmt.Errorf("configure the AWS provider: defaultTags: %w", err)
	}
	connectionOf(ctx).settings.Store(&settings{defaultTags: tags})
	return &pulumirpc.ConfigureResponse{SupportsPreview: true}, nil
}

// defaultTags reads {tags: {...}}, which may arrive as its JSON text.
func defaultTags(v resource.PropertyValue) (map[string]string, error) {
	if v.IsString() {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(v.StringValue()), &decoded); err != nil {
			return nil, fmt.Errorf("is not a JSON object: %w", err)
		}
		v = resource.NewProperty(resource.NewPropertyMapFromMap(decoded))
	}
	if v.IsNull() || unknown(v) {
		return nil, nil
	}
	if !v.IsObject() {
		return nil, fmt.Errorf("must be an object, got %s", describe(v))
	}
	tags, ok := v.ObjectValue()["tags"]
	if !ok || unknown(tags) {
		return nil, nil
	}
	if !tags.IsObject() {
		return nil, fmt.Errorf("has tags that must be an object, got %s", describe(tags))
	}
	if err := tagMap(tags); err != nil {
		return nil, err
	}
	return props(v.ObjectValue()).strMap("tags"), nil
}

// Attach is the engine saying where it listens: the provider has nothing to call back for.
func (s *service) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
