package iam_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/iam"
)

func TestDocumentWritesEveryPartInAStableOrder(t *testing.T) {
	got, err := iam.Document(
		iam.LambdaTrust(),
		iam.Statement{
			Sid: "RouterReadsAndWrites", Effect: iam.Allow, Principal: iam.Principal{Role: "arn:aws:iam::1:role/r"},
			Actions: []string{"dynamodb:PutItem", "dynamodb:GetItem"}, Resources: []string{"arn:t"},
			Condition: iam.Condition{"StringEquals": {"b": "<2>", "a": "1"}, "ArnEquals": {"aws:SourceArn": "arn:s"}},
		},
		iam.RequireTLS("arn:q", "sqs:*"),
	)
	require.NoError(t, err)
	require.Equal(t, `{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"LambdaAssumes","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"},`+
		`{"Sid":"RouterReadsAndWrites","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:role/r"},"Action":["dynamodb:PutItem","dynamodb:GetItem"],`+
		`"Resource":"arn:t","Condition":{"ArnEquals":{"aws:SourceArn":"arn:s"},"StringEquals":{"a":"1","b":"<2>"}}},`+
		`{"Sid":"RequireTLS","Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:q","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`+
		`]}`, got)
}

func TestFunctionStatementsNameTheirResources(t *testing.T) {
	got, err := iam.Document(iam.WriteLogs("arn:aws:logs:r:1:log-group:/aws/lambda/f"), iam.WriteTraces())
	require.NoError(t, err)
	require.Equal(t, `{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"WriteLogs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:r:1:log-group:/aws/lambda/f:*"},`+
		`{"Sid":"WriteTraces","Effect":"Allow","Action":["xray:PutTraceSegments","xray:PutTelemetryRecords"],"Resource":"*"}]}`, got)
}

func TestAKeysPolicyMayLeaveItToTheAccount(t *testing.T) {
	got, err := iam.Document(iam.AdministerKey("arn:aws:iam::1:root"), iam.Statement{
		Sid: "Encrypt", Effect: iam.Allow, Principal: iam.Principal{Service: "s"}, Actions: []string{"kms:Decrypt", iam.GenerateDataKeys}, Resources: []string{"*"},
	})
	require.NoError(t, err)
	require.Equal(t, `{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"AccountAdministers","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"kms:*","Resource":"*"},`+
		`{"Sid":"Encrypt","Effect":"Allow","Principal":{"Service":"s"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*"}]}`, got)
}

func TestDocumentRefusesWhatNobodyMeant(t *testing.T) {
	_, err := iam.Document()
	require.ErrorContains(t, err, "no statements")

	ok := iam.Statement{Sid: "Ok", Effect: iam.Allow, Actions: []string{"sqs:SendMessage"}, Resources: []string{"arn:q"}}
	_, err = iam.Document(ok)
	require.NoError(t, err)

	for want, change := range map[string]func(*iam.Statement){
		"letters and digits":      func(s *iam.Statement) { s.Sid = "not ok" },
		"neither Allow nor Deny":  func(s *iam.Statement) { s.Effect = "allow" },
		"no action":               func(s *iam.Statement) { s.Actions = nil },
		"names its actions":       func(s *iam.Statement) { s.Actions = []string{"sqs:*"} },
		`"kms:*": an Allow names`: func(s *iam.Statement) { s.Actions = []string{"kms:*"} },
		`"sns:*": an Allow names`: func(s *iam.Statement) {
			s.Actions, s.Principal.Account = []string{"sns:*"}, "arn:aws:iam::1:root"
		},
		"an empty resource":     func(s *iam.Statement) { s.Resources = []string{""} },
		"an Allow for everyone": func(s *iam.Statement) { s.Principal.Everyone = true },
		"used twice":            func(*iam.Statement) {},
	} {
		bad := ok
		change(&bad)
		_, err := iam.Document(bad, ok)
		require.ErrorContains(t, err, want)
	}
}

func TestDocumentReportsEveryProblemAtOnce(t *testing.T) {
	_, err := iam.Document(iam.Statement{Sid: "A"}, iam.Statement{Sid: "A", Effect: iam.Deny})
	require.ErrorContains(t, err, `"A": effect`)
	require.ErrorContains(t, err, "no action")
	require.ErrorContains(t, err, "used twice")
}
