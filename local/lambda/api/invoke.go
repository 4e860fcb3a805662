package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"cellular/local/lambda"
	"cellular/local/lambda/source"
)

// invoke runs a function and waits for what it answers.
func (a api) invoke(w http.ResponseWriter, r *http.Request) {
	result, err := a.result(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if result.FunctionError != "" {
		w.Header().Set("X-Amz-Function-Error", result.FunctionError)
	}
	_, _ = w.Write(result.Payload) // a client that has gone does not miss it
}

func (a api) result(w http.ResponseWriter, r *http.Request) (lambda.Result, error) {
	if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		return lambda.Result{}, invalid("InvocationType is %q; the local Lambda does RequestResponse only", kind)
	}
	if kind := r.Header.Get("X-Amz-Log-Type"); kind != "" && kind != "None" {
		return lambda.Result{}, invalid("LogType is %q; the local Lambda's logs are in its cloud's directory", kind)
	}
	f, err := a.function(r)
	if err != nil {
		return lambda.Result{}, err
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, source.MaxPayloadBytes))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return lambda.Result{}, lambda.ErrTooLarge
	case err != nil:
		return lambda.Result{}, failure{http.StatusBadRequest, "InvalidRequestContentException", "read the payload: " + err.Error()}
	case len(payload) > 0 && !json.Valid(payload):
		return lambda.Result{}, failure{http.StatusBadRequest, "InvalidRequestContentException", "the payload is not valid JSON"}
	}
	return a.functions.Invoke(r.Context(), f.Config.Name, payload)
}
