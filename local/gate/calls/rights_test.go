package calls_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/functions"
	"cellular/internal/model/iam"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/operatorpolicy"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/pulumitest"
	"cellular/local/gate"
	"cellular/local/gate/calls"
	"cellular/local/gate/policy"
	"cellular/stack"
)

const (
	deployment = naming.Stack(pulumitest.Stack)
	cellID     = "alpha"
	streams    = "2026-01-01T00:00:00.000" // the label of every stream in pulumitest
)

// elsewhere are rights that the end-to-end tests do not use, by action, or by statement and action, with the reason.
var elsewhere = map[string]string{
	"logs:CreateLogStream":               "Lambda writes the logs of a function itself; the local Lambda writes files",
	"logs:PutLogEvents":                  "Lambda writes the logs of a function itself; the local Lambda writes files",
	"xray:PutTraceSegments":              "Lambda sends the traces of a function itself; the local cloud has no X-Ray",
	"xray:PutTelemetryRecords":           "Lambda sends the traces of a function itself; the local cloud has no X-Ray",
	"dynamodb:DescribeContinuousBackups": "doctor asks for it of a stack with protect, which the local one is not, and restore when AWS refuses",
	"Apply dynamodb:DeleteItem":          "the business logic may return a Delete; the sample logic returns none",
	"kms:*":                              "the account administers its key by it; the calls of the administrator are not recorded",
	"sns:Unsubscribe":                    "people unsubscribe with the AWS CLI; a mail has a link for it",
	"RequireTLS sns:Subscribe":           "people subscribe to the alarms' topic with rights of their own",
	"execute-api:Invoke":                 "the API of the local cloud is at an address that does not name it, and the suites run without authentication; local/authtest has it checked",
}

// attached is a document where it is deployed.
type attached struct {
	on       string // the ARN of the role or resource
	trust    bool
	identity bool
	policy.Document
}

// deployed are all documents of a deployment.
type deployed []*attached

func (d *deployed) add(t *testing.T, on string, kind policy.Kind, text string) {
	t.Helper()
	document, err := policy.Parse(kind, text)
	require.NoError(t, err, "%s: %s", on, text)
	*d = append(*d, &attached{on: on, trust: kind == policy.Trust, identity: kind == policy.Identity, Document: document})
}

// allows reports whether the documents allow a call.
func (d deployed) allows(c gate.Call, secure string) bool {
	r := policy.Request{Action: c.Action, Resource: c.Resource, Context: map[string]string{policy.SecureTransport: secure}}
	if c.SourceARN != "" {
		r.Context[policy.SourceARN], r.Context[policy.SourceAccount] = c.SourceARN, pulumitest.Account
	}
	if strings.HasPrefix(c.Caller, "arn:") {
		r.Caller.Role = c.Caller
	} else {
		r.Caller.Service = c.Caller
	}
	on, _, _ := strings.Cut(c.Resource, "/index/")
	var identity []policy.Document
	var resource *policy.Document
	for _, a := range d {
		switch {
		case a.identity && a.on == c.Caller:
			identity = append(identity, a.Document)
		case !a.identity && a.on == on && a.trust == (c.Action == "sts:AssumeRole"):
			resource = &a.Document
		}
	}
	return policy.Decide(identity, resource, r).Allowed
}

func arnOf(service, resource string) string {
	return "arn:" + pulumitest.Partition + ":" + service + ":" + pulumitest.Region + ":" + pulumitest.Account + ":" + resource
}

func roleARN(name string) string {
	return "arn:" + pulumitest.Partition + ":iam::" + pulumitest.Account + ":role/" + name
}

// program deploys what the Pulumi program makes, and returns the id of its API.
func program(t *testing.T, d *deployed) (api string) {
	t.Helper()
	r := pulumitest.Run(t, stack.Program(stack.Options{Package: func(context.Context, string) (functions.Artifacts, error) {
		return functions.Artifacts{Router: "/router.zip", Producer: "/producer.zip", Consumer: "/consumer.zip"}, nil
	}}), pulumitest.WithConfig(map[string]string{
		"aws:region": pulumitest.Region, "cellular:cells": `[{"id":"` + cellID + `"}]`, "cellular:functions": `{"tracing":true}`,
		// The suites that record calls run no probe; package probe has a test of its rights.
		"cellular:probe": `{"enabled":false}`,
	}))
	for _, res := range r.OfType("aws:iam/role:Role") {
		d.add(t, roleARN(res.Str(t, "name")), policy.Trust, res.Str(t, "assumeRolePolicy"))
	}
	for _, res := range r.OfType("aws:iam/rolePolicy:RolePolicy") {
		d.add(t, roleARN(res.Str(t, "role")), policy.Identity, res.Str(t, "policy"))
	}
	for _, res := range r.OfType("aws:dynamodb/resourcePolicy:ResourcePolicy") {
		d.add(t, res.Str(t, "resourceArn"), policy.Resource, res.Str(t, "policy"))
	}
	for _, res := range r.OfType("aws:sns/topicPolicy:TopicPolicy") {
		d.add(t, res.Str(t, "arn"), policy.Resource, res.Str(t, "policy"))
	}
	for _, res := range r.OfType("aws:kms/key:Key") {
		d.add(t, arnOf("kms", "key/00000000-0000-0000-0000-000000000000"), policy.Resource, res.Str(t, "policy"))
	}
	for _, res := range r.OfType("aws:sqs/queuePolicy:QueuePolicy") {
		url := res.Str(t, "queueUrl")
		d.add(t, arnOf("sqs", url[strings.LastIndex(url, "/")+1:]), policy.Resource, res.Str(t, "policy"))
	}
	for _, res := range r.OfType("aws:lambda/permission:Permission") {
		source := res.Str(t, "sourceArn") // arn:...:execute-api:REGION:ACCOUNT:API/*
		api, _, _ = strings.Cut(source[strings.LastIndex(source, ":")+1:], "/")
		function := arnOf("lambda", "function:"+res.Str(t, "function"))
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Sid": "Permission", "Effect": "Allow", "Principal": map[string]string{"Service": res.Str(t, "principal")}, "Action": res.Str(t, "action"),
			"Resource": function, "Condition": map[string]any{"ArnLike": map[string]string{"AWS:SourceArn": source}},
		}}})
		require.NoError(t, err)
		d.add(t, function, policy.Resource, string(text))
	}
	require.NotEmpty(t, api)
	return api
}

// scope is the deployment as its operators' policies are about it.
func scope(api string, anyCell bool) operatorpolicy.Scope {
	n := deployment.Cell(cellID)
	url := "https://sqs." + pulumitest.Region + ".amazonaws.com/" + pulumitest.Account + "/"
	return operatorpolicy.Scope{
		Partition: pulumitest.Partition, Region: pulumitest.Region, Account: pulumitest.Account, Stack: deployment, AnyCell: anyCell,
		ControlPlane: dynamotest.ControlPlaneOf(deployment),
		Router: manifest.Router{
			URL: "https://" + api + ".execute-api." + pulumitest.Region + ".amazonaws.com", Function: deployment.Router(), Auth: "iam",
			Role: roleARN(deployment.RouterRole()),
		},
		Cells: []manifest.Cell{{
			ID: cellID, DataTable: n.DataTable(), ResultsTable: n.ResultsTable(), TopicARN: arnOf("sns", n.Topic()), QueueARN: arnOf("sqs", n.Queue()),
			QueueURL: url + n.Queue(), ConsumerDLQURL: url + n.ConsumerDLQ(), SubscriptionDLQURL: url + n.SubscriptionDLQ(), StreamDLQURL: url + n.StreamDLQ(),
			Producer: n.Producer(), Consumer: n.Consumer(),
		}},
	}
}

// deploy returns the documents of the program and of its operators, and the calls that were recorded.
func deploy(t *testing.T, anyCell bool) (deployed, []gate.Call) {
	t.Helper()
	var d deployed
	api := program(t, &d)
	for _, statements := range [][]iam.Statement{operatorpolicy.Reader(scope(api, anyCell)), operatorpolicy.Operator(scope(api, anyCell)), operatorpolicy.Pages(scope(api, anyCell))} {
		text, err := iam.Document(statements...)
		require.NoError(t, err)
		d.add(t, roleARN(string(deployment)+"-cellctl-operator"), policy.Identity, text)
	}
	all, err := calls.Load("testdata", calls.Deployment{
		Partition: pulumitest.Partition, Region: pulumitest.Region, Account: pulumitest.Account,
		Stack: string(deployment), Cell: cellID, API: api, Stream: streams,
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return d, all
}

func TestEveryRecordedCallIsAllowed(t *testing.T) {
	for _, anyCell := range []bool{false, true} {
		d, all := deploy(t, anyCell)
		for _, c := range all {
			require.True(t, d.allows(c, "true"), "patterns for any cell: %t: %+v; if nobody makes it any more, delete its line in testdata, or record the calls again with UPDATE_GOLDEN=1", anyCell, c)
		}
	}
}

func TestWhatIsUsedElsewhereIsNotUsedHere(t *testing.T) {
	_, all := deploy(t, false)
	for _, c := range all {
		require.NotContains(t, elsewhere, c.Action, "%+v", c)
	}
}

// TestEveryRightIsUsed takes each action and each resource away, one at a time. For a deny it is the other way round: what
// would be allowed without it, if it did not come over TLS.
func TestEveryRightIsUsed(t *testing.T) {
	for _, anyCell := range []bool{false, true} {
		d, all := deploy(t, anyCell)
		all = slices.DeleteFunc(all, func(c gate.Call) bool { return !d.allows(c, "true") }) // of an earlier version
		var unused []string
		for _, a := range d {
			for i := range a.Statements {
				s := &a.Statements[i]
				for _, field := range []*[]string{&s.Actions, &s.Resources} {
					before := *field
					for j, value := range before {
						*field = slices.Delete(slices.Clone(before), j, j+1)
						if len(before) == 1 {
							*field = []string{"nothing"}
						}
						used := slices.ContainsFunc(all, func(c gate.Call) bool {
							if s.Effect == policy.Deny {
								return d.allows(c, "false")
							}
							return !d.allows(c, "true")
						})
						*field = before
						if !used && !isElsewhere(*s, value) {
							unused = append(unused, a.on+" "+s.Sid+": "+value)
						}
					}
				}
			}
		}
		require.Empty(t, unused, "patterns for any cell: %t: rights that no recorded call uses: take them away, record the calls with UPDATE_GOLDEN=1, or say who uses them", anyCell)
	}
}

// isElsewhere reports whether an action, or all actions on a resource, are used elsewhere.
func isElsewhere(s policy.Statement, value string) bool {
	for _, key := range []string{value, s.Sid + " " + value} {
		if _, ok := elsewhere[key]; ok {
			return true
		}
	}
	if slices.Contains(s.Actions, value) {
		return false
	}
	return !slices.ContainsFunc(s.Actions, func(action string) bool { _, ok := elsewhere[action]; return !ok })
}
