// Package api serves the local cloud's CloudWatch in two protocols: Smithy's RPC v2 in CBOR, which the AWS SDK for Go speaks, and AWS
// JSON 1.0, which the AWS CLI speaks. Requests come through the gate, which has checked who sent them.
//
// Inputs and outputs are the SDK's own types, whose fields have the names that travel.
package api

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/fxamacker/cbor/v2"

	"cellular/local/awsapi"
	"cellular/local/cloudwatch"
)

// CloudWatch is what is served.
type CloudWatch struct {
	Metrics    *cloudwatch.Metrics
	Alarms     *cloudwatch.Alarms
	Dashboards *cloudwatch.Dashboards
	Now        func() time.Time
}

// encoding has times as the protocol wants them: tagged numbers of seconds since 1970.
var encoding = func() cbor.EncMode {
	mode, err := cbor.EncOptions{Time: cbor.TimeUnixDynamic, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// failure is an error as CloudWatch's clients know it.
type failure struct{ code, message string }

func (f failure) Error() string { return f.message }

const (
	invalid      = "InvalidParameterValueException"
	notFound     = "ResourceNotFoundException"
	invalidToken = "InvalidNextToken"

	// resourceNotFound is what SetAlarmState says; it is older than the operations on tags.
	resourceNotFound = "ResourceNotFound"
	noDashboard      = "DashboardNotFoundError"
	badDashboard     = "DashboardInvalidInputError"
	notServed        = "UnknownOperationException"
)

// Handler answers requests.
func (c CloudWatch) Handler() http.Handler {
	operations := c.operations()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inJSON := strings.HasPrefix(r.Header.Get("Content-Type"), jsonType)
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if inJSON {
			_, name, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		}
		operation, ok := operations[name]
		if !ok || !inJSON && r.Header.Get("Smithy-Protocol") != awsapi.RPCCBOR {
			awsapi.Refuse(w, r, http.StatusBadRequest, notServed, fmt.Sprintf("the local CloudWatch speaks %s and AWS JSON 1.0, and serves %s",
				awsapi.RPCCBOR, strings.Join(slices.Sorted(maps.Keys(operations)), ", ")))
			return
		}
		body, err := read(r)
		if err == nil && inJSON {
			body, err = fromJSON(body)
		}
		if err != nil {
			awsapi.Refuse(w, r, http.StatusBadRequest, "IncompleteBody", err.Error())
			return
		}
		out, err := operation(body)
		if err != nil {
			f := failure{invalid, err.Error()}
			if errors.Is(err, cloudwatch.ErrToken) {
				f.code = invalidToken
			}
			_ = errors.As(err, &f) // an error that is none is of the input
			awsapi.Refuse(w, r, http.StatusBadRequest, f.code, f.message)
			return
		}
		answer, err := encoding.Marshal(out)
		if err == nil && inJSON {
			answer, err = toJSON(answer)
		}
		if err != nil {
			awsapi.Refuse(w, r, http.StatusInternalServerError, "InternalServiceFault", err.Error())
			return
		}
		if inJSON {
			w.Header().Set("Content-Type", jsonType)
		} else {
			w.Header().Set("Smithy-Protocol", awsapi.RPCCBOR)
			w.Header().Set("Content-Type", "application/cbor")
		}
		_, _ = w.Write(answer) // a client that has gone does not miss it
	})
}

// maxBody bounds a body once it is decompressed; PutMetricData takes 1 MB.
const maxBody = 8 << 20

// read returns the body of a request. The SDK compresses that of PutMetricData.
func read(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = zipped
	}
	return io.ReadAll(io.LimitReader(body, maxBody))
}

// operation answers a request's body.
type operation func(body []byte) (any, error)

// of is the operation that does something with its decoded input.
func of[In, Out any](do func(In) (Out, error)) operation {
	return func(body []byte) (any, error) {
		var in In
		if len(body) > 0 {
			if err := cbor.Unmarshal(body, &in); err != nil {
				return nil, failure{"SerializationException", err.Error()}
			}
		}
		return do(in)
	}
}

func (c CloudWatch) operations() map[string]operation {
	type none struct{}
	return map[string]operation{
		"PutMetricData":       of(func(in awscloudwatch.PutMetricDataInput) (none, error) { return none{}, c.Metrics.PutData(in, c.Now()) }),
		"GetMetricData":       of(c.Metrics.Data),
		"GetMetricStatistics": of(c.Metrics.Statistics),
		"ListMetrics": of(func(in awscloudwatch.ListMetricsInput) (*awscloudwatch.ListMetricsOutput, error) {
			return c.Metrics.Listed(in), nil
		}),

		"PutMetricAlarm": of(func(in awscloudwatch.PutMetricAlarmInput) (none, error) {
			return none{}, c.Alarms.PutMetric(in, c.Now())
		}),
		"PutCompositeAlarm": of(func(in awscloudwatch.PutCompositeAlarmInput) (none, error) {
			return none{}, c.Alarms.PutComposite(in, c.Now())
		}),
		"DeleteAlarms": of(func(in awscloudwatch.DeleteAlarmsInput) (none, error) {
			return none{}, c.Alarms.Delete(in.AlarmNames...)
		}),
		"SetAlarmState":        of(c.setState),
		"DescribeAlarms":       of(c.Alarms.Described),
		"DescribeAlarmHistory": of(c.history),
		"ListTagsForResource":  of(c.tags),
		"TagResource": of(func(in awscloudwatch.TagResourceInput) (none, error) {
			return none{}, c.setTags(in.ResourceARN, in.Tags, nil)
		}),
		"UntagResource": of(func(in awscloudwatch.UntagResourceInput) (none, error) {
			return none{}, c.setTags(in.ResourceARN, nil, in.TagKeys)
		}),

		"PutDashboard":   of(c.putDashboard),
		"GetDashboard":   of(c.getDashboard),
		"ListDashboards": of(c.listDashboards),
		"DeleteDashboards": of(func(in awscloudwatch.DeleteDashboardsInput) (none, error) {
			c.Dashboards.Delete(in.DashboardNames...)
			return none{}, nil
		}),
	}
}

func (c CloudWatch) setState(in awscloudwatch.SetAlarmStateInput) (struct{}, error) {
	if !slices.Contains(in.StateValue.Values(), in.StateValue) {
		return struct{}{}, fmt.Errorf("state %q: want one of %v", in.StateValue, in.StateValue.Values())
	}
	if in.StateReason == nil {
		return struct{}{}, fmt.Errorf("there is no reason for the state")
	}
	if name := aws.ToString(in.AlarmName); !c.Alarms.SetState(name, cloudwatch.State(in.StateValue), *in.StateReason, c.Now()) {
		return struct{}{}, failure{resourceNotFound, fmt.Sprintf("there is no alarm %s", name)}
	}
	return struct{}{}, nil
}

// history answers DescribeAlarmHistory with changes of state, which is all that is remembered; the newest first.
func (c CloudWatch) history(in awscloudwatch.DescribeAlarmHistoryInput) (*awscloudwatch.DescribeAlarmHistoryOutput, error) {
	out := &awscloudwatch.DescribeAlarmHistoryOutput{AlarmHistoryItems: []types.AlarmHistoryItem{}}
	if in.HistoryItemType != "" && in.HistoryItemType != types.HistoryItemTypeStateUpdate {
		return out, nil
	}
	for _, n := range slices.Backward(c.Alarms.History()) {
		if in.AlarmName != nil && *in.AlarmName != n.Alarm {
			continue
		}
		kind := types.AlarmTypeMetricAlarm
		if n.Composite {
			kind = types.AlarmTypeCompositeAlarm
		}
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, types.AlarmHistoryItem{
			AlarmName: &n.Alarm, AlarmType: kind, Timestamp: &n.At, HistoryItemType: types.HistoryItemTypeStateUpdate,
			HistorySummary: aws.String(fmt.Sprintf("Alarm updated from %s to %s", n.From, n.To)), HistoryData: &n.Reason,
		})
	}
	return out, nil
}

func (c CloudWatch) tags(in awscloudwatch.ListTagsForResourceInput) (*awscloudwatch.ListTagsForResourceOutput, error) {
	tags, ok := c.Alarms.Tags(aws.ToString(in.ResourceARN))
	if !ok {
		return nil, noAlarm(in.ResourceARN)
	}
	out := &awscloudwatch.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	return out, nil
}

func (c CloudWatch) setTags(arn *string, add []types.Tag, remove []string) error {
	if !c.Alarms.SetTags(aws.ToString(arn), add, remove) {
		return noAlarm(arn)
	}
	return nil
}

func noAlarm(arn *string) error {
	return failure{notFound, fmt.Sprintf("there is no alarm %s", aws.ToString(arn))}
}

func (c CloudWatch) putDashboard(in awscloudwatch.PutDashboardInput) (*awscloudwatch.PutDashboardOutput, error) {
	if err := c.Dashboards.Put(aws.ToString(in.DashboardName), aws.ToString(in.DashboardBody), c.Now()); err != nil {
		return nil, failure{badDashboard, err.Error()}
	}
	return &awscloudwatch.PutDashboardOutput{}, nil
}

func (c CloudWatch) getDashboard(in awscloudwatch.GetDashboardInput) (*awscloudwatch.GetDashboardOutput, error) {
	d, ok := c.Dashboards.Get(aws.ToString(in.DashboardName))
	if !ok {
		return nil, failure{noDashboard, fmt.Sprintf("Dashboard %s does not exist", aws.ToString(in.DashboardName))}
	}
	return &awscloudwatch.GetDashboardOutput{DashboardName: &d.Name, DashboardArn: &d.ARN, DashboardBody: &d.Body}, nil
}

func (c CloudWatch) listDashboards(in awscloudwatch.ListDashboardsInput) (*awscloudwatch.ListDashboardsOutput, error) {
	out := &awscloudwatch.ListDashboardsOutput{DashboardEntries: []types.DashboardEntry{}}
	for _, d := range c.Dashboards.List() {
		if strings.HasPrefix(d.Name, aws.ToString(in.DashboardNamePrefix)) {
			out.DashboardEntries = append(out.DashboardEntries, types.DashboardEntry{DashboardName: &d.Name, DashboardArn: &d.ARN, LastModified: &d.Changed, Size: aws.Int64(int64(len(d.Body)))})
		}
	}
	return out, nil
}
