package picture

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cellular/local/cloudwatch"
)

// colors tell series apart: those of Observable's and Tableau's palettes that differ in brightness, too, and are not the red of
// thresholds.
var colors = []string{"#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#e377c2", "#bcbd22", "#7f7f7f", "#3b528b"}

// palette gives each series of a page its color by its label, so that a cell has one color in all graphs.
type palette map[string]string

func (p palette) of(label string) string {
	if _, id, ok := strings.Cut(label, "-cell-"); ok {
		label = id // of a name that ends in the cell's id
	}
	if p[label] == "" {
		p[label] = colors[len(p)%len(colors)]
	}
	return p[label]
}

// The size of a chart, and its margins, in the units of its viewBox.
const (
	width, height = 480.0, 190.0
	left, right   = 52.0, 8.0
	top, bottom   = 20.0, 20.0
)

// chart is a graph of lines, or of areas that add up.
type chart struct {
	palette    palette
	graph      *cloudwatch.Graph
	series     []cloudwatch.Series
	start, end time.Time
	most       float64 // the top of the axis
	step       float64 // between two ticks
}

func newChart(g *cloudwatch.Graph, series []cloudwatch.Series, start, end time.Time, p palette) *chart {
	c := &chart{palette: p, graph: g, series: series, start: start, end: end}
	if g.Stacked {
		c.series = stacked(series)
	}
	highest := 0.0
	for _, s := range c.series {
		for _, v := range s.Points {
			highest = max(highest, v)
		}
	}
	for _, a := range g.Annotations.Horizontal {
		highest = max(highest, a.Value) // a threshold that is out of sight says nothing
	}
	c.most, c.step = scale(highest)
	if m := g.YAxis.Left.Max; m != nil {
		c.most, c.step = *m, *m
	}
	return c
}

// stacked adds up series, so that each is the top of its area. A period without a value counts as 0.
func stacked(series []cloudwatch.Series) []cloudwatch.Series {
	sum := cloudwatch.Points{}
	for _, s := range series {
		for at := range s.Points {
			sum[at] = 0
		}
	}
	out := make([]cloudwatch.Series, len(series))
	for i, s := range series {
		points := cloudwatch.Points{}
		for at := range sum {
			sum[at] += s.Points[at]
			points[at] = sum[at]
		}
		out[i] = cloudwatch.Series{Label: s.Label, Points: points}
	}
	return out
}

// scale chooses the top of an axis, and round steps to it.
func scale(highest float64) (top, step float64) {
	if highest <= 0 {
		return 1, 1
	}
	raw := highest * 1.08 / 4
	magnitude := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if step = m * magnitude; step >= raw {
			break
		}
	}
	return math.Ceil(highest*1.08/step) * step, step
}

func (c *chart) x(at int64) float64 {
	share := float64(at-c.start.Unix()) / max(1, c.end.Sub(c.start).Seconds())
	return left + min(1, max(0, share))*(width-left-right)
}

func (c *chart) y(v float64) float64 {
	return height - bottom - min(1, max(0, v/c.most))*(height-top-bottom)
}

func (c *chart) svg() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, width, height, html.EscapeString(c.graph.Title))
	c.axes(&b)
	for _, s := range slices.Backward(c.series) {
		c.line(&b, c.palette.of(s.Label), s)
	}
	for _, a := range c.graph.Annotations.Horizontal {
		y := c.y(a.Value)
		fmt.Fprintf(&b, `<line class="threshold" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/>`, left, width-right, y, y, html.EscapeString(a.Color))
		fmt.Fprintf(&b, `<text class="threshold" x="%.1f" y="%.1f" fill="%s">%s</text>`, width-right, y-3, html.EscapeString(a.Color), html.EscapeString(a.Label))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // every text in it was escaped
}

func (c *chart) axes(b *strings.Builder) {
	for v := 0.0; v <= c.most*1.001; v += c.step {
		y := c.y(v)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="tick" x="%.1f" y="%.1f">%s</text>`, left, width-right, y, y, left-5, y+3, short(v))
	}
	fmt.Fprintf(b, `<text class="unit" x="2" y="9">%s</text>`, html.EscapeString(c.graph.YAxis.Left.Label))
	every := max(1, int64(c.end.Sub(c.start).Minutes()/5)) * 60
	for at := c.start.Unix() + every - c.start.Unix()%every; at < c.end.Unix(); at += every {
		fmt.Fprintf(b, `<text class="time" x="%.1f" y="%.1f">%s</text>`, c.x(at), height-6, time.Unix(at, 0).UTC().Format("15:04"))
	}
}

// line draws a series. A period without a value ends the line, and a single value is a dot.
func (c *chart) line(b *strings.Builder, color string, s cloudwatch.Series) {
	period := int64(max(1, c.graph.Period))
	var run []int64
	flush := func() {
		if len(run) == 0 {
			return
		}
		var points []string
		for _, at := range run {
			points = append(points, fmt.Sprintf("%.1f,%.1f", c.x(at), c.y(s.Points[at])))
		}
		if c.graph.Stacked {
			fmt.Fprintf(b, `<polygon points="%.1f,%.1f %s %.1f,%.1f" fill="%s" opacity="0.85"/>`, c.x(run[0]), c.y(0), strings.Join(points, " "), c.x(run[len(run)-1]), c.y(0), color)
		}
		fmt.Fprintf(b, `<polyline points="%s" stroke="%s"/>`, strings.Join(points, " "), color)
		if len(run) == 1 {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2.2" fill="%s"/>`, c.x(run[0]), c.y(s.Points[run[0]]), color)
		}
		run = nil
	}
	for _, at := range s.Points.Times() {
		if len(run) > 0 && at-run[len(run)-1] > period {
			flush()
		}
		run = append(run, at)
	}
	flush()
}

// short writes a number with three digits that count, and k or M behind thousands or millions.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return trim(v/1e6) + "M"
	case v >= 1e4:
		return trim(v/1e3) + "k"
	}
	return trim(v)
}

func trim(v float64) string {
	decimals := 0
	if v != 0 && math.Abs(v) < 100 {
		decimals = 2 - int(math.Floor(math.Log10(math.Abs(v))))
	}
	text := strconv.FormatFloat(v, 'f', min(max(decimals, 0), 4), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
