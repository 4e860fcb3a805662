package cell_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/cell"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/pulumitest"
)

func TestEveryChildIsUnderTheComponent(t *testing.T) {
	r := deployAlpha(t)
	r.AssertAllDescendFrom(t, r.Only(t, cell.TypeToken))
}

func TestChildrenInheritTheExplicitProvider(t *testing.T) {
	r := deployAlpha(t)
	r.AssertNoDefaultProvider(t)
	for _, res := range r.Resources() {
		if strings.HasPrefix(res.Type, "aws:") {
			require.Equal(t, providerName, res.Provider, res)
		}
	}
}

func TestIdentityOfACellIsStable(t *testing.T) {
	deployAlpha(t).AssertGolden(t, "testdata/cell.golden")
}

func TestACellIsFortySevenResources(t *testing.T) {
	counts := map[string]int{}
	for _, res := range deployAlpha(t).Resources() {
		counts[res.Type]++
	}
	require.Equal(t, map[string]int{
		"pulumi:providers:aws": 1, cell.TypeToken: 1,
		tableType: 3, tablePolicyType: 3, functionType: 2, mappingType: 2,
		topicType: 1, topicPolicyType: 1, subscriptionType: 1,
		queueType: 4, queuePolicyType: 4, redriveAllowType: 3,
		roleType: 2, rolePolicyType: 2, logGroupType: 2, parameterType: 1,
		alarmType: 14, compositeType: 1,
	}, counts)
}

func TestCellsDoNotCollide(t *testing.T) {
	r := deploy(t, []string{"alpha", "beta"}, nil)
	r.AssertNoDuplicateURN(t)
	seen := map[string]string{}
	for _, res := range r.Resources() {
		if v, ok := res.Input("name"); ok && res.Custom && res.Type != rolePolicyType { // a role policy's name is the role's own
			key := res.Type + " " + v.StringValue()
			require.Empty(t, seen[key], "%s has the physical name of %s", res, seen[key])
			seen[key] = res.String()
		}
	}
	require.Len(t, seen, 2*29)
}

// A cell's registrations, with its id taken out, are those of any other cell.
func TestI1StampCellsDifferInDeclaredParametersOnly(t *testing.T) {
	stamp := func(id string) string {
		var lines []string
		for _, res := range deploy(t, []string{id}, nil).Resources() {
			if res.Type == "pulumi:providers:aws" {
				continue
			}
			inputs, err := json.Marshal(res.Inputs.Mappable())
			require.NoError(t, err)
			lines = append(lines, res.URN+" "+res.Parent+" "+strings.Join(res.Dependencies, " ")+" "+string(inputs))
		}
		return strings.ReplaceAll(strings.Join(lines, "\n"), id, "ID")
	}
	require.Equal(t, stamp("one-cell"), stamp("another-cell"))
}

// Nothing that a cell registers mentions the other cell.
func TestI2IsolationNoCellRefersToAnother(t *testing.T) {
	r := deploy(t, []string{"alpha", "omega"}, nil)
	checked := 0
	for _, res := range r.Resources() {
		other := "omega"
		if strings.HasPrefix(res.Name, "cell-omega") {
			other = "alpha"
		} else if !strings.HasPrefix(res.Name, "cell-alpha") {
			continue
		}
		inputs, err := json.Marshal(res.Inputs.Mappable())
		require.NoError(t, err)
		all := res.URN + res.Parent + strings.Join(res.Dependencies, " ") + string(inputs)
		require.NotContains(t, all, other, res)
		checked++
	}
	require.Equal(t, 94, checked)
}

func TestEverythingTaggableNamesLayerAndCell(t *testing.T) {
	r := deployAlpha(t)
	taggable := []string{tableType, functionType, mappingType, topicType, queueType, roleType, logGroupType, parameterType, alarmType, compositeType}
	for _, typ := range taggable {
		all := r.OfType(typ)
		require.NotEmpty(t, all, typ)
		for _, res := range all {
			require.Equal(t, map[string]any{"Layer": "DataPlane", "Cell": "alpha"}, res.Value(t, "tags"), res)
		}
	}
}

func TestStatefulResourcesAreProtectedUnlessThrowAway(t *testing.T) {
	protected := func(protect bool) map[string]bool {
		r := deploy(t, []string{"alpha"}, func(a *cell.Args) { a.Protect = protect })
		types := map[string]bool{}
		for _, res := range r.Resources() {
			if res.Protect {
				types[res.Type] = true
			}
		}
		for _, table := range []*pulumitest.Resource{part(t, r, tableType, "data"), part(t, r, tableType, "results")} {
			require.True(t, table.Protect == protect, table)
			require.Equal(t, protect, table.Value(t, "deletionProtectionEnabled"), table)
			require.Equal(t, protect, table.Value(t, "pointInTimeRecovery.enabled"), table)
		}
		for _, queue := range r.OfType(queueType) {
			require.True(t, queue.Protect == protect, queue)
		}
		return types
	}
	require.Equal(t, []string{tableType, queueType}, slices.Sorted(maps.Keys(protected(true))))
	require.Empty(t, protected(false))
}

// Whatever comes from a resource that does not exist yet is unknown in a preview, and nothing else is.
func TestAPreviewOfANewCellKnowsWhatItCan(t *testing.T) {
	r := deployAlpha(t, pulumitest.DryRun())
	require.Len(t, r.Resources(), len(deployAlpha(t).Resources()))
	require.Equal(t, "test-app-data-cell-alpha", part(t, r, tableType, "data").Str(t, "name"))
	require.True(t, part(t, r, mappingType, "producer-mapping").Unknown("eventSourceArn"))
	require.Equal(t, "test-producer-cell-alpha", part(t, r, mappingType, "producer-mapping").Str(t, "functionName"))
	for _, res := range append(r.OfType(rolePolicyType), r.OfType(queuePolicyType)...) {
		require.True(t, res.Unknown("policy"), res)
	}
	require.True(t, part(t, r, parameterType, "facts").Unknown("value"))
}

func TestManifestIsPublished(t *testing.T) {
	r := deployAlpha(t)
	p := part(t, r, parameterType, "facts")
	require.Equal(t, "/cellular/test/cells/alpha", p.Str(t, "name"))
	require.Equal(t, "String", p.Str(t, "type"))
	got, err := manifest.Parse(p.Str(t, "value"))
	require.NoError(t, err)
	require.Equal(t, manifest.Cell{
		ID: "alpha", Wave: 1, Tier: mapping.TierStandard, MaxTenants: 90,
		DataTable: "test-app-data-cell-alpha", ResultsTable: "test-app-results-cell-alpha",
		TopicARN: alphaTopic, QueueURL: queueURLPrefix + "test-processing-queue-cell-alpha", QueueARN: alphaQueue,
		ConsumerDLQURL:     queueURLPrefix + "test-processing-queue-dlq-cell-alpha",
		SubscriptionDLQURL: queueURLPrefix + "test-processing-queue-sub-dlq-cell-alpha",
		StreamDLQURL:       queueURLPrefix + "test-processing-queue-stream-dlq-cell-alpha",
		Producer:           "test-producer-cell-alpha", Consumer: "test-consumer-cell-alpha",
		Settings: manifest.Settings{
			Protect: true, Architecture: "arm64", FunctionTimeout: manifest.Duration(30 * time.Second), FunctionMemory: 256,
			StreamBatchSize: 101, StreamRetries: 932, StreamMaxRecordAge: manifest.Duration(6 * time.Hour), StreamParallelization: 3, InlinePayloadBytes: 65536,
			QueueBatchSize: 9, QueueVisibilityTimeout: manifest.Duration(184 * time.Second), QueueMaxReceiveCount: 5, QueueMaxConcurrency: 12,
			QueueRetention: manifest.Duration(96 * time.Hour), DLQRetention: manifest.Duration(336 * time.Hour), DataTTL: manifest.Duration(840 * time.Hour), ResultTTL: manifest.Duration(2160 * time.Hour),
		},
	}, got)

	r = deploy(t, []string{"alpha"}, func(a *cell.Args) {
		a.Protect, a.Functions.FaultInjection = false, true
		a.Pipeline.ProducerReservedConcurrency, a.Pipeline.ConsumerReservedConcurrency = 17, 18
	})
	got, err = manifest.Parse(part(t, r, parameterType, "facts").Str(t, "value"))
	require.NoError(t, err)
	require.False(t, got.Settings.Protect)
	require.True(t, got.Settings.FaultInjection)
	require.Equal(t, 17, got.Settings.ProducerReservedConcurrency)
	require.Equal(t, 18, got.Settings.ConsumerReservedConcurrency)
}

// SSM takes 4 KB in a standard parameter: the longest names and numbers that are allowed have to fit.
func TestManifestFitsItsParameter(t *testing.T) {
	longest := naming.Stack(strings.Repeat("s", 64))
	id := strings.Repeat("i", 20)
	for longest.CheckGlobal() != nil || longest.Cell(id).Check() != nil {
		longest = longest[1:]
	}
	r := deploy(t, []string{id}, func(a *cell.Args) {
		a.Stack, a.Wave, a.MaxTenants = longest, 99, 1_000_000
		a.Tier, a.Protect, a.Functions.FaultInjection = mapping.TierDedicated, false, false // "false" is the longer word
		a.Pipeline.ProducerReservedConcurrency, a.Pipeline.ConsumerReservedConcurrency = 10_000, 10_000
		a.Pipeline.Stream.BatchSize = 10_000
		a.Functions.Timeout, a.Pipeline.Stream.MaxRecordAge = 9*time.Second, 17*time.Hour // 9,563 retries
	})
	value := r.Only(t, parameterType).Str(t, "value")
	require.Contains(t, value, string(longest)+"-app-data-cell-"+id)
	require.Less(t, len(value), 4096)
}

// The component's output holds the published document: here it is the message of another resource.
func TestManifestIsTheComponentsOutput(t *testing.T) {
	r := pulumitest.Run(t, func(ctx *pulumi.Context) error {
		c, err := cell.New(ctx, "cell-alpha", validArgs())
		if err != nil {
			return err
		}
		var probe pulumi.ResourceState
		return ctx.RegisterRemoteComponentResource("cellular:test:Probe", "probe", pulumi.Map{"manifest": c.Manifest}, &probe)
	})
	var published map[string]any
	part(t, r, parameterType, "facts").JSON(t, "value", &published)
	require.Equal(t, published, r.Only(t, "cellular:test:Probe").Value(t, "manifest"))
}

func TestNamesHoldNoListIndex(t *testing.T) {
	index := regexp.MustCompile(`[0-9]`)
	for _, res := range deployAlpha(t).Resources() {
		require.False(t, index.MatchString(res.Name), res)
	}
}

func TestInvalidArgumentsRegisterNothing(t *testing.T) {
	r, err := pulumitest.RunErr(func(ctx *pulumi.Context) error {
		args := validArgs()
		args.Wave, args.Functions.Timeout = -1, time.Hour
		_, err := cell.New(ctx, "cell-alpha", args)
		return err
	})
	require.ErrorContains(t, err, "cell cell-alpha: wave: is -1")
	require.ErrorContains(t, err, "functions.timeout: is 1h, want")
	require.Empty(t, r.Resources())
}
