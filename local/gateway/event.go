package gateway

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// event is what a function receives: payload format 2.0. The package events of aws-lambda-go has the same for those
// who read it; written with it, the event would say things that API Gateway leaves out.
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"` // decoded, in spite of its name: so does API Gateway for HTTP APIs
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
	StageVariables        map[string]string `json:"stageVariables,omitempty"`
}

type requestContext struct {
	AccountID    string      `json:"accountId"`
	Authorizer   *caller     `json:"authorizer,omitempty"`
	APIID        string      `json:"apiId"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         httpContext `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`      // in the common log format
	TimeEpoch    int64       `json:"timeEpoch"` // milliseconds
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// commonLogTime is the time of the common log format.
const commonLogTime = "02/Jan/2006:15:04:05 -0700"

// newEvent describes a request that took a route.
func newEvent(r *http.Request, x *exchange, t target, body []byte) event {
	e := event{
		Version:               "2.0",
		RouteKey:              t.routeKey,
		RawPath:               r.URL.Path,
		RawQueryString:        r.URL.RawQuery,
		Headers:               eventHeaders(r, x.sourceIP),
		QueryStringParameters: eventQuery(r.URL.RawQuery),
		PathParameters:        t.pathParameters,
		StageVariables:        t.variables,
		RequestContext: requestContext{
			AccountID:    x.account,
			Authorizer:   x.caller,
			APIID:        x.apiID,
			DomainName:   r.Host,
			DomainPrefix: x.apiID,
			HTTP: httpContext{
				Method:    r.Method,
				Path:      r.URL.Path,
				Protocol:  r.Proto,
				SourceIP:  x.sourceIP,
				UserAgent: r.UserAgent(),
			},
			RequestID: x.requestID,
			RouteKey:  t.routeKey,
			Stage:     defaultStage,
			Time:      x.started.UTC().Format(commonLogTime),
			TimeEpoch: x.started.UnixMilli(),
		},
	}
	for _, line := range r.Header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				e.Cookies = append(e.Cookies, cookie)
			}
		}
	}
	if isText(r.Header.Get("Content-Type")) && utf8.Valid(body) {
		e.Body = string(body)
	} else if len(body) > 0 {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// eventHeaders have lower-case names and their values joined by commas. Cookies are in a field of their own.
func eventHeaders(r *http.Request, sourceIP string) map[string]string {
	headers := map[string]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	delete(headers, "cookie")
	headers["host"] = r.Host
	// What API Gateway adds: every client comes through a proxy.
	if before := headers["x-forwarded-for"]; before != "" {
		headers["x-forwarded-for"] = before + ", " + sourceIP
	} else {
		headers["x-forwarded-for"] = sourceIP
	}
	headers["x-forwarded-proto"] = "http"
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		headers["x-forwarded-port"] = strconv.Itoa(addr.Port)
	}
	return headers
}

// eventQuery has the decoded values of each parameter joined by commas; nil if there is none. A parameter that cannot
// be decoded is in the raw query string only.
func eventQuery(raw string) map[string]string {
	values, _ := url.ParseQuery(raw)
	if len(values) == 0 {
		return nil
	}
	query := make(map[string]string, len(values))
	for name, v := range values {
		query[name] = strings.Join(v, ",")
	}
	return query
}

// isText reports whether API Gateway passes a body of that content type as it is. Everything else is base64, an HTML
// form too; so is text that is not UTF-8, which JSON could not carry.
func isText(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch mediaType {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
}
