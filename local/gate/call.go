package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"cellular/local/awsapi"
)

// call is a request as the gate reads it.
type call struct {
	service   string // by which requests to it are signed
	operation string
	region    string
	body      []byte
	form      url.Values // of the query protocol

	tables []string // that a request to DynamoDB is about, by name
	index  string   // of them that it reads
	item   item     // that it is about, if it is one

	// requests are the actions and resources that the operation asks for. Nil: the gate does not know the operation.
	requests func() ([]request, error)

	// change notes what the operation has changed, which was answered with this body. Nil: nothing that decides about
	// requests.
	change func(d *deployed, answer []byte)
}

// request is an action on a resource.
type request struct{ action, resource string }

func (c call) is(service, operation string) bool {
	return c.service == service && c.operation == operation
}

// arn is the ARN of a resource of the call's service.
func (c call) arn(service, resource string) string {
	return "arn:" + partition + ":" + service + ":" + c.region + ":" + Account + ":" + resource
}

// one is a single request.
func (c call) one(action, resource string) func() ([]request, error) {
	return func() ([]request, error) { return []request{{action, resource}}, nil }
}

// targets are the names of services in X-Amz-Target, and those by which requests to them are signed.
var targets = map[string]string{
	"DynamoDB_20120810": "dynamodb", "DynamoDBStreams_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm",
	"Logs_20140328": "logs", "ServiceQuotasV20190624": "servicequotas",
	"GraniteServiceVersion20100801": "monitoring", "TrentService": "kms",
}

// queryServices are those that are called with the query protocol.
var queryServices = []string{"sns", "iam", "sts", "monitoring"}

// read finds out what a request asks for. It refuses a policy that it does not understand.
func (g *Gate) read(r *http.Request) (call, error) {
	s, ok := parseScope(r)
	if !ok { // Authenticate lets no such request pass
		return call{}, failure{http.StatusForbidden, "MissingAuthenticationToken", "the request is not signed"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return call{}, failure{http.StatusBadRequest, "IncompleteBody", "read the body: " + err.Error()}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := call{service: s.service, region: s.region, body: body}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		name, operation, _ := strings.Cut(target, ".")
		if targets[name] != s.service {
			return call{}, failure{http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf("the local cloud knows no target %s of service %s", target, s.service)}
		}
		c.operation = operation
	case r.Header.Get("Smithy-Protocol") == awsapi.RPCCBOR:
		// /service/GraniteServiceVersion20100801/operation/GetMetricData
		parts := strings.Split(r.URL.Path, "/")
		c.operation = parts[len(parts)-1]
	case mediaType == "application/x-www-form-urlencoded" && slices.Contains(queryServices, s.service):
		if c.form, err = url.ParseQuery(string(body)); err != nil {
			return call{}, failure{http.StatusBadRequest, "MalformedQueryString", err.Error()}
		}
		c.operation = c.form.Get("Action")
	default:
		return call{}, failure{http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf(
			"the local cloud cannot read a request to service %s with Content-Type %q and no X-Amz-Target", s.service, mediaType)}
	}
	read, ok := services[s.service]
	if !ok {
		return call{}, failure{http.StatusBadRequest, "UnknownOperationException", "the local cloud has no service " + s.service}
	}
	if err := read(&c); err != nil {
		return call{}, err
	}
	return c, nil
}

// services read what a call to one of them asks for, and what it changes.
var services = map[string]func(*call) error{
	"dynamodb":      readDynamoDB,
	"sqs":           readSQS,
	"sns":           readSNS,
	"ssm":           readSSM,
	"iam":           readIAM,
	"kms":           readKMS,
	"sts":           func(*call) error { return nil },
	"logs":          func(*call) error { return nil },
	"monitoring":    readMonitoring,
	"servicequotas": readOf("servicequotas", "GetServiceQuota"),
}

// readOf reads operations for which AWS has no resources.
func readOf(prefix string, operations ...string) func(*call) error {
	return func(c *call) error {
		if slices.Contains(operations, c.operation) {
			c.requests = c.one(prefix+":"+c.operation, "*")
		}
		return nil
	}
}

// readMonitoring reads an operation of CloudWatch.
func readMonitoring(c *call) error {
	if c.operation != "SetAlarmState" {
		return readOf("cloudwatch", "GetMetricData", "GetMetricStatistics", "ListMetrics", "DescribeAlarms")(c)
	}
	var in struct{ AlarmName string }
	if err := cbor.Unmarshal(c.body, &in); err != nil {
		if err := json.Unmarshal(c.body, &in); err != nil { // the CLI speaks JSON
			return failure{http.StatusBadRequest, "SerializationException", err.Error()}
		}
	}
	c.requests = c.one("cloudwatch:SetAlarmState", c.arn("cloudwatch", "alarm:"+in.AlarmName))
	return nil
}

// malformed is the refusal of a policy.
func malformed(err error) error {
	return failure{http.StatusBadRequest, "MalformedPolicyDocument", "the local cloud cannot enforce this: " + err.Error()}
}

// notEnforced refuses what would decide about requests in a way that the gate does not know.
func (c call) notEnforced() error {
	return failure{http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf(
		"the local cloud does not enforce what %s of %s sets: add it to package local/gate", c.operation, c.service)}
}
