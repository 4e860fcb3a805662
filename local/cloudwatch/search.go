package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxSearched is how many series a SEARCH returns at most: user guide, "Use search expressions in graphs".
const maxSearched = 500

// maxSearch is how many characters a SEARCH may have: the same page.
const maxSearch = 1024

// search is SEARCH('{Namespace,Dimension,...} terms', 'Statistic', period): all metrics of the schema, which have these dimensions
// and no other, that match every term. A term is in quotes and a whole name or value, or has no quotes and is some of the words of
// one (see tokens.go). Property=term looks at one property alone. NOT may stand before a term; terms may be joined by AND and OR
// and put into parentheses, as in CloudWatch.
func search(arguments []argument) (expression, error) {
	if len(arguments) < 2 || len(arguments) > 3 || arguments[0].expression != nil || arguments[1].expression != nil {
		return nil, fmt.Errorf("want SEARCH('{Namespace,Dimensions} terms', 'Statistic', period)")
	}
	stat, err := ParseStatistic(arguments[1].text)
	if err != nil {
		return nil, err
	}
	matches, err := parseSearch(arguments[0].text)
	if err != nil {
		return nil, fmt.Errorf("search %q: %w", arguments[0].text, err)
	}
	return func(s *scope, through []string) (value, error) {
		period := s.step()
		if len(arguments) == 3 && arguments[2].expression != nil {
			v, err := arguments[2].expression(s, through)
			if err != nil {
				return value{}, err
			}
			if v.scalar != nil && *v.scalar >= 1 {
				period = time.Duration(*v.scalar) * time.Second
			}
		}
		found := value{series: []line{}}
		for _, m := range s.metrics.List() {
			if len(found.series) == maxSearched {
				break
			}
			if !matches(m) {
				continue
			}
			if points := s.metrics.Points(m, stat, period, s.start, s.end); len(points) > 0 {
				found.series = append(found.series, line{searchLabel(m), points, m})
			}
		}
		return found, nil
	}, nil
}

// searchLabel is what tells the series of a search apart: the dimensions' values and the metric's name.
func searchLabel(m Metric) string {
	words := make([]string, 0, len(m.Dimensions)+1)
	for _, d := range m.Dimensions {
		words = append(words, d.Value)
	}
	return strings.Join(append(words, m.Name), " ")
}

type matcher func(Metric) bool

func parseSearch(text string) (matcher, error) {
	if len(text) > maxSearch {
		return nil, fmt.Errorf("it has %d characters, want at most %d", len(text), maxSearch)
	}
	text = strings.TrimSpace(text)
	schema := matcher(func(Metric) bool { return true })
	if strings.HasPrefix(text, "{") {
		inside, rest, ok := strings.Cut(text[1:], "}")
		if !ok {
			return nil, fmt.Errorf("the schema has no }")
		}
		parts := strings.Split(inside, ",")
		for i := range parts {
			parts[i] = strings.Trim(strings.TrimSpace(parts[i]), `"`)
		}
		namespace, names := parts[0], slices.Sorted(slices.Values(parts[1:]))
		schema = func(m Metric) bool { return m.Namespace == namespace && slices.Equal(m.DimensionNames(), names) }
		text = rest
	}
	p := &searchParser{rest: strings.TrimSpace(text)}
	if p.rest == "" {
		return schema, nil
	}
	terms, err := p.or()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is too much", p.rest)
	}
	return func(m Metric) bool { return schema(m) && terms(m) }, err
}

type searchParser struct{ rest string }

func (p *searchParser) take(word string) bool {
	rest, ok := strings.CutPrefix(p.rest, word)
	if !ok || word != "(" && word != ")" && rest != "" && !strings.ContainsAny(rest[:1], " (") {
		return false
	}
	p.rest = strings.TrimSpace(rest)
	return true
}

func (p *searchParser) or() (matcher, error) {
	left, err := p.and()
	for err == nil && p.take("OR") {
		a := left
		var b matcher
		b, err = p.and()
		left = func(m Metric) bool { return a(m) || b(m) }
	}
	return left, err
}

func (p *searchParser) and() (matcher, error) {
	left, err := p.term()
	for err == nil && p.rest != "" && !strings.HasPrefix(p.rest, ")") && !strings.HasPrefix(p.rest, "OR ") {
		p.take("AND")
		a := left
		var b matcher
		b, err = p.term()
		left = func(m Metric) bool { return a(m) && b(m) }
	}
	return left, err
}

func (p *searchParser) term() (matcher, error) {
	switch {
	case p.rest == "":
		return nil, fmt.Errorf("a term is missing at the end")
	case p.take("NOT"):
		of, err := p.term()
		return func(m Metric) bool { return !of(m) }, err
	case p.take("("):
		of, err := p.or()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("want ) at %q", p.rest)
		}
		return of, err
	}
	word, err := p.word("= ()")
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(p.rest, "=") {
		p.rest = strings.TrimSpace(p.rest)
		return func(m Metric) bool { return slices.ContainsFunc(everything(m), word.matches) }, nil
	}
	p.rest = p.rest[1:]
	if p.take("(") { // Property=("a" OR "b")
		var values []searchTerm
		for !p.take(")") {
			p.take("OR")
			v, err := p.word(" ()")
			if err != nil {
				return nil, err
			}
			p.rest = strings.TrimSpace(p.rest)
			values = append(values, v)
		}
		return func(m Metric) bool {
			return slices.ContainsFunc(values, func(v searchTerm) bool { return has(m, word.text, v) })
		}, nil
	}
	v, err := p.word(" ()")
	p.rest = strings.TrimSpace(p.rest)
	return func(m Metric) bool { return has(m, word.text, v) }, err
}

// word reads a term up to one of the characters, or one in double quotes.
func (p *searchParser) word(until string) (searchTerm, error) {
	if strings.HasPrefix(p.rest, `"`) {
		var b strings.Builder
		for i := 1; i < len(p.rest); i++ {
			switch c := p.rest[i]; {
			case c == '\\' && i+1 < len(p.rest): // before " \ ( and )
				i++
				b.WriteByte(p.rest[i])
			case c == '"':
				p.rest = p.rest[i+1:]
				return searchTerm{b.String(), true}, nil
			default:
				b.WriteByte(c)
			}
		}
		return searchTerm{}, fmt.Errorf("a quote has no end at %q", p.rest)
	}
	end := strings.IndexAny(p.rest, until)
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	if word == "" {
		return searchTerm{}, fmt.Errorf("want a word at %q", p.rest)
	}
	p.rest = p.rest[end:]
	return searchTerm{text: word}, nil
}

// has reports whether a property of a metric, which is Namespace, MetricName or a dimension, matches a term.
func has(m Metric, property string, term searchTerm) bool {
	switch property {
	case "Namespace":
		return term.matches(m.Namespace)
	case "MetricName":
		return term.matches(m.Name)
	}
	of, ok := m.Dimension(property)
	return ok && term.matches(of)
}

// everything is the name of a metric, its namespace, and its dimensions' names and values.
func everything(m Metric) []string {
	texts := []string{m.Namespace, m.Name}
	for _, d := range m.Dimensions {
		texts = append(texts, d.Name, d.Value)
	}
	return texts
}
