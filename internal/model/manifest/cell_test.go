package manifest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/manifest"
)

var alpha = manifest.Cell{
	ID: "alpha", Wave: 1, Tier: "standard", MaxTenants: 100, DataTable: "d", ResultsTable: "r", TopicARN: "t",
	QueueURL: "qu", QueueARN: "qa", ConsumerDLQURL: "c", SubscriptionDLQURL: "s", StreamDLQURL: "st",
	Producer: "p", Consumer: "co",
	Settings: manifest.Settings{
		Protect: true, Architecture: "arm64", FunctionTimeout: 1, FunctionMemory: 2, StreamBatchSize: 3, StreamRetries: 4,
		StreamMaxRecordAge: 5, StreamParallelization: 6, InlinePayloadBytes: 7, QueueBatchSize: 8, QueueVisibilityTimeout: 9,
		QueueMaxReceiveCount: 10, QueueMaxConcurrency: 11, QueueRetention: 12, DLQRetention: 13, ResultTTL: 14,
		ProducerReservedConcurrency: 15, ConsumerReservedConcurrency: 16,
	},
}

// The names are read by those who have the document and not this package: they must not change unnoticed.
func TestACellsManifestSurvivesTheDocument(t *testing.T) {
	text, err := alpha.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"id":"alpha","wave":1,"tier":"standard","maxTenants":100,"dataTable":"d","resultsTable":"r","topicArn":"t",`+
		`"queueUrl":"qu","queueArn":"qa","consumerDlqUrl":"c","subscriptionDlqUrl":"s","streamDlqUrl":"st","producer":"p","consumer":"co",`+
		`"settings":{"protect":true,"architecture":"arm64","functionTimeout":1,"functionMemory":2,"streamBatchSize":3,"streamRetries":4,`+
		`"streamMaxRecordAge":5,"streamParallelization":6,"inlinePayloadBytes":7,"queueBatchSize":8,"queueVisibilityTimeout":9,`+
		`"queueMaxReceiveCount":10,"queueMaxConcurrency":11,"queueRetention":12,"dlqRetention":13,"resultTtl":14,`+
		`"producerReservedConcurrency":15,"consumerReservedConcurrency":16,"faultInjection":false}}`, text)
	got, err := manifest.Parse(text)
	require.NoError(t, err)
	require.Equal(t, alpha, got)
}

func TestParseLetsANewerFieldPass(t *testing.T) {
	text, err := alpha.JSON()
	require.NoError(t, err)
	got, err := manifest.Parse(strings.Replace(text, "{", `{"region":"eu-west-1",`, 1))
	require.NoError(t, err)
	require.Equal(t, alpha, got)
}

func TestParseReportsEveryMissingFieldInOrder(t *testing.T) {
	_, err := manifest.Parse(`{"id":"alpha","producer":"p","queueArn":"q","topicArn":"t"}`)
	require.EqualError(t, err, `read the manifest of cell "alpha": tier is missing
read the manifest of cell "alpha": dataTable is missing
read the manifest of cell "alpha": resultsTable is missing
read the manifest of cell "alpha": queueUrl is missing
read the manifest of cell "alpha": consumerDlqUrl is missing
read the manifest of cell "alpha": subscriptionDlqUrl is missing
read the manifest of cell "alpha": streamDlqUrl is missing
read the manifest of cell "alpha": consumer is missing
read the manifest of cell "alpha": settings is missing
read the manifest of cell "alpha": maxTenants is 0, want at least 1`)
}

func TestACellWithoutSettingsIsRefused(t *testing.T) {
	for _, change := range []func(*manifest.Settings){
		func(s *manifest.Settings) { *s = manifest.Settings{} },
		func(s *manifest.Settings) { s.InlinePayloadBytes = 0 },
		func(s *manifest.Settings) { s.ResultTTL = 0 },
	} {
		older := alpha
		change(&older.Settings)
		text, err := older.JSON()
		require.NoError(t, err)
		_, err = manifest.Parse(text)
		require.EqualError(t, err, `read the manifest of cell "alpha": settings is missing`)
	}
}

func TestWhatIsNoDocumentIsRefused(t *testing.T) {
	for _, text := range []string{"", "alpha", "[]", `{"settings":1}`} {
		_, err := manifest.Parse(text)
		require.ErrorContains(t, err, "read the manifest of a cell: ", text)
	}
}

// Each document's parser refuses the document without any one of the fields that it needs, and names that field.
func TestEveryFieldThatIsNeededIsMissedByName(t *testing.T) {
	for _, document := range []struct {
		of       string
		write    func() (string, error)
		parse    func(string) error
		optional []string
	}{
		{`cell "`, alpha.JSON, func(s string) error { _, err := manifest.Parse(s); return err }, []string{"wave"}}, // 0 is a wave
		{"the control plane", controlPlane.JSON, func(s string) error { _, err := manifest.ParseControlPlane(s); return err }, nil},
		{"the router", edge.JSON, func(s string) error { _, err := manifest.ParseRouter(s); return err }, []string{"throttleRate"}},
	} {
		text, err := document.write()
		require.NoError(t, err)
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &all))
		for _, name := range document.optional {
			require.Contains(t, all, name)
			delete(all, name)
		}
		require.NotEmpty(t, all)
		for name := range all {
			var rest map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(text), &rest))
			delete(rest, name)
			without, err := json.Marshal(rest)
			require.NoError(t, err)
			err = document.parse(string(without))
			require.ErrorContains(t, err, "read the manifest of "+document.of)
			require.ErrorContains(t, err, ": "+name+" is ")
		}
	}
}

func TestParseNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if got, err := manifest.Parse(text); err != nil {
			require.Zero(t, got)
		}
		if got, err := manifest.ParseRouter(text); err != nil {
			require.Zero(t, got)
		}
	})
}
