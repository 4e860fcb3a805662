package main

import (
	"reflect"

	"cellular/internal/model/manifest"
)

// parts are the physical names of what a cell is made of, a part of manifest.Cell under the same names.
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

// fields adds a row per field of a struct, under its JSON name.
func (s *sheet) fields(of any) {
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		s.row(v.Type().Field(i).Tag.Get("json"), v.Field(i).Interface())
	}
}
