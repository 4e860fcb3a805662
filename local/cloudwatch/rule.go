package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// State is what an alarm says.
type State string

// The states of an alarm.
const (
	OK               State = "OK"
	InAlarm          State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// rule is the expression of a composite alarm. It is evaluated on the states of other alarms.
type rule interface {
	holds(stateOf func(alarm string) State) bool
	children() []string
}

type stateIs struct {
	alarm string
	state State
}

type constant bool

type not struct{ of rule }

type both struct{ a, b rule }

type either struct{ a, b rule }

func (r stateIs) holds(stateOf func(string) State) bool { return stateOf(r.alarm) == r.state }
func (r constant) holds(func(string) State) bool        { return bool(r) }
func (r not) holds(stateOf func(string) State) bool     { return !r.of.holds(stateOf) }
func (r both) holds(stateOf func(string) State) bool {
	return r.a.holds(stateOf) && r.b.holds(stateOf)
}
func (r either) holds(stateOf func(string) State) bool {
	return r.a.holds(stateOf) || r.b.holds(stateOf)
}

func (r stateIs) children() []string  { return []string{r.alarm} }
func (r constant) children() []string { return nil }
func (r not) children() []string      { return r.of.children() }
func (r both) children() []string     { return append(r.a.children(), r.b.children()...) }
func (r either) children() []string   { return append(r.a.children(), r.b.children()...) }

// parseRule reads the rule of a composite alarm: ALARM("name"), OK("name"), INSUFFICIENT_DATA("name"), TRUE and FALSE, with NOT, AND,
// OR and parentheses. NOT binds before AND, AND before OR. A name without quotes may have no space and no parenthesis.
func parseRule(text string) (rule, error) {
	p := &ruleParser{tokens: ruleTokens(text)}
	r, err := p.or()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is too much", p.tokens[0])
	}
	if err != nil {
		return nil, fmt.Errorf("alarm rule %q: %w", text, err)
	}
	return r, nil
}

// ruleTokens cuts a rule into parentheses, words and names; a name in quotes keeps its first quote.
func ruleTokens(text string) []string {
	var tokens []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := 1
		switch first := text[0]; {
		case first == '(' || first == ')':
		case first == '"':
			if end = strings.IndexByte(text[1:], '"') + 2; end == 1 {
				end = len(text) + 1 // it never ends
				text += `"`
			}
			tokens = append(tokens, text[:end-1])
			text = text[end:]
			continue
		default:
			if end = strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == ')' }); end < 0 {
				end = len(text)
			}
		}
		tokens, text = append(tokens, text[:end]), text[end:]
	}
	return tokens
}

type ruleParser struct{ tokens []string }

func (p *ruleParser) take(words ...string) (string, bool) {
	if len(p.tokens) == 0 || !slices.Contains(words, p.tokens[0]) {
		return "", false
	}
	word := p.tokens[0]
	p.tokens = p.tokens[1:]
	return word, true
}

func (p *ruleParser) or() (rule, error) {
	r, err := p.and()
	for err == nil {
		if _, ok := p.take("OR"); !ok {
			return r, nil
		}
		var next rule
		next, err = p.and()
		r = either{r, next}
	}
	return nil, err
}

func (p *ruleParser) and() (rule, error) {
	r, err := p.unary()
	for err == nil {
		if _, ok := p.take("AND"); !ok {
			return r, nil
		}
		var next rule
		next, err = p.unary()
		r = both{r, next}
	}
	return nil, err
}

func (p *ruleParser) unary() (rule, error) {
	if _, ok := p.take("NOT"); ok {
		r, err := p.unary()
		return not{r}, err
	}
	if _, ok := p.take("("); ok {
		r, err := p.or()
		if err != nil {
			return nil, err
		}
		return r, p.close()
	}
	if word, ok := p.take("TRUE", "FALSE"); ok {
		return constant(word == "TRUE"), nil
	}
	state, ok := p.take(string(InAlarm), string(OK), string(InsufficientData))
	if !ok {
		return nil, fmt.Errorf("want ALARM, OK, INSUFFICIENT_DATA, TRUE, FALSE, NOT or ( at %q", strings.Join(p.tokens, " "))
	}
	if _, ok := p.take("("); !ok || len(p.tokens) == 0 {
		return nil, fmt.Errorf("want an alarm's name in parentheses after %s", state)
	}
	name := strings.TrimPrefix(p.tokens[0], `"`)
	p.tokens = p.tokens[1:]
	// A rule may name an alarm by its ARN, arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME.
	if arn := strings.SplitN(name, ":", 7); len(arn) == 7 && arn[5] == "alarm" {
		name = arn[6]
	}
	return stateIs{name, State(state)}, p.close()
}

func (p *ruleParser) close() error {
	if _, ok := p.take(")"); !ok {
		return fmt.Errorf("want ) at %q", strings.Join(p.tokens, " "))
	}
	return nil
}
