package dynamotest

import "fmt"

// parser reads one expression. Its first error stays; from then on it reads nothing but the end.
type parser struct {
	terms  *terms
	tokens []token
	err    error
	// attributes are the names that the expression refers to.
	attributes []string
}

func parse(text string, t *terms) *parser {
	p := &parser{terms: t}
	tokens, err := scan(text)
	p.tokens = tokens
	if err == nil && len(tokens) == 1 {
		err = invalid("The expression can not be empty")
	}
	if err != nil {
		p.fail(err)
	}
	return p
}

// finish returns the first error, one for what was not read included, and says which expression it is about.
func (p *parser) finish(kind, text string) error {
	if p.err == nil && p.peek().kind != endToken {
		p.unexpected(p.peek())
	}
	if p.err != nil {
		return fmt.Errorf("invalid %s %q: %w", kind, text, p.err)
	}
	return nil
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.tokens = []token{{endToken, "<EOF>"}}
}

func (p *parser) unexpected(tok token) { p.fail(invalid("Syntax error; token: %q", tok.text)) }

// overlap is the error for an attribute that an expression names twice where it may be named once.
func overlap(name string) error {
	return invalid("Two document paths overlap with each other; must remove or rewrite one of these paths; path: [%s]", name)
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	tok := p.tokens[0]
	if tok.kind != endToken {
		p.tokens = p.tokens[1:]
	}
	return tok
}

// keyword reads a keyword if it comes next.
func (p *parser) keyword(word string) bool {
	if !p.peek().is(word) {
		return false
	}
	p.next()
	return true
}

// symbol reads a symbol if it comes next.
func (p *parser) symbol(text string) bool {
	if tok := p.peek(); tok.kind != symbolToken || tok.text != text {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(symbol string) {
	if !p.symbol(symbol) {
		p.unexpected(p.peek())
	}
}

// attribute reads the name of an attribute.
func (p *parser) attribute() string {
	name, err := p.terms.attribute(p.next())
	if err != nil {
		p.fail(err)
		return ""
	}
	p.attributes = append(p.attributes, name)
	return name
}

// operand reads the name of an attribute or a value.
func (p *parser) operand() operand {
	if p.peek().kind != valueToken {
		return operand{attribute: p.attribute()}
	}
	v, err := p.terms.value(p.next())
	if err != nil {
		p.fail(err)
	}
	return operand{value: v}
}

// function reads the name of a function and its opening parenthesis if that comes next.
func (p *parser) function() (string, bool) {
	if p.peek().kind != wordToken || p.tokens[1].text != "(" || p.peek().is("NOT") {
		return "", false
	}
	name := p.next().text
	p.expect("(")
	return name, true
}
