package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// body is a dashboard as PutDashboard takes it: API reference, "Dashboard body structure and syntax".
type body struct {
	Start          string     `json:"start"`
	PeriodOverride string     `json:"periodOverride"`
	Variables      []variable `json:"variables,omitempty"`
	Widgets        []widget   `json:"widgets"`
}

// variable is a choice at the top of a dashboard. What is chosen takes the place of the pattern wherever the widgets have it.
type variable struct {
	Type         string `json:"type"`
	Pattern      string `json:"pattern"`
	InputType    string `json:"inputType"`
	ID           string `json:"id"`
	Label        string `json:"label"`
	DefaultValue string `json:"defaultValue"`
	Visible      bool   `json:"visible"`
	Search       string `json:"search"`
	PopulateFrom string `json:"populateFrom"`
}

type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

// text is a widget of Markdown.
type text struct {
	Markdown string `json:"markdown"`
}

// alarmStates is a widget with the states of alarms.
type alarmStates struct {
	Title  string   `json:"title"`
	Alarms []string `json:"alarms"`
}

// graph is a widget of time series.
type graph struct {
	Title       string       `json:"title"`
	View        string       `json:"view"`
	Stacked     bool         `json:"stacked"`
	Region      string       `json:"region"`
	Period      int          `json:"period"`
	Metrics     [][]any      `json:"metrics"`
	YAxis       yAxis        `json:"yAxis"`
	Legend      legend       `json:"legend"`
	Annotations *annotations `json:"annotations,omitempty"`
}

type yAxis struct {
	Left axis `json:"left"`
}

type axis struct {
	Label     string   `json:"label"`
	Min       float64  `json:"min"`
	Max       *float64 `json:"max,omitempty"`
	ShowUnits bool     `json:"showUnits"` // the label says the unit
}

type legend struct {
	Position string `json:"position"`
}

type annotations struct {
	Horizontal []threshold `json:"horizontal"`
}

// threshold is a line from which on an alarm counts a period.
type threshold struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
	Color string  `json:"color"`
	Fill  string  `json:"fill,omitempty"`
}

// stack makes the areas of a graph's series add up.
func (g graph) stack() graph {
	g.Stacked = true
	return g
}

// yesOrNo bounds the axis to 0 and 1.
func (g graph) yesOrNo() graph {
	most := 1.0
	g.YAxis.Left.Max = &most
	return g
}

// alarmAt draws a line at a value.
func (g graph) alarmAt(value float64, format string, args ...any) graph {
	g.Annotations = &annotations{[]threshold{{Label: fmt.Sprintf(format, args...), Value: value, Color: red}}}
	return g
}

const red = "#d62728"

// columns is the width of the grid.
const columns = 24

// grid lays widgets out in rows from the top.
type grid struct {
	widgets []widget
	y       int
}

// row adds a row of widgets of one width. Properties are those of a text, alarmStates or graph.
func (g *grid) row(height int, properties ...any) {
	for i, p := range properties {
		kind := "metric"
		switch p.(type) {
		case text:
			kind = "text"
		case alarmStates:
			kind = "alarm"
		}
		width := columns / len(properties)
		g.widgets = append(g.widgets, widget{Type: kind, X: i * width, Y: g.y, Width: width, Height: height, Properties: p})
	}
	g.y += height
}

// threes adds rows of three.
func (g *grid) threes(all ...graph) {
	for i, p := range all {
		width := columns / 3
		g.widgets = append(g.widgets, widget{Type: "metric", X: i % 3 * width, Y: g.y + i/3*graphHeight, Width: width, Height: graphHeight, Properties: p})
	}
	g.y += (len(all) + 2) / 3 * graphHeight
}

const graphHeight = 7

// heading adds a line of text over the widgets that follow.
func (g *grid) heading(lines ...string) {
	g.row(1+len(lines), text{strings.Join(lines, "\n\n")})
}

// write returns the JSON of a body. Periods are as the widgets have them, however long the time that is shown: the thresholds are
// those of alarms, whose sums are over one period.
func (b body) write() (string, error) {
	b.Start, b.PeriodOverride = "-PT3H", "inherit"
	out, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("write the dashboard: %w", err)
	}
	return string(out), nil
}

func seconds(d time.Duration) int { return int(d / time.Second) }
