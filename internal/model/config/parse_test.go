package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/config"
	"cellular/internal/testkit/configtest"
)

var minimal = configtest.Minimal

func TestWhatIsLeftOutTakesItsDefault(t *testing.T) {
	c, err := config.Parse("dev", minimal())
	require.NoError(t, err)
	require.EqualValues(t, "dev", c.Deployment)
	require.True(t, c.Protect)
	require.Equal(t, config.PlaneAll, c.Plane)
	require.Equal(t, []config.Cell{{ID: "alpha", Wave: 0, Tier: "standard", MaxTenants: 100}}, c.Cells)
	require.Equal(t, config.AuthIAM, c.Router.Auth.Type)
	require.Equal(t, 6*time.Hour, c.Pipeline.Stream.MaxRecordAge)
}

func TestAnObjectReplacesOnlyTheFieldsThatItHas(t *testing.T) {
	c, err := config.Parse("dev", minimal(
		"cellular:router", `{"softTTL":"10s","auth":{"type":"jwt","issuer":"https://id.example.com","audience":["a","b"],"tenantClaim":"tid"}}`,
		"cellular:pipeline", `{"queue":{"maxConcurrency":7}}`,
		"cellular:protect", "false", "cellular:plane", "cells", "cellular:deployment", "prod", "aws:profile", "ops",
	))
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, c.Router.SoftTTL)
	require.Equal(t, time.Hour, c.Router.HardTTL)
	require.Equal(t, config.Auth{Type: config.AuthJWT, Issuer: "https://id.example.com", Audience: []string{"a", "b"}, TenantClaim: "tid"}, c.Router.Auth)
	require.Equal(t, 7, c.Pipeline.Queue.MaxConcurrency)
	require.Equal(t, 10, c.Pipeline.Queue.BatchSize)
	require.False(t, c.Protect)
	require.Equal(t, config.PlaneCells, c.Plane)
	require.EqualValues(t, "prod", c.Deployment)
	require.Equal(t, "ops", c.Profile)
}

func TestAnAlarmTakesTheFieldsThatItHas(t *testing.T) {
	c, err := config.Parse("dev", minimal("cellular:protect", "false", "cellular:alarms",
		`{"topic":"arn:aws:sns:eu-west-1:123456789012:pager","period":"10s","cell":{"oldestMessage":{"threshold":"90s"},"edgeFailures":{"threshold":0.5,"minSamples":3}},"router":{"errors":{"missing":"ignore"}}}`))
	require.NoError(t, err)
	want := config.Default().Alarms
	want.Topic, want.Period = "arn:aws:sns:eu-west-1:123456789012:pager", 10*time.Second
	want.Cell.OldestMessage.Threshold = 90 * time.Second
	want.Cell.EdgeFailures.Threshold, want.Cell.EdgeFailures.MinSamples = 0.5, 3
	want.Router.Errors.Missing = config.MissingIgnore
	require.Equal(t, want, c.Alarms)
}

const wantAudience = "a list of 1 to 50 different strings, none of them empty or with control characters"

func TestEachMistakeSaysWhereWhatAndWhatIsAllowed(t *testing.T) {
	const jwt = `"type":"jwt","issuer":"https://i.example","audience":["a"],"tenantClaim":"t"`
	for _, test := range []struct {
		key, value string
		want       string
	}{
		// keys
		{"cellular:cell", "[]", "cellular:cell: unknown key, allowed are cellular:alarms, cellular:cells, cellular:deployment, cellular:drop, cellular:functions, cellular:pipeline, cellular:plane, cellular:probe, cellular:protect, cellular:router"},
		{"aws:defaultTags", "{}", "aws:defaultTags: is not handed to the AWS provider, allowed are aws:profile, aws:region"},
		{"cellular:router", `{"softTtl":"1s"}`, "cellular:router.softTtl: unknown key, allowed are auth, breaker, cacheSize, cellLimit, cellTimeout, counterTimeout, hardTTL, maxPayloadBytes, memory, minCellTimeout, negativeTTL, refreshTimeout, reservedConcurrency, softTTL, tenantLimit, throttle, timeout"},
		{"cellular:router", `{"auth":{"kind":"iam"}}`, "cellular:router.auth.kind: unknown key, allowed are audience, issuer, tenantClaim, type"},
		{"cellular:pipeline", `{"consumer":{"retryBackoff":{"factor":2}}}`, "cellular:pipeline.consumer.retryBackoff.factor: unknown key, allowed are base, max"},
		{"cellular:cells", `[{"id":"alpha","Wave":1}]`, `cellular:cells[0].Wave (cell "alpha"): unknown key, allowed are id, maxTenants, tier, wave`},
		// the top level
		{"aws:region", "", "aws:region: is not set, want the AWS region to deploy to, such as eu-west-1: pulumi config set aws:region eu-west-1"},
		{"aws:region", "Frankfurt", `aws:region: is "Frankfurt", want an AWS region such as eu-west-1`},
		{"aws:region", "us-west-3", `aws:region: is "us-west-3", want a region that exists: us-east-1, us-east-2, us-gov-east-1, us-gov-west-1, us-iso-east-1, us-iso-west-1, us-isob-east-1, us-isob-west-1, us-isof-east-1, us-isof-south-1, us-west-1, us-west-2`},
		{"aws:region", "aws-global", `aws:region: is "aws-global", want an AWS region such as eu-west-1`},
		// what is given twice, of which JSON's readers would take one
		{"cellular:router", `{"softTTL":"5s","softTTL":"7s"}`, "cellular:router.softTTL: is given twice in one object, want it once"},
		{"cellular:router", `{"auth":{"type":"iam","t\u0079pe":"iam","type":"iam"}}`, "cellular:router.auth.type: is given twice in one object, want it once"},
		{"cellular:pipeline", `{"queue":{"batchSize":9},"consumer":{},"queue":{"batchSize":9}}`, "cellular:pipeline.queue: is given twice in one object, want it once"},
		{"cellular:cells", `[{"id":"alpha"},{"id":"beta","wave":1,"wave":1}]`, "cellular:cells[1].wave: is given twice in one object, want it once"},
		{"cellular:plane", "both", `cellular:plane: is "both", want one of all, global, cells`},
		{"cellular:protect", "yes", `cellular:protect: is "yes", want true or false`},
		{"cellular:deployment", "a.b", `cellular:deployment: is "a.b", want letters, digits, - and _, of which the first is a letter or a digit`},
		{"cellular:deployment", strings.Repeat("d", 43), `AWS allows 64`},
		{"cellular:router", "fast", `cellular:router: is "fast", want an object`},
		{"cellular:pipeline", `{"queue":[]}`, `cellular:pipeline.queue: is [], want an object`},
		// cells
		{"cellular:cells", "", "cellular:cells: lists no cell, want at least one, or cellular:plane: global for a stack without cells"},
		{"cellular:cells", "[]", "cellular:cells: lists no cell, want at least one, or cellular:plane: global for a stack without cells"},
		{"cellular:cells", `{"id":"alpha"}`, `cellular:cells: is {"id":"alpha"}, want a list of cells`},
		{"cellular:cells", `["alpha"]`, `cellular:cells[0]: is "alpha", want an object with the cell's id`},
		{"cellular:cells", `[{"wave":1}]`, `cellular:cells[0].id: is not set, want the cell's id`},
		{"cellular:cells", `[{"id":null}]`, `cellular:cells[0].id: is null, want 2 to 20 lower-case letters, digits and -, of which the first is a letter`},
		{"cellular:cells", `[{"id":"Alpha"}]`, `cellular:cells[0].id (cell "Alpha"): is "Alpha", want 2 to 20 lower-case letters, digits and -, of which the first is a letter`},
		{"cellular:cells", `[{"id":"a"}]`, `cellular:cells[0].id (cell "a"): is "a", want 2 to 20 lower-case letters, digits and -, of which the first is a letter`},
		{"cellular:cells", `[{"id":"alpha"},{"id":"beta"},{"id":"alpha"}]`, `cellular:cells[2].id: is "alpha" like cellular:cells[0].id, want ids that differ`},
		{"cellular:cells", `[{"id":"alpha","wave":-1}]`, `cellular:cells[0].wave (cell "alpha"): is -1, want a whole number from 0 to 99`},
		{"cellular:cells", `[{"id":"alpha","tier":"gold"}]`, `cellular:cells[0].tier (cell "alpha"): is "gold", want one of standard, dedicated`},
		{"cellular:cells", `[{"id":"alpha","maxTenants":"ten"}]`, `cellular:cells[0].maxTenants (cell "alpha"): is "ten", want a whole number from 1 to 1000000`},
		{"cellular:cells", `[{"id":"alpha","maxTenants":1.5}]`, `cellular:cells[0].maxTenants (cell "alpha"): is 1.5, want a whole number from 1 to 1000000`},
		{"cellular:cells", `[{"id":"alpha","maxTenants":0}]`, `cellular:cells[0].maxTenants (cell "alpha"): is 0, want a whole number from 1 to 1000000`},
		// what the stack may lose
		{"cellular:drop", `{"cell":"alpha"}`, `cellular:drop: is {"cell":"alpha"}, want a list of what the stack may lose`},
		{"cellular:drop", `["alpha"]`, `cellular:drop[0]: is "alpha", want an object with a cell and its tenants, or with a controlPlane`},
		{"cellular:drop", `[{}]`, `cellular:drop[0]: is {}, want either a cell and its tenants, or a controlPlane`},
		{"cellular:drop", `[{"cell":"alpha","controlPlane":"dev","tenants":[]}]`, `cellular:drop[0]: is {"cell":"alpha","controlPlane":"dev","tenants":[]}, want either a cell and its tenants, or a controlPlane`},
		{"cellular:drop", `[{"cell":"alpha"}]`, `cellular:drop[0].tenants: is not set, want every tenant of cell "alpha" by its id, [] if it has none`},
		{"cellular:drop", `[{"cell":"alpha","tenants":"all"}]`, `cellular:drop[0].tenants: is "all", want a list of different tenants' ids, [] for a cell that has none`},
		{"cellular:drop", `[{"cell":"alpha","tenants":["acme","acme"]}]`, `cellular:drop[0].tenants: is ["acme","acme"], want a list of different tenants' ids, [] for a cell that has none`},
		{"cellular:drop", `[{"cell":"alpha","tenants":["*"]}]`, `cellular:drop[0].tenants: is ["*"], want a list of different tenants' ids, [] for a cell that has none`},
		{"cellular:drop", `[{"cell":"*","tenants":[]}]`, `cellular:drop[0].cell: is "*", want 2 to 20 lower-case letters, digits and -, of which the first is a letter`},
		{"cellular:drop", `[{"controlPlane":true}]`, `cellular:drop[0].controlPlane: is true, want the name of the deployment whose control plane it is: letters, digits, - and _, of which the first is a letter or a digit`},
		{"cellular:drop", `[{"controlPlane":"dev","tenants":[]}]`, `cellular:drop[0].tenants: is set beside a controlPlane, want it beside a cell only`},
		{"cellular:drop", `[{"controlPlane":"dev","all":true}]`, `cellular:drop[0].all: unknown key, allowed are cell, controlPlane, tenants`},
		{"cellular:drop", `[{"cell":"beta","tenants":[]},{"cell":"beta","tenants":["acme"]}]`, `cellular:drop[1]: names the same as cellular:drop[0], want one entry`},
		// who may call
		{"cellular:router", `{"auth":{"type":"basic"}}`, `cellular:router.auth.type: is "basic", want one of iam, jwt, none`},
		{"cellular:router", `{"auth":{"type":"none"}}`, "cellular:router.auth.type: is none while cellular:protect is true, want iam or jwt: an open router is for throw-away stacks"},
		{"cellular:router", `{"auth":{"type":"jwt","audience":["a"],"tenantClaim":"t"}}`, "cellular:router.auth.issuer: is not set, want a value: cellular:router.auth.type is jwt"},
		{"cellular:router", `{"auth":{"tenantClaim":"t"}}`, "cellular:router.auth.tenantClaim: is set, want none: cellular:router.auth.type is iam, only jwt has a use for it"},
		{"cellular:router", `{"auth":{` + strings.Replace(jwt, "https", "http", 1) + `}}`, `cellular:router.auth.issuer: is "http://i.example", want the https URL of the tokens' issuer, without user, space, query or fragment`},
		{"cellular:router", `{"auth":{` + strings.Replace(jwt, `["a"]`, `"a"`, 1) + `}}`, `cellular:router.auth.audience: is "a", want ` + wantAudience},
		{"cellular:router", `{"auth":{` + strings.Replace(jwt, `["a"]`, `["a",""]`, 1) + `}}`, `cellular:router.auth.audience: is ["a",""], want ` + wantAudience},
		{"cellular:router", `{"auth":{` + strings.Replace(jwt, `["a"]`, `["a","b","a"]`, 1) + `}}`, `cellular:router.auth.audience: is ["a","b","a"], want ` + wantAudience},
		{"cellular:router", `{"auth":{` + strings.Replace(jwt, `["a"]`, `["a\n"]`, 1) + `}}`, `cellular:router.auth.audience: is ["a\n"], want ` + wantAudience},
		{"cellular:router", `{"auth":{` + strings.Replace(jwt, `"t"`, `"t\u0000"`, 1) + `}}`, `cellular:router.auth.tenantClaim: is "t\u0000", want the name of the token's claim that holds the tenant`},
		// what is for throw-away stacks
		{"cellular:functions", `{"faultInjection":true}`, "cellular:functions.faultInjection: is true while cellular:protect is true, want false: faults are for throw-away stacks"},
		// the router
		{"cellular:router", `{"softTTL":30}`, `cellular:router.softTTL: is 30, want a duration from 1s to 1h, written like "1h30m" or "250ms"`},
		{"cellular:router", `{"softTTL":"1h","hardTTL":"30m"}`, "cellular:router.softTTL: is 1h, want less than the hardTTL of 30m"},
		{"cellular:router", `{"timeout":"29s"}`, `cellular:router.timeout: is "29s", want a duration in whole seconds from 1s to 28s, written like "1h30m" or "250ms"`},
		{"cellular:router", `{"timeout":"1500ms"}`, `cellular:router.timeout: is "1500ms", want a duration in whole seconds from 1s to 28s, written like "1h30m" or "250ms"`},
		{"cellular:router", `{"timeout":"3s"}`, "cellular:router.timeout: is 3s, want more than refreshTimeout and cellTimeout, which are 3.5s"},
		{"cellular:router", `{"maxPayloadBytes":409600}`, "cellular:router.maxPayloadBytes: is 409600, want a whole number from 1 to 408576"},
		{"cellular:router", `{"throttle":{"rate":0}}`, "cellular:router.throttle.rate: is 0, want a whole number from 1 to 10000"},
		{"cellular:router", `{"tenantLimit":{"rate":0}}`, "cellular:router.tenantLimit.rate: is 0, want a whole number from 1 to 10000"},
		{"cellular:router", `{"tenantLimit":{"rate":201}}`, "cellular:router.cellLimit.rate: is 200, want at least the tenantLimit's rate of 201: one tenant alone must not use up its cell's share"},
		{"cellular:router", `{"cellLimit":{"burst":199}}`, "cellular:router.cellLimit.burst: is 199, want at least the tenantLimit's burst of 200: one tenant alone must not use up its cell's share"},
		{"cellular:router", `{"cellLimit":{"inFlight":1001}}`, "cellular:router.cellLimit.inFlight: is 1001, want a whole number from 1 to 1000"},
		{"cellular:router", `{"breaker":{"openFor":"10m"}}`, `cellular:router.breaker.openFor: is "10m", want a duration from 100ms to 5m, written like "1h30m" or "250ms"`},
		{"cellular:router", `{"breaker":{"failures":0,"openFor":"5s"}}`, "cellular:router.breaker.failures: is 0, want a whole number from 1 to 100"},
		// functions
		{"cellular:functions", `{"architecture":"amd64"}`, `cellular:functions.architecture: is "amd64", want one of arm64, x86_64`},
		{"cellular:functions", `{"memory":64}`, "cellular:functions.memory: is 64, want a whole number from 128 to 10240"},
		{"cellular:functions", `{"logRetentionDays":10}`, "cellular:functions.logRetentionDays: is 10, want one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653"},
		{"cellular:functions", `{"tracing":"true"}`, `cellular:functions.tracing: is "true", want true or false`},
		// the pipeline
		{"cellular:pipeline", `{"stream":{"retries":5}}`, "cellular:pipeline.stream.retries: unknown key, allowed are batchSize, batchWindow, concurrentPublishes, maxRecordAge, parallelization"},
		{"cellular:pipeline", `{"stream":{"maxRecordAge":"24h"}}`, `cellular:pipeline.stream.maxRecordAge: is "24h", want a duration in whole seconds from 1m to 23h, written like "1h30m" or "250ms"`},
		{"cellular:pipeline", `{"queue":{"batchSize":11}}`, "cellular:pipeline.queue.batchSize: is 11, want at most 10, or a batchWindow of at least 1s"},
		{"cellular:pipeline", `{"queue":{"maxConcurrency":1}}`, "cellular:pipeline.queue.maxConcurrency: is 1, want a whole number from 2 to 1000"},
		{"cellular:pipeline", `{"queue":{"maxReceiveCount":4}}`, "cellular:pipeline.queue.maxReceiveCount: is 4, want a whole number from 5 to 1000"},
		{"cellular:pipeline", `{"queue":{"retention":"10m"}}`, "cellular:pipeline.queue.retention: is 10m, want more than the 40m that maxReceiveCount receives can take"},
		{"cellular:pipeline", `{"queue":{"retention":"336h"}}`, "cellular:pipeline.queue.dlqRetention: is 336h, want more than the queue's retention of 336h: a message in a DLQ keeps its age"},
		{"cellular:pipeline", `{"consumerReservedConcurrency":9}`, "cellular:pipeline.consumerReservedConcurrency: is 9, want 0 or at least the queue's maxConcurrency of 10: receives that are throttled count as failures"},
		{"cellular:pipeline", `{"consumer":{"recordTimeout":"29s"}}`, "cellular:pipeline.consumer.recordTimeout: is 29s, want at least 2s less than the functions' timeout of 30s, which the consumer keeps for its answer"},
		{"cellular:pipeline", `{"consumer":{"retryBackoff":{"base":"6m"}}}`, "cellular:pipeline.consumer.retryBackoff.base: is 6m, want at most the max of 5m"},
		{"cellular:pipeline", `{"consumer":{"retryBackoff":{"max":"12h"}}}`, `cellular:pipeline.consumer.retryBackoff.max: is "12h", want a duration from 1ms to 10h, written like "1h30m" or "250ms"`},
		{"cellular:pipeline", `{"dataTTL":"774h"}`, "cellular:pipeline.dataTTL: is 774h, want more than the 774h that an event can be on its way (maxRecordAge, retention and twice dlqRetention): its payload may be read until then"},
		{"cellular:pipeline", `{"dataTTL":"47h"}`, `cellular:pipeline.dataTTL: is "47h", want a duration in whole seconds from 48h to 87600h, written like "1h30m" or "250ms"`},
		{"cellular:pipeline", `{"consumer":{"resultTTL":"840h"}}`, "cellular:pipeline.consumer.resultTTL: is 840h, want more than the dataTTL of 840h: an event that was applied must not be seen as accepted once more"},
		// the probe
		{"cellular:probe", `{"every":"1m"}`, "cellular:probe.every: unknown key, allowed are enabled, interval, memory, patience"},
		{"cellular:probe", `{"interval":"90s"}`, `cellular:probe.interval: is "90s", want whole minutes from 1m to 15m`},
		{"cellular:probe", `{"interval":"16m"}`, `cellular:probe.interval: is "16m", want whole minutes from 1m to 15m`},
		{"cellular:probe", `{"patience":"500ms"}`, `cellular:probe.patience: is "500ms", want a duration in whole seconds from 1s to 15m, written like "1h30m" or "250ms"`},
		{"cellular:probe", `{"patience":"30s"}`, "cellular:probe.patience: is 30s, want less than half the interval of 1m"},
		{"cellular:probe", `{"patience":"3s"}`, "cellular:probe.patience: is 3s, want more than the router's refreshTimeout and cellTimeout, which are 3.5s: the router says which cell hangs"},
		{"cellular:pipeline", `{"stream":{"batchWindow":"15s"},"queue":{"batchWindow":"5s"}}`, "cellular:probe.patience: is 20s, want more than the batchWindows of the stream and the queue, which are 20s: an event waits for both"},
		// alarms
		{"cellular:alarms", `{"cells":{}}`, "cellular:alarms.cells: unknown key, allowed are cell, controlPlane, period, probe, router, topic"},
		{"cellular:alarms", `{"cell":{"dlq":{}}}`, "cellular:alarms.cell.dlq: unknown key, allowed are acceptedToApplied, breakerOpens, consumerDLQ, consumerErrors, consumerThrottles, droppedEvents, edgeFailures, iteratorAge, oldestMessage, pipeline, producerErrors, producerThrottles, streamDLQ, subscriptionDLQ"},
		{"cellular:alarms", `{"cell":{"streamDLQ":{"minSamples":1}}}`, "cellular:alarms.cell.streamDLQ.minSamples: unknown key, allowed are datapoints, missing, periods, threshold"},
		{"cellular:alarms", `{"router":{"failures":{"share":0.1}}}`, "cellular:alarms.router.failures.share: unknown key, allowed are datapoints, minSamples, missing, periods, threshold"},
		{"cellular:alarms", `{"controlPlane":{"failures":{}}}`, "cellular:alarms.controlPlane.failures: unknown key, allowed are mappingErrors, mappingThrottles, refreshFailures, staleAnswers"},
		{"cellular:alarms", `{"probe":{"silent":{"threshold":0}}}`, "cellular:alarms.probe.silent.threshold: unknown key, allowed are datapoints, missing, periods"},
		{"cellular:alarms", `{"cell":{"pipeline":{"datapoints":4}}}`, "cellular:alarms.cell.pipeline.datapoints: is 4, want at most 3, the number of periods"},
		{"cellular:alarms", `{"period":"90s"}`, `cellular:alarms.period: is "90s", want 10s, 30s, or whole minutes from 1m to 15m`},
		{"cellular:alarms", `{"period":60}`, `cellular:alarms.period: is 60, want 10s, 30s, or whole minutes from 1m to 15m`},
		{"cellular:alarms", `{"period":"10s"}`, "cellular:alarms.period: is 10s while cellular:protect is true, want whole minutes: AWS's services report each minute, so that most of such periods have no data"},
		{"cellular:alarms", `{"topic":"pager"}`, `cellular:alarms.topic: is "pager", want the ARN of a standard SNS topic, or "" for the deployment's own`},
		{"cellular:alarms", `{"topic":"arn:aws:sns:eu-west-1:123456789012:pager.fifo"}`, `cellular:alarms.topic: is "arn:aws:sns:eu-west-1:123456789012:pager.fifo", want the ARN of a standard SNS topic, or "" for the deployment's own`},
		{"cellular:alarms", `{"topic":"arn:aws:sns:us-east-1:123456789012:pager"}`, "cellular:alarms.topic: is in us-east-1, want a topic in eu-west-1, where the alarms are"},
		{"cellular:alarms", `{"cell":{"consumerDLQ":{"threshold":-1}}}`, "cellular:alarms.cell.consumerDLQ.threshold: is -1, want a whole number from 0 to 1000000"},
		{"cellular:alarms", `{"cell":{"oldestMessage":{"threshold":300}}}`, `cellular:alarms.cell.oldestMessage.threshold: is 300, want a duration from 1s to 336h, written like "1h30m" or "250ms"`},
		{"cellular:alarms", `{"cell":{"edgeFailures":{"threshold":5}}}`, "cellular:alarms.cell.edgeFailures.threshold: is 5, want a number from 0 that is less than 1"},
		{"cellular:alarms", `{"cell":{"edgeFailures":{"threshold":1}}}`, "cellular:alarms.cell.edgeFailures.threshold: is 1, want a number from 0 that is less than 1"},
		{"cellular:alarms", `{"cell":{"edgeFailures":{"threshold":"5%"}}}`, `cellular:alarms.cell.edgeFailures.threshold: is "5%", want a number from 0 that is less than 1`},
		{"cellular:alarms", `{"cell":{"producerErrors":{"missing":"ok"}}}`, `cellular:alarms.cell.producerErrors.missing: is "ok", want one of notBreaching, breaching, ignore, missing`},
		{"cellular:alarms", `{"router":{"errors":{"datapoints":6}}}`, "cellular:alarms.router.errors.datapoints: is 6, want at most 5, the number of periods"},
		{"cellular:alarms", `{"router":{"errors":{"periods":97}}}`, "cellular:alarms.router.errors.periods: is 97, want a whole number from 1 to 96"},
		{"cellular:alarms", `{"cell":{"iteratorAge":{"threshold":"6h"}}}`, "cellular:alarms.cell.iteratorAge.threshold: is 6h, want less than the stream's maxRecordAge of 6h: a record that old is given up"},
		{"cellular:alarms", `{"cell":{"oldestMessage":{"threshold":"96h"}}}`, "cellular:alarms.cell.oldestMessage.threshold: is 96h, want less than the queue's retention of 96h: no message gets that old"},
	} {
		t.Run(test.key+"="+test.value, func(t *testing.T) {
			_, err := config.Parse("dev", minimal(test.key, test.value))
			require.Error(t, err)
			if strings.HasPrefix(test.want, "AWS allows") {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}

func TestAStackNameThatAWSDoesNotAllowNeedsADeployment(t *testing.T) {
	_, err := config.Parse("team.dev", minimal())
	require.EqualError(t, err, `cellular:deployment: is not set, so that physical names start with the stack's name "team.dev", which AWS does not allow: `+
		"set it to letters, digits, - and _, of which the first is a letter or a digit")
	_, err = config.Parse("team.dev", minimal("cellular:deployment", "dev"))
	require.NoError(t, err)
}

func TestANameThatAWSWouldRefuseIsRefusedByCell(t *testing.T) {
	_, err := config.Parse(strings.Repeat("s", 30), minimal("cellular:cells", `[{"id":"a-very-long-cell-id"},{"id":"c2"}]`))
	require.ErrorContains(t, err, "cellular:cells[0].id: cell a-very-long-cell-id: ")
	require.NotContains(t, err.Error(), "cellular:cells[1]")
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := config.Parse("dev", map[string]string{
		"cellular:cells":    `[{"id":"Alpha"},{"id":"beta","wave":"x","colour":"red"},{"id":"beta"}]`,
		"cellular:router":   `{"softTTL":"2h","cacheSize":0,"auth":{"type":"jwt"}}`,
		"cellular:pipeline": `{"queue":{"retention":"14d"},"consumer":{"resultTTL":"1h"}}`,
		"cellular:protekt":  "false",
		"other:key":         "is not ours",
	})
	require.Error(t, err)
	require.ElementsMatch(t, []string{
		"cellular:protekt", "aws:region", `cellular:cells[0].id (cell "Alpha")`, `cellular:cells[1].wave (cell "beta")`, `cellular:cells[1].colour (cell "beta")`,
		"cellular:cells[2].id", "cellular:router.softTTL", "cellular:router.cacheSize",
		"cellular:router.auth.issuer", "cellular:router.auth.audience", "cellular:router.auth.tenantClaim",
		"cellular:pipeline.queue.retention", "cellular:pipeline.consumer.resultTTL",
	}, configtest.Paths(err), "a rule about a value that is itself wrong says nothing: the rest of the mistakes are each reported once")
}

func TestAGlobalStackNeedsNoCells(t *testing.T) {
	c, err := config.Parse("dev", minimal("cellular:cells", "", "cellular:plane", "global"))
	require.NoError(t, err)
	require.Empty(t, c.Cells)
}

// validConfig draws a configuration that Parse must take, as its values and the cells in it.
func validConfig() *rapid.Generator[map[string]string] {
	seconds := func(low, high int) *rapid.Generator[string] {
		return rapid.Map(rapid.IntRange(low, high), func(n int) string { return fmt.Sprintf("%q", (time.Duration(n) * time.Second).String()) })
	}
	return rapid.Custom(func(t *rapid.T) map[string]string {
		draw := func(g *rapid.Generator[string]) string { return g.Draw(t, "value") }
		number := func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "number") }
		auth := rapid.SampledFrom([]string{
			`{"type":"iam"}`, `{}`, `{"type":"jwt","issuer":"https://id.example.com","audience":["x"],"tenantClaim":"tid"}`,
		}).Draw(t, "auth")
		return map[string]string{
			"aws:region":       rapid.SampledFrom([]string{"eu-west-1", "us-gov-west-1", "ap-southeast-4"}).Draw(t, "region"),
			"cellular:protect": rapid.SampledFrom([]string{"true", "false"}).Draw(t, "protect"),
			"cellular:plane":   rapid.SampledFrom([]string{"all", "global", "cells"}).Draw(t, "plane"),
			"cellular:cells":   configtest.CellsJSON(configtest.Cells(8).Draw(t, "cells")),
			"cellular:router": fmt.Sprintf(`{"auth":%s,"softTTL":%s,"hardTTL":%s,"negativeTTL":%s,"cacheSize":%d,"timeout":%s,"throttle":{"rate":%d,"burst":%d}}`,
				auth, draw(seconds(1, 3599)), draw(seconds(3600, 86400)), draw(seconds(1, 300)), number(1, 1_000_000), draw(seconds(7, 28)), number(1, 10_000), number(1, 5000)),
			"cellular:functions": fmt.Sprintf(`{"memory":%d,"timeout":%s,"tracing":%t}`, number(128, 10240), draw(seconds(7, 900)), rapid.Bool().Draw(t, "tracing")),
			"cellular:pipeline": fmt.Sprintf(`{"stream":{"batchSize":%d,"parallelization":%d},"inlinePayloadBytes":%d,"queue":{"batchSize":%d,"batchWindow":%s,"maxReceiveCount":%d,"maxConcurrency":%d}}`,
				number(1, 10_000), number(1, 10), number(1, 240<<10), number(1, 1000), draw(seconds(1, 300)), number(5, 50), number(2, 1000)),
			"cellular:probe": fmt.Sprintf(`{"enabled":%t,"interval":"15m","patience":%s,"memory":%d}`,
				rapid.Bool().Draw(t, "enabled"), draw(seconds(301, 449)), number(128, 10240)),
		}
	})
}

func TestEveryValidConfigurationParsesAndTheOrderOfCellsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := validConfig().Draw(t, "raw")
		cells := configtest.Cells(8).Draw(t, "cells")
		raw["cellular:cells"] = configtest.CellsJSON(cells)
		first, err := config.Parse("dev", raw)
		require.NoError(t, err)

		other := maps.Clone(raw)
		other["cellular:cells"] = configtest.CellsJSON(rapid.Permutation(cells).Draw(t, "order"))
		second, err := config.Parse("dev", other)
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}

// withIssuer is a configuration that trusts tokens.
func withIssuer(issuer string, audiences int) map[string]string {
	c := config.Default()
	c.Deployment, c.Region, c.Cells = "dev", "eu-west-1", []config.Cell{{ID: "alpha", Tier: "standard", MaxTenants: 1}}
	c.Router.Auth = config.Auth{Type: config.AuthJWT, Issuer: issuer, TenantClaim: "t"}
	for i := range audiences {
		c.Router.Auth.Audience = append(c.Router.Auth.Audience, fmt.Sprint("audience-", i))
	}
	return configtest.Raw(c)
}

func TestAnIssuerIsAURLUnderWhichAPIGatewayFindsKeys(t *testing.T) {
	for _, good := range []string{
		"https://id.example.com", "https://id.example.com/", "https://id.example.com:8443/a/b", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1",
		"https://login.example.com/0b6e-11/v2.0", "https://127.0.0.1:4443", "https://id.example.com/a%20b",
	} {
		_, err := config.Parse("dev", withIssuer(good, 1))
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"", "id.example.com", "https://", "https:///realm", "https://:443", "HTTPS://id.example.com", "http://id.example.com", "https://user@id.example.com",
		"https://user:secret@id.example.com", "https://@id.example.com", "https://id.example.com?", "https://id.example.com/?a=b", "https://id.example.com/#a",
		"https://id.example.com#", "https://id.example.com/a b", " https://id.example.com", "https://id.example.com\n", "https://id.example.com/\u00e9",
		"https://id.example.com:0", "https://id.example.com:65536", "https://id.example.com/%zz", `https://id.example.com\a`,
	} {
		_, err := config.Parse("dev", withIssuer(bad, 1))
		require.ErrorContains(t, err, "cellular:router.auth.issuer: is ", bad)
	}
}

func TestAnAuthorizerTakesFiftyAudiences(t *testing.T) {
	_, err := config.Parse("dev", withIssuer("https://id.example.com", 50))
	require.NoError(t, err)
	_, err = config.Parse("dev", withIssuer("https://id.example.com", 51))
	require.ErrorContains(t, err, "cellular:router.auth.audience: is [")
}

func TestAClaimsNameFitsTheEnvironmentOfTheRouter(t *testing.T) {
	raw := withIssuer("https://id.example.com", 1)
	c, err := config.Parse("dev", raw)
	require.NoError(t, err)
	fits := 4096 - config.EnvironmentSize(c.RouterEnvironment()) + len(c.Router.Auth.TenantClaim)
	for _, n := range []int{fits, fits + 1} {
		c.Router.Auth.TenantClaim = strings.Repeat("t", n)
		_, err = config.Parse("dev", configtest.Raw(c))
		if n == fits {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, fmt.Sprintf("cellular:router.auth.tenantClaim: is %d bytes long, so that the environment of the router's function takes 4097 bytes, want at most 4096", n))
	}
	require.ErrorContains(t, c.CheckRouter(), "router.auth.tenantClaim: is ")
}

func TestFunctionsReserveNoMoreThanAnAccountCanHave(t *testing.T) {
	cells := make([]config.Cell, 10)
	for i := range cells {
		cells[i] = config.Cell{ID: fmt.Sprintf("c%02d", i), Tier: "standard", MaxTenants: 1}
	}
	raw := func(plane string, router int) map[string]string {
		return minimal("cellular:cells", configtest.CellsJSON(cells), "cellular:plane", plane,
			"cellular:pipeline", `{"producerReservedConcurrency":4990,"consumerReservedConcurrency":5000}`,
			"cellular:router", fmt.Sprintf(`{"reservedConcurrency":%d}`, router))
	}
	_, err := config.Parse("dev", raw("all", 0))
	require.NoError(t, err)
	_, err = config.Parse("dev", raw("all", 1))
	require.EqualError(t, err, "cellular:pipeline.consumerReservedConcurrency: makes 99901 with what the router and the producers of 10 cells reserve, want at most 99900: no account has more")
	for _, plane := range []string{"cells", "global"} {
		_, err = config.Parse("dev", raw(plane, 10_000))
		require.NoError(t, err, "plane %s: what another stack reserves is not counted", plane)
	}
}

func TestTheRegionsAreThoseOfTheSDK(t *testing.T) {
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(output)), "internal/endpoints/awsrulesfn/partitions.json"))
	require.NoError(t, err)
	var sdk struct {
		Partitions []struct{ Regions map[string]any }
	}
	require.NoError(t, json.Unmarshal(text, &sdk))
	var known []string
	for _, partition := range sdk.Partitions {
		for name := range partition.Regions {
			if !strings.HasSuffix(name, "-global") { // endpoints of global services
				known = append(known, name)
			}
		}
	}
	require.Greater(t, len(known), 30)
	require.ElementsMatch(t, known, config.Regions(), "the SDK was upgraded: bring regions.go up to date")
}

func TestADropNamesItsTenantsInOrder(t *testing.T) {
	c, err := config.Parse("dev", configtest.Minimal("cellular:drop", `[{"cell":"beta","tenants":["zeta","acme"]},{"controlPlane":"prod"},{"cell":"gamma","tenants":[]}]`))
	require.NoError(t, err)
	require.Equal(t, []config.Drop{{Cell: "beta", Tenants: []string{"acme", "zeta"}}, {ControlPlane: "prod"}, {Cell: "gamma", Tenants: []string{}}}, c.Drop)
}

func TestAValueTakesAWhole(t *testing.T) {
	_, err := config.Parse("dev", minimal("cellular:protect", "true true"))
	require.EqualError(t, err, `cellular:protect: is "true true", want true or false`)
}

func FuzzParse(f *testing.F) {
	f.Add("dev", `[{"id":"alpha"}]`, `{"softTTL":"1s"}`, `{}`, `{}`, "true", "all", `{"period":"5m","cell":{"edgeFailures":{"threshold":1e-3}}}`, `{"interval":"2m"}`)
	f.Add("dev", `[{"id":"alpha","id":"alpha"}]`, `{"auth":{"type":"jwt","issuer":"https://a@b","audience":["x"],"tenantClaim":"t"}}`, `{"faultInjection":true}`, `{"queue":{},"queue":{}}`, "true", "all", `{"topic":""}`, `{"enabled":false,"patience":"59s"}`)
	f.Add("a.b", `[{"id":"alpha"},{"id":"alpha"},7]`, `{"auth":{"type":"jwt"}}`, `null`, `{"queue":{"batchSize":1e3}}`, "1", "", `{"cell":[]}`, `{"patience":"30s"}`)
	f.Fuzz(func(t *testing.T, name, cells, router, functions, pipeline, protect, plane, alarms, probe string) {
		c, err := config.Parse(name, map[string]string{
			"aws:region": "eu-west-1", "cellular:cells": cells, "cellular:router": router, "cellular:functions": functions,
			"cellular:pipeline": pipeline, "cellular:protect": protect, "cellular:plane": plane, "cellular:alarms": alarms,
			"cellular:probe": probe,
		})
		if err != nil {
			require.Zero(t, c, "a wrong configuration must not be used by accident")
			return
		}
		for i := 1; i < len(c.Cells); i++ {
			require.Less(t, c.Cells[i-1].ID, c.Cells[i].ID)
		}
		require.Less(t, c.Router.SoftTTL, c.Router.HardTTL)
		require.False(t, c.Protect && c.Router.Auth.Type == "none")
		require.False(t, c.Protect && c.Functions.FaultInjection)
		require.LessOrEqual(t, config.EnvironmentSize(c.RouterEnvironment()), 4096)
		require.Less(t, 2*c.Probe.Patience, c.Probe.Interval)
		require.LessOrEqual(t, len(c.Router.Auth.Audience), 50)
		again, err := config.Parse(name, configtest.Raw(c))
		require.NoError(t, err, "what was accepted is accepted again when every value is written out")
		require.Equal(t, c, again)
		require.True(t, len(c.Cells) > 0 || c.Plane == config.PlaneGlobal)
	})
}
