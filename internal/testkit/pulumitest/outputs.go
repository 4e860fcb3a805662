package pulumitest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// identity gives one resource's physical name and what follows from it.
type identity struct {
	res    *Resource
	name   string // physical: the name input, or the logical name with the suffix that Pulumi's auto-naming adds
	digest string // hex, distinct per URN
}

func (i identity) arn(service, rest string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", Partition, service, Region, Account, rest)
}

func (i identity) input(key resource.PropertyKey) string {
	v := i.res.Inputs[key]
	for v.IsSecret() {
		v = v.SecretValue().Element
	}
	if v.IsString() {
		return v.StringValue()
	}
	return ""
}

func (i identity) uuid() string {
	d := i.digest
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:32]
}

// MappingID is the id of an event source mapping. AWS gives a UUID; here it says whose it is, so that a test can tell who names it.
func MappingID(name string) string { return "uuid-of-" + name }

// computed holds, for each type that the program may register, the id and the outputs that only the cloud knows.
// The formats are those of AWS and of the Pulumi provider's import documentation.
var computed = map[string]func(identity) (string, map[string]any){
	"pulumi:providers:aws": func(i identity) (string, map[string]any) { return i.uuid(), nil },

	"aws:dynamodb/table:Table": func(i identity) (string, map[string]any) {
		out := map[string]any{"name": i.name, "arn": i.arn("dynamodb", "table/"+i.name)}
		if v := i.res.Inputs["streamEnabled"]; v.IsBool() && v.BoolValue() {
			const label = "2026-01-01T00:00:00.000"
			out["streamLabel"] = label
			out["streamArn"] = i.arn("dynamodb", "table/"+i.name+"/stream/"+label)
		}
		return i.name, out
	},
	"aws:dynamodb/resourcePolicy:ResourcePolicy": func(i identity) (string, map[string]any) {
		return i.input("resourceArn"), map[string]any{"revisionId": i.digest[:13]}
	},
	"aws:lambda/function:Function": func(i identity) (string, map[string]any) {
		arn := i.arn("lambda", "function:"+i.name)
		invoke := func(arn string) string {
			return fmt.Sprintf("arn:%s:apigateway:%s:lambda:path/2015-03-31/functions/%s/invocations", Partition, Region, arn)
		}
		return i.name, map[string]any{
			"name": i.name, "arn": arn, "invokeArn": invoke(arn), "version": "$LATEST",
			"qualifiedArn": arn + ":$LATEST", "qualifiedInvokeArn": invoke(arn + ":$LATEST"),
			"lastModified": "2026-01-01T00:00:00.000+0000", "sourceCodeSize": 1,
		}
	},
	"aws:lambda/eventSourceMapping:EventSourceMapping": func(i identity) (string, map[string]any) {
		id := MappingID(i.res.Name)
		return id, map[string]any{
			"uuid": id, "arn": i.arn("lambda", "event-source-mapping:"+id), "state": "Enabled",
			"functionArn": i.arn("lambda", "function:"+i.input("functionName")),
		}
	},
	"aws:lambda/permission:Permission": func(i identity) (string, map[string]any) {
		id := i.input("statementId")
		if id == "" {
			id = i.res.Name + "-" + i.digest[:7]
		}
		return id, map[string]any{"statementId": id}
	},
	"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": byInput("functionName"),
	"aws:scheduler/schedule:Schedule": func(i identity) (string, map[string]any) {
		return i.input("groupName") + "/" + i.name, map[string]any{"arn": i.arn("scheduler", "schedule/"+i.input("groupName")+"/"+i.name)}
	},
	"aws:sns/topic:Topic": func(i identity) (string, map[string]any) {
		arn := i.arn("sns", i.name)
		return arn, map[string]any{"name": i.name, "arn": arn, "owner": Account}
	},
	"aws:sns/topicPolicy:TopicPolicy": func(i identity) (string, map[string]any) {
		return i.input("arn"), map[string]any{"owner": Account}
	},
	"aws:sns/topicSubscription:TopicSubscription": func(i identity) (string, map[string]any) {
		arn := i.input("topic") + ":" + i.uuid()
		return arn, map[string]any{"arn": arn, "ownerId": Account, "pendingConfirmation": false}
	},
	"aws:sqs/queue:Queue": func(i identity) (string, map[string]any) {
		url := fmt.Sprintf("https://sqs.%s.%s/%s/%s", Region, dnsSuffix, Account, i.name)
		return url, map[string]any{"name": i.name, "url": url, "arn": i.arn("sqs", i.name)}
	},
	"aws:sqs/queuePolicy:QueuePolicy":               byInput("queueUrl"),
	"aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": byInput("queueUrl"),
	"aws:iam/role:Role": func(i identity) (string, map[string]any) {
		path := i.input("path")
		if path == "" {
			path = "/"
		}
		return i.name, map[string]any{
			"name": i.name, "arn": fmt.Sprintf("arn:%s:iam::%s:role%s%s", Partition, Account, path, i.name),
			"uniqueId": "AROA" + i.digest[:17], "createDate": "2026-01-01T00:00:00Z",
		}
	},
	"aws:iam/rolePolicy:RolePolicy": func(i identity) (string, map[string]any) {
		return i.input("role") + ":" + i.name, map[string]any{"name": i.name}
	},
	"aws:cloudwatch/logGroup:LogGroup": func(i identity) (string, map[string]any) {
		return i.name, map[string]any{"name": i.name, "arn": i.arn("logs", "log-group:"+i.name)}
	},
	"aws:kms/key:Key": func(i identity) (string, map[string]any) {
		return i.uuid(), map[string]any{"keyId": i.uuid(), "arn": i.arn("kms", "key/"+i.uuid()), "multiRegion": false, "rotationPeriodInDays": 365}
	},
	"aws:kms/alias:Alias": func(i identity) (string, map[string]any) {
		arn := i.arn("kms", "key/"+i.input("targetKeyId"))
		return i.name, map[string]any{"name": i.name, "arn": i.arn("kms", i.name), "namePrefix": "", "targetKeyArn": arn}
	},
	"aws:cloudwatch/metricAlarm:MetricAlarm": func(i identity) (string, map[string]any) {
		return i.name, map[string]any{"name": i.name, "arn": i.arn("cloudwatch", "alarm:"+i.name)}
	},
	"aws:cloudwatch/compositeAlarm:CompositeAlarm": func(i identity) (string, map[string]any) {
		name := i.input("alarmName")
		return name, map[string]any{"arn": i.arn("cloudwatch", "alarm:"+name)}
	},
	"aws:cloudwatch/dashboard:Dashboard": func(i identity) (string, map[string]any) {
		name := i.input("dashboardName")
		return name, map[string]any{"dashboardArn": fmt.Sprintf("arn:%s:cloudwatch::%s:dashboard/%s", Partition, Account, name)}
	},
	"aws:cloudwatch/queryDefinition:QueryDefinition": func(i identity) (string, map[string]any) {
		return i.uuid(), map[string]any{"queryDefinitionId": i.uuid()}
	},
	"aws:ssm/parameter:Parameter": func(i identity) (string, map[string]any) {
		return i.name, map[string]any{"name": i.name, "arn": i.arn("ssm", "parameter"+i.name), "version": 1}
	},
	"aws:apigatewayv2/api:Api": func(i identity) (string, map[string]any) {
		id := i.digest[:10]
		return id, map[string]any{
			"name":         i.name,
			"arn":          fmt.Sprintf("arn:%s:apigateway:%s::/apis/%s", Partition, Region, id),
			"apiEndpoint":  fmt.Sprintf("https://%s.execute-api.%s.%s", id, Region, dnsSuffix),
			"executionArn": i.arn("execute-api", id),
		}
	},
	"aws:apigatewayv2/integration:Integration": byDigest,
	"aws:apigatewayv2/route:Route":             byDigest,
	"aws:apigatewayv2/authorizer:Authorizer":   byDigest,
	"aws:apigatewayv2/stage:Stage": func(i identity) (string, map[string]any) {
		api := i.input("apiId")
		return i.name, map[string]any{
			"name":         i.name,
			"arn":          fmt.Sprintf("arn:%s:apigateway:%s::/apis/%s/stages/%s", Partition, Region, api, i.name),
			"executionArn": i.arn("execute-api", api+"/"+i.name),
			"invokeUrl":    fmt.Sprintf("https://%s.execute-api.%s.%s/%s", api, Region, dnsSuffix, i.name),
		}
	},
}

func byDigest(i identity) (string, map[string]any) { return i.digest[:7], nil }

func byInput(key resource.PropertyKey) func(identity) (string, map[string]any) {
	return func(i identity) (string, map[string]any) { return i.input(key), nil }
}

func computedOutputs(res *Resource) (string, resource.PropertyMap, error) {
	f, ok := computed[res.Type]
	if !ok {
		return "", nil, fmt.Errorf("%s: not a type that the program may register", res)
	}
	sum := sha256.Sum256([]byte(res.URN))
	i := identity{res: res, digest: hex.EncodeToString(sum[:])}
	if i.name = i.input("name"); i.name == "" {
		i.name = res.Name + "-" + i.digest[:7]
	}
	id, out := f(i)
	return id, properties(out), nil
}

func properties(m map[string]any) resource.PropertyMap { return resource.NewPropertyMapFromMap(m) }
