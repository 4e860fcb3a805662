// Package picture draws dashboards of the local cloud's CloudWatch as pages: the widgets of a dashboard's own JSON, with the metrics
// and the states of alarms that there are.
package picture

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/api"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// view is what the page is made of.
type view struct {
	Name       string
	Dashboards []string
	Variable   string // the label of the dashboard's variable; "" for none
	ID         string // of the variable
	Choices    []string
	Picked     string
	Minutes    int
	Until      string
	Widgets    []box
}

// box is a widget on the page's grid.
type box struct {
	Style  template.CSS
	Title  string
	Text   template.HTML
	Chart  template.HTML
	Legend []entry
	States []state
	Empty  string
}

type entry struct {
	Color, Label, Last string
}

type state struct{ Name, State, Class string }

// wholePeriod keeps the latest period out, which is not over: its sums would look like a fall.
const wholePeriod = 10 * time.Second

// defaultMinutes is how much time a page shows.
const defaultMinutes = 15

// Handler serves the dashboards at /NAME. Parameters are the value of the dashboard's variable by its id, and minutes.
func Handler(cw api.CloudWatch) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(r.URL.Path, "/")
		all := cw.Dashboards.List()
		if name == "" && len(all) > 0 {
			http.Redirect(w, r, "/"+preferred(all), http.StatusFound)
			return
		}
		d, ok := cw.Dashboards.Get(name)
		if !ok {
			http.Error(w, fmt.Sprintf("there is no dashboard %q", name), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := Write(w, cw, d, r.URL.Query()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// preferred is the dashboard to begin with: the fleet's.
func preferred(all []cloudwatch.Dashboard) string {
	for _, d := range all {
		if strings.HasSuffix(d.Name, "-fleet") {
			return d.Name
		}
	}
	return all[0].Name
}

// Write writes the page of a dashboard.
func Write(w io.Writer, cw api.CloudWatch, d cloudwatch.Dashboard, parameters url.Values) error {
	minutes, err := strconv.Atoi(parameters.Get("minutes"))
	if err != nil || minutes < 1 || minutes > 180 {
		minutes = defaultMinutes
	}
	end := cw.Now().Truncate(wholePeriod)
	v := view{Name: d.Name, Minutes: minutes, Until: end.UTC().Format("2006-01-02 15:04:05") + " UTC"}
	for _, other := range cw.Dashboards.List() {
		v.Dashboards = append(v.Dashboards, other.Name)
	}
	board, err := cloudwatch.ReadBoard(d.Body)
	if err != nil {
		return fmt.Errorf("dashboard %s: %w", d.Name, err)
	}
	if len(board.Variables) > 0 {
		if board, err = v.pick(board.Variables[0], cw.Metrics, d.Body, parameters); err != nil {
			return fmt.Errorf("dashboard %s: %w", d.Name, err)
		}
	}
	start := end.Add(-time.Duration(minutes) * time.Minute)
	drawings, err := board.Draw(cw.Metrics, cw.Alarms, start, end)
	if err != nil {
		return fmt.Errorf("dashboard %s: %w", d.Name, err)
	}
	p := palette{}
	for _, drawn := range drawings {
		v.Widgets = append(v.Widgets, p.box(drawn, start, end))
	}
	return page.Execute(w, v)
}

// pick takes the variable's value from the parameters, or the first that there is.
func (v *view) pick(variable cloudwatch.BoardVariable, m *cloudwatch.Metrics, body string, parameters url.Values) (*cloudwatch.Board, error) {
	choices, err := variable.Choices(m)
	if err != nil {
		return nil, err
	}
	v.Variable, v.ID, v.Choices, v.Picked = variable.Label, variable.ID, choices, parameters.Get(variable.ID)
	if v.Picked == "" && len(choices) > 0 {
		v.Picked = choices[0]
	}
	if !slices.Contains(choices, v.Picked) {
		return cloudwatch.ReadBoard(body) // as it is, with the pattern in all names
	}
	picked, err := variable.Pick(body, v.Picked)
	if err != nil {
		return nil, err
	}
	return cloudwatch.ReadBoard(picked)
}

func (p palette) box(d cloudwatch.Drawing, start, end time.Time) box {
	w := d.Widget
	b := box{Style: template.CSS(fmt.Sprintf("grid-column: %d / span %d; grid-row: %d / span %d", int(*w.X)+1, int(*w.Width), int(*w.Y)+1, int(*w.Height)))}
	switch {
	case w.Text != nil:
		b.Text = markdown(w.Text.Markdown)
	case w.Alarms != nil:
		b.Title = w.Alarms.Title
		for _, s := range d.States {
			b.States = append(b.States, stateOf(s))
		}
	case w.Graph != nil:
		b.Title = w.Graph.Title
		if len(d.Series) == 0 {
			b.Empty = "No data in this time: nothing was counted or measured here."
		}
		b.Chart = newChart(w.Graph, d.Series, start, end, p).svg()
		b.Legend = p.legend(d.Series)
	}
	return b
}

// legend has the highest latest value first, which is what a reader looks for where there is no room for all.
func (p palette) legend(series []cloudwatch.Series) []entry {
	latest := func(s cloudwatch.Series) float64 {
		at := s.Points.Times()
		return s.Points[at[len(at)-1]]
	}
	ordered := slices.Clone(series)
	slices.SortStableFunc(ordered, func(a, b cloudwatch.Series) int { return cmp.Compare(latest(b), latest(a)) })
	var all []entry
	for _, s := range ordered {
		all = append(all, entry{p.of(s.Label), s.Label, short(latest(s))})
	}
	return all
}

func stateOf(s cloudwatch.AlarmState) state {
	out := state{Name: s.Name, State: string(s.State), Class: "ok"}
	switch s.State {
	case cloudwatch.InAlarm:
		out.Class = "alarm"
	case cloudwatch.OK:
	case "":
		out.State, out.Class = "there is no such alarm", "none"
	default:
		out.State, out.Class = "no data yet", "none"
	}
	return out
}
