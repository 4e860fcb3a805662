package alarm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"golang.org/x/time/rate"

	"cellular/internal/model/naming"
)

// requestsPerSecond is four fifths of the 9 requests to describe alarms that CloudWatch answers a second in an account and
// Region, from its quotas.
const requestsPerSecond = 7

// maxRecords is how many alarms one DescribeAlarms returns at most, and maxNames how many it may ask for by name, from its API
// reference.
const (
	maxRecords = 100
	maxNames   = 100
)

// Reader reads the alarms of a deployment.
type Reader struct {
	client CloudWatch
	stack  naming.Stack
	pace   *rate.Limiter
}

// NewReader returns a reader that keeps to the rate at which CloudWatch answers.
func NewReader(client CloudWatch, stack naming.Stack) *Reader {
	return &Reader{client: client, stack: stack, pace: rate.NewLimiter(requestsPerSecond, 1)}
}

// All reads every alarm of the deployment: by subject, the composite first and then the metric alarms by part. A hundred are
// one request.
func (r *Reader) All(ctx context.Context) ([]Alarm, error) {
	return r.read(ctx, r.composites(), r.metrics(""))
}

// Current reads the composites, and of the metric alarms those that are not OK: in the states that are given. A large fleet has
// some ten times as many alarms as these.
func (r *Reader) Current(ctx context.Context, states ...State) ([]Alarm, error) {
	queries := []*cloudwatch.DescribeAlarmsInput{r.composites()}
	for _, s := range states {
		queries = append(queries, r.metrics(s))
	}
	return r.read(ctx, queries...)
}

// Of reads the alarms of one subject: its composite, and the metric alarms in its rule. A subject without a composite has none.
func (r *Reader) Of(ctx context.Context, s Subject) ([]Alarm, error) {
	health, err := r.read(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{s.Health(r.stack)}, AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm},
	})
	if err != nil || len(health) == 0 || len(health[0].Children) == 0 {
		return health, err
	}
	var queries []*cloudwatch.DescribeAlarmsInput
	for names := range slices.Chunk(health[0].Children, maxNames) {
		queries = append(queries, &cloudwatch.DescribeAlarmsInput{AlarmNames: names, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}})
	}
	parts, err := r.read(ctx, queries...)
	return append(health, parts...), err
}

func (r *Reader) composites() *cloudwatch.DescribeAlarmsInput {
	return &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(r.stack.HealthPrefix()), AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}}
}

func (r *Reader) metrics(s State) *cloudwatch.DescribeAlarmsInput {
	return &cloudwatch.DescribeAlarmsInput{
		AlarmNamePrefix: aws.String(r.stack.AlarmPrefix()), AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}, StateValue: types.StateValue(s),
	}
}

func (r *Reader) read(ctx context.Context, queries ...*cloudwatch.DescribeAlarmsInput) ([]Alarm, error) {
	var all []Alarm
	for _, in := range queries {
		var err error
		if all, err = r.pages(ctx, in, all); err != nil {
			return nil, fmt.Errorf("read the alarms of stack %s: %w", r.stack, err)
		}
	}
	slices.SortFunc(all, func(a, b Alarm) int { return cmp.Or(a.Subject.compare(b.Subject), strings.Compare(a.Part, b.Part)) })
	// An alarm that came into another state between two pages is there twice.
	return slices.CompactFunc(all, func(a, b Alarm) bool { return a.Name == b.Name }), nil
}

func (r *Reader) pages(ctx context.Context, in *cloudwatch.DescribeAlarmsInput, all []Alarm) ([]Alarm, error) {
	in.MaxRecords = aws.Int32(maxRecords)
	for {
		if err := r.pace.Wait(ctx); err != nil {
			return nil, err
		}
		out, err := r.client.DescribeAlarms(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, m := range out.MetricAlarms {
			if n, ok := r.stack.ParseAlarm(aws.ToString(m.AlarmName)); ok {
				all = append(all, ofMetric(n, m))
			}
		}
		for _, c := range out.CompositeAlarms {
			if n, ok := r.stack.ParseAlarm(aws.ToString(c.AlarmName)); ok {
				all = append(all, ofComposite(n, c))
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// FiringParts returns, by subject, the parts that are in alarm, in their order; Health alone where the composite fires and no
// part does, as one that was set by hand. A subject that has a composite is in the answer.
func FiringParts(alarms []Alarm) map[Subject][]string {
	parts := map[Subject][]string{}
	for _, a := range alarms {
		if !a.Composite() && a.State == Firing {
			parts[a.Subject] = append(parts[a.Subject], a.Part)
		}
	}
	for _, a := range alarms {
		switch {
		case !a.Composite() || parts[a.Subject] != nil:
		case a.State == Firing:
			parts[a.Subject] = []string{Health}
		default:
			parts[a.Subject] = []string{}
		}
	}
	return parts
}
