package manifest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/manifest"
)

var alpha = manifest.Cell{
	ID: "alpha", Wave: 1, Tier: "standard", MaxTenants: 100, DataTable: "d", ResultsTable: "r", TopicARN: "t",
	QueueURL: "qu", QueueARN: "qa", ConsumerDLQURL: "c", SubscriptionDLQURL: "s", StreamDLQURL: "st",
	Producer: "p", Consumer: "co",
	Settings: manifest.Settings{
		Protect: true, Architecture: "arm64", FunctionTimeout: manifest.Duration(1 * time.Second), FunctionMemory: 2, StreamBatchSize: 3, StreamRetries: 4,
		StreamMaxRecordAge: manifest.Duration(5 * time.Second), StreamParallelization: 6, InlinePayloadBytes: 7, QueueBatchSize: 8, QueueVisibilityTimeout: manifest.Duration(9 * time.Second),
		QueueMaxReceiveCount: 10, QueueMaxConcurrency: 11, QueueRetention: manifest.Duration(12 * time.Second), DLQRetention: manifest.Duration(13 * time.Second), ResultTTL: manifest.Duration(14 * time.Second),
		DataTTL:                     manifest.Duration(17 * time.Second),
		ProducerReservedConcurrency: 15, ConsumerReservedConcurrency: 16,
	},
}

// The names are read by those who have the document and not this package: they must not change unnoticed.
func TestACellsManifestSurvivesTheDocument(t *testing.T) {
	text, err := alpha.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"id":"alpha","wave":1,"tier":"standard","max_tenants":100,"data_table":"d","results_table":"r","topic_arn":"t",`+
		`"queue_url":"qu","queue_arn":"qa","consumer_dlq_url":"c","subscription_dlq_url":"s","stream_dlq_url":"st","producer":"p","consumer":"co",`+
		`"settings":{"protect":true,"architecture":"arm64","function_timeout":"1s","function_memory":2,"stream_batch_size":3,"stream_retries":4,`+
		`"stream_max_record_age":"5s","stream_parallelization":6,"inline_payload_bytes":7,"queue_batch_size":8,"queue_visibility_timeout":"9s",`+
		`"queue_max_receive_count":10,"queue_max_concurrency":11,"queue_retention":"12s","dlq_retention":"13s","data_ttl":"17s","result_ttl":"14s",`+
		`"producer_reserved_concurrency":15,"consumer_reserved_concurrency":16,"fault_injection":false}}`, text)
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
	_, err := manifest.Parse(`{"id":"alpha","producer":"p","queue_arn":"q","topic_arn":"t"}`)
	require.EqualError(t, err, `read the manifest of cell "alpha": tier is missing
read the manifest of cell "alpha": data_table is missing
read the manifest of cell "alpha": results_table is missing
read the manifest of cell "alpha": queue_url is missing
read the manifest of cell "alpha": consumer_dlq_url is missing
read the manifest of cell "alpha": subscription_dlq_url is missing
read the manifest of cell "alpha": stream_dlq_url is missing
read the manifest of cell "alpha": consumer is missing
read the manifest of cell "alpha": settings is missing
read the manifest of cell "alpha": max_tenants is 0, want at least 1`)
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
		{"the control plane", controlPlane.JSON, func(s string) error { _, err := manifest.ParseControlPlane(s); return err }, []string{"alarm_topic_arn", "audit_table"}},
		{"the router", edge.JSON, func(s string) error { _, err := manifest.ParseRouter(s); return err }, []string{"throttle_rate", "execution_arn"}},
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
