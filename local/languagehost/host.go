// Package languagehost is a Pulumi language host for the program of this project: what the engine starts to build and run a
// program in Go. The engine that the local cloud builds for itself has none, and a language host cannot be had through the
// module proxy. It serves Pulumi's LanguageRuntime to one engine.
package languagehost

import (
	"context"
	"fmt"
	"net"
	"os"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"cellular/local/process"
)

// maxMessage bounds one message from the engine, in bytes: the same as the engine's own limit.
const maxMessage = 400 << 20

// Options of New.
type Options struct {
	Engine string // the address at which the engine that started the host listens
	// Fits returns why a stack with this configuration cannot be deployed from here; nil if it can.
	Fits func(stack string, config map[string]string) error
	// Stdout and Stderr are the program's.
	Stdout, Stderr *os.File
}

// Host serves one engine.
type Host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	options Options
	group   *process.Group
	conn    *grpc.ClientConn
	engine  pulumirpc.EngineClient

	ctx    context.Context // ends when the engine cancels, or the host closes
	cancel context.CancelFunc
}

// New returns a host whose programs end with it at the latest, however it ends.
func New(o Options) (*Host, error) {
	// The connection is not given up while nothing is said: its end is how the host learns that the engine is gone.
	conn, err := grpc.NewClient(o.Engine, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0))
	if err != nil {
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	group, err := process.NewGroup()
	if err != nil {
		_ = conn.Close() // nothing was sent on it
		return nil, err
	}
	h := &Host{options: o, group: group, conn: conn, engine: pulumirpc.NewEngineClient(conn)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// Serve serves on a listener until the context ends or the engine is gone. What runs then is ended by Close.
func (h *Host) Serve(ctx context.Context, listener net.Listener) error {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
	pulumirpc.RegisterLanguageRuntimeServer(server, h)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with this call
		h.awaitEngineGone(ctx)
		h.cancel()
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		return fmt.Errorf("serve the language host: %w", err)
	}
	return nil
}

// Close kills the programs that still run.
func (h *Host) Close() error {
	h.cancel()
	_ = h.conn.Close()
	return h.group.Close()
}

// awaitEngineGone returns when the connection to the engine has ended, or the context has.
func (h *Host) awaitEngineGone(ctx context.Context) {
	h.conn.Connect()
	met := false
	for state := h.conn.GetState(); ; state = h.conn.GetState() {
		met = met || state == connectivity.Ready
		gone := state == connectivity.TransientFailure || state == connectivity.Shutdown || met && state == connectivity.Idle
		if gone || !h.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// Cancel has the programs that run end, and no other one begin.
func (h *Host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

// GetPluginInfo gives no version: the host is built from the revision that it runs programs of.
func (h *Host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{}, nil
}

// RuntimeOptionsPrompts has nothing to ask: the host knows no options.
func (h *Host) RuntimeOptionsPrompts(context.Context, *pulumirpc.RuntimeOptionsRequest) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

// GetRequiredPackages names no provider to install: the engine is attached to the local cloud's.
func (h *Host) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}
