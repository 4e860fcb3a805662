package edge

import "github.com/aws/aws-lambda-go/events"

// Response is the answer to a request, in payload format 2.0.
type Response = events.APIGatewayV2HTTPResponse

// Request is what the router reads of a request to an HTTP API in payload format 2.0. An event says far more; to decode
// all of it is a fifth of what a request costs here.
type Request struct {
	RawPath               string            `json:"rawPath"`
	Headers               headers           `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters"`
	RequestContext        struct {
		RequestID  string     `json:"requestId"`
		Authorizer authorizer `json:"authorizer"`
		HTTP       struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
	Body            string `json:"body"`
	IsBase64Encoded bool   `json:"isBase64Encoded"`
}

// headers are the header fields that mean something to the router. API Gateway writes their names in lower case.
type headers struct {
	ContentType    string `json:"content-type"`
	IdempotencyKey string `json:"idempotency-key"`
	RequestID      string `json:"x-request-id"`
	TraceParent    string `json:"traceparent"`
}

// authorizer is what API Gateway has found out about the caller. Where the route has no authorizer it is zero.
type authorizer struct {
	IAM struct {
		CallerID string `json:"callerId"`
	} `json:"iam"`
	JWT *struct { // nil where there is no token
		Claims map[string]string `json:"claims"`
	} `json:"jwt"`
}
