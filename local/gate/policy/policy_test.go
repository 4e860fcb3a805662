package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/local/gate/policy"
)

const (
	producer = "arn:aws:iam::123456789012:role/producer"
	consumer = "arn:aws:iam::123456789012:role/consumer"
	queue    = "arn:aws:sqs:eu-west-1:123456789012:orders"
	topic    = "arn:aws:sns:eu-west-1:123456789012:orders"
)

func parse(t require.TestingT, kind policy.Kind, text string) policy.Document {
	d, err := policy.Parse(kind, text)
	require.NoError(t, err)
	return d
}

// document is a document with these statements.
func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func byRole(role, action, resource string) policy.Request {
	return policy.Request{
		Caller: policy.Caller{Role: role}, Action: action, Resource: resource, Context: map[string]string{policy.SecureTransport: "true"},
	}
}

func byService(service, action, resource, source string) policy.Request {
	return policy.Request{
		Caller: policy.Caller{Service: service}, Action: action, Resource: resource,
		Context: map[string]string{policy.SecureTransport: "true", policy.SourceARN: source},
	}
}

const (
	receive   = `{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:Delete*"],"Resource":"arn:aws:sqs:eu-west-1:123456789012:orders"}`
	noReceive = `{"Effect":"Deny","Action":"SQS:receivemessage","Resource":"*"}`

	// From "Identity-based policies and resource-based policies" and "Using policies with Amazon SQS" of AWS's guides.
	admitProducer = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/producer"},"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:123456789012:orders"}`
	admitAccount  = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:123456789012:orders"}`
	denyAccount   = `{"Effect":"Deny","Principal":{"AWS":"123456789012"},"Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:123456789012:orders"}`
	admitEveryone = `{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:123456789012:orders"}`
	admitTopic    = `{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:123456789012:orders","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:123456789012:orders"}}}`
	requireTLS    = `{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:123456789012:orders","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
)

func TestDecide(t *testing.T) {
	plain := byRole(producer, "sqs:SendMessage", queue)
	plain.Context = map[string]string{policy.SecureTransport: "false"}
	for name, c := range map[string]struct {
		identity, resource string
		request            policy.Request
		denied             string // "" for allowed
	}{
		"nothing allows":                   {"", "", byRole(consumer, "sqs:ReceiveMessage", queue), "because no identity-based policy allows the sqs:ReceiveMessage action"},
		"the role's policy":                {receive, "", byRole(consumer, "sqs:ReceiveMessage", queue), ""},
		"a pattern of actions":             {receive, "", byRole(consumer, "sqs:DeleteMessage", queue), ""},
		"another action":                   {receive, "", byRole(consumer, "sqs:SendMessage", queue), "because no identity-based policy allows the sqs:SendMessage action"},
		"another resource":                 {receive, "", byRole(consumer, "sqs:ReceiveMessage", queue+"-2"), "because no identity-based policy allows the sqs:ReceiveMessage action"},
		"a deny of the role wins":          {receive + "," + noReceive, "", byRole(consumer, "sqs:ReceiveMessage", queue), "with an explicit deny in an identity-based policy"},
		"the resource names the role":      {"", admitProducer, byRole(producer, "sqs:SendMessage", queue), ""},
		"the resource names another role":  {"", admitProducer, byRole(consumer, "sqs:SendMessage", queue), "because no identity-based policy allows the sqs:SendMessage action"},
		"the account delegates":            {"", admitAccount, byRole(producer, "sqs:SendMessage", queue), "because no identity-based policy allows the sqs:SendMessage action"},
		"a deny of the account":            {receive, denyAccount, byRole(consumer, "sqs:ReceiveMessage", queue), "with an explicit deny in a resource-based policy"},
		"everyone":                         {"", admitEveryone, byRole(producer, "sqs:SendMessage", queue), ""},
		"the topic":                        {"", admitTopic, byService("sns.amazonaws.com", "sqs:SendMessage", queue, topic), ""},
		"another topic":                    {"", admitTopic, byService("sns.amazonaws.com", "sqs:SendMessage", queue, topic+"-2"), "because no resource-based policy allows the sqs:SendMessage action"},
		"another service":                  {"", admitTopic, byService("events.amazonaws.com", "sqs:SendMessage", queue, topic), "because no resource-based policy allows the sqs:SendMessage action"},
		"a role in a service's place":      {"", admitTopic, byRole(producer, "sqs:SendMessage", queue), "because no identity-based policy allows the sqs:SendMessage action"},
		"over TLS":                         {"", admitProducer + "," + requireTLS, byRole(producer, "sqs:SendMessage", queue), ""},
		"a deny of the resource wins":      {receive, admitProducer + "," + requireTLS, plain, "with an explicit deny in a resource-based policy"},
		"a condition on what is not there": {"", admitTopic, policy.Request{Caller: policy.Caller{Service: "sns.amazonaws.com"}, Action: "sqs:SendMessage", Resource: queue}, "because no resource-based policy allows the sqs:SendMessage action"},
	} {
		t.Run(name, func(t *testing.T) {
			var identity []policy.Document
			if c.identity != "" {
				identity = []policy.Document{parse(t, policy.Identity, document(c.identity))}
			}
			var resource *policy.Document
			if c.resource != "" {
				d := parse(t, policy.Resource, document(c.resource))
				resource = &d
			}
			require.Equal(t, policy.Decision{Allowed: c.denied == "", Reason: c.denied}, policy.Decide(identity, resource, c.request))
		})
	}
}

func TestMatchARN(t *testing.T) {
	for _, c := range []struct {
		pattern, arn string
		want         bool
	}{
		{"*", "arn:aws:sqs:eu-west-1:123456789012:orders", true},
		{"arn:aws:sqs:*:*:orders", "arn:aws:sqs:eu-west-1:123456789012:orders", true},
		{"arn:aws:sqs:*:orders", "arn:aws:sqs:eu-west-1:123456789012:orders", false}, // a wildcard stays in its part
		{"arn:aws:logs:eu-west-1:123456789012:log-group:a:*", "arn:aws:logs:eu-west-1:123456789012:log-group:a:log-stream:b", true},
		{"arn:aws:dynamodb:eu-west-1:123456789012:table/a", "arn:aws:dynamodb:eu-west-1:123456789012:table/a/index/b", false},
		{"arn:aws:dynamodb:eu-west-1:123456789012:table/a/index/*", "arn:aws:dynamodb:eu-west-1:123456789012:table/a/index/b", true},
		{"arn:aws:dynamodb:eu-west-1:123456789012:table/a-restore-??", "arn:aws:dynamodb:eu-west-1:123456789012:table/a-restore-12", true},
		{"arn:aws:dynamodb:eu-west-1:123456789012:table/a-restore-??", "arn:aws:dynamodb:eu-west-1:123456789012:table/a-restore-123", false},
		{"arn:aws:dynamodb:eu-west-1:123456789012:table/A", "arn:aws:dynamodb:eu-west-1:123456789012:table/a", false},
		{"arn:aws:sqs:eu-west-1:123456789012:orders", "*", false},
	} {
		require.Equal(t, c.want, policy.MatchARN(c.pattern, c.arn), "%s and %s", c.pattern, c.arn)
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	const s = `"Effect":"Allow","Action":"sqs:SendMessage","Resource":"` + queue + `"`
	for want, c := range map[string]struct {
		kind policy.Kind
		text string
	}{
		`the Version is "2020-01-01"`:                                {policy.Identity, `{"Version":"2020-01-01","Statement":[{` + s + `}]}`},
		`the Version is missing`:                                     {policy.Identity, `{"Statement":[{` + s + `}]}`},
		`there is no Statement`:                                      {policy.Identity, `{"Version":"2012-10-17"}`},
		`there is version; known are Version`:                        {policy.Identity, `{"version":"2012-10-17","Statement":[{` + s + `}]}`},
		`there are two of Effect`:                                    {policy.Identity, document(`{` + s + `,"Effect":"Deny"}`)},
		`there is NotAction`:                                         {policy.Identity, document(`{` + s + `,"NotAction":"sqs:*"}`)},
		`there is NotResource`:                                       {policy.Identity, document(`{` + s + `,"NotResource":"*"}`)},
		`there is NotPrincipal`:                                      {policy.Resource, document(`{` + s + `,"NotPrincipal":"*"}`)},
		`there is a Principal`:                                       {policy.Identity, document(`{` + s + `,"Principal":"*"}`)},
		`there is no Principal`:                                      {policy.Resource, document(`{` + s + `}`)},
		`there is a Resource`:                                        {policy.Trust, document(`{` + s + `,"Principal":"*"}`)},
		`there is no Resource`:                                       {policy.Identity, document(`{"Effect":"Allow","Action":"sqs:*"}`)},
		`there is no Action`:                                         {policy.Identity, document(`{"Effect":"Allow","Resource":"*"}`)},
		`the Effect is "allow"`:                                      {policy.Identity, document(`{"Effect":"allow","Action":"sqs:*","Resource":"*"}`)},
		`the Action is "SendMessage"`:                                {policy.Identity, document(`{"Effect":"Allow","Action":"SendMessage","Resource":"*"}`)},
		`the Resource is "orders"`:                                   {policy.Identity, document(`{"Effect":"Allow","Action":"sqs:*","Resource":"orders"}`)},
		`policy variables are not known`:                             {policy.Identity, document(`{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:::${aws:username}"}`)},
		`the Condition has the operator StringLike`:                  {policy.Identity, document(`{` + s + `,"Condition":{"StringLike":{"aws:SourceArn":"*"}}}`)},
		`the Condition has the operator BoolIfExists`:                {policy.Identity, document(`{` + s + `,"Condition":{"BoolIfExists":{"aws:SecureTransport":"false"}}}`)},
		`the Condition Bool has the key aws:SourceArn`:               {policy.Identity, document(`{` + s + `,"Condition":{"Bool":{"aws:SourceArn":"true"}}}`)},
		`the Condition ArnLike has the key aws:PrincipalArn`:         {policy.Identity, document(`{` + s + `,"Condition":{"ArnLike":{"aws:PrincipalArn":"*"}}}`)},
		`there is Federated`:                                         {policy.Resource, document(`{` + s + `,"Principal":{"Federated":"x"}}`)},
		`the Principal AWS is "arn:aws:iam::123456789012:user/jane"`: {policy.Resource, document(`{` + s + `,"Principal":{"AWS":"arn:aws:iam::123456789012:user/jane"}}`)},
		`the Principal Service is "sns"`:                             {policy.Resource, document(`{` + s + `,"Principal":{"Service":"sns"}}`)},
		`the Principal is empty`:                                     {policy.Resource, document(`{` + s + `,"Principal":{}}`)},
		`the Sid "a" is used twice`:                                  {policy.Identity, document(`{"Sid":"a",`+s+`}`, `{"Sid":"a",`+s+`}`)},
		`something follows the object`:                               {policy.Identity, document(`{`+s+`}`) + "{}"},
		`is not a JSON object`:                                       {policy.Identity, `[]`},
	} {
		_, err := policy.Parse(c.kind, c.text)
		require.ErrorContains(t, err, want)
	}
}

// statement draws a statement of a role's policy over few actions and resources.
func statement(t *rapid.T, effect policy.Effect) policy.Statement {
	return policy.Statement{
		Effect:    effect,
		Actions:   rapid.SliceOfN(rapid.SampledFrom([]string{"s:A", "s:B", "s:*", "s:?"}), 1, 2).Draw(t, "actions"),
		Resources: rapid.SliceOfN(rapid.SampledFrom([]string{"arn:aws:s:::a", "arn:aws:s:::b", "arn:aws:s:::*", "*"}), 1, 2).Draw(t, "resources"),
	}
}

func TestADenyOnlyTakesAwayAndAnAllowOnlyGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d policy.Document
		for range rapid.IntRange(0, 3).Draw(t, "statements") {
			d.Statements = append(d.Statements, statement(t, rapid.SampledFrom([]policy.Effect{policy.Allow, policy.Deny}).Draw(t, "effect")))
		}
		r := byRole(producer, rapid.SampledFrom([]string{"s:A", "s:B", "s:CC"}).Draw(t, "action"), "arn:aws:s:::"+rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "resource"))
		before := policy.Decide([]policy.Document{d}, nil, r).Allowed
		more := statement(t, policy.Deny)
		after := policy.Decide([]policy.Document{d, {Statements: []policy.Statement{more}}}, nil, r).Allowed
		require.True(t, before || !after, "a deny gave a right")
		more.Effect = policy.Allow
		after = policy.Decide([]policy.Document{{Statements: []policy.Statement{more}}, d}, nil, r).Allowed
		denied := policy.Decide([]policy.Document{d}, nil, r).Reason == "with an explicit deny in an identity-based policy"
		require.True(t, !before || after, "an allow took a right away")
		require.False(t, denied && after, "an allow won over a deny")
	})
}

func TestAWildcardMatchesWhatARegularExpressionMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab*?")), 0, 8, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 8, -1).Draw(t, "text")
		const frame = "arn:aws:s:::"
		require.Equal(t, naive(pattern, s), policy.MatchARN(frame+pattern, frame+s))
	})
}

// naive matches by trying everything.
func naive(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return naive(pattern[1:], s) || s != "" && naive(pattern, s[1:])
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && naive(pattern[1:], s[1:])
}

func FuzzParse(f *testing.F) {
	f.Add(document(receive))
	f.Add(document(admitTopic, requireTLS))
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []policy.Kind{policy.Identity, policy.Resource, policy.Trust} {
			d, err := policy.Parse(kind, text)
			if err == nil {
				require.NotEmpty(t, d.Statements)
				policy.Decide([]policy.Document{d}, &d, byRole(producer, "sqs:SendMessage", queue))
			}
		}
	})
}

func ExampleDecide() {
	role, _ := policy.Parse(policy.Identity, document(receive))
	fmt.Println(policy.Decide([]policy.Document{role}, nil, byRole(consumer, "sqs:SendMessage", queue)).Reason)
	// Output: because no identity-based policy allows the sqs:SendMessage action
}
