package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"cellular/local/lambda"
)

// maxMappings is how many mappings one answer has at most, from ListEventSourceMappings in Lambda's API reference, which
// lets a client ask for up to maxItems.
const (
	maxMappings = 100
	maxItems    = 10_000
)

type mappingsView struct {
	EventSourceMappings []mappingView
	NextMarker          string `json:",omitempty"`
}

// mappingView is an event source mapping. What only streams, or only queues, have is left out for the others.
type mappingView struct {
	UUID                           string
	EventSourceMappingArn          string
	EventSourceArn                 string
	FunctionArn                    string
	State                          string
	StateTransitionReason          string
	LastModified                   float64 // seconds since 1970
	LastProcessingResult           string
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	FunctionResponseTypes          []string

	StartingPosition           string           `json:",omitempty"`
	ParallelizationFactor      *int             `json:",omitempty"`
	BisectBatchOnFunctionError *bool            `json:",omitempty"`
	MaximumRetryAttempts       *int             `json:",omitempty"` // -1: no bound
	MaximumRecordAgeInSeconds  *int             `json:",omitempty"` // -1: no bound
	DestinationConfig          *destinationView `json:",omitempty"`
	FilterCriteria             *filtersView     `json:",omitempty"`

	ScalingConfig *scalingView `json:",omitempty"`
	MetricsConfig *metricsView `json:",omitempty"`
}

type metricsView struct{ Metrics []string }

type destinationView struct{ OnFailure struct{ Destination string } }

type filtersView struct{ Filters []filterView }

type filterView struct{ Pattern string }

type scalingView struct{ MaximumConcurrency int }

func (a api) getEventSourceMapping(r *http.Request) (any, error) {
	m, err := a.functions.GetMapping(r.Context(), r.PathValue("uuid"))
	return mappingOf(m), err
}

// listEventSourceMappings lists by function, by event source, by both or all. A marker is the last UUID of a page.
func (a api) listEventSourceMappings(r *http.Request) (any, error) {
	q := r.URL.Query()
	source, marker := q.Get("EventSourceArn"), q.Get("Marker")
	function := ""
	if name := q.Get("FunctionName"); name != "" {
		f, err := a.functions.GetFunction(r.Context(), name)
		if err != nil {
			return nil, err
		}
		function = f.ARN
	}
	limit := maxMappings
	if text := q.Get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxItems {
			return nil, invalid("MaxItems is %q, want 1 to %d", text, maxItems)
		}
		limit = min(n, maxMappings)
	}
	all := a.functions.Mappings()
	slices.SortFunc(all, func(x, y lambda.Mapping) int { return strings.Compare(x.UUID, y.UUID) })
	page := mappingsView{EventSourceMappings: []mappingView{}}
	for _, m := range all {
		if m.UUID <= marker || source != "" && m.Config.EventSourceARN != source || function != "" && m.FunctionARN != function {
			continue
		}
		if len(page.EventSourceMappings) == limit {
			page.NextMarker = page.EventSourceMappings[limit-1].UUID
			break
		}
		page.EventSourceMappings = append(page.EventSourceMappings, mappingOf(m))
	}
	return page, nil
}

func mappingOf(m lambda.Mapping) mappingView {
	c := m.Config
	v := mappingView{
		UUID: m.UUID, EventSourceMappingArn: m.ARN, EventSourceArn: c.EventSourceARN, FunctionArn: m.FunctionARN,
		State: m.State, StateTransitionReason: "User action", LastProcessingResult: m.LastProcessingResult,
		LastModified: float64(m.LastModified.UnixMilli()) / 1000,
		BatchSize:    c.BatchSize, MaximumBatchingWindowInSeconds: seconds(c.BatchWindow), FunctionResponseTypes: []string{},
	}
	if c.ReportBatchItemFailures {
		v.FunctionResponseTypes = append(v.FunctionResponseTypes, "ReportBatchItemFailures")
	}
	if c.MaxConcurrency > 0 {
		v.ScalingConfig = &scalingView{c.MaxConcurrency}
	}
	if c.CountEvents {
		v.MetricsConfig = &metricsView{[]string{"EventCount"}}
	}
	if c.StartingPosition == "" { // a queue
		return v
	}
	v.StartingPosition = c.StartingPosition
	v.ParallelizationFactor, v.BisectBatchOnFunctionError, v.MaximumRetryAttempts = &c.Parallelization, &c.BisectOnError, &c.MaxRetries
	v.MaximumRecordAgeInSeconds = new(-1)
	if c.MaxRecordAge > 0 {
		v.MaximumRecordAgeInSeconds = new(seconds(c.MaxRecordAge))
	}
	if c.OnFailureARN != "" {
		v.DestinationConfig = &destinationView{}
		v.DestinationConfig.OnFailure.Destination = c.OnFailureARN
	}
	if len(c.Filters) > 0 {
		v.FilterCriteria = &filtersView{}
		for _, pattern := range c.Filters {
			v.FilterCriteria.Filters = append(v.FilterCriteria.Filters, filterView{pattern})
		}
	}
	return v
}

func seconds(d time.Duration) int { return int(d / time.Second) }
