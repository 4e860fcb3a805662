package gate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/local/awsapi"
	"cellular/local/gate"
)

const (
	region = "eu-west-1"
	admin  = "admin"
	lambda = "lambda.amazonaws.com"
)

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + gate.Account + ":" + resource
}

func roleARN(name string) string { return "arn:aws:iam::" + gate.Account + ":role/" + name }

// cloud is a gate in front of an emulator that says yes to everything.
type cloud struct {
	t        testing.TB
	gate     *gate.Gate
	endpoint string

	mu   sync.Mutex
	seen []string // the bodies of the requests that the emulator got
}

func newCloud(t testing.TB) *cloud {
	c := &cloud{t: t, gate: gate.New(gate.Options{Region: region, Admin: admin})}
	keys := func(id string) (awsapi.Key, bool) {
		if id == admin {
			return awsapi.Key{Secret: "secret"}, true
		}
		return c.gate.Key(id)
	}
	server := httptest.NewServer(awsapi.Authenticate(awsapi.Verifier{Keys: keys, Region: region}, c.gate.Wrap(http.HandlerFunc(c.emulate))))
	t.Cleanup(server.Close)
	c.endpoint = server.URL
	return c
}

func (c *cloud) emulate(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.seen = append(c.seen, r.Header.Get("X-Amz-Target")+" "+string(body))
	c.mu.Unlock()
	form, _ := url.ParseQuery(string(body))
	switch operation := form.Get("Action"); {
	case strings.Contains(string(body), "broken"):
		w.WriteHeader(http.StatusBadRequest)
	case r.Header.Get("Smithy-Protocol") != "":
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		_, _ = w.Write([]byte{0xa0})
	case operation == "Subscribe":
		fmt.Fprint(w, "<SubscribeResponse><SubscribeResult><SubscriptionArn>"+arn("sns", "orders:1")+"</SubscriptionArn></SubscribeResult></SubscribeResponse>")
	case operation != "":
		fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult></%[1]sResult></%[1]sResponse>", operation)
	default:
		fmt.Fprint(w, "{}")
	}
}

// passed is what the emulator got since the last call.
func (c *cloud) passed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.seen = nil }()
	return c.seen
}

func (c *cloud) config(by aws.Credentials) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &c.endpoint, Credentials: credentials.StaticCredentialsProvider{Value: by},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (c *cloud) admin() aws.Config {
	return c.config(aws.Credentials{AccessKeyID: admin, SecretAccessKey: "secret"})
}

const lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// role makes a role with a policy of these statements, if there are any, and returns the configuration of a session of it.
func (c *cloud) role(name string, statements ...string) aws.Config {
	c.t.Helper()
	client := iam.NewFromConfig(c.admin())
	_, err := client.CreateRole(c.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(lambdaTrust)})
	require.NoError(c.t, err)
	c.grant(name, statements...)
	session, err := c.gate.AssumeFor(lambda, roleARN(name), "function", "")
	require.NoError(c.t, err)
	c.passed()
	return c.config(session)
}

func (c *cloud) grant(role string, statements ...string) {
	c.t.Helper()
	if len(statements) == 0 {
		return
	}
	_, err := iam.NewFromConfig(c.admin()).PutRolePolicy(c.t.Context(), &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: aws.String("inline"), PolicyDocument: aws.String(document(statements...)),
	})
	require.NoError(c.t, err)
	c.passed()
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func allow(action, resource string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":%q,"Resource":%q}`, action, resource)
}

// requireDenied checks that the error is AWS's, of a code, and says what is missing.
func requireDenied(t *testing.T, err error, code, action, resource string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), "%v", err)
	on := " on resource: " + resource
	if resource == "*" {
		on = ""
	}
	require.Equal(t, fmt.Sprintf("User: arn:aws:sts::123456789012:assumed-role/worker/function is not authorized to perform: %s%s because no identity-based policy allows the %s action",
		action, on, action), api.ErrorMessage())
}

// TestEachOperationNeedsItsActions has a role without rights make each call, and then with exactly the rights that the
// call was denied for.
func TestEachOperationNeedsItsActions(t *testing.T) {
	item := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "a"}}
	table, url := aws.String("items"), aws.String("http://127.0.0.1:1/123456789012/orders")
	anItem, other := arn("dynamodb", "table/items"), arn("dynamodb", "table/others")
	stream, topic, queue := arn("dynamodb", "table/items/stream/2026"), arn("sns", "orders"), arn("sqs", "orders")
	type right struct{ action, resource string }
	for name, c := range map[string]struct {
		call   func(aws.Config) error
		code   string
		rights []right
	}{
		"GetItem": {func(c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: item})
			return err
		}, "AccessDeniedException", []right{{"dynamodb:GetItem", anItem}}},
		"GetItem by ARN": {func(c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &anItem, Key: item})
			return err
		}, "AccessDeniedException", []right{{"dynamodb:GetItem", anItem}}},
		"Query of an index": {func(c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).Query(t.Context(), &dynamodb.QueryInput{TableName: table, IndexName: aws.String("by-time")})
			return err
		}, "AccessDeniedException", []right{{"dynamodb:Query", anItem + "/index/by-time"}}},
		"BatchWriteItem": {func(c aws.Config) error {
			put := []types.WriteRequest{{PutRequest: &types.PutRequest{Item: item}}}
			_, err := dynamodb.NewFromConfig(c).BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"items": put, "others": put}})
			return err
		}, "AccessDeniedException", []right{{"dynamodb:BatchWriteItem", anItem}, {"dynamodb:BatchWriteItem", other}}},
		"TransactWriteItems": {func(c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: table, Item: item}},
				{Delete: &types.Delete{TableName: aws.String("others"), Key: item}},
				{Update: &types.Update{TableName: table, Key: item, UpdateExpression: aws.String("SET a = b")}},
				{ConditionCheck: &types.ConditionCheck{TableName: table, Key: item, ConditionExpression: aws.String("attribute_exists(id)")}},
			}})
			return err
		}, "AccessDeniedException", []right{{"dynamodb:PutItem", anItem}, {"dynamodb:DeleteItem", other}, {"dynamodb:UpdateItem", anItem}, {"dynamodb:ConditionCheckItem", anItem}}},
		"RestoreTableToPointInTime": {func(c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).RestoreTableToPointInTime(t.Context(), &dynamodb.RestoreTableToPointInTimeInput{SourceTableName: table, TargetTableName: aws.String("others")})
			return err
		}, "AccessDeniedException", []right{
			{"dynamodb:RestoreTableToPointInTime", anItem}, {"dynamodb:RestoreTableToPointInTime", other}, {"dynamodb:BatchWriteItem", other},
			{"dynamodb:DeleteItem", other}, {"dynamodb:GetItem", other}, {"dynamodb:PutItem", other}, {"dynamodb:Query", other}, {"dynamodb:Scan", other}, {"dynamodb:UpdateItem", other},
		}},
		"GetRecords": {func(c aws.Config) error {
			_, err := dynamodbstreams.NewFromConfig(c).GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: aws.String(stream + "|1|AAAA")})
			return err
		}, "AccessDeniedException", []right{{"dynamodb:GetRecords", stream}}},
		"SendMessage": {func(c aws.Config) error {
			_, err := sqs.NewFromConfig(c).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("m")}, noChecksums)
			return err
		}, "AccessDenied", []right{{"sqs:SendMessage", queue}}},
		"DeleteMessageBatch": {func(c aws.Config) error {
			_, err := sqs.NewFromConfig(c).DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []sqstypes.DeleteMessageBatchRequestEntry{{Id: aws.String("1"), ReceiptHandle: aws.String("r")}}})
			return err
		}, "AccessDenied", []right{{"sqs:DeleteMessage", queue}}},
		"ListQueues": {func(c aws.Config) error {
			_, err := sqs.NewFromConfig(c).ListQueues(t.Context(), &sqs.ListQueuesInput{})
			return err
		}, "AccessDenied", []right{{"sqs:ListQueues", "*"}}},
		"PublishBatch": {func(c aws.Config) error {
			_, err := sns.NewFromConfig(c).PublishBatch(t.Context(), &sns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: []snstypes.PublishBatchRequestEntry{{Id: aws.String("1"), Message: aws.String("m")}}})
			return err
		}, "AuthorizationError", []right{{"sns:Publish", topic}}},
		"GetParametersByPath": {func(c aws.Config) error {
			_, err := ssm.NewFromConfig(c).GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/cellular/dev/cells")})
			return err
		}, "AccessDeniedException", []right{{"ssm:GetParametersByPath", arn("ssm", "parameter/cellular/dev/cells")}}},
		"GetRolePolicy": {func(c aws.Config) error {
			_, err := iam.NewFromConfig(c).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("router"), PolicyName: aws.String("p")})
			return err
		}, "AccessDenied", []right{{"iam:GetRolePolicy", roleARN("router")}}},
		"GetMetricData": {func(c aws.Config) error {
			_, err := cloudwatch.NewFromConfig(c).GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{StartTime: aws.Time(epoch), EndTime: aws.Time(epoch), MetricDataQueries: []cwtypes.MetricDataQuery{}})
			return err
		}, "AccessDeniedException", []right{{"cloudwatch:GetMetricData", "*"}}},
		"SetAlarmState": {func(c aws.Config) error {
			_, err := cloudwatch.NewFromConfig(c).SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("dev-health-router"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("tried")})
			return err
		}, "AccessDeniedException", []right{{"cloudwatch:SetAlarmState", arn("cloudwatch", "alarm:dev-health-router")}}},
		"Subscribe": {func(c aws.Config) error {
			_, err := sns.NewFromConfig(c).Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("email"), Endpoint: aws.String("ops@example.com")})
			return err
		}, "AuthorizationError", []right{{"sns:Subscribe", topic}}},
		"Unsubscribe": {func(c aws.Config) error {
			_, err := sns.NewFromConfig(c).Unsubscribe(t.Context(), &sns.UnsubscribeInput{SubscriptionArn: aws.String(topic + ":1")})
			return err
		}, "AuthorizationError", []right{{"sns:Unsubscribe", topic}}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			as := cloud.role("worker")
			var granted []string
			for i, r := range c.rights {
				requireDenied(t, c.call(as), c.code, r.action, r.resource)
				require.Empty(t, cloud.passed(), "the emulator does not see what is denied")
				granted = append(granted, allow(r.action, r.resource))
				cloud.grant("worker", granted...)
				if i > 0 { // it is the last one that was missing
					require.Len(t, granted, i+1)
				}
			}
			require.NoError(t, c.call(as))
			require.Len(t, cloud.passed(), 1)
			for i := range granted { // and none of them can go
				cloud.grant("worker", append(append([]string{allow("s3:GetObject", "*")}, granted[:i]...), granted[i+1:]...)...)
				require.Error(t, c.call(as))
			}
		})
	}
}

func TestATableAdmitsTheRoleThatItsPolicyNames(t *testing.T) {
	c := newCloud(t)
	worker, other := c.role("worker"), c.role("other")
	_, err := dynamodb.NewFromConfig(c.admin()).PutResourcePolicy(t.Context(), &dynamodb.PutResourcePolicyInput{
		ResourceArn: aws.String(arn("dynamodb", "table/items")),
		Policy:      aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"` + roleARN("worker") + `"},"Action":"dynamodb:GetItem","Resource":"` + arn("dynamodb", "table/items") + `"}`)),
	})
	require.NoError(t, err)
	get := func(as aws.Config, table string) error {
		_, err := dynamodb.NewFromConfig(as).GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: &table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "a"}},
		})
		return err
	}
	require.NoError(t, get(worker, "items"))
	require.Error(t, get(worker, "others"))
	require.Error(t, get(other, "items"))
	require.Equal(t, []gate.Call{
		{Caller: roleARN("worker"), Action: "dynamodb:GetItem", Resource: arn("dynamodb", "table/items")},
	}, callsOf(c, "dynamodb:"))

	_, err = dynamodb.NewFromConfig(c.admin()).DeleteResourcePolicy(t.Context(), &dynamodb.DeleteResourcePolicyInput{ResourceArn: aws.String(arn("dynamodb", "table/items"))})
	require.NoError(t, err)
	require.Error(t, get(worker, "items"))
}

func callsOf(c *cloud, prefix string) []gate.Call {
	var all []gate.Call
	for _, call := range c.gate.Calls() {
		if strings.HasPrefix(call.Action, prefix) {
			all = append(all, call)
		}
	}
	return all
}

func TestWhatTheGateCannotEnforceIsNotDeployed(t *testing.T) {
	c := newCloud(t)
	c.role("worker")
	condition := `{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"a"}}}`
	for name, call := range map[string]func() error{
		"a condition of a role": func() error {
			_, err := iam.NewFromConfig(c.admin()).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
				RoleName: aws.String("worker"), PolicyName: aws.String("p"), PolicyDocument: aws.String(document(condition)),
			})
			return err
		},
		"an unknown principal of a queue": func() error {
			_, err := sqs.NewFromConfig(c.admin()).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
				QueueUrl:   aws.String("http://127.0.0.1:1/123456789012/orders"),
				Attributes: map[string]string{"Policy": document(`{"Effect":"Allow","Principal":{"CanonicalUser":"a"},"Action":"sqs:SendMessage","Resource":"` + arn("sqs", "orders") + `"}`)},
			})
			return err
		},
		"a topic's permission": func() error {
			_, err := sns.NewFromConfig(c.admin()).AddPermission(t.Context(), &sns.AddPermissionInput{
				TopicArn: aws.String(arn("sns", "orders")), Label: aws.String("l"), AWSAccountId: []string{"1"}, ActionName: []string{"Publish"},
			})
			return err
		},
		"a managed policy": func() error {
			_, err := iam.NewFromConfig(c.admin()).AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("worker"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
			return err
		},
		"a permissions boundary": func() error {
			_, err := iam.NewFromConfig(c.admin()).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("bound"), AssumeRolePolicyDocument: aws.String(lambdaTrust), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.passed()
			require.ErrorContains(t, call(), "the local cloud")
			require.Empty(t, c.passed(), "the emulator does not have it either")
		})
	}
}

func TestAnUnknownOperationIsRefusedToARole(t *testing.T) {
	c := newCloud(t)
	as := c.role("worker", allow("*", "*"))
	_, err := dynamodb.NewFromConfig(as).ListBackups(t.Context(), &dynamodb.ListBackupsInput{})
	require.ErrorContains(t, err, "the local cloud does not know what rights ListBackups of dynamodb needs")
	require.Empty(t, c.passed())
	_, err = dynamodb.NewFromConfig(c.admin()).ListBackups(t.Context(), &dynamodb.ListBackupsInput{})
	require.NoError(t, err, "the administrator may do everything")
}

func TestAChangeThatTheEmulatorRefusesChangesNothing(t *testing.T) {
	c := newCloud(t)
	as := c.role("worker", allow("dynamodb:ListTables", "*"))
	_, err := iam.NewFromConfig(c.admin()).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("worker"), PolicyName: aws.String("broken"), PolicyDocument: aws.String(document(allow("sqs:ListQueues", "*"))),
	})
	require.Error(t, err)
	_, err = sqs.NewFromConfig(as).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	require.Error(t, err)
	_, err = dynamodb.NewFromConfig(as).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
}

func TestASessionEndsWithItsRole(t *testing.T) {
	c := newCloud(t)
	as := c.role("worker", allow("dynamodb:ListTables", "*"))
	list := func() error {
		_, err := dynamodb.NewFromConfig(as).ListTables(t.Context(), &dynamodb.ListTablesInput{})
		return err
	}
	require.NoError(t, list())
	who, err := sts.NewFromConfig(as).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	require.Equal(t, "arn:aws:sts::123456789012:assumed-role/worker/function", *who.Arn)
	require.Equal(t, gate.Account, *who.Account)

	_, err = iam.NewFromConfig(c.admin()).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("worker")})
	require.NoError(t, err)
	require.ErrorContains(t, list(), "UnrecognizedClientException")
	again := c.role("worker", allow("dynamodb:ListTables", "*"))
	require.ErrorContains(t, list(), "UnrecognizedClientException", "a role of the same name is another role")
	as = again
	require.NoError(t, list())
}

func TestLambdaTakesOnlyARoleThatTrustsIt(t *testing.T) {
	c := newCloud(t)
	c.role("worker")
	_, err := c.gate.AssumeFor("ec2.amazonaws.com", roleARN("worker"), "function", "")
	require.ErrorContains(t, err, "Service: ec2.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: "+roleARN("worker"))
	_, err = iam.NewFromConfig(c.admin()).UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String("worker"), PolicyDocument: aws.String(strings.ReplaceAll(lambdaTrust, "lambda", "ec2")),
	})
	require.NoError(t, err)
	_, err = c.gate.AssumeFor(lambda, roleARN("worker"), "function", "")
	require.True(t, gate.IsDenied(err), "%v", err)
	_, err = c.gate.AssumeFor(lambda, roleARN("nobody"), "function", "")
	require.ErrorContains(t, err, "there is no role")
}

// BenchmarkGetItem is a request through an SDK, with the gate and without: the difference is to be compared with the
// emulator's own 2 to 4 ms.
func BenchmarkGetItem(b *testing.B) {
	c := newCloud(b)
	as := c.role("worker", allow("dynamodb:GetItem", arn("dynamodb", "table/items")))
	open := httptest.NewServer(awsapi.Authenticate(awsapi.Verifier{Keys: c.gate.Key, Region: region}, http.HandlerFunc(c.emulate)))
	b.Cleanup(open.Close)
	for name, endpoint := range map[string]string{"gate": c.endpoint, "none": open.URL} {
		b.Run(name, func(b *testing.B) {
			as.BaseEndpoint = &endpoint
			client := dynamodb.NewFromConfig(as)
			for b.Loop() {
				_, err := client.GetItem(b.Context(), &dynamodb.GetItemInput{
					TableName: aws.String("items"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "a"}},
				})
				require.NoError(b, err)
			}
		})
	}
}

// A role that may put the items of some hash keys may put no others, and none of which the gate does not know the key.
func TestLeadingKeys_BoundWhatARoleMayWrite(t *testing.T) {
	c := newCloud(t)
	const condition = `,"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"cellctl-probe.*"}}}`
	table := arn("dynamodb", "table/mappings")
	worker := dynamodb.NewFromConfig(c.role("worker", strings.TrimSuffix(allow("dynamodb:PutItem", table), "}")+condition))
	put := func(item map[string]types.AttributeValue) error {
		_, err := worker.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("mappings"), Item: item})
		return err
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	probe := map[string]types.AttributeValue{"tenant_id": text("cellctl-probe.alpha"), "cell_id": text("alpha")}
	requireDenied(t, put(probe), "AccessDeniedException", "dynamodb:PutItem", table) // nobody has made the table

	_, err := dynamodb.NewFromConfig(c.admin()).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("mappings"), AttributeDefinitions: []types.AttributeDefinition{},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("tenant_id"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	require.NoError(t, put(probe))
	for name, item := range map[string]map[string]types.AttributeValue{
		"another tenant":             {"tenant_id": text("acme"), "cell_id": text("cellctl-probe.alpha")},
		"one whose name ends so":     {"tenant_id": text("acme.cellctl-probe.alpha")},
		"no key":                     {"cell_id": text("alpha")},
		"a key that is no text":      {"tenant_id": &types.AttributeValueMemberN{Value: "1"}},
		"one that differs in a case": {"tenant_id": text("Cellctl-probe.alpha")},
	} {
		t.Run(name, func(t *testing.T) {
			requireDenied(t, put(item), "AccessDeniedException", "dynamodb:PutItem", table)
		})
	}
	_, err = worker.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("mappings"), Key: probe})
	requireDenied(t, err, "AccessDeniedException", "dynamodb:DeleteItem", table)
	_, err = worker.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: aws.String("mappings"), Item: probe}}}})
	requireDenied(t, err, "AccessDeniedException", "dynamodb:PutItem", table) // its keys are not known here
}

func TestAssumeFor_NeedsTheSourceThatTheRoleTrusts(t *testing.T) {
	c := newCloud(t)
	const scheduler, group = "scheduler.amazonaws.com", "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/default"
	_, err := iam.NewFromConfig(c.admin()).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("worker"), AssumeRolePolicyDocument: aws.String(document(
		`{"Effect":"Allow","Principal":{"Service":"` + scheduler + `"},"Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:SourceArn":"` + group + `"},"StringEquals":{"aws:SourceAccount":"123456789012"}}}`,
	))})
	require.NoError(t, err)
	_, err = c.gate.AssumeFor(scheduler, roleARN("worker"), "schedule", group)
	require.NoError(t, err)
	for _, source := range []string{"", group + "-2", strings.Replace(group, "123456789012", "210987654321", 1)} {
		_, err = c.gate.AssumeFor(scheduler, roleARN("worker"), "schedule", source)
		require.True(t, gate.IsDenied(err), "%q: %v", source, err)
	}
}
