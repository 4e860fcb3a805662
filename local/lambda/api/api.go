// Package api gives the local cloud's Lambda the address that the AWS SDK and CLI expect: the part of Lambda's API that
// reads functions and event source mappings, and Invoke, as REST with JSON over HTTP on loopback.
//
// Functions are changed by the program alone, so nothing here creates, updates or deletes. Whatever is not served is
// refused with the names of what is. Requests are signed, as on AWS, with an access key that the cloud knows.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cellular/local/awsapi"
	"cellular/local/lambda"
	"cellular/local/loopback"
)

// Functions is the part of the local Lambda that is served. *lambda.Service is one.
type Functions interface {
	GetFunction(ctx context.Context, name string) (lambda.Function, error)
	Functions() []lambda.Function
	GetMapping(ctx context.Context, id string) (lambda.Mapping, error)
	Mappings() []lambda.Mapping
	Invoke(ctx context.Context, name string, payload []byte) (lambda.Result, error)
}

// Server serves the API until it is closed.
type Server struct{ http *loopback.Server }

// mediaTypes are what the SDK and CLI send: Invoke sends the function's payload as it is.
var mediaTypes = []string{"application/json", "application/octet-stream"}

// Authorize returns an error if the owner of an access key may not do something.
type Authorize func(accessKey, action, resource string) error

// Serve starts on a loopback port that the kernel picks, for those who sign with one of the keys and whom authorize lets
// in; nil: everybody.
func Serve(functions Functions, keys awsapi.Keys, authorize Authorize) (*Server, error) {
	server, err := loopback.Serve(loopback.Options{
		Handler:    awsapi.Authenticate(awsapi.Verifier{Keys: keys, Service: "lambda"}, handler(functions, authorize)),
		MediaTypes: mediaTypes,
	})
	if err != nil {
		return nil, fmt.Errorf("serve Lambda's API: %w", err)
	}
	return &Server{server}, nil
}

// Endpoint is the URL for the SDK's AWS_ENDPOINT_URL_LAMBDA.
func (s *Server) Endpoint() string { return s.http.URL() }

// Close ends the server and what it is serving, at once.
func (s *Server) Close() error { return s.http.Close() }

// handler answers the API's requests. The name of each operation is that of its action.
func handler(functions Functions, authorize Authorize) http.Handler {
	a := api{functions, authorize}
	mux := http.NewServeMux()
	handle := func(pattern, action string, operation func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := a.authorized(r, action); err != nil {
				refuse(w, err)
				return
			}
			answer, err := operation(r)
			if err != nil {
				refuse(w, err)
				return
			}
			write(w, http.StatusOK, answer)
		})
	}
	handle("GET /2015-03-31/functions/{function}", "GetFunction", a.getFunction)
	handle("GET /2015-03-31/functions/{function}/configuration", "GetFunctionConfiguration", a.getFunctionConfiguration)
	handle("GET /2019-09-30/functions/{function}/concurrency", "GetFunctionConcurrency", a.getFunctionConcurrency)
	handle("GET /2015-03-31/event-source-mappings", "ListEventSourceMappings", a.listEventSourceMappings)
	handle("GET /2015-03-31/event-source-mappings/{$}", "ListEventSourceMappings", a.listEventSourceMappings)
	handle("GET /2015-03-31/event-source-mappings/{uuid}", "GetEventSourceMapping", a.getEventSourceMapping)
	handle("GET /2016-08-19/account-settings", "GetAccountSettings", a.getAccountSettings)
	handle("GET /2016-08-19/account-settings/{$}", "GetAccountSettings", a.getAccountSettings)
	mux.HandleFunc("POST /2015-03-31/functions/{function}/invocations", func(w http.ResponseWriter, r *http.Request) {
		if err := a.authorized(r, "InvokeFunction"); err != nil {
			refuse(w, err)
			return
		}
		a.invoke(w, r)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, notServed(r)) })
	return mux
}

// authorized returns an error if the sender of a request may not do that to the function, or the mapping, that it names.
func (a api) authorized(r *http.Request, action string) error {
	if a.authorize == nil {
		return nil
	}
	resource := "*"
	if name := r.PathValue("function"); name != "" {
		resource = a.arnOf(name)
	} else if m, err := a.functions.GetMapping(r.Context(), r.PathValue("uuid")); err == nil {
		resource = m.ARN
	}
	if err := a.authorize(awsapi.AccessKey(r.Context()), "lambda:"+action, resource); err != nil {
		return failure{http.StatusForbidden, "AccessDeniedException", err.Error()}
	}
	return nil
}

// arnOf is the ARN of a function that is given by its name or ARN, which need not be there: who may see it is told that it is not.
func (a api) arnOf(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	for _, f := range a.functions.Functions() {
		return f.ARN[:strings.LastIndex(f.ARN, ":")+1] + name
	}
	return "*"
}

type api struct {
	functions Functions
	authorize Authorize // nil: everybody may do everything
}

// failure is an error as Lambda's clients know it.
type failure struct {
	status  int
	kind    string // the SDK makes its typed error of it
	message string
}

func (f failure) Error() string { return f.kind + ": " + f.message }

func notServed(r *http.Request) error {
	return failure{http.StatusNotImplemented, "NotImplementedException", fmt.Sprintf("the local Lambda does not serve %s %s; it serves GetFunction, "+
		"GetFunctionConfiguration, GetFunctionConcurrency, GetEventSourceMapping, ListEventSourceMappings, GetAccountSettings and Invoke", r.Method, r.URL.Path)}
}

func invalid(format string, args ...any) error {
	return failure{http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf(format, args...)}
}

// asFailure gives an error of the local Lambda the name that it has on AWS.
func asFailure(err error) failure {
	var f failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, lambda.ErrNotFound):
		return failure{http.StatusNotFound, "ResourceNotFoundException", err.Error()}
	case errors.Is(err, lambda.ErrThrottled):
		return failure{http.StatusTooManyRequests, "TooManyRequestsException", err.Error()}
	case errors.Is(err, lambda.ErrTooLarge):
		return failure{http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error()}
	}
	return failure{http.StatusInternalServerError, "ServiceException", err.Error()}
}

func refuse(w http.ResponseWriter, err error) {
	f := asFailure(err)
	w.Header().Set("X-Amzn-Errortype", f.kind)
	write(w, f.status, map[string]string{"Type": "User", "Message": f.message})
}

func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // the answers are made of text and numbers, which always encode
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone does not miss it
}
