// Package loopback serves HTTP on 127.0.0.1 to the programs of this machine, and to no web page that its user looks at.
// Every HTTP server of the local cloud is one of these.
//
// A page of any origin can send requests to a loopback port, and with a DNS name of its own that resolves to 127.0.0.1 it
// can read the answers. So a request is refused unless its Host is this server by a loopback name, and if a browser says
// that it comes from another origin. A request that does not end is cut off.
package loopback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The defaults of Options.
const (
	DefaultReadTimeout  = 15 * time.Second
	DefaultMaxBodyBytes = 16 << 20 // DynamoDB's BatchWriteItem, the largest request of the AWS APIs in use
)

const (
	idleTimeout    = 2 * time.Minute // of a connection between two requests; longer than the AWS SDK keeps one
	maxHeaderBytes = 64 << 10
)

// Options of Serve.
type Options struct {
	Handler http.Handler
	Port    int // 0: any free one

	MediaTypes     []string      // of request bodies; others are refused. Nil: all are taken
	MaxBodyBytes   int64         // of a request; 0: DefaultMaxBodyBytes
	MaxHeaderBytes int           // of a request; 0: 64 KiB
	ReadTimeout    time.Duration // of a request from its first byte to the end of its body; 0: DefaultReadTimeout

	ErrorLog *log.Logger // of the server; nil: nowhere
}

// Server serves until it is closed.
type Server struct {
	address string
	http    *http.Server
	done    chan struct{}
	err     error // why it stopped, if it was not closed; to be read when done
}

// Serve starts a server.
func Serve(o Options) (*Server, error) {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = maxHeaderBytes
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = DefaultReadTimeout
	}
	if o.ErrorLog == nil {
		o.ErrorLog = log.New(io.Discard, "", 0)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return nil, err
	}
	s := &Server{address: listener.Addr().String(), done: make(chan struct{})}
	s.http = &http.Server{
		Handler:           guard{o, listener.Addr().(*net.TCPAddr).Port},
		ReadHeaderTimeout: o.ReadTimeout,
		ReadTimeout:       o.ReadTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    o.MaxHeaderBytes,
		ErrorLog:          o.ErrorLog,
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	}()
	return s, nil
}

// Address is the server's host and port.
func (s *Server) Address() string { return s.address }

// URL is the server's base URL, without a trailing slash.
func (s *Server) URL() string { return "http://" + s.address }

// Done is closed when the server no longer listens. Err is then why, or nil if it was closed.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server stopped listening.
func (s *Server) Err() error { <-s.done; return s.err }

// Close ends the server and the requests in flight.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Shutdown ends the server when the requests in flight have ended, or the context has.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.http.Shutdown(ctx) != nil { // it says that the context ended
		return s.Close()
	}
	<-s.done
	return nil
}

// guard lets pass what no web page can send.
type guard struct {
	Options
	port int
}

func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, why := g.refuse(r); status != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":%q}`, why)
		return
	}
	// A body that takes too long is ended by the server's ReadTimeout, which holds no longer when the body has ended.
	r.Body = http.MaxBytesReader(w, r.Body, g.MaxBodyBytes)
	g.Handler.ServeHTTP(w, r)
}

// refuse returns status 0 for a request that may pass. What it says of a refused one repeats nothing of it.
func (g guard) refuse(r *http.Request) (status int, why string) {
	names := g.names()
	switch origins := r.Header.Values("Origin"); {
	case !slices.Contains(names, strings.ToLower(r.Host)):
		return http.StatusMisdirectedRequest, "the Host of the request is another than " + strings.Join(names, ", ")
	case slices.ContainsFunc(origins, g.foreign):
		return http.StatusForbidden, "a web page of another origin may not send requests here"
	case !slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site")):
		return http.StatusForbidden, "a web page of another origin may not send requests here"
	case r.ContentLength > g.MaxBodyBytes:
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", g.MaxBodyBytes)
	case r.Body != http.NoBody && !g.takes(r.Header.Values("Content-Type")):
		return http.StatusUnsupportedMediaType, "the Content-Type of the body is another than " + strings.Join(g.MediaTypes, ", ")
	}
	return 0, ""
}

// names are what this server is called from this machine.
func (g guard) names() []string {
	port := strconv.Itoa(g.port)
	return []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("localhost", port)}
}

func (g guard) foreign(origin string) bool {
	host, ok := strings.CutPrefix(strings.ToLower(origin), "http://")
	return !ok || !slices.Contains(g.names(), host)
}

func (g guard) takes(contentTypes []string) bool {
	if g.MediaTypes == nil {
		return true
	}
	if len(contentTypes) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(contentTypes[0])
	return err == nil && slices.Contains(g.MediaTypes, mediaType)
}
