package main

import (
	"reflect"

	"cellular/internal/model/manifest"
)

// parts are the physical names of what a cell is made of. The fields are those of manifest.Cell, under the names that
// cellctl gives everything.
type parts struct {
	DataTable          string `json:"data_table"`
	ResultsTable       string `json:"results_table"`
	TopicARN           string `json:"topic_arn"`
	QueueURL           string `json:"queue_url"`
	QueueARN           string `json:"queue_arn"`
	ConsumerDLQURL     string `json:"consumer_dlq_url"`
	SubscriptionDLQURL string `json:"subscription_dlq_url"`
	StreamDLQURL       string `json:"stream_dlq_url"`
	Producer           string `json:"producer"`
	Consumer           string `json:"consumer"`
}

func partsOf(c manifest.Cell) parts {
	return parts{
		DataTable: c.DataTable, ResultsTable: c.ResultsTable, TopicARN: c.TopicARN,
		QueueURL: c.QueueURL, QueueARN: c.QueueARN, ConsumerDLQURL: c.ConsumerDLQURL,
		SubscriptionDLQURL: c.SubscriptionDLQURL, StreamDLQURL: c.StreamDLQURL,
		Producer: c.Producer, Consumer: c.Consumer,
	}
}

// settings are those of manifest.Settings under the names that cellctl gives everything. A setting that only one of the two
// has does not compile.
type settings struct {
	Protect                     bool   `json:"protect"`
	Architecture                string `json:"architecture"`
	FunctionTimeout             int    `json:"function_timeout"`
	FunctionMemory              int    `json:"function_memory"`
	StreamBatchSize             int    `json:"stream_batch_size"`
	StreamRetries               int    `json:"stream_retries"`
	StreamMaxRecordAge          int    `json:"stream_max_record_age"`
	StreamParallelization       int    `json:"stream_parallelization"`
	InlinePayloadBytes          int    `json:"inline_payload_bytes"`
	QueueBatchSize              int    `json:"queue_batch_size"`
	QueueVisibilityTimeout      int    `json:"queue_visibility_timeout"`
	QueueMaxReceiveCount        int    `json:"queue_max_receive_count"`
	QueueMaxConcurrency         int    `json:"queue_max_concurrency"`
	QueueRetention              int    `json:"queue_retention"`
	DLQRetention                int    `json:"dlq_retention"`
	ResultTTL                   int    `json:"result_ttl"`
	ProducerReservedConcurrency int    `json:"producer_reserved_concurrency"`
	ConsumerReservedConcurrency int    `json:"consumer_reserved_concurrency"`
	FaultInjection              bool   `json:"fault_injection"`
}

func settingsOf(s manifest.Settings) settings { return settings(s) }

// fields adds a row per field of a struct, under its JSON name.
func (s *sheet) fields(of any) {
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		s.row(v.Type().Field(i).Tag.Get("json"), v.Field(i).Interface())
	}
}
