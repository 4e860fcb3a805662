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
	Wave               int    `json:"wave"`       // release wave
	Tier               string `json:"tier"`       // standard | dedicated
	MaxTenants         int    `json:"maxTenants"` // the cap that placement honours
	DataTable          string `json:"dataTable"`
	ResultsTable       string `json:"resultsTable"`
	TopicARN           string `json:"topicArn"`
	QueueURL           string `json:"queueUrl"`
	QueueARN           string `json:"queueArn"`
	ConsumerDLQURL     string `json:"consumerDlqUrl"`
	SubscriptionDLQURL string `json:"subscriptionDlqUrl"`
	StreamDLQURL       string `json:"streamDlqUrl"`
	Producer           string `json:"producer"` // name of the function
	Consumer           string `json:"consumer"` // name of the function

	Settings Settings `json:"settings"`
}

// Settings is how a cell's parts are configured, as far as its operation depends on it. Durations are in seconds.
type Settings struct {
	Protect                     bool   `json:"protect"`
	Architecture                string `json:"architecture"`
	FunctionTimeout             int    `json:"functionTimeout"`
	FunctionMemory              int    `json:"functionMemory"` // MiB
	StreamBatchSize             int    `json:"streamBatchSize"`
	StreamRetries               int    `json:"streamRetries"`
	StreamMaxRecordAge          int    `json:"streamMaxRecordAge"`
	StreamParallelization       int    `json:"streamParallelization"`
	InlinePayloadBytes          int    `json:"inlinePayloadBytes"`
	QueueBatchSize              int    `json:"queueBatchSize"`
	QueueVisibilityTimeout      int    `json:"queueVisibilityTimeout"`
	QueueMaxReceiveCount        int    `json:"queueMaxReceiveCount"`
	QueueMaxConcurrency         int    `json:"queueMaxConcurrency"`
	QueueRetention              int    `json:"queueRetention"`
	DLQRetention                int    `json:"dlqRetention"`
	ResultTTL                   int    `json:"resultTtl"`
	ProducerReservedConcurrency int    `json:"producerReservedConcurrency"` // 0 reserves none
	ConsumerReservedConcurrency int    `json:"consumerReservedConcurrency"` // 0 reserves none
	FaultInjection              bool   `json:"faultInjection"`
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
		{"dataTable", c.DataTable != ""}, {"resultsTable", c.ResultsTable != ""},
		{"topicArn", c.TopicARN != ""}, {"queueUrl", c.QueueURL != ""}, {"queueArn", c.QueueARN != ""},
		{"consumerDlqUrl", c.ConsumerDLQURL != ""}, {"subscriptionDlqUrl", c.SubscriptionDLQURL != ""}, {"streamDlqUrl", c.StreamDLQURL != ""},
		{"producer", c.Producer != ""}, {"consumer", c.Consumer != ""},
		// Two that no cell can be without stand for all of the settings: most of the others may be 0.
		{"settings", c.Settings.InlinePayloadBytes > 0 && c.Settings.ResultTTL > 0},
	})}
	if c.MaxTenants < 1 {
		errs = append(errs, fmt.Errorf("read the manifest of %s: maxTenants is %d, want at least 1", of, c.MaxTenants))
	}
	if err := errors.Join(errs...); err != nil {
		return Cell{}, err
	}
	return c, nil
}
