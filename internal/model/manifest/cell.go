// Package manifest defines what each part of a deployment publishes about itself: one JSON document in SSM per cell, one of the
// control plane and one of the router. The operator's CLI reads them, so that no list of cells exists anywhere else.
package manifest

import (
	"errors"
	"fmt"
)

// Cell is one cell's manifest.
type Cell struct {
	ID                 string `json:"id"`
	Wave               int    `json:"wave"`        // release wave
	Tier               string `json:"tier"`        // standard | dedicated
	MaxTenants         int    `json:"max_tenants"` // the cap that placement honours
	DataTable          string `json:"data_table"`
	ResultsTable       string `json:"results_table"`
	TopicARN           string `json:"topic_arn"`
	QueueURL           string `json:"queue_url"`
	QueueARN           string `json:"queue_arn"`
	ConsumerDLQURL     string `json:"consumer_dlq_url"`
	SubscriptionDLQURL string `json:"subscription_dlq_url"`
	StreamDLQURL       string `json:"stream_dlq_url"`
	Producer           string `json:"producer"` // name of the function
	Consumer           string `json:"consumer"` // name of the function

	Settings Settings `json:"settings"`
}

// Settings is how a cell's parts are configured, as far as its operation depends on it.
type Settings struct {
	Protect                     bool     `json:"protect"`
	Architecture                string   `json:"architecture"`
	FunctionTimeout             Duration `json:"function_timeout"`
	FunctionMemory              int      `json:"function_memory"` // MiB
	StreamBatchSize             int      `json:"stream_batch_size"`
	StreamRetries               int      `json:"stream_retries"`
	StreamMaxRecordAge          Duration `json:"stream_max_record_age"`
	StreamParallelization       int      `json:"stream_parallelization"`
	InlinePayloadBytes          int      `json:"inline_payload_bytes"`
	QueueBatchSize              int      `json:"queue_batch_size"`
	QueueVisibilityTimeout      Duration `json:"queue_visibility_timeout"`
	QueueMaxReceiveCount        int      `json:"queue_max_receive_count"`
	QueueMaxConcurrency         int      `json:"queue_max_concurrency"`
	QueueRetention              Duration `json:"queue_retention"`
	DLQRetention                Duration `json:"dlq_retention"`
	DataTTL                     Duration `json:"data_ttl"` // 0 in a manifest of the version before, whose events never expire
	ResultTTL                   Duration `json:"result_ttl"`
	ProducerReservedConcurrency int      `json:"producer_reserved_concurrency"` // 0 reserves none
	ConsumerReservedConcurrency int      `json:"consumer_reserved_concurrency"` // 0 reserves none
	FaultInjection              bool     `json:"fault_injection"`
}

// JSON is the document as the cell publishes it.
func (c Cell) JSON() (string, error) { return encode("cell "+c.ID, c) }

// Parse reads a document. It reports every field that is missing, and lets pass those that it does not know, which a
// newer deployment publishes.
func Parse(text string) (Cell, error) {
	var c Cell
	if err := decode("a cell", text, &c); err != nil {
		return Cell{}, err
	}
	of := fmt.Sprintf("cell %q", c.ID)
	errs := []error{missing(of, []field{
		{"id", c.ID != ""}, {"tier", c.Tier != ""},
		{"data_table", c.DataTable != ""}, {"results_table", c.ResultsTable != ""},
		{"topic_arn", c.TopicARN != ""}, {"queue_url", c.QueueURL != ""}, {"queue_arn", c.QueueARN != ""},
		{"consumer_dlq_url", c.ConsumerDLQURL != ""}, {"subscription_dlq_url", c.SubscriptionDLQURL != ""}, {"stream_dlq_url", c.StreamDLQURL != ""},
		{"producer", c.Producer != ""}, {"consumer", c.Consumer != ""},
		// Two that no cell can be without stand for all of the settings: most of the others may be 0.
		{"settings", c.Settings.InlinePayloadBytes > 0 && c.Settings.ResultTTL > 0},
	})}
	if c.MaxTenants < 1 {
		errs = append(errs, fmt.Errorf("read the manifest of %s: max_tenants is %d, want at least 1", of, c.MaxTenants))
	}
	if err := errors.Join(errs...); err != nil {
		return Cell{}, err
	}
	return c, nil
}
