package cloudwatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Limits of a dashboard: user guide, "CloudWatch service quotas" and "Search expression syntax".
const (
	maxWidgets       = 500
	maxWidgetMetrics = 500
	maxWidgetAlarms  = 100
	maxWidgetSearch  = 100
)

// Board is the body of a dashboard: API reference, "Dashboard body structure and syntax". Where CloudWatch only warns of a property
// that it does not know, and draws nothing, reading one fails.
type Board struct {
	Start, End, PeriodOverride string
	Variables                  []BoardVariable
	Widgets                    []Widget
}

// BoardVariable is a choice of whoever looks at a dashboard.
type BoardVariable struct {
	Type, Property, Pattern, InputType, ID, Label, DefaultValue, Search, PopulateFrom string
	Visible                                                                           *bool
	Values                                                                            []struct{ Value, Label string }
}

// Widget is a widget. Exactly one of Graph, Text and Alarms is set for a type that is served; a widget of another type has its
// properties unread.
type Widget struct {
	Type                string
	X, Y, Width, Height *float64
	Properties          json.RawMessage

	Graph  *Graph       `json:"-"`
	Text   *TextWidget  `json:"-"`
	Alarms *AlarmWidget `json:"-"`
}

// TextWidget is a widget of type text.
type TextWidget struct{ Markdown, Background string }

// AlarmWidget is a widget of type alarm. Alarms are ARNs.
type AlarmWidget struct {
	Title, SortBy  string
	Alarms, States []string
}

// Graph is a widget of type metric.
type Graph struct {
	Title, View, Region, Stat, AccountID, Timezone, Start, End string
	Stacked, LiveData, SetPeriodToTimeRange, Sparkline         bool
	SingleValueFullPrecision                                   bool
	Period                                                     int
	Metrics                                                    [][]any
	YAxis                                                      struct{ Left, Right GraphAxis }
	Legend                                                     struct{ Position string }
	Table                                                      map[string]any
	Annotations                                                struct{ Horizontal, Vertical, Alarms []Annotation }

	queries []types.MetricDataQuery
}

// GraphAxis is an axis of a graph.
type GraphAxis struct {
	Label     string
	Min, Max  *float64
	ShowUnits *bool
}

// Annotation is a line of a graph.
type Annotation struct {
	Label, Color, Fill, YAxis string
	Value                     float64
	Visible                   *bool
}

// rendering is the object at the end of a metric's array.
type rendering struct {
	Expression, Label, ID, Stat, Color, YAxis, Region, AccountID string
	Period                                                       int
	Visible                                                      *bool
}

var (
	widgetTypes   = []string{"metric", "text", "log", "alarm", "explorer", "custom"}
	views         = []string{"", "timeSeries", "singleValue", "gauge", "bar", "pie", "table"}
	positions     = []string{"", "right", "bottom", "hidden"}
	fills         = []string{"", "above", "below", "none"}
	inputTypes    = []string{"input", "select", "radio"}
	boardColor    = regexp.MustCompile(`\A(#[0-9a-fA-F]{6})?\z`)
	alarmARN      = regexp.MustCompile(`\Aarn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:[0-9]{12}:alarm:.+\z`)
	searchedNames = regexp.MustCompile(`\A\{([^}]*)\}`)
)

// ReadBoard reads the body of a dashboard. Its error says why PutDashboard refuses it, or what CloudWatch could not draw.
func ReadBoard(body string) (*Board, error) {
	b := &Board{}
	if err := strict([]byte(body), b); err != nil {
		return nil, fmt.Errorf("the dashboard's body is no JSON of a dashboard: %w", err)
	}
	switch {
	case b.Widgets == nil:
		return nil, errors.New("the dashboard's body has no list of widgets")
	case len(b.Widgets) > maxWidgets:
		return nil, fmt.Errorf("the dashboard has %d widgets, want at most %d", len(b.Widgets), maxWidgets)
	case !slices.Contains([]string{"", "auto", "inherit"}, b.PeriodOverride):
		return nil, fmt.Errorf("the dashboard's periodOverride is %q, want auto or inherit", b.PeriodOverride)
	}
	for i := range b.Widgets {
		if err := b.Widgets[i].read(); err != nil {
			return nil, fmt.Errorf("widget %d %w", i, err)
		}
	}
	ids := map[string]bool{}
	for i, v := range b.Variables {
		if err := v.check(body); err != nil {
			return nil, fmt.Errorf("variable %d %w", i, err)
		}
		if ids[v.ID] {
			return nil, fmt.Errorf("variable %d has the id %q of another", i, v.ID)
		}
		ids[v.ID] = true
	}
	return b, nil
}

// CheckDashboard returns why PutDashboard refuses the body of a dashboard.
func CheckDashboard(body string) error {
	_, err := ReadBoard(body)
	return err
}

// strict decodes one JSON value that has no other property than into.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

func (w *Widget) read() error {
	switch {
	case !slices.Contains(widgetTypes, w.Type):
		return fmt.Errorf("is of type %q, want one of %v", w.Type, widgetTypes)
	case w.Properties == nil:
		return errors.New("has no properties")
	case (w.X == nil) != (w.Y == nil):
		return errors.New("has one of x and y, want both or neither")
	case outside(w.X, 0, 23), outside(w.Width, 1, 24), outside(w.Y, 0, 1_000), outside(w.Height, 1, 1_000):
		return errors.New("is outside of the grid: want x 0 to 23, width 1 to 24, y from 0 and height from 1 to 1000")
	}
	var err error
	switch w.Type {
	case "metric":
		w.Graph = &Graph{}
		if err = strict(w.Properties, w.Graph); err == nil {
			err = w.Graph.read()
		}
	case "text":
		w.Text = &TextWidget{}
		if err = strict(w.Properties, w.Text); err == nil && w.Text.Markdown == "" {
			err = errors.New("there is no markdown")
		}
	case "alarm":
		w.Alarms = &AlarmWidget{}
		if err = strict(w.Properties, w.Alarms); err == nil {
			err = w.Alarms.check()
		}
	}
	if err != nil {
		return fmt.Errorf("(%s): %w", w.Type, err)
	}
	return nil
}

func outside(n *float64, least, most float64) bool { return n != nil && (*n < least || *n > most) }

func (a *AlarmWidget) check() error {
	if len(a.Alarms) < 1 || len(a.Alarms) > maxWidgetAlarms {
		return fmt.Errorf("%d alarms, want 1 to %d", len(a.Alarms), maxWidgetAlarms)
	}
	for _, arn := range a.Alarms {
		if !alarmARN.MatchString(arn) {
			return fmt.Errorf("alarm %q: want an ARN", arn)
		}
	}
	return nil
}

func (g *Graph) read() error {
	switch {
	case g.Region == "":
		return errors.New("there is no region")
	case len(g.Metrics) == 0 || len(g.Metrics) > maxWidgetMetrics:
		return fmt.Errorf("%d metrics, want 1 to %d", len(g.Metrics), maxWidgetMetrics)
	case !slices.Contains(views, g.View):
		return fmt.Errorf("view %q, want one of %v", g.View, views[1:])
	case !slices.Contains(positions, g.Legend.Position):
		return fmt.Errorf("legend at %q, want one of %v", g.Legend.Position, positions[1:])
	}
	for _, a := range g.Annotations.Horizontal {
		if !slices.Contains(fills, a.Fill) || !boardColor.MatchString(a.Color) {
			return fmt.Errorf("annotation %q: color %q and fill %q, want #rrggbb and one of %v", a.Label, a.Color, a.Fill, fills[1:])
		}
	}
	searches := 0
	for i, m := range g.Metrics {
		q, err := g.query(i, m)
		if err != nil {
			return fmt.Errorf("metric %d: %w", i, err)
		}
		searches += strings.Count(aws.ToString(q.Expression), "SEARCH(")
		g.queries = append(g.queries, q)
	}
	if searches > maxWidgetSearch {
		return fmt.Errorf("%d SEARCH expressions, want at most %d", searches, maxWidgetSearch)
	}
	_, err := newQueries(g.queries)
	return err
}

// query is the query of GetMetricData that a metric's array stands for.
func (g *Graph) query(i int, parts []any) (types.MetricDataQuery, error) {
	how := rendering{Stat: g.Stat, Period: g.Period}
	var words []string
	for at, part := range parts {
		word, isWord := part.(string)
		switch {
		case isWord && word != "." && word != "...":
			words = append(words, word)
		case isWord:
			return types.MetricDataQuery{}, fmt.Errorf("the shorthand %q is not served", word)
		case at != len(parts)-1:
			return types.MetricDataQuery{}, errors.New("want words, and an object at the end")
		default:
			object, err := json.Marshal(part)
			if err == nil {
				err = strict(object, &how)
			}
			if err != nil {
				return types.MetricDataQuery{}, err
			}
		}
	}
	if how.Stat == "" {
		how.Stat = "Average"
	}
	period := aws.Int32(int32(max(how.Period, 1)))
	if how.Period == 0 {
		period = aws.Int32(int32(defaultGraphPeriod / time.Second))
	}
	q := types.MetricDataQuery{Id: aws.String(how.ID), ReturnData: aws.Bool(how.Visible == nil || *how.Visible)}
	if how.ID == "" {
		q.Id = aws.String(fmt.Sprintf("m%d", i))
	}
	if how.Label != "" {
		q.Label = &how.Label
	}
	if how.Expression != "" {
		if len(words) > 0 {
			return q, errors.New("an expression, and a metric beside it")
		}
		q.Expression, q.Period = &how.Expression, period
		return q, nil
	}
	if len(words) < 2 || len(words)%2 != 0 {
		return q, fmt.Errorf("%q: want a namespace, a name, and pairs of a dimension and its value", words)
	}
	metric := &types.Metric{Namespace: &words[0], MetricName: &words[1]}
	for at := 2; at < len(words); at += 2 {
		metric.Dimensions = append(metric.Dimensions, types.Dimension{Name: &words[at], Value: &words[at+1]})
	}
	q.MetricStat = &types.MetricStat{Metric: metric, Period: period, Stat: &how.Stat}
	return q, nil
}

// defaultGraphPeriod is the period of a graph that has none.
const defaultGraphPeriod = 5 * time.Minute

// check holds a variable to the structure. Body is that of its dashboard, in which a pattern has to be more than once.
func (v BoardVariable) check(body string) error {
	switch {
	case v.ID == "":
		return errors.New("has no id")
	case v.Type != "pattern" && v.Type != "property":
		return fmt.Errorf("is of type %q, want pattern or property", v.Type)
	case (v.Type == "pattern") != (v.Pattern != "") || (v.Type == "property") != (v.Property != ""):
		return fmt.Errorf("is of type %s, want a %s and not the other", v.Type, v.Type)
	case !slices.Contains(inputTypes, v.InputType):
		return fmt.Errorf("has the inputType %q, want one of %v", v.InputType, inputTypes)
	case v.InputType != "input" && len(v.Values) == 0 && v.Search == "":
		return fmt.Errorf("has neither values nor a search for its %s", v.InputType)
	case v.Type == "pattern" && strings.Count(body, v.Pattern) < 2:
		return fmt.Errorf("stands for %q, which is in no widget", v.Pattern)
	}
	if v.Search == "" {
		return nil
	}
	if _, err := parseSearch(v.Search); err != nil {
		return fmt.Errorf("searches for %q: %w", v.Search, err)
	}
	schema := searchedNames.FindStringSubmatch(v.Search)
	if schema == nil || !slices.Contains(strings.Split(schema[1], ",")[1:], v.PopulateFrom) {
		return fmt.Errorf("takes its values from the dimension %q, want one of its search's schema", v.PopulateFrom)
	}
	return nil
}
