package provider_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"

	"cellular/local/provider"
)

func TestPreviewMakesNothingAndKnowsWhatItCannotKnow(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	in, reasons := e.check(tableType, properties(with(aTable(), map[string]any{"name": "previewed"})))
	require.Empty(t, reasons)
	resp, err := e.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn(tableType), Properties: e.marshal(in), Preview: true})
	require.NoError(t, err)
	require.Empty(t, resp.GetId())
	out := e.unmarshal(resp.GetProperties())
	require.Equal(t, "previewed", out["name"].StringValue())
	require.True(t, out["arn"].IsComputed())
	require.True(t, out["streamArn"].IsComputed())
	require.Empty(t, e.read(made{token: tableType, id: "previewed"}).id)
}

func TestPreviewOfAnUpdateForgetsOnlyTheOutputsThatChange(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	m := e.create(tableType, with(aTable(), map[string]any{"name": "previewed"}))
	preview := func(change map[string]any) resource.PropertyMap {
		in, reasons := e.check(tableType, properties(with(aTable(), with(map[string]any{"name": "previewed"}, change))))
		require.Empty(t, reasons)
		resp, err := e.client.Update(t.Context(), &pulumirpc.UpdateRequest{Id: m.id, Urn: urn(tableType), OldInputs: e.marshal(m.in), Olds: e.marshal(m.out), News: e.marshal(in), Preview: true})
		require.NoError(t, err)
		return e.unmarshal(resp.GetProperties())
	}
	out := preview(map[string]any{"tags": map[string]any{"Cell": "beta"}})
	require.Equal(t, m.out["streamArn"], out["streamArn"])
	require.Equal(t, "beta", out["tagsAll"].ObjectValue()["Cell"].StringValue())
	out = preview(map[string]any{"streamViewType": "KEYS_ONLY"})
	require.True(t, out["streamArn"].IsComputed())
	require.Equal(t, m.out["arn"], out["arn"])
	require.Empty(t, e.diff(e.read(m), m.in).GetDiffs(), "the table is as it was")
}

func TestWhatCannotBeChangedIsReplaced(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	shared := createShared(e)
	cases := []struct {
		name, token string
		in, change  map[string]any
		replaces    []string
		deleteFirst bool
	}{
		{"queue name", queueType, map[string]any{"name": "a"}, map[string]any{"name": "b"}, []string{"name"}, false},
		{"table key", tableType, aTable(), map[string]any{"hashKey": "tenant", "globalSecondaryIndexes": nil, "attributes": []any{map[string]any{"name": "tenant", "type": "S"}}}, []string{"hashKey"}, true},
		{"subscription endpoint", subscriptionType, map[string]any{"topic": topicSharedARN, "protocol": "sqs", "endpoint": queueARN("shared")}, map[string]any{"endpoint": queueARN("shared-dlq")}, []string{"endpoint"}, false},
		{"mapping position", mappingType, with(aMapping(), map[string]any{"functionName": "shared", "eventSourceArn": shared.streamARN}), map[string]any{"startingPosition": "LATEST"}, []string{"startingPosition"}, false},
		{"parameter type", parameterType, map[string]any{"name": "p", "type": "String", "value": "v"}, map[string]any{"type": "SecureString"}, []string{"type"}, true},
		{"alarm name", metricAlarmType, anAlarm(), map[string]any{"name": "other"}, []string{"name"}, false},
		{"composite's switch", compositeType, aComposite(), map[string]any{"actionsEnabled": false}, []string{"actionsEnabled"}, true},
		{"dashboard name", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": `{"widgets":[]}`}, map[string]any{"dashboardName": "b"}, []string{"dashboardName"}, false},
		{"alias name", aliasType, map[string]any{"name": "alias/a", "targetKeyId": shared.keyID}, map[string]any{"name": "alias/b"}, []string{"name"}, false},
		{"permission", permissionType, map[string]any{"function": "shared", "statementId": "s", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com"}, map[string]any{"principal": "sns.amazonaws.com"}, []string{"principal"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := engine{t, e.client}
			m := e.create(c.token, c.in)
			wanted, reasons := e.check(c.token, properties(with(c.in, c.change)))
			require.Empty(t, reasons)
			d := e.diff(m, wanted)
			require.Equal(t, c.replaces, d.GetReplaces())
			require.Equal(t, c.deleteFirst, d.GetDeleteBeforeReplace(), "two resources cannot have one name at a time")
			require.Equal(t, pulumirpc.PropertyDiff_UPDATE_REPLACE, d.GetDetailedDiff()[c.replaces[0]].GetKind())
		})
	}
}

const topicSharedARN = "arn:aws:sns:us-east-1:" + account + ":shared"

func TestTheSpellingOfADocumentIsNoChange(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	m := e.create(roleType, map[string]any{"name": "spelling", "assumeRolePolicy": trust})
	respelt := properties(m.in.Mappable())
	respelt["assumeRolePolicy"] = resource.NewProperty(strings.ReplaceAll(trust, `":`, `" : `))
	require.Equal(t, pulumirpc.DiffResponse_DIFF_NONE, e.diff(m, respelt).GetChanges())
}

func TestResourcesGetANameWhereTheProgramGivesNone(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	in, reasons := e.check(queueType, properties(nil))
	require.Empty(t, reasons)
	require.Regexp(t, "^resource-[0-9a-f]{7}$", in["name"].StringValue())
	resp, err := e.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn(queueType), Olds: e.marshal(in), News: e.marshal(properties(nil)), RandomSeed: []byte("another seed of thirty-two bytes")})
	require.NoError(t, err)
	require.Equal(t, in["name"], e.unmarshal(resp.GetInputs())["name"], "a name that was given is kept")
}

func TestDefaultTagsReachEveryResourceAndChangeInPlace(t *testing.T) {
	rooms, _ := newRooms(t)
	server := serve(t, rooms)
	dev := connect(t, server, map[string]any{"defaultTags": `{"tags":{"Stack":"dev","Layer":"none"}}`})
	prod := connect(t, server, map[string]any{"defaultTags": `{"tags":{"Stack":"prod"}}`})

	m := dev.create(queueType, map[string]any{"name": "tagged", "tags": map[string]any{"Layer": "DataPlane"}})
	want := map[string]any{"Stack": "dev", "Layer": "DataPlane"}
	require.Equal(t, want, m.out["tagsAll"].Mappable(), "a resource's own tag wins; another connection's settings do not count")
	require.Equal(t, map[string]any{"Layer": "DataPlane"}, m.out["tags"].Mappable())
	require.Empty(t, dev.diff(dev.read(m), m.in).GetDiffs())

	require.Equal(t, []string{"tagsAll"}, prod.diff(m, m.in).GetDiffs(), "other default tags are a change")
	changed := prod.update(m, m.in)
	got, err := sqs.NewFromConfig(emulated).ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: aws.String(m.id)})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Stack": "prod", "Layer": "DataPlane"}, got.Tags)
	require.Empty(t, prod.diff(changed, m.in).GetDiffs())
}

func TestReadSeesWhatSomebodyElseChanged(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	m := e.create(queueType, map[string]any{"name": "drifted", "visibilityTimeoutSeconds": 60})
	_, err := sqs.NewFromConfig(emulated).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: aws.String(m.id), Attributes: map[string]string{"VisibilityTimeout": "10"}})
	require.NoError(t, err)
	require.Equal(t, []string{"visibilityTimeoutSeconds"}, e.diff(e.read(m), m.in).GetDiffs())
}

// Indexes are added to tables that are in use. They are made one at a time, and have the items that were there before; an
// item without an index's keys is not in it.
func TestIndexesThatAreAddedHaveTheItemsThatWereThere(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	client := dynamodb.NewFromConfig(emulated)
	table := e.create(tableType, with(aHistory(), map[string]any{"name": "in-use"}))
	put := func(epoch string, more map[string]types.AttributeValue) {
		item := map[string]types.AttributeValue{"tenant": &types.AttributeValueMemberS{Value: "acme"}, "epoch": &types.AttributeValueMemberN{Value: epoch}}
		maps.Copy(item, more)
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("in-use"), Item: item})
		require.NoError(t, err)
	}
	put("10", nil)
	put("9", map[string]types.AttributeValue{"cell": &types.AttributeValueMemberS{Value: "alpha"}})
	put("11", map[string]types.AttributeValue{"cell": &types.AttributeValueMemberS{Value: "alpha"}, "open": &types.AttributeValueMemberS{Value: "open"}})

	in, reasons := e.check(tableType, properties(with(aHistory(), map[string]any{
		"name": "in-use",
		"attributes": []any{
			map[string]any{"name": "tenant", "type": "S"}, map[string]any{"name": "epoch", "type": "N"},
			map[string]any{"name": "open", "type": "S"}, map[string]any{"name": "cell", "type": "S"},
		},
		"globalSecondaryIndexes": []any{
			map[string]any{"name": "open", "hashKey": "open", "rangeKey": "tenant", "projectionType": "ALL"},
			map[string]any{"name": "by-cell", "hashKey": "cell", "rangeKey": "epoch", "projectionType": "KEYS_ONLY"},
		},
	})))
	require.Empty(t, reasons)
	e.update(table, in)

	epochs := func(index, hash, value string) (found []string) {
		out, err := client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String("in-use"), IndexName: &index, KeyConditionExpression: aws.String("#hash = :value"),
			ExpressionAttributeNames:  map[string]string{"#hash": hash},
			ExpressionAttributeValues: map[string]types.AttributeValue{":value": &types.AttributeValueMemberS{Value: value}},
		})
		require.NoError(t, err)
		for _, item := range out.Items {
			found = append(found, item["epoch"].(*types.AttributeValueMemberN).Value)
		}
		return found
	}
	require.Equal(t, []string{"9", "11"}, epochs("by-cell", "cell", "alpha"), "a number sorts as a number")
	require.Equal(t, []string{"11"}, epochs("open", "open", "open"))
}

// The emulator forgets a queue's policy when another attribute is set without it.
func TestAChangeOfAQueueKeepsItsPolicy(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	queue := e.create(queueType, map[string]any{"name": "kept"})
	policy := e.create(queuePolicyType, map[string]any{"queueUrl": queue.id, "policy": allow(`"*"`, "sqs:SendMessage", queueARN("kept"))})
	e.create(redriveAllowType, map[string]any{"queueUrl": queue.id, "redriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
	wanted, _ := e.check(queueType, properties(map[string]any{"name": "kept", "visibilityTimeoutSeconds": 60}))
	e.update(queue, wanted)
	require.Empty(t, e.diff(e.read(policy), policy.in).GetDiffs())
}

func TestRefusesWhatPointsNowhere(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	shared := createShared(e)
	slow := e.create(functionType, with(aFunction(t, "slow"), map[string]any{"timeout": 31}))
	distrusted := e.create(roleType, map[string]any{"name": "distrusted", "assumeRolePolicy": strings.Replace(trust, "lambda", "ec2", 1)})
	nobody := "arn:aws:iam::" + account + ":role/nobody"
	for name, c := range map[string]struct {
		token string
		in    map[string]any
		want  string
	}{
		"dead-letter queue":                {queueType, map[string]any{"name": "q", "redrivePolicy": `{"deadLetterTargetArn":"` + queueARN("nowhere") + `","maxReceiveCount":5}`}, "dead letter target " + queueARN("nowhere") + ": does not exist"},
		"subscription's endpoint":          {subscriptionType, map[string]any{"topic": topicSharedARN, "protocol": "sqs", "endpoint": queueARN("nowhere")}, "endpoint " + queueARN("nowhere") + ": does not exist"},
		"subscription's DLQ":               {subscriptionType, map[string]any{"topic": topicSharedARN, "protocol": "sqs", "endpoint": queueARN("shared"), "redrivePolicy": `{"deadLetterTargetArn":"` + queueARN("nowhere") + `"}`}, "does not exist"},
		"principal of a table":             {tablePolicyType, map[string]any{"resourceArn": "arn:aws:dynamodb:us-east-1:" + account + ":table/shared", "policy": allow(`{"AWS":["`+nobody+`"]}`, "dynamodb:GetItem", "x")}, "policy principal: role " + nobody + ": does not exist"},
		"principal of a queue":             {queuePolicyType, map[string]any{"queueUrl": shared.queueURL, "policy": allow(`{"AWS":"`+nobody+`"}`, "sqs:SendMessage", "x")}, "does not exist"},
		"principal of a topic":             {topicPolicyType, map[string]any{"arn": topicSharedARN, "policy": allow(`{"AWS":"`+nobody+`"}`, "sns:Publish", "x")}, "does not exist"},
		"function's role":                  {functionType, with(aFunction(t, "f"), map[string]any{"role": nobody}), "does not exist"},
		"role of another service":          {functionType, with(aFunction(t, "f"), map[string]any{"role": distrusted.out["arn"].StringValue()}), "cannot be assumed by Lambda"},
		"mapping's function":               {mappingType, with(aMapping(), map[string]any{"eventSourceArn": shared.streamARN, "functionName": "nowhere"}), "does not exist"},
		"mapping's stream":                 {mappingType, with(aMapping(), map[string]any{"functionName": "shared", "eventSourceArn": shared.streamARN + "0"}), "is not the stream of table shared that is enabled now"},
		"mapping's queue":                  {mappingType, with(aQueueMapping(), map[string]any{"functionName": "shared", "eventSourceArn": queueARN("nowhere")}), "does not exist"},
		"mapping's destination":            {mappingType, with(aMapping(), map[string]any{"functionName": "shared", "eventSourceArn": shared.streamARN, "destinationConfig": map[string]any{"onFailure": map[string]any{"destinationArn": queueARN("nowhere")}}}), "on-failure destination " + queueARN("nowhere") + ": does not exist"},
		"slow function of a queue":         {mappingType, with(aQueueMapping(), map[string]any{"functionName": slow.id, "eventSourceArn": queueARN("shared")}), "visibility timeout of 30 seconds is less than the function's timeout of 31 seconds"},
		"permission's function":            {permissionType, map[string]any{"function": "nowhere", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com"}, "does not exist"},
		"composite's alarm":                {compositeType, with(aComposite(), map[string]any{"alarmRule": "ALARM(nowhere)"}), `its rule names "nowhere", and there is no such other alarm`},
		"composite's suppressor":           {compositeType, with(aComposite(), map[string]any{"actionsSuppressor": map[string]any{"alarm": "nowhere", "waitPeriod": 1, "extensionPeriod": 1}}), `its suppressor is "nowhere", and there is no such other alarm`},
		"alias's key":                      {aliasType, map[string]any{"name": "alias/nowhere", "targetKeyId": "01234567-0123-0123-0123-0123456789ab"}, "does not exist"},
		"principal of a key":               {keyType, with(aKey(), map[string]any{"policy": `{"Version":"2012-10-17","Statement":[` + administered + `,{"Effect":"Allow","Principal":{"AWS":"` + nobody + `"},"Action":"kms:Decrypt","Resource":"*"}]}`}), "does not exist"},
		"key that nobody could administer": {keyType, with(aKey(), map[string]any{"policy": allow(`{"Service":"cloudwatch.amazonaws.com"}`, "kms:Decrypt", "*")}), "will not allow you to update the key policy"},
		"route's integration":              {routeType, map[string]any{"apiId": shared.apiID, "routeKey": "GET /", "target": "integrations/nowhere"}, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := engine{t, e.client}.tryCreate(c.token, c.in)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestPermissionsLetAServiceInvokeAFunctionUntilTheyAreRemoved(t *testing.T) {
	rooms, _ := newRooms(t)
	enforced := map[string]string{}
	rooms.Permissions = provider.NewPermissions(func(function, document string) error { enforced[function] = document; return nil })
	e := attach(t, rooms, nil)
	createShared(e)
	m := e.create(permissionType, map[string]any{"function": functionARN("shared"), "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com", "sourceArn": "arn:aws:execute-api:us-east-1:123456789012:api/*"})
	require.NotEmpty(t, m.id)
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Sid":"`+m.id+`","Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},
		"Action":"lambda:InvokeFunction","Resource":"`+functionARN("shared")+`","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:us-east-1:123456789012:api/*"}}}]}`,
		enforced[functionARN("shared")])
	require.Empty(t, e.diff(e.read(m), m.in).GetDiffs())
	e.delete(m)
	require.Empty(t, enforced[functionARN("shared")])
	require.Empty(t, e.read(m).id)

	doomed := e.create(functionType, aFunction(t, "doomed"))
	e.create(permissionType, map[string]any{"function": "doomed", "action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com"})
	e.delete(doomed)
	require.Empty(t, enforced[functionARN("doomed")], "a new function of that name starts without a policy")
}

// A create that fails half-way must leave nothing behind, or the next try would fail because the name is taken.
func TestACreateThatFailsHalfWayLeavesNothing(t *testing.T) {
	rooms, _ := newRooms(t)
	rooms.AWS = failing(emulated, "UpdateTimeToLive", "PutRetentionPolicy")
	e := attach(t, rooms, nil)

	_, err := e.tryCreate(tableType, with(aTable(), map[string]any{"name": "half-made"}))
	require.ErrorContains(t, err, "set time to live")
	_, err = dynamodb.NewFromConfig(emulated).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("half-made")})
	require.ErrorContains(t, err, "ResourceNotFoundException")

	_, err = e.tryCreate(logGroupType, map[string]any{"name": "half-made", "retentionInDays": 30})
	require.ErrorContains(t, err, "set retention")
	groups, err := cloudwatchlogs.NewFromConfig(emulated).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("half-made")})
	require.NoError(t, err)
	require.Empty(t, groups.LogGroups)
}

func TestWhatCannotBeCleanedUpIsReported(t *testing.T) {
	rooms, _ := newRooms(t)
	rooms.AWS = failing(emulated, "UpdateTimeToLive", "DeleteTable")
	e := attach(t, rooms, nil)
	_, err := e.tryCreate(tableType, with(aTable(), map[string]any{"name": "left-over"}))
	left := initFailure(t, err)
	require.Equal(t, "left-over", left.GetId(), "the engine keeps it in its state, and the next update goes on")
	require.Len(t, left.GetReasons(), 2)
	attach(t, newRoomsOf(t), nil).delete(made{token: tableType, id: "left-over"})
}

func TestCancelLetsWhatIsInFlightFinishAndBeginsNothingOnThatConnection(t *testing.T) {
	rooms, fake := newRooms(t)
	fake.block, fake.blocked = make(chan struct{}), make(chan struct{})
	server := serve(t, rooms)
	interrupted, other := connect(t, server, nil), connect(t, server, nil)
	other.create(roleType, map[string]any{"name": "shared", "assumeRolePolicy": trust})
	in, _ := interrupted.check(functionType, properties(aFunction(t, "f")))

	ended := make(chan error, 1)
	go func() {
		_, err := interrupted.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn(functionType), Properties: interrupted.marshal(in)})
		ended <- err
	}()
	<-fake.blocked
	_, err := interrupted.client.Cancel(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	_, err = interrupted.tryCreate(roleType, map[string]any{"name": "too-late", "assumeRolePolicy": trust})
	require.ErrorContains(t, err, "context canceled")

	close(fake.block)
	require.NoError(t, <-ended, "the engine learns of what was made")
	go func() { <-fake.blocked }()
	other.create(functionType, aFunction(t, "g"))
}
