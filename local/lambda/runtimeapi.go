package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// maxResponseBytes is Lambda's quota for the response of a synchronous invocation, as its error message states it.
const maxResponseBytes = 6_291_556

// runtimeAPI serves the Runtime API for all environments: each has a path of its own, which its process finds in
// AWS_LAMBDA_RUNTIME_API as if it were a part of the host. Nobody else knows it: it is a secret, and is not logged.
func (s *Service) runtimeAPI() http.Handler {
	const base = "/env/{environment}/2018-06-01/runtime"
	mux := http.NewServeMux()
	handle := func(pattern string, handler func(*environment, http.ResponseWriter, *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			e := s.environments[r.PathValue("environment")]
			s.mu.Unlock()
			if e == nil {
				refuse(w, http.StatusForbidden, "InvalidEnvironment", "no such execution environment")
				return
			}
			handler(e, w, r)
		})
	}
	handle("GET "+base+"/invocation/next", serveNext)
	handle("POST "+base+"/invocation/{request}/response", serveResponse)
	handle("POST "+base+"/invocation/{request}/error", serveError)
	handle("POST "+base+"/init/error", serveInitError)
	return mux
}

// serveNext ends the invocation that the environment was answering, and waits for another one.
func serveNext(e *environment, w http.ResponseWriter, r *http.Request) {
	i, err := e.next(r.Context())
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", i.requestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", i.functionARN)
	h.Set("Lambda-Runtime-Trace-Id", i.traceID)
	_, _ = w.Write(i.payload) // if it does not arrive, the process is gone, and that ends the invocation
}

func serveResponse(e *environment, w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponseBytes))
	result := Result{Payload: payload}
	status := http.StatusAccepted
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		status = http.StatusRequestEntityTooLarge
		result = failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponseBytes)
	case err != nil:
		status = http.StatusBadRequest
		result = failure("Runtime.TruncatedResponse", "Response was truncated: %v", err)
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "": // a streamed response that failed on its way
		body, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			body = nil
		}
		result = Result{Payload: body, FunctionError: unhandled}
	}
	answer(e, w, r, result, status)
}

func serveError(e *environment, w http.ResponseWriter, r *http.Request) {
	payload, err := readError(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidErrorShape", err.Error())
		return
	}
	answer(e, w, r, Result{Payload: payload, FunctionError: unhandled}, http.StatusAccepted)
}

func serveInitError(e *environment, w http.ResponseWriter, r *http.Request) {
	payload, err := readError(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidErrorShape", err.Error())
		return
	}
	e.failInit(payload)
	accept(w, http.StatusAccepted)
}

func readError(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponseBytes))
	if err == nil && !json.Valid(payload) {
		err = errors.New("the error is not valid JSON")
	}
	return payload, err
}

func answer(e *environment, w http.ResponseWriter, r *http.Request, result Result, status int) {
	if err := e.answer(r.PathValue("request"), result); err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", err.Error())
		return
	}
	if status != http.StatusAccepted {
		refuse(w, status, "InvalidResponse", string(result.Payload))
		return
	}
	accept(w, status)
}

func accept(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(failure(kind, "%s", message).Payload)
}
