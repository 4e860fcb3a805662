package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/api"
	"cellular/local/emulator"
	"cellular/local/gate"
	"cellular/local/process"
	"cellular/local/provider"
)

const account = "123456789012" // the emulator's

// emulated is the configuration that reaches the emulator, which all tests share.
var emulated aws.Config

func TestMain(m *testing.M) {
	os.Exit(func() int {
		group, err := process.NewGroup()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer group.Close()
		dir, err := filepath.Abs("../../.local")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		e, err := emulator.Start(context.Background(), emulator.Options{Dir: dir, Group: group, Gate: func(next http.Handler) http.Handler {
			return newGate().Wrap((&api.SavedQueries{}).Wrap(next))
		}})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer e.Stop()
		emulated = e.AWS("us-east-1")
		return m.Run()
	}())
}

// newGate is the local cloud's gate, behind which are the emulator and the local CloudWatch.
func newGate() *gate.Gate {
	metrics := cloudwatch.NewMetrics()
	watch := api.CloudWatch{
		Metrics: metrics, Alarms: cloudwatch.NewAlarms(metrics, "us-east-1", account, func(cloudwatch.Notice) {}), Dashboards: cloudwatch.NewDashboards(account), Now: time.Now,
	}
	return gate.New(gate.Options{Region: "us-east-1", Admin: emulator.AccessKey, Services: map[string]http.Handler{"monitoring": watch.Handler()}})
}

// engine calls the provider as the Pulumi engine does.
type engine struct {
	t      *testing.T
	client pulumirpc.ResourceProviderClient
}

// attach serves a provider and connects to it. configure are the settings of the program's provider resource.
func attach(t *testing.T, rooms provider.Rooms, configure map[string]any) engine {
	t.Helper()
	return connect(t, serve(t, rooms), configure)
}

// serve serves until the test's cleanups are done: they delete what the test made.
func serve(t *testing.T, rooms provider.Rooms) *provider.Server {
	t.Helper()
	server, err := provider.Serve(withoutCancel(t), rooms)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return server
}

func connect(t *testing.T, server *provider.Server, configure map[string]any) engine {
	t.Helper()
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", server.Port()), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	e := engine{t, pulumirpc.NewResourceProviderClient(conn)}
	_, err = e.client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: e.marshal(properties(configure))})
	require.NoError(t, err)
	return e
}

func properties(m map[string]any) resource.PropertyMap { return resource.NewPropertyMapFromMap(m) }

func (e engine) marshal(m resource.PropertyMap) *structpb.Struct {
	s, err := plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, ComputeAssetHashes: true})
	require.NoError(e.t, err)
	return s
}

func (e engine) unmarshal(s *structpb.Struct) resource.PropertyMap {
	m, err := plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true})
	require.NoError(e.t, err)
	return m
}

func urn(token string) string {
	return string(resource.NewURN("test", "cellular", "", tokenType(token), "resource"))
}

// check returns the checked inputs and the reasons for which they are refused.
func (e engine) check(token string, in resource.PropertyMap) (resource.PropertyMap, []string) {
	e.t.Helper()
	resp, err := e.client.Check(e.t.Context(), &pulumirpc.CheckRequest{Urn: urn(token), News: e.marshal(in), RandomSeed: make([]byte, 32)})
	require.NoError(e.t, err)
	var reasons []string
	for _, f := range resp.GetFailures() {
		reasons = append(reasons, f.GetReason())
	}
	return e.unmarshal(resp.GetInputs()), reasons
}

// made is a resource as the engine's state keeps it.
type made struct {
	token   string
	id      string
	in, out resource.PropertyMap
}

func (e engine) tryCreate(token string, in map[string]any) (made, error) {
	e.t.Helper()
	checked, reasons := e.check(token, properties(in))
	require.Empty(e.t, reasons, "inputs of %s", token)
	resp, err := e.client.Create(e.t.Context(), &pulumirpc.CreateRequest{Urn: urn(token), Properties: e.marshal(checked)})
	if err != nil {
		return made{}, err
	}
	return made{token, resp.GetId(), checked, e.unmarshal(resp.GetProperties())}, nil
}

// create makes the resource and deletes it at the end of the test.
func (e engine) create(token string, in map[string]any) made {
	e.t.Helper()
	m, err := e.tryCreate(token, in)
	require.NoError(e.t, err)
	e.t.Cleanup(func() {
		_, err := e.client.Delete(withoutCancel(e.t), &pulumirpc.DeleteRequest{Id: m.id, Urn: urn(token), Properties: e.marshal(m.out), OldInputs: e.marshal(m.in)})
		require.NoError(e.t, err)
	})
	return m
}

func (e engine) diff(m made, wanted resource.PropertyMap) *pulumirpc.DiffResponse {
	e.t.Helper()
	resp, err := e.client.Diff(e.t.Context(), &pulumirpc.DiffRequest{Id: m.id, Urn: urn(m.token), OldInputs: e.marshal(m.in), Olds: e.marshal(m.out), News: e.marshal(wanted)})
	require.NoError(e.t, err)
	return resp
}

func (e engine) update(m made, wanted resource.PropertyMap) made {
	e.t.Helper()
	resp, err := e.client.Update(e.t.Context(), &pulumirpc.UpdateRequest{Id: m.id, Urn: urn(m.token), OldInputs: e.marshal(m.in), Olds: e.marshal(m.out), News: e.marshal(wanted)})
	require.NoError(e.t, err)
	return made{m.token, m.id, wanted, e.unmarshal(resp.GetProperties())}
}

// read refreshes the resource; the id is empty if it is gone.
func (e engine) read(m made) made {
	e.t.Helper()
	resp, err := e.client.Read(e.t.Context(), &pulumirpc.ReadRequest{Id: m.id, Urn: urn(m.token), Inputs: e.marshal(m.in), Properties: e.marshal(m.out)})
	require.NoError(e.t, err)
	return made{m.token, resp.GetId(), e.unmarshal(resp.GetInputs()), e.unmarshal(resp.GetProperties())}
}

func (e engine) delete(m made) {
	e.t.Helper()
	_, err := e.client.Delete(e.t.Context(), &pulumirpc.DeleteRequest{Id: m.id, Urn: urn(m.token), OldInputs: e.marshal(m.in), Properties: e.marshal(m.out)})
	require.NoError(e.t, err)
}
