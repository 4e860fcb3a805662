package health_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/health"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/alarmtest"
	"cellular/internal/testkit/dynamotest"
)

const (
	stack   = naming.Stack("dev")
	account = "123456789012"
	role    = "arn:aws:iam::" + account + ":role/dev-edge-cell-router-role"
)

// world is a deployment in memory, in the state that a test puts it into.
type world struct {
	broken       map[string]error // an operation's name: its error
	parameters   map[string]string
	tables       map[string]*dynamodbtypes.TableDescription
	ttl          map[string]string // a table's TTL attribute
	recovery     map[string]bool
	policies     map[string]string            // by table
	queues       map[string]map[string]string // a queue's attributes by its name
	endpoints    map[string][]string          // of the subscriptions by topic
	subscription map[string]string            // the attributes of every subscription
	functions    map[string]*lambda.GetFunctionOutput
	mappings     map[string][]lambdatypes.EventSourceMappingConfiguration // by function
	unreserved   int32
	tableQuota   float64
	rolePolicy   string
	summary      map[string]int32    // of the account, by IAM
	concurrency  int32               // of the account
	shards       []streamtypes.Shard // of each stream

	states   map[string]placement.CellState
	placed   map[string][]string // tenants by cell
	moves    []health.Move
	removals []health.Removal
	statuses map[string]cellstatus.Status
	stranded map[string][]string // tenants without a mapping, by cell
	lags     map[string]int      // how many tenants of a cell its index does not show yet
	churn    map[string]int      // how many recounts and corrections a cell's tenants change during

	alarms   *alarmtest.CloudWatch
	topicKey string // of the alarms' topic
	key      *kmstypes.KeyMetadata

	aws *rates // nil: every request is answered at once, and every list one element per page
}

func arnOf(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:" + account + ":" + resource
}

func urlOf(queue string) string { return "http://sqs/" + account + "/" + queue }

// settings are those of a cell; every value is another one, so that none is taken for another.
func settings() manifest.Settings {
	return manifest.Settings{
		Protect: true, Architecture: "arm64", FunctionTimeout: manifest.Duration(30 * time.Second), FunctionMemory: 256, StreamBatchSize: 100, StreamRetries: 5,
		StreamMaxRecordAge: manifest.Duration(6 * time.Hour), StreamParallelization: 2, InlinePayloadBytes: 65536, QueueBatchSize: 9, QueueVisibilityTimeout: manifest.Duration(180 * time.Second),
		QueueMaxReceiveCount: 4, QueueMaxConcurrency: 10, QueueRetention: manifest.Duration(96 * time.Hour), DLQRetention: manifest.Duration(336 * time.Hour), DataTTL: manifest.Duration(840 * time.Hour), ResultTTL: manifest.Duration(2160 * time.Hour),
		ProducerReservedConcurrency: 3,
	}
}

// healthy is a deployment of the cells alpha and beta, as the program makes it.
func healthy(t *testing.T) *world {
	w := &world{
		broken: map[string]error{}, parameters: map[string]string{}, tables: map[string]*dynamodbtypes.TableDescription{},
		ttl: map[string]string{}, recovery: map[string]bool{}, policies: map[string]string{},
		queues: map[string]map[string]string{}, endpoints: map[string][]string{}, subscription: map[string]string{},
		functions: map[string]*lambda.GetFunctionOutput{}, mappings: map[string][]lambdatypes.EventSourceMappingConfiguration{},
		unreserved: 1000, tableQuota: 2500, rolePolicy: "%7B%7D",
		summary: map[string]int32{"Roles": 12, "RolesQuota": 1000}, concurrency: 1000,
		shards: []streamtypes.Shard{{}, {SequenceNumberRange: &streamtypes.SequenceNumberRange{EndingSequenceNumber: aws.String("1")}}, {}},
		states: map[string]placement.CellState{}, placed: map[string][]string{}, stranded: map[string][]string{}, statuses: map[string]cellstatus.Status{},
		alarms: alarmtest.Deployment(stack, noon), topicKey: stack.AlarmKeyAlias(),
		key: &kmstypes.KeyMetadata{KeyId: aws.String("1234abcd"), KeyState: kmstypes.KeyStateEnabled},
	}
	w.alarms.Page, w.alarms.Ask = 1, func() error { return w.ask("DescribeAlarms") }
	w.endpoints[alarmtest.Topic] = []string{"arn:aws:sns:us-east-1:" + account + ":oncall"}
	control, err := dynamotest.ControlPlaneOf(stack).JSON()
	require.NoError(t, err)
	router, err := manifest.Router{
		URL: "http://router", Function: stack.Router(), Role: role, Auth: "iam",
		SoftTTL: manifest.Duration(time.Second), HardTTL: manifest.Duration(time.Hour), RefreshTimeout: 1, CellTimeout: 1, ThrottleRate: 1000,
	}.JSON()
	require.NoError(t, err)
	w.parameters[stack.ControlPlaneParameter()], w.parameters[stack.RouterParameter()] = control, router
	w.table(stack.MappingTable(), "", "by-cell")
	w.table(stack.CellTable(), "")
	w.table(stack.MoveTable(), "expires_at", "open")
	w.table(stack.AuditTable(), "expires_at")
	w.function(stack.Router(), 0)
	w.cell(t, "alpha")
	w.cell(t, "beta")
	return w
}

func (w *world) table(name, ttl string, indexes ...string) {
	t := &dynamodbtypes.TableDescription{
		TableName: &name, TableArn: aws.String(arnOf("dynamodb", "table/"+name)), TableStatus: dynamodbtypes.TableStatusActive,
		DeletionProtectionEnabled: aws.Bool(true),
	}
	for _, index := range indexes {
		t.GlobalSecondaryIndexes = append(t.GlobalSecondaryIndexes,
			dynamodbtypes.GlobalSecondaryIndexDescription{IndexName: &index, IndexStatus: dynamodbtypes.IndexStatusActive})
	}
	w.tables[name], w.recovery[name] = t, true
	if ttl != "" {
		w.ttl[name] = ttl
	}
}

func (w *world) function(name string, reserved int32) {
	f := &lambda.GetFunctionOutput{Configuration: &lambdatypes.FunctionConfiguration{
		FunctionName: &name, State: lambdatypes.StateActive, LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful,
		Architectures: []lambdatypes.Architecture{lambdatypes.ArchitectureArm64}, MemorySize: aws.Int32(256), Timeout: aws.Int32(30),
	}}
	if reserved > 0 {
		f.Concurrency = &lambdatypes.Concurrency{ReservedConcurrentExecutions: &reserved}
	}
	w.functions[name] = f
}

func (w *world) cell(t *testing.T, id string) {
	n, s := stack.Cell(id), settings()
	w.publish(t, id, func(*manifest.Cell) {})
	w.table(n.DataTable(), "expires_at", "by-shard-time", "by-tenant-time")
	w.tables[n.DataTable()].StreamSpecification = &dynamodbtypes.StreamSpecification{
		StreamEnabled: aws.Bool(true), StreamViewType: dynamodbtypes.StreamViewTypeNewAndOldImages,
	}
	w.tables[n.DataTable()].LatestStreamArn = aws.String(arnOf("dynamodb", "table/"+n.DataTable()+"/stream/1"))
	w.table(n.ResultsTable(), "expires_at", "by-shard", "by-tenant", "waiting")
	w.policies[n.DataTable()] = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":["dynamodb:PutItem","dynamodb:GetItem"]}]}`
	w.policies[n.ResultsTable()] = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["` + role + `"]},"Action":"dynamodb:GetItem"}]}`

	queue := arnOf("sqs", n.Queue())
	w.queues[n.Queue()] = map[string]string{
		"VisibilityTimeout": seconds(s.QueueVisibilityTimeout), "MessageRetentionPeriod": seconds(s.QueueRetention),
		"RedrivePolicy": `{"deadLetterTargetArn":"` + arnOf("sqs", n.ConsumerDLQ()) + `","maxReceiveCount":"4"}`,
	}
	for name, allow := range map[string]string{
		n.ConsumerDLQ():     `{"redrivePermission":"byQueue","sourceQueueArns":["` + queue + `"]}`,
		n.SubscriptionDLQ(): `{"redrivePermission":"denyAll"}`,
		n.StreamDLQ():       `{"redrivePermission":"denyAll"}`,
	} {
		w.queues[name] = map[string]string{"MessageRetentionPeriod": seconds(s.DLQRetention), "RedriveAllowPolicy": allow}
	}
	w.endpoints[arnOf("sns", n.Topic())] = []string{queue}
	w.subscription[queue+" RawMessageDelivery"] = "true"
	w.subscription[queue+" RedrivePolicy"] = `{"deadLetterTargetArn":"` + arnOf("sqs", n.SubscriptionDLQ()) + `"}`

	w.function(n.Producer(), int32(s.ProducerReservedConcurrency))
	w.function(n.Consumer(), 0)
	reports := []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}
	w.mappings[n.Producer()] = []lambdatypes.EventSourceMappingConfiguration{{
		UUID: aws.String("p-" + id), State: aws.String("Enabled"), EventSourceArn: w.tables[n.DataTable()].LatestStreamArn,
		FunctionResponseTypes: reports, StartingPosition: lambdatypes.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(100),
		MaximumRetryAttempts: aws.Int32(5), MaximumRecordAgeInSeconds: aws.Int32(21600), ParallelizationFactor: aws.Int32(2),
		BisectBatchOnFunctionError: aws.Bool(true),
		DestinationConfig:          &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(arnOf("sqs", n.StreamDLQ()))}},
	}}
	w.mappings[n.Consumer()] = []lambdatypes.EventSourceMappingConfiguration{{
		UUID: aws.String("c-" + id), State: aws.String("Enabled"), EventSourceArn: &queue, FunctionResponseTypes: reports, BatchSize: aws.Int32(9),
		ScalingConfig: &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(10)},
	}}
	w.alarms.AddCell(stack, id, noon)
	w.states[id] = placement.CellState{CellID: id, Status: placement.Active, Tenants: 2}
	w.placed[id] = []string{id + "-one", id + "-two"}
}

// publish writes a cell's manifest.
func (w *world) publish(t *testing.T, id string, change func(*manifest.Cell)) {
	n := stack.Cell(id)
	c := manifest.Cell{
		ID: id, Tier: "standard", MaxTenants: 10, DataTable: n.DataTable(), ResultsTable: n.ResultsTable(), TopicARN: arnOf("sns", n.Topic()),
		QueueURL: urlOf(n.Queue()), QueueARN: arnOf("sqs", n.Queue()), ConsumerDLQURL: urlOf(n.ConsumerDLQ()),
		SubscriptionDLQURL: urlOf(n.SubscriptionDLQ()), StreamDLQURL: urlOf(n.StreamDLQ()), Producer: n.Producer(), Consumer: n.Consumer(),
		Settings: settings(),
	}
	change(&c)
	text, err := c.JSON()
	require.NoError(t, err)
	w.parameters[n.Parameter()] = text
}

func (w *world) doctor() health.Doctor {
	return health.Doctor{
		Stack: stack, Region: "us-east-1",
		Clients: health.Clients{STS: w, SSM: w, DynamoDB: w, Streams: w, SQS: w, SNS: w, Lambda: w, IAM: w, Quotas: w, CloudWatch: w.alarms, KMS: w},
		Control: func(manifest.ControlPlane) health.Control {
			return health.Control{Placement: store{w}, OpenMoves: func(context.Context) ([]health.Move, error) { return w.moves, w.broken["OpenMoves"] },
				OpenRemovals: func(context.Context) ([]health.Removal, error) { return w.removals, w.broken["OpenRemovals"] }}
		},
		Status: reader{w}, Settle: time.Nanosecond, Now: func() time.Time { return noon },
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// run runs a doctor in virtual time, in which it waits for nothing.
func run(t *testing.T, d health.Doctor) (found []health.Finding) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { found = d.Run(t.Context()) })
	return found
}

// page answers the part of a list that follows a token, and the token of the page after it. A page of AWS's has up to size
// elements, one of a world without rates has one.
func page[T any](w *world, all []T, token *string, size int) ([]T, *string) {
	if w.aws == nil {
		size = 1
	}
	i := 0
	if token != nil {
		i, _ = strconv.Atoi(*token)
	}
	end := min(i+size, len(all))
	if end == len(all) {
		return all[i:], nil
	}
	return all[i:end], aws.String(strconv.Itoa(end))
}

func notFound(code string) error { return &smithy.GenericAPIError{Code: code, Message: "not there"} }

func (w *world) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	if err := w.ask("GetCallerIdentity"); err != nil {
		return nil, err
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String(account), Arn: aws.String("arn:aws:iam::" + account + ":user/op")}, w.broken["GetCallerIdentity"]
}

func (w *world) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	if err := w.ask("GetParameter"); err != nil {
		return nil, err
	}
	text, ok := w.parameters[*in.Name]
	if !ok {
		return nil, notFound("ParameterNotFound")
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Name: in.Name, Value: &text}}, nil
}

func (w *world) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	if err := w.ask("GetParametersByPath"); err != nil {
		return nil, err
	}
	var all []ssmtypes.Parameter
	for _, name := range slices.Sorted(maps.Keys(w.parameters)) {
		if strings.HasPrefix(name, *in.Path+"/") {
			all = append(all, ssmtypes.Parameter{Name: &name, Value: aws.String(w.parameters[name])})
		}
	}
	out := &ssm.GetParametersByPathOutput{}
	out.Parameters, out.NextToken = page(w, all, in.NextToken, 10)
	return out, w.broken["GetParametersByPath"]
}

func (w *world) DescribeTable(_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	if err := w.ask("DescribeTable"); err != nil {
		return nil, err
	}
	t, ok := w.tables[*in.TableName]
	if !ok {
		return nil, &dynamodbtypes.ResourceNotFoundException{Message: aws.String("not there")}
	}
	return &dynamodb.DescribeTableOutput{Table: t}, nil
}

func (w *world) DescribeContinuousBackups(_ context.Context, in *dynamodb.DescribeContinuousBackupsInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	if err := w.ask("DescribeContinuousBackups"); err != nil {
		return nil, err
	}
	status := dynamodbtypes.PointInTimeRecoveryStatusDisabled
	if w.recovery[*in.TableName] {
		status = dynamodbtypes.PointInTimeRecoveryStatusEnabled
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &dynamodbtypes.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: &dynamodbtypes.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: status},
	}}, w.broken["DescribeContinuousBackups"]
}

func (w *world) DescribeTimeToLive(_ context.Context, in *dynamodb.DescribeTimeToLiveInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error) {
	if err := w.ask("DescribeTimeToLive"); err != nil {
		return nil, err
	}
	d := &dynamodbtypes.TimeToLiveDescription{TimeToLiveStatus: dynamodbtypes.TimeToLiveStatusDisabled}
	if attribute, ok := w.ttl[*in.TableName]; ok {
		d = &dynamodbtypes.TimeToLiveDescription{TimeToLiveStatus: dynamodbtypes.TimeToLiveStatusEnabled, AttributeName: &attribute}
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

func (w *world) GetResourcePolicy(_ context.Context, in *dynamodb.GetResourcePolicyInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetResourcePolicyOutput, error) {
	if err := w.ask("GetResourcePolicy"); err != nil {
		return nil, err
	}
	if err := w.broken["GetResourcePolicy"]; err != nil {
		return nil, err
	}
	text, ok := w.policies[(*in.ResourceArn)[strings.LastIndex(*in.ResourceArn, "/")+1:]]
	if !ok {
		return nil, &dynamodbtypes.PolicyNotFoundException{}
	}
	return &dynamodb.GetResourcePolicyOutput{Policy: &text}, nil
}

func (w *world) ListTables(_ context.Context, in *dynamodb.ListTablesInput, _ ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error) {
	if err := w.ask("ListTables"); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(w.tables))
	if in.ExclusiveStartTableName != nil {
		names = names[slices.Index(names, *in.ExclusiveStartTableName)+1:]
	}
	out := &dynamodb.ListTablesOutput{TableNames: names}
	size := 1
	if w.aws != nil {
		size = 100
	}
	if len(names) > size {
		out.TableNames, out.LastEvaluatedTableName = names[:size], &names[size-1]
	}
	return out, w.broken["ListTables"]
}

func (w *world) Scan(_ context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	if err := w.ask("Scan"); err != nil {
		return nil, err
	}
	if *in.TableName != stack.CellTable() {
		return nil, fmt.Errorf("scan of table %s", *in.TableName)
	}
	out := &dynamodb.ScanOutput{}
	for _, id := range slices.Sorted(maps.Keys(w.states)) {
		out.Items = append(out.Items, map[string]dynamodbtypes.AttributeValue{"cell_id": &dynamodbtypes.AttributeValueMemberS{Value: id}})
	}
	return out, nil
}

func (w *world) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	if err := w.ask("GetQueueAttributes"); err != nil {
		return nil, err
	}
	attributes, ok := w.queues[(*in.QueueUrl)[strings.LastIndex(*in.QueueUrl, "/")+1:]]
	if !ok {
		return nil, notFound("AWS.SimpleQueueService.NonExistentQueue")
	}
	if in.AttributeNames[0] == sqstypes.QueueAttributeNameRedriveAllowPolicy {
		return &sqs.GetQueueAttributesOutput{}, w.broken["RedriveAllowPolicy"]
	}
	return &sqs.GetQueueAttributesOutput{Attributes: attributes}, nil
}

func (w *world) ListQueues(_ context.Context, in *sqs.ListQueuesInput, _ ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error) {
	if err := w.ask("ListQueues"); err != nil {
		return nil, err
	}
	var urls []string
	for _, name := range slices.Sorted(maps.Keys(w.queues)) {
		if strings.HasPrefix(name, *in.QueueNamePrefix) {
			urls = append(urls, urlOf(name))
		}
	}
	out := &sqs.ListQueuesOutput{}
	out.QueueUrls, out.NextToken = page(w, urls, in.NextToken, 1000)
	return out, nil
}

func (w *world) ListSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput, _ ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	if err := w.ask("ListSubscriptionsByTopic"); err != nil {
		return nil, err
	}
	var all []snstypes.Subscription
	for _, endpoint := range w.endpoints[*in.TopicArn] {
		all = append(all, snstypes.Subscription{Endpoint: &endpoint, SubscriptionArn: &endpoint})
	}
	out := &sns.ListSubscriptionsByTopicOutput{}
	out.Subscriptions, out.NextToken = page(w, all, in.NextToken, 100)
	return out, nil
}

func (w *world) GetSubscriptionAttributes(_ context.Context, in *sns.GetSubscriptionAttributesInput, _ ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error) {
	if err := w.ask("GetSubscriptionAttributes"); err != nil {
		return nil, err
	}
	attributes := map[string]string{}
	for key, value := range w.subscription {
		if name, ok := strings.CutPrefix(key, *in.SubscriptionArn+" "); ok {
			attributes[name] = value
		}
	}
	return &sns.GetSubscriptionAttributesOutput{Attributes: attributes}, nil
}

func (w *world) GetTopicAttributes(_ context.Context, in *sns.GetTopicAttributesInput, _ ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error) {
	if err := w.ask("GetTopicAttributes"); err != nil {
		return nil, err
	}
	if _, there := w.endpoints[*in.TopicArn]; !there {
		return nil, &snstypes.NotFoundException{Message: aws.String("Topic does not exist")}
	}
	return &sns.GetTopicAttributesOutput{Attributes: map[string]string{"KmsMasterKeyId": w.topicKey}}, w.broken["GetTopicAttributes"]
}

func (w *world) DescribeKey(_ context.Context, in *kms.DescribeKeyInput, _ ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	if err := w.ask("DescribeKey"); err != nil {
		return nil, err
	}
	if *in.KeyId != w.topicKey || w.key == nil {
		return nil, &kmstypes.NotFoundException{Message: aws.String("Alias is not found")}
	}
	return &kms.DescribeKeyOutput{KeyMetadata: w.key}, w.broken["DescribeKey"]
}

func (w *world) GetFunction(_ context.Context, in *lambda.GetFunctionInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	if err := w.ask("GetFunction"); err != nil {
		return nil, err
	}
	f, ok := w.functions[*in.FunctionName]
	if !ok {
		return nil, notFound("ResourceNotFoundException")
	}
	return f, nil
}

func (w *world) ListEventSourceMappings(_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error) {
	if err := w.ask("ListEventSourceMappings"); err != nil {
		return nil, err
	}
	out := &lambda.ListEventSourceMappingsOutput{}
	var all []lambdatypes.EventSourceMappingConfiguration
	for _, name := range slices.Sorted(maps.Keys(w.mappings)) {
		for _, m := range w.mappings[name] {
			m.FunctionArn = aws.String(arnOf("lambda", "function:"+name))
			all = append(all, m)
		}
	}
	out.EventSourceMappings, out.NextMarker = page(w, all, in.Marker, 100)
	return out, nil
}

func (w *world) GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error) {
	if err := w.ask("GetAccountSettings"); err != nil {
		return nil, err
	}
	return &lambda.GetAccountSettingsOutput{AccountLimit: &lambdatypes.AccountLimit{
		ConcurrentExecutions: w.concurrency, UnreservedConcurrentExecutions: &w.unreserved,
	}}, w.broken["GetAccountSettings"]
}

func (w *world) GetAccountSummary(context.Context, *iam.GetAccountSummaryInput, ...func(*iam.Options)) (*iam.GetAccountSummaryOutput, error) {
	if err := w.ask("GetAccountSummary"); err != nil {
		return nil, err
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: w.summary}, w.broken["GetAccountSummary"]
}

func (w *world) DescribeStream(_ context.Context, in *dynamodbstreams.DescribeStreamInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error) {
	if err := w.ask("DescribeStream"); err != nil {
		return nil, err
	}
	if err := w.broken["DescribeStream"]; err != nil {
		return nil, err
	}
	d := &streamtypes.StreamDescription{StreamArn: in.StreamArn}
	d.Shards, d.LastEvaluatedShardId = page(w, w.shards, in.ExclusiveStartShardId, 100)
	return &dynamodbstreams.DescribeStreamOutput{StreamDescription: d}, nil
}

func (w *world) ListRolePolicies(_ context.Context, in *iam.ListRolePoliciesInput, _ ...func(*iam.Options)) (*iam.ListRolePoliciesOutput, error) {
	if err := w.ask("ListRolePolicies"); err != nil {
		return nil, err
	}
	if *in.RoleName != stack.RouterRole() {
		return nil, notFound("NoSuchEntity")
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: []string{"policy"}}, nil
}

func (w *world) GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error) {
	if err := w.ask("GetRolePolicy"); err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{PolicyDocument: &w.rolePolicy}, nil
}

func (w *world) GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error) {
	if err := w.ask("GetServiceQuota"); err != nil {
		return nil, err
	}
	return &servicequotas.GetServiceQuotaOutput{Quota: &quotatypes.ServiceQuota{Value: &w.tableQuota}}, w.broken["GetServiceQuota"]
}

type store struct{ w *world }

func (s store) States(_ context.Context, ids []string) (map[string]placement.CellState, error) {
	for range slices.Collect(slices.Chunk(ids, 100)) {
		if err := s.w.ask("BatchGetItem"); err != nil {
			return nil, err
		}
	}
	states := map[string]placement.CellState{}
	for _, id := range ids {
		states[id] = s.w.states[id]
	}
	return states, s.w.broken["States"]
}

func (s store) Page(_ context.Context, cellID, after string, _ int) ([]mapping.Mapping, string, error) {
	if after == "" {
		return nil, "a page may be empty and not the last", nil
	}
	var tenants []mapping.Mapping
	for _, tenant := range s.w.placed[cellID] {
		tenants = append(tenants, mapping.Mapping{TenantID: tenant, CellID: cellID})
	}
	return tenants, "", nil
}

func (s store) Estimate(_ context.Context, cellID string, open []placement.OpenMove) (int, error) {
	if err := s.w.ask("Query"); err != nil {
		return 0, err
	}
	n := len(s.w.placed[cellID])
	for _, m := range open {
		if (m.From == cellID || m.To == cellID) && !slices.Contains(s.w.placed[cellID], m.TenantID) {
			n++
		}
	}
	return n - s.w.lags[cellID], nil
}

func (s store) Recount(_ context.Context, cellID string, _ placement.Moves, _ time.Duration) (placement.Recount, error) {
	if err := s.w.churns(cellID); err != nil {
		return placement.Recount{}, err
	}
	return placement.Recount{CellID: cellID, Count: s.w.states[cellID].Tenants, Correct: len(s.w.placed[cellID])}, s.w.broken["Recount"]
}

func (s store) Correct(_ context.Context, r placement.Recount) error {
	if err := s.w.churns(r.CellID); err != nil {
		return err
	}
	if err := s.w.broken["Correct"]; err != nil {
		return err
	}
	state := s.w.states[r.CellID]
	state.Tenants = r.Correct
	s.w.states[r.CellID] = state
	return nil
}

// churns has a cell's tenants change during a recount or a correction, as often as the test wants it.
func (w *world) churns(cellID string) error {
	if w.churn[cellID] == 0 {
		return nil
	}
	w.churn[cellID]--
	return placement.ErrChanged
}

func (s store) Stranded(_ context.Context, cell manifest.Cell, limit int) (tenants []string, more bool, err error) {
	for range 2 { // the cell's tenants by the mapping, and by their places
		if err := s.w.ask("Query"); err != nil {
			return nil, false, err
		}
	}
	all := s.w.stranded[cell.ID]
	return all[:min(limit, len(all))], len(all) > limit, s.w.broken["Stranded"]
}

type reader struct{ w *world }

func (r reader) Read(_ context.Context, c manifest.Cell) (cellstatus.Status, error) {
	for _, operation := range []string{"GetItem", "Scan", "GetQueueAttributes", "GetQueueAttributes", "GetQueueAttributes", "GetQueueAttributes"} {
		if err := r.w.ask(operation); err != nil {
			return cellstatus.Status{}, err
		}
	}
	return r.w.statuses[c.ID], r.w.broken["Status"]
}

// throttle publishes what the router lets in a second.
func (w *world) throttle(t *testing.T, rate int) {
	t.Helper()
	router, err := manifest.ParseRouter(w.parameters[stack.RouterParameter()])
	require.NoError(t, err)
	router.ThrottleRate = rate
	w.parameters[stack.RouterParameter()], err = router.JSON()
	require.NoError(t, err)
}

// seconds is a duration as the services have theirs.
func seconds(d manifest.Duration) string { return strconv.Itoa(int(time.Duration(d).Seconds())) }
