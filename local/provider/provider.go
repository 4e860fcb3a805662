// Package provider is a Pulumi resource provider that stands in for the AWS provider. The engine attaches to it through
// PULUMI_DEBUG_PROVIDERS, so the program that it serves is unaware.
//
// It knows the resource types and functions that the program uses, and refuses every other one. It is strict where an
// emulator is lenient: names and kinds of properties come from the SDK's own types, and values must pass the rules that
// AWS would enforce. It creates, reads, updates and deletes through the AWS SDK; functions, event source mappings and HTTP
// APIs live in the rooms of the local cloud.
package provider

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// SDKVersion is the version of the AWS SDK for Pulumi that the program is built with: go.mod's. The engine compares it
// with the provider's.
const SDKVersion = "6.83.4"

// maxMessage bounds one message from the engine, in bytes: the same as the engine's own limit.
const maxMessage = 400 << 20

// Rooms are the places where resources live.
type Rooms struct {
	AWS         aws.Config   // the emulator: region, credentials and endpoint
	Lambda      Lambda       // functions and event source mappings
	Gateway     Gateway      // HTTP APIs
	Permissions *Permissions // who may invoke which function; nil starts with none
	Scheduler   Scheduler    // schedules
}

// Server serves one engine, or several, on a loopback port.
type Server struct {
	grpc     *grpc.Server
	listener net.Listener
	cancel   context.CancelFunc
	closed   sync.Once
	done     chan struct{}
}

// Serve starts the provider. It ends with ctx or Close, whichever is first; operations in flight are then cancelled.
func Serve(ctx context.Context, rooms Rooms) (*Server, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the resource provider: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{
		grpc:     grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.StatsHandler(perConnection{})),
		listener: listener,
		cancel:   cancel,
		done:     make(chan struct{}),
	}
	pulumirpc.RegisterResourceProviderServer(s.grpc, &service{clients: newClients(rooms), closing: ctx.Done()})
	go func() {
		defer close(s.done)
		_ = s.grpc.Serve(listener) // returns when the server is stopped
	}()
	context.AfterFunc(ctx, s.stop)
	return s, nil
}

// Port is the loopback port to attach to.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Close cancels what is in flight and stops serving. It may be called more than once.
func (s *Server) Close() {
	s.cancel()
	s.stop()
	<-s.done
}

func (s *Server) stop() { s.closed.Do(s.grpc.Stop) }
