package dynamotest

import "slices"

// condition is a parsed condition, filter or key condition.
type condition struct {
	node
	attributes []string
}

// condition parses an expression; nil is one that always holds.
func (t *terms) condition(kind string, text *string) (condition, error) {
	if text == nil {
		return condition{node: and{}}, nil
	}
	p := parse(*text, t)
	root := p.or()
	return condition{root, p.attributes}, p.finish(kind, *text)
}

// From "Precedence in conditions" of the developer guide, the last first: OR, AND, NOT, and what compares.

func (p *parser) or() node {
	terms := or{p.and()}
	for p.keyword("OR") {
		terms = append(terms, p.and())
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return terms
}

func (p *parser) and() node {
	terms := and{p.not()}
	for p.keyword("AND") {
		terms = append(terms, p.not())
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return terms
}

func (p *parser) not() node {
	if p.keyword("NOT") {
		return not{p.not()}
	}
	return p.primary()
}

// group marks what stood in parentheses.
type group struct{ node }

func (p *parser) primary() node {
	if p.symbol("(") {
		inner := p.or()
		p.expect(")")
		if _, twice := inner.(group); twice {
			p.fail(invalid("The expression has redundant parentheses"))
		}
		return group{inner}
	}
	if name, ok := p.function(); ok {
		return p.call(name)
	}
	left := p.operand()
	switch tok := p.next(); {
	case tok.kind == symbolToken && slices.Contains(comparators, tok.text):
		return p.compare(comparison{tok.text, left, p.operand()})
	case tok.is("BETWEEN"):
		low := p.operand()
		if !p.keyword("AND") {
			p.unexpected(p.peek())
		}
		return p.between(between{left, low, p.operand()})
	case tok.is("IN"):
		return p.in(left)
	default:
		p.unexpected(tok)
		return and{}
	}
}

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

func (p *parser) compare(c comparison) node {
	if p.err != nil {
		return and{}
	}
	if c.left.attribute == "" && c.right.attribute == "" || c.left.attribute == c.right.attribute {
		p.fail(unknown("a comparison of a value, or an attribute, with itself"))
	}
	if c.operator != "=" && c.operator != "<>" {
		p.orderable(c.operator, c.left, c.right)
	}
	return c
}

// orderable fails for values that the operator cannot order.
func (p *parser) orderable(operator string, operands ...operand) {
	for _, o := range operands {
		if kind := kindOf(o.value); o.value != nil && kind != kindS && kind != kindN {
			p.fail(invalid("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, kind))
		}
	}
}

func (p *parser) between(b between) node {
	if p.err != nil {
		return and{}
	}
	p.orderable("BETWEEN", b.low, b.high)
	if b.low.value != nil && b.high.value != nil {
		switch order, ok := compare(b.low.value, b.high.value); {
		case !ok:
			p.fail(invalid("The BETWEEN operator requires same data type for lower and upper bounds"))
		case order > 0:
			p.fail(invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound"))
		}
	}
	return b
}

// maxIn is how many operands IN takes, from "Condition and filter expressions, operators, and functions".
const maxIn = 100

func (p *parser) in(left operand) node {
	p.expect("(")
	m := membership{operand: left, in: []operand{p.operand()}}
	for p.symbol(",") {
		m.in = append(m.in, p.operand())
	}
	p.expect(")")
	if len(m.in) > maxIn {
		p.fail(invalid("The IN operator is provided with %d operands, and takes %d", len(m.in), maxIn))
	}
	return m
}

// call reads the arguments of a function, whose names are spelled in small letters only.
func (p *parser) call(name string) node {
	var n node = and{}
	switch name {
	case "attribute_exists", "attribute_not_exists":
		n = existence{p.attribute(), name == "attribute_exists"}
	case "begins_with":
		b := prefixed{attribute: p.attribute()}
		p.expect(",")
		b.prefix = p.operand()
		if kind := kindOf(b.prefix.value); b.prefix.value != nil && kind != kindS {
			p.fail(invalid("Incorrect operand type for operator or function; operator or function: begins_with, operand type: %s", kind))
		}
		n = b
	case "contains":
		c := containment{attribute: p.attribute()}
		p.expect(",")
		c.part = p.operand()
		n = c
	case "size", "attribute_type":
		p.fail(unknown("the function %s", name))
	default:
		p.fail(invalid("Invalid function name; function: %s", name))
	}
	p.expect(")")
	return n
}
