package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// invocationTimeout is the deadline that functions are told, and the longest that Invoke waits.
const invocationTimeout = 10 * time.Second

// runtimeAPI is as much of the Lambda Runtime API as one well-behaved environment needs.
type runtimeAPI struct {
	server   *http.Server
	address  string
	events   chan []byte    // to the request for the next event
	started  chan time.Time // when that event was handed out; has room for one
	outcomes chan outcome   // has room for one
}

type outcome struct {
	payload []byte
	at      time.Time
	err     error
}

func startRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start Runtime API: %w", err)
	}
	a := &runtimeAPI{
		address:  listener.Addr().String(),
		events:   make(chan []byte),
		started:  make(chan time.Time, 1),
		outcomes: make(chan outcome, 1),
	}
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime"
	mux.HandleFunc("GET "+base+"/invocation/next", a.next)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", a.response)
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", a.failure)
	mux.HandleFunc("POST "+base+"/init/error", a.failure)
	a.server = &http.Server{Handler: mux}
	go func() { _ = a.server.Serve(listener) }() // it ends with Close
	return a, nil
}

func (a *runtimeAPI) close() error { return a.server.Close() }

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case event := <-a.events:
		now := time.Now()
		a.started <- now
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(now.Add(invocationTimeout).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0")
		_, _ = w.Write(event) // if it does not arrive, the process is gone, which Invoke notices
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	a.outcomes <- outcome{payload: payload, at: time.Now(), err: err}
	w.WriteHeader(http.StatusAccepted)
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	a.outcomes <- outcome{at: time.Now(), err: errors.Join(fmt.Errorf("the function failed: %s", payload), err)}
	w.WriteHeader(http.StatusAccepted)
}

// invoke hands one event to the process and waits for its answer, or for gone.
func (a *runtimeAPI) invoke(ctx context.Context, event []byte, gone <-chan struct{}) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, invocationTimeout)
	defer cancel()
	select {
	case a.events <- event:
	case o := <-a.outcomes: // an error of initialisation
		return Answer{}, o.err
	case <-gone:
		return Answer{}, errGone
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("the process did not ask for an event: %w", ctx.Err())
	}
	select {
	case o := <-a.outcomes:
		return Answer{Payload: o.payload, Took: o.at.Sub(<-a.started)}, o.err
	case <-gone:
		return Answer{}, errGone
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("the process did not answer: %w", ctx.Err())
	}
}
