package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"
)

// maxLambdaBytes is Lambda's limit on the event of a synchronous invocation, and on the function's response.
const maxLambdaBytes = 6 << 20

// handler serves one API.
type handler struct {
	gateway *Gateway
	apiID   string
}

// exchange is one request and what came of it, as the event and the access log tell it.
type exchange struct {
	account   string
	apiID     string
	requestID string
	sourceIP  string
	started   time.Time

	routeKey          string        // empty if no route matched
	caller            *caller       // nil if the route is open, or the request was refused
	refusal           string        // why the request was refused
	invoked           bool          // the function was called
	invocation        time.Duration // how long that took
	integrationStatus int           // what Lambda answered; 0 if it did not
	functionStatus    int           // what the function answered; 0 if it did not
	integrationError  string        // why there is no answer of the function
}

// target is where a request goes: a snapshot, so that a change of the configuration does not touch requests in flight.
type target struct {
	stage          *stage
	routeKey       string
	arn            string // of the route
	pathParameters map[string]string
	variables      map[string]string // of the stage
	function       string
	timeout        time.Duration
	check          check // nil: anyone may pass
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{account: h.gateway.options.Account, apiID: h.apiID, requestID: newRequestID(), started: time.Now()}
	x.sourceIP, _, _ = net.SplitHostPort(r.RemoteAddr) // the server always sets it so
	stage, a := h.answer(w, r, x)
	a.write(w, x.requestID)
	if h.gateway.options.Answered != nil {
		h.gateway.options.Answered(h.apiID, a.status, time.Since(x.started))
	}
	if stage != nil && stage.Config.AccessLog != nil {
		h.gateway.log(stage, logValues(r, x, a, time.Since(x.started)))
	}
}

// answer finds the answer to a request, and the API's stage, nil if it has none.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, x *exchange) (*stage, answer) {
	t, ok := h.gateway.target(h.apiID, r)
	if !ok {
		return t.stage, notFound()
	}
	x.routeKey = t.routeKey
	if t.stage.throttle != nil && !t.stage.throttle.Allow() {
		return t.stage, tooManyRequests()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return t.stage, tooLarge()
	} else if err != nil {
		return t.stage, badRequest() // the client went away, or its chunks are malformed
	}
	if t.check != nil {
		caller, refused := t.check(r, body, h.gateway.options.Now())
		if refused != nil {
			h.refused(x, refused.reason)
			return t.stage, refused.answer
		}
		x.caller = caller
	}
	payload := encode(newEvent(r, x, t, body))
	if len(payload) > maxLambdaBytes {
		return t.stage, tooLarge()
	}
	return t.stage, h.invoke(r.Context(), x, t, payload)
}

// invoke calls the function. That Lambda throttles is a 503, as HTTP APIs answer in practice; AWS documents it for REST
// APIs only, where it is a 500.
func (h *handler) invoke(ctx context.Context, x *exchange, t target, payload []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	called := time.Now()
	response, functionError, err := h.gateway.invoker.Invoke(ctx, t.function, t.arn, payload)
	x.invoked, x.invocation = true, time.Since(called)
	var throttled interface{ Throttled() bool }
	switch {
	case err != nil && ctx.Err() != nil:
		h.failed(x, t, ctx.Err())
		return unavailable()
	case errors.As(err, &throttled) && throttled.Throttled():
		x.integrationStatus = http.StatusTooManyRequests
		h.failed(x, t, err)
		return unavailable()
	case err != nil:
		h.failed(x, t, err)
		return internalError()
	}
	x.integrationStatus = http.StatusOK
	if functionError != "" {
		h.failed(x, t, errors.New("the function failed: "+functionError))
		return internalError()
	}
	if len(response) > maxLambdaBytes {
		h.failed(x, t, errors.New("the function's response is larger than 6 MB"))
		return internalError()
	}
	a, err := functionAnswer(response)
	if err != nil {
		h.failed(x, t, err)
		return internalError()
	}
	x.functionStatus = a.status
	return a
}

func (h *handler) refused(x *exchange, reason string) {
	x.refusal = reason
	h.gateway.options.Logger.Info("request refused", "api", h.apiID, "request", x.requestID, "route", x.routeKey, "reason", reason)
}

func (h *handler) failed(x *exchange, t target, err error) {
	x.integrationError = err.Error()
	h.gateway.options.Logger.Warn("integration failed",
		"api", h.apiID, "request", x.requestID, "route", t.routeKey, "function", t.function, "error", err)
}

// target finds the route of a request. Without one it still tells the stage, whose log the request belongs in.
func (g *Gateway) target(apiID string, r *http.Request) (target, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	a, err := g.api(apiID)
	if err != nil || a.stage == nil {
		return target{}, false
	}
	t := target{stage: a.stage, variables: maps.Clone(a.stage.Config.Variables)}
	var best *Route
	for _, route := range a.routes {
		parameters, ok := route.key.match(r.Method, r.URL.EscapedPath())
		if ok && (best == nil || route.key.compare(best.key) < 0) {
			best, t.pathParameters = &route, parameters
		}
	}
	if best == nil {
		return t, false
	}
	integration := a.integrations[best.integrationID]
	t.routeKey, t.function, t.timeout = best.Config.Key, integration.function, integration.Config.Timeout
	t.arn = a.ExecutionARN + "/" + defaultStage + "/" + strings.Replace(best.Config.Key, " /", "/", 1)
	t.check = g.check(a, best.Config)
	return t, true
}

// encode writes JSON without the escapes for HTML that encoding/json adds, which would count against Lambda's limit.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings, numbers and maps of them always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// newRequestID makes an identifier in the form of API Gateway's: 16 characters that end in "=".
func newRequestID() string {
	id := make([]byte, 11)
	_, _ = rand.Read(id) // never fails
	return base64.StdEncoding.EncodeToString(id)
}
