package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// answer is what the client gets.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	message string // of an error that the gateway itself answers; else empty
}

// gatewayError is an error in API Gateway's form.
func gatewayError(status int, message string) answer {
	body := encode(map[string]string{"message": message})
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body, message: message}
}

// The errors that a client can meet, by what API Gateway answers.
func notFound() answer        { return gatewayError(http.StatusNotFound, "Not Found") }
func badRequest() answer      { return gatewayError(http.StatusBadRequest, "Bad Request") }
func forbidden() answer       { return gatewayError(http.StatusForbidden, "Forbidden") }
func tooManyRequests() answer { return gatewayError(http.StatusTooManyRequests, "Too Many Requests") }
func tooLarge() answer {
	return gatewayError(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
}
func internalError() answer {
	return gatewayError(http.StatusInternalServerError, "Internal Server Error")
}
func unavailable() answer { return gatewayError(http.StatusServiceUnavailable, "Service Unavailable") }

// functionAnswer reads what a function returned. An object with a statusCode is a response; any other JSON is the body
// of a 200, a string without its quotes.
func functionAnswer(payload []byte) (answer, error) {
	if !json.Valid(payload) {
		return answer{}, errors.New("the function did not return JSON")
	}
	payload = bytes.TrimSpace(payload)
	var keys map[string]json.RawMessage
	if json.Unmarshal(payload, &keys) != nil || keys["statusCode"] == nil {
		var text string
		if json.Unmarshal(payload, &text) == nil && payload[0] == '"' {
			payload = []byte(text)
		}
		return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: payload}, nil
	}
	var response struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Cookies         []string          `json:"cookies"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(payload, &response); err != nil {
		return answer{}, fmt.Errorf("the function's response: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return answer{}, fmt.Errorf("the function's response: statusCode is %d, want 200 to 599", response.StatusCode)
	}
	a := answer{status: response.StatusCode, header: http.Header{}, body: []byte(response.Body)}
	if response.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			return answer{}, fmt.Errorf("the function's response: body: %w", err)
		}
		a.body = body
	}
	for name, value := range response.Headers {
		if name = http.CanonicalHeaderKey(name); !connectionHeaders[name] {
			a.header.Set(name, value)
		}
	}
	for _, cookie := range response.Cookies {
		a.header.Add("Set-Cookie", cookie)
	}
	if a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return a, nil
}

// connectionHeaders belong to the connection, so a function has no say in them.
var connectionHeaders = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Authenticate": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

func (a answer) write(w http.ResponseWriter, requestID string) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Apigw-Requestid", requestID)
	bodiless := a.status == http.StatusNoContent || a.status == http.StatusNotModified
	if !bodiless {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if !bodiless {
		_, _ = w.Write(a.body) // it fails only if the client has gone
	}
}
