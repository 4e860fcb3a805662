package cloudtest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/local"
	"cellular/local/lambda"
)

// Feeding is the event source mapping of a function.
func Feeding(t *testing.T, c *local.Cloud, function string) lambda.Mapping {
	t.Helper()
	for _, m := range c.Lambda.Mappings() {
		if m.Config.FunctionName == function || strings.HasSuffix(m.Config.FunctionName, ":"+function) {
			return m
		}
	}
	require.Fail(t, "no event source mapping", "of function %s", function)
	return lambda.Mapping{}
}

// Feed starts a function's event source mapping, or stops it when the function has finished what it works on.
func Feed(t *testing.T, c *local.Cloud, function string, enabled bool) {
	t.Helper()
	m := Feeding(t, c, function)
	if m.Config.Enabled == enabled {
		return
	}
	m.Config.Enabled = enabled
	_, err := c.Lambda.UpdateMapping(context.WithoutCancel(t.Context()), m.UUID, m.Config)
	require.NoError(t, err)
}

// Pause stops a function's event source mapping until resume is called or the test ends, even if it fails.
func Pause(t *testing.T, c *local.Cloud, function string) (resume func()) {
	t.Helper()
	Feed(t, c, function, false)
	resume = func() { Feed(t, c, function, true) }
	t.Cleanup(resume)
	return resume
}

// badDay is the message of every failure that a test makes up.
const badDay = "it is a bad day"

// AnswerFailure answers a request to DynamoDB as DynamoDB does when it cannot.
func AnswerFailure(w http.ResponseWriter) {
	answer(w, http.StatusInternalServerError, "InternalServerError")
}

// AnswerThrottling answers a request to DynamoDB as DynamoDB does when there are too many.
func AnswerThrottling(w http.ResponseWriter) {
	answer(w, http.StatusBadRequest, "ThrottlingException")
}

func answer(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+kind+`","message":"`+badDay+`"}`)
}
