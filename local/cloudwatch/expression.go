package cloudwatch

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/scanner"
	"time"
)

// expression is a metric math expression, ready to be evaluated.
type expression func(s *scope, through []string) (value, error)

// parseExpression reads what dashboards and alarms of this project use of metric math: numbers, ids of queries, + - * /,
// comparisons, parentheses, arrays, and the functions that are listed in functions.
func parseExpression(text string) (expression, error) {
	if isInsight(text) {
		return parseInsight(text)
	}
	p := &expressionParser{}
	p.scan.Init(strings.NewReader(text))
	p.scan.Mode = scanner.ScanIdents | scanner.ScanFloats | scanner.ScanInts
	p.scan.Error = func(*scanner.Scanner, string) {}
	p.next()
	e, err := p.comparison()
	if err == nil && p.token != scanner.EOF {
		err = fmt.Errorf("%q is too much", p.text)
	}
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", text, err)
	}
	return e, nil
}

type expressionParser struct {
	scan  scanner.Scanner
	token rune
	text  string
}

func (p *expressionParser) next() {
	p.token = p.scan.Scan()
	p.text = p.scan.TokenText()
	if p.token == '\'' { // a text, in which a quote cannot be
		var b strings.Builder
		for c := p.scan.Next(); c != '\'' && c != scanner.EOF; c = p.scan.Next() {
			b.WriteRune(c)
		}
		p.text = b.String()
	}
}

func (p *expressionParser) take(text string) bool {
	if p.token == scanner.EOF || p.token == '\'' || p.text != text {
		return false
	}
	p.next()
	return true
}

func (p *expressionParser) comparison() (expression, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	for _, first := range []string{">", "<", "=", "!"} {
		if !p.take(first) {
			continue
		}
		operator := first
		if p.take("=") {
			operator += "="
		}
		compare, ok := comparisons[operator]
		if !ok {
			return nil, fmt.Errorf("want a comparison at %q", operator)
		}
		right, err := p.sum()
		return binary(left, right, compare), err
	}
	return left, nil
}

var comparisons = map[string]func(a, b float64) float64{
	">":  func(a, b float64) float64 { return truth(a > b) },
	">=": func(a, b float64) float64 { return truth(a >= b) },
	"<":  func(a, b float64) float64 { return truth(a < b) },
	"<=": func(a, b float64) float64 { return truth(a <= b) },
	"==": func(a, b float64) float64 { return truth(a == b) },
	"!=": func(a, b float64) float64 { return truth(a != b) },
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (p *expressionParser) sum() (expression, error) {
	left, err := p.product()
	for err == nil {
		var operate func(a, b float64) float64
		switch {
		case p.take("+"):
			operate = func(a, b float64) float64 { return a + b }
		case p.take("-"):
			operate = func(a, b float64) float64 { return a - b }
		default:
			return left, nil
		}
		var right expression
		right, err = p.product()
		left = binary(left, right, operate)
	}
	return nil, err
}

func (p *expressionParser) product() (expression, error) {
	left, err := p.unary()
	for err == nil {
		var operate func(a, b float64) float64
		switch {
		case p.take("*"):
			operate = func(a, b float64) float64 { return a * b }
		case p.take("/"):
			operate = func(a, b float64) float64 { return a / b }
		default:
			return left, nil
		}
		var right expression
		right, err = p.unary()
		left = binary(left, right, operate)
	}
	return nil, err
}

func (p *expressionParser) unary() (expression, error) {
	switch {
	case p.take("-"):
		of, err := p.unary()
		return binary(number(0), of, func(a, b float64) float64 { return a - b }), err
	case p.take("("):
		e, err := p.comparison()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("want ) at %q", p.text)
		}
		return e, err
	case p.take("["):
		return p.array()
	case p.token == scanner.Int, p.token == scanner.Float:
		n, err := strconv.ParseFloat(p.text, 64)
		p.next()
		return number(n), err
	case p.token == scanner.Ident:
		name := p.text
		p.next()
		if p.take("(") {
			return p.call(name)
		}
		return func(s *scope, through []string) (value, error) { return s.of(name, through) }, nil
	}
	return nil, fmt.Errorf("want a number, an id, a function or ( at %q", p.text)
}

// array reads the rest of [a, b, ...]: the series of all.
func (p *expressionParser) array() (expression, error) {
	var parts []expression
	for {
		e, err := p.comparison()
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
		if p.take("]") {
			break
		}
		if !p.take(",") {
			return nil, fmt.Errorf("want , or ] at %q", p.text)
		}
	}
	return func(s *scope, through []string) (value, error) {
		all := value{}
		for _, part := range parts {
			v, err := part(s, through)
			if err != nil {
				return value{}, err
			}
			all.series = append(all.series, v.series...)
		}
		return all, nil
	}, nil
}

// argument is an expression or a text of a function's call.
type argument struct {
	text       string
	expression expression // nil: a text, or a word
}

// call reads the rest of NAME(a, b, ...).
func (p *expressionParser) call(name string) (expression, error) {
	function, ok := functions[name]
	if !ok {
		return nil, fmt.Errorf("function %s is not served", name)
	}
	var arguments []argument
	for !p.take(")") {
		if len(arguments) > 0 && !p.take(",") {
			return nil, fmt.Errorf("want , or ) at %q", p.text)
		}
		if p.token == '\'' || p.token == scanner.Ident && p.text == repeat {
			arguments = append(arguments, argument{text: p.text})
			p.next()
			continue
		}
		e, err := p.comparison()
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, argument{expression: e})
	}
	return function(arguments)
}

const repeat = "REPEAT"

// functions are the functions that are served.
var functions map[string]func([]argument) (expression, error)

func init() {
	functions = map[string]func([]argument) (expression, error){
		"FILL": fill, "IF": conditional, "METRICS": allMetrics, "SEARCH": search,
		"SUM": across(func(values []float64) float64 { return Statistic{name: "Sum"}.Of(values) }),
		"AVG": across(func(values []float64) float64 { return Statistic{name: "Average"}.Of(values) }),
		"MAX": across(func(values []float64) float64 { return Statistic{name: "Maximum"}.Of(values) }),
		"MIN": across(func(values []float64) float64 { return Statistic{name: "Minimum"}.Of(values) }),
	}
}

func number(n float64) expression {
	return func(*scope, []string) (value, error) { return value{scalar: &n}, nil }
}

// binary applies an operation to two numbers, to a number and series, to series and one series, or to as many series on either
// side. A period counts where both sides have a value, and the result is one: a division by zero leaves none.
func binary(left, right expression, operate func(a, b float64) float64) expression {
	return func(s *scope, through []string) (value, error) {
		a, err := left(s, through)
		if err != nil {
			return value{}, err
		}
		b, err := right(s, through)
		if err != nil {
			return value{}, err
		}
		if a.scalar != nil && b.scalar != nil {
			n := operate(*a.scalar, *b.scalar)
			return value{scalar: &n}, nil
		}
		count := max(len(a.series), len(b.series))
		for _, side := range []value{a, b} {
			if side.scalar == nil && len(side.series) != count && len(side.series) != 1 {
				return value{}, fmt.Errorf("%d and %d time series cannot be combined", len(a.series), len(b.series))
			}
		}
		out := value{series: make([]line, count)}
		for i := range out.series {
			x, y := a.at(i), b.at(i)
			out.series[i].points = Points{}
			if count > 1 {
				out.series[i].label = cmp.Or(x.label, y.label)
			}
			for _, at := range times(x, y) {
				u, ok := x.value(at)
				v, also := y.value(at)
				if n := operate(u, v); ok && also && !math.IsNaN(n) && !math.IsInf(n, 0) {
					out.series[i].points[at] = n
				}
			}
		}
		return out, nil
	}
}

// operand is one side of an operation: a series, or a number at every time.
type operand struct {
	line
	scalar *float64
}

func (v value) at(i int) operand {
	if v.scalar != nil {
		return operand{scalar: v.scalar}
	}
	if len(v.series) == 1 {
		i = 0
	}
	return operand{line: v.series[i]}
}

func (o operand) value(at int64) (float64, bool) {
	if o.scalar != nil {
		return *o.scalar, true
	}
	v, ok := o.points[at]
	return v, ok
}

func times(a, b operand) []int64 {
	if a.scalar != nil {
		return b.points.Times()
	}
	return a.points.Times()
}

// across makes one series of several: of each period that has a value in any of them.
func across(reduce func([]float64) float64) func([]argument) (expression, error) {
	return func(arguments []argument) (expression, error) {
		if len(arguments) != 1 || arguments[0].expression == nil {
			return nil, fmt.Errorf("want one argument: series")
		}
		return func(s *scope, through []string) (value, error) {
			v, err := arguments[0].expression(s, through)
			if err != nil {
				return value{}, err
			}
			values := map[int64][]float64{}
			for _, l := range v.series {
				for at, n := range l.points {
					values[at] = append(values[at], n)
				}
			}
			points := Points{}
			for at, all := range values {
				points[at] = reduce(all)
			}
			return value{series: []line{{points: points}}}, nil
		}, nil
	}
}

// fill is FILL(series, number) or FILL(series, REPEAT): periods without a value get the number, or the value before.
func fill(arguments []argument) (expression, error) {
	if len(arguments) != 2 || arguments[0].expression == nil || arguments[1].expression == nil && arguments[1].text != repeat {
		return nil, fmt.Errorf("want FILL(series, number) or FILL(series, REPEAT)")
	}
	return func(s *scope, through []string) (value, error) {
		v, err := arguments[0].expression(s, through)
		if err != nil {
			return value{}, err
		}
		filler := value{}
		if arguments[1].expression != nil {
			if filler, err = arguments[1].expression(s, through); err != nil {
				return value{}, err
			}
			if filler.scalar == nil {
				return value{}, fmt.Errorf("FILL takes a number, not series")
			}
		}
		width := int64(s.step() / time.Second)
		out := value{series: make([]line, len(v.series))}
		for i, l := range v.series {
			points, last := Points{}, filler.scalar
			for at := s.start.Unix() - modulo(s.start.Unix(), width); at < s.end.Unix(); at += width {
				n, ok := l.points[at]
				if ok && filler.scalar == nil {
					last = &n
				}
				if !ok && last != nil {
					n, ok = *last, true
				}
				if ok {
					points[at] = n
				}
			}
			out.series[i] = line{l.label, points, l.metric}
		}
		return out, nil
	}, nil
}

// conditional is IF(condition, then, else): each a number or a series.
func conditional(arguments []argument) (expression, error) {
	if len(arguments) != 3 || arguments[0].expression == nil || arguments[1].expression == nil || arguments[2].expression == nil {
		return nil, fmt.Errorf("want IF(condition, then, else)")
	}
	return func(s *scope, through []string) (value, error) {
		var parts [3]operand
		for i, a := range arguments {
			v, err := a.expression(s, through)
			if err != nil {
				return value{}, err
			}
			if v.scalar == nil && len(v.series) != 1 {
				return value{}, fmt.Errorf("IF takes numbers and single series, not %d series", len(v.series))
			}
			parts[i] = v.at(0)
		}
		points := Points{}
		for _, at := range times(parts[0], parts[0]) {
			chosen := parts[2]
			if condition, _ := parts[0].value(at); condition != 0 {
				chosen = parts[1]
			}
			if n, ok := chosen.value(at); ok {
				points[at] = n
			}
		}
		return value{series: []line{{points: points}}}, nil
	}, nil
}

// allMetrics is METRICS(): the series of all queries that are no expressions; METRICS('text') of those whose id has the text.
func allMetrics(arguments []argument) (expression, error) {
	if len(arguments) > 1 || len(arguments) == 1 && arguments[0].expression != nil {
		return nil, fmt.Errorf("want METRICS() or METRICS('text')")
	}
	return func(s *scope, through []string) (value, error) {
		all := value{}
		for _, id := range s.order {
			if len(arguments) == 1 && !strings.Contains(id, arguments[0].text) {
				continue
			}
			v, err := s.of(id, through)
			if err != nil {
				return value{}, err
			}
			all.series = append(all.series, v.series...)
		}
		return all, nil
	}, nil
}
