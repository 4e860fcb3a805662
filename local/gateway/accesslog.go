package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// contextVariables are the variables that API Gateway knows for HTTP APIs. Those without a value here are "-" in the log.
var contextVariables = set(
	"accountId", "apiId", "authorizer.error", "awsEndpointRequestId", "awsEndpointRequestId2",
	"customDomain.basePathMatched", "dataProcessed", "domainName", "domainPrefix",
	"error.message", "error.messageString", "error.responseType", "extendedRequestId", "httpMethod",
	"identity.accountId", "identity.caller", "identity.cognitoAuthenticationProvider",
	"identity.cognitoAuthenticationType", "identity.cognitoIdentityId", "identity.cognitoIdentityPoolId",
	"identity.principalOrgId", "identity.sourceIp", "identity.user", "identity.userAgent", "identity.userArn",
	"identity.clientCert.clientCertPem", "identity.clientCert.subjectDN", "identity.clientCert.issuerDN",
	"identity.clientCert.serialNumber", "identity.clientCert.validity.notBefore", "identity.clientCert.validity.notAfter",
	"integration.error", "integration.integrationStatus", "integration.latency", "integration.requestId",
	"integration.status", "integrationErrorMessage", "integrationLatency", "integrationStatus",
	"path", "protocol", "requestId", "requestTime", "requestTimeEpoch",
	"responseLatency", "responseLength", "routeKey", "stage", "status",
)

// authorizerVariable is the prefix of variables that the owner of an API names: claims, and what an authorizer returns.
const authorizerVariable = "authorizer."

// logFormat is a parsed format: texts and the variables between them, one fewer.
type logFormat struct {
	texts     []string
	variables []string
}

var contextVariable = regexp.MustCompile(`\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)`)

// parseLogFormat checks a format as AWS does: one line that has the request's id, or its extended id, in it.
func parseLogFormat(format string) (logFormat, error) {
	if strings.ContainsAny(format, "\r\n") {
		return logFormat{}, errors.New("access log format: it has more than one line")
	}
	var f logFormat
	rest := 0
	for _, m := range contextVariable.FindAllStringSubmatchIndex(format, -1) {
		name := format[m[2]:m[3]]
		if !contextVariables[name] && !strings.HasPrefix(name, authorizerVariable) {
			return logFormat{}, fmt.Errorf("access log format: $context.%s is not a variable of HTTP APIs", name)
		}
		f.texts, f.variables = append(f.texts, format[rest:m[0]]), append(f.variables, name)
		rest = m[1]
	}
	f.texts = append(f.texts, format[rest:])
	if ids := set(f.variables...); !ids["requestId"] && !ids["extendedRequestId"] {
		return logFormat{}, errors.New("access log format: $context.requestId or $context.extendedRequestId is missing")
	}
	return f, nil
}

// line fills in the values.
func (f logFormat) line(values map[string]string) string {
	var line strings.Builder
	for i, name := range f.variables {
		line.WriteString(f.texts[i])
		if v := values[name]; v != "" {
			line.WriteString(v)
		} else {
			line.WriteString("-")
		}
	}
	line.WriteString(f.texts[len(f.texts)-1])
	return line.String()
}

// log writes a line to the destination of a stage's access log.
func (g *Gateway) log(s *stage, values map[string]string) {
	if g.options.AccessLogs == nil {
		return
	}
	g.logMu.Lock()
	defer g.logMu.Unlock()
	_, err := fmt.Fprintln(g.options.AccessLogs(s.Config.AccessLog.DestinationARN), s.format.line(values))
	if err != nil {
		g.options.Logger.Error("access log not written", "destination", s.Config.AccessLog.DestinationARN, "error", err)
	}
}

// logValues are the values of the variables that have one, escaped as in a JSON string: a client chooses some of them.
func logValues(r *http.Request, x *exchange, a answer, latency time.Duration) map[string]string {
	v := map[string]string{
		"accountId":          x.account,
		"apiId":              x.apiID,
		"domainName":         r.Host,
		"domainPrefix":       x.apiID,
		"extendedRequestId":  x.requestID,
		"httpMethod":         r.Method,
		"identity.sourceIp":  x.sourceIP,
		"identity.userAgent": r.UserAgent(),
		"path":               r.URL.Path,
		"protocol":           r.Proto,
		"requestId":          x.requestID,
		"requestTime":        x.started.UTC().Format(commonLogTime),
		"requestTimeEpoch":   strconv.FormatInt(x.started.UnixMilli(), 10),
		"responseLatency":    milliseconds(latency),
		"responseLength":     strconv.Itoa(len(a.body)),
		"routeKey":           x.routeKey,
		"stage":              defaultStage,
		"status":             strconv.Itoa(a.status),
	}
	if x.invoked {
		both(v, milliseconds(x.invocation), "integrationLatency", "integration.latency")
	}
	if x.integrationStatus != 0 {
		both(v, strconv.Itoa(x.integrationStatus), "integrationStatus", "integration.integrationStatus")
	}
	if x.functionStatus != 0 {
		v["integration.status"] = strconv.Itoa(x.functionStatus)
	}
	v["authorizer.error"] = x.refusal
	if x.caller != nil {
		logCaller(v, *x.caller)
	}
	both(v, x.integrationError, "integrationErrorMessage", "integration.error")
	for name, value := range v {
		quoted := encode(value)
		v[name] = string(quoted[1 : len(quoted)-1])
	}
	if a.message != "" {
		v["error.message"] = a.message
		v["error.messageString"] = string(encode(a.message)) // with its quotes
	}
	return v
}

// logCaller sets the variables that tell who sent a request.
func logCaller(values map[string]string, c caller) {
	if c.JWT != nil {
		for name, claim := range c.JWT.Claims {
			values[authorizerVariable+"claims."+name] = claim
		}
	}
	if c.IAM != nil {
		values["identity.accountId"], values["identity.caller"] = c.IAM.AccountID, c.IAM.CallerID
		values["identity.user"], values["identity.userArn"] = c.IAM.UserID, c.IAM.UserARN
	}
}

// both sets a value that has two names.
func both(values map[string]string, value, name, alias string) {
	values[name], values[alias] = value, value
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func set(names ...string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}
