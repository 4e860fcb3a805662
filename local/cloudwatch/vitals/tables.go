package vitals

import (
	"net/http"

	"cellular/local/cloudwatch"
	"cellular/local/gate"
)

// throttleEvents are the metrics of a table's throttled requests, by the operations that work on items. DynamoDB reports no
// other operation.
var throttleEvents = map[string]string{
	"GetItem": "ReadThrottleEvents", "BatchGetItem": "ReadThrottleEvents", "TransactGetItems": "ReadThrottleEvents",
	"Query": "ReadThrottleEvents", "Scan": "ReadThrottleEvents",
	"PutItem": "WriteThrottleEvents", "UpdateItem": "WriteThrottleEvents", "DeleteItem": "WriteThrottleEvents",
	"BatchWriteItem": "WriteThrottleEvents", "TransactWriteItems": "WriteThrottleEvents",
}

// throttles are the codes of requests that DynamoDB throttles.
var throttles = map[string]bool{
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true,
}

// Table reports a request to DynamoDB, with the dimensions of "DynamoDB metrics and dimensions" of its developer guide: table
// and operation, and of throttle events the table, and the index that was read, alone. As in AWS, what counts failures has no
// datapoint where there are none.
func (v *Vitals) Table(r gate.TableRequest) {
	events, ok := throttleEvents[r.Operation]
	if !ok {
		return
	}
	for _, table := range r.Tables {
		of := []cloudwatch.Dimension{{Name: "TableName", Value: table}}
		by := append(of[:1:1], cloudwatch.Dimension{Name: "Operation", Value: r.Operation})
		if r.Index != "" {
			of = append(of[:1:1], cloudwatch.Dimension{Name: "GlobalSecondaryIndexName", Value: r.Index})
		}
		switch {
		case throttles[r.Code]:
			v.putDynamoDB("ThrottledRequests", "Count", 1, by)
			v.putDynamoDB(events, "Count", 1, of)
		case r.Status >= http.StatusInternalServerError:
			v.putDynamoDB("SystemErrors", "Count", 1, by)
		case r.Status < http.StatusMultipleChoices:
			v.putDynamoDB("SuccessfulRequestLatency", "Milliseconds", milliseconds(r.Took), by)
		}
	}
}

func (v *Vitals) putDynamoDB(name, unit string, n float64, dimensions []cloudwatch.Dimension) {
	v.metrics.Put(cloudwatch.NewMetric("AWS/DynamoDB", name, dimensions...), unit, v.now(), n)
}
