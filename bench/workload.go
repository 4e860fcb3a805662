package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"cellular/internal/model/env"
	"cellular/internal/model/naming"
)

// names are those of the stack that the benchmarks act out.
const names naming.Stack = "bench"

// routerVariables are the router's variables with the defaults of stack config.
var routerVariables = map[string]string{
	env.MappingTable:        names.MappingTable(),
	env.DataTablePrefix:     names.DataTablePrefix(),
	env.ResultsTablePrefix:  names.ResultsTablePrefix(),
	env.CountersTablePrefix: names.CountersTablePrefix(),
	env.CacheSize:           "10000",
	env.CacheSoftTTL:        "30s",
	env.CacheHardTTL:        "1h0m0s",
	env.CacheNegativeTTL:    "5s",
	env.RefreshTimeout:      "500ms",
	env.CellTimeout:         "3s",
	env.DataTTL:             "840h0m0s",
	env.CounterTimeout:      "50ms",
	env.MinCellTimeout:      "250ms",
	env.MaxPayloadBytes:     "393216",
	env.AuthType:            env.AuthIAM,
	env.TenantRate:          "100",
	env.TenantBurst:         "200",
	env.CellInFlight:        "16",
	env.CellRate:            "200",
	env.CellBurst:           "400",
	env.BreakerFailures:     "3",
	env.BreakerOpenFor:      "5s",
	env.BreakerProbes:       "1",
	env.MetricsNamespace:    names.MetricsNamespace(),
	env.LogLevel:            "info",
}

// withoutLimits are the variables of a router that sheds nothing and gives no answer up: its limits are for a store that takes
// milliseconds, and the benchmarks' answers at once, or late where the machine stalls.
func withoutLimits(variables map[string]string) map[string]string {
	ample := maps.Clone(variables)
	for _, limit := range []string{env.TenantRate, env.TenantBurst, env.CellRate, env.CellBurst} {
		ample[limit] = "1000000"
	}
	ample[env.MinCellTimeout] = ample[env.CellTimeout]
	return ample
}

// withoutCache are the variables of a router that reads the mapping table for every request: no answer is fresh.
func withoutCache() map[string]string {
	variables := maps.Clone(routerVariables)
	variables[env.CacheSoftTTL] = "1ns"
	return variables
}

// tenants of the workload, and the cells that they are spread over evenly.
const (
	tenantCount = 100
	cellCount   = 20
)

func tenantID(n int) string { return fmt.Sprintf("tenant-%06d", n) }

func cellID(n int) string { return fmt.Sprintf("cell-%02d", n%cellCount) }

// cellOf is the mapping.
func cellOf(tenant string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(tenant, "tenant-"))
	if err != nil {
		return "none"
	}
	return cellID(n)
}

// payloadBytes is about what an order with a few lines takes.
const payloadBytes = 500

// submission is POST /v1/events of the n-th event as API Gateway hands it to the router. The tenant is the n-th, modulo
// their number.
func submission(n int) []byte {
	tenant := tenantID(n % tenantCount)
	body := fmt.Sprintf(`{"tenant_id":%q,"id":"order-%09d:placed","type":"order.placed","payload":%s}`, tenant, n, payload())
	request, err := json.Marshal(events.APIGatewayV2HTTPRequest{
		Version:  "2.0",
		RouteKey: "POST /v1/events",
		RawPath:  "/v1/events",
		Headers: map[string]string{
			"accept":            "application/json",
			"accept-encoding":   "gzip",
			"authorization":     "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024",
			"content-length":    strconv.Itoa(len(body)),
			"content-type":      "application/json",
			"host":              "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
			"user-agent":        "Go-http-client/2.0",
			"x-amz-date":        "20260101T000000Z",
			"x-amzn-trace-id":   "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
			"x-forwarded-for":   "192.0.2.17",
			"x-forwarded-port":  "443",
			"x-forwarded-proto": "https",
		},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:     "POST /v1/events",
			AccountID:    "123456789012",
			Stage:        "$default",
			RequestID:    "JKJaXmPLvHcESHA=",
			APIID:        "a1b2c3d4e5",
			DomainName:   "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
			DomainPrefix: "a1b2c3d4e5",
			Time:         "01/Jan/2026:00:00:00 +0000",
			TimeEpoch:    1767225600000,
			Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
				IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{
					AccessKey: "AKIAIOSFODNN7EXAMPLE", AccountID: "123456789012",
					CallerID: "AIDACKCEVSQ6C2EXAMPLE", UserARN: "arn:aws:iam::123456789012:user/shop", UserID: "AIDACKCEVSQ6C2EXAMPLE",
				},
			},
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/v1/events", Protocol: "HTTP/1.1", SourceIP: "192.0.2.17", UserAgent: "Go-http-client/2.0",
			},
		},
		Body: body,
	})
	if err != nil {
		panic(err) // strings and numbers can always be encoded
	}
	return request
}

// submissions are the first n.
func submissions(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = submission(i)
	}
	return all
}

func payload() string {
	const line = `{"sku":"POT-22","quantity":5,"unit_price":2490}`
	lines := strings.Repeat(line+",", payloadBytes/(len(line)+1)-1) + line
	return `{"order_id":"CAS-10001","customer":"Concei\u00e7\u00e3o","lines":[` + lines + `]}`
}

var acceptedStatus = []byte(`"statusCode":202`)

func accepted(answer []byte) bool { return bytes.Contains(answer, acceptedStatus) }
