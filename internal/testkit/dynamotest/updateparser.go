package dynamotest

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func upper(tok token) string {
	if tok.kind != wordToken {
		return ""
	}
	return strings.ToUpper(tok.text)
}

// clauses read one part of a clause of an update expression: an attribute and what becomes of it.
var clauses map[string]func(*parser) (string, action)

func init() {
	clauses = map[string]func(*parser) (string, action){
		"SET": (*parser).set, "REMOVE": (*parser).remove, "ADD": (*parser).add,
		"DELETE": func(p *parser) (string, action) {
			p.fail(unknown("the clause DELETE of update expressions"))
			return "", nil
		},
	}
}

var errOperandType = invalid("An operand in the update expression has an incorrect data type")

// set reads: attribute = operand, or = operand + operand, or = operand - operand.
func (p *parser) set() (string, action) {
	name := p.attribute()
	p.expect("=")
	left := p.source()
	sign := int64(0)
	switch {
	case p.symbol("+"):
		sign = 1
	case p.symbol("-"):
		sign = -1
	}
	if sign == 0 {
		return name, left
	}
	right := p.source()
	return name, func(old Item) (types.AttributeValue, error) {
		a, err := left(old)
		if err != nil {
			return nil, err
		}
		b, err := right(old)
		if err != nil {
			return nil, err
		}
		return sum(a, b, sign)
	}
}

// source reads an operand of SET.
func (p *parser) source() action {
	if name, ok := p.function(); ok {
		return p.sourceFunction(name)
	}
	o := p.operand()
	return func(old Item) (types.AttributeValue, error) {
		v := o.of(old)
		if v == nil {
			return nil, invalid("The provided expression refers to an attribute that does not exist in the item: %s", o.attribute)
		}
		return v, nil
	}
}

func (p *parser) sourceFunction(name string) action {
	switch name {
	case "if_not_exists":
	case "list_append":
		p.fail(unknown("the function %s", name))
	default:
		p.fail(invalid("Invalid function name; function: %s", name))
	}
	attribute := p.attribute()
	p.expect(",")
	fallback := p.source()
	p.expect(")")
	return func(old Item) (types.AttributeValue, error) {
		if v, ok := old[attribute]; ok {
			return v, nil
		}
		return fallback(old)
	}
}

func (p *parser) remove() (string, action) {
	return p.attribute(), func(Item) (types.AttributeValue, error) { return nil, nil }
}

// add reads: attribute :value. An attribute that is missing counts as 0.
func (p *parser) add() (string, action) {
	name := p.attribute()
	if p.peek().kind != valueToken {
		p.unexpected(p.peek())
	}
	o := p.operand()
	if kind := kindOf(o.value); p.err == nil && kind != kindN {
		p.fail(invalid("Incorrect operand type for operator or function; operator: ADD, operand type: %s", kind))
	}
	return name, func(old Item) (types.AttributeValue, error) {
		v, ok := old[name]
		if !ok {
			return o.value, nil
		}
		return sum(v, o.value, 1)
	}
}

func sum(a, b types.AttributeValue, sign int64) (types.AttributeValue, error) {
	x, okX := a.(*types.AttributeValueMemberN)
	y, okY := b.(*types.AttributeValueMemberN)
	if !okX || !okY {
		return nil, errOperandType
	}
	n, err := addNumbers(x.Value, y.Value, sign)
	return &types.AttributeValueMemberN{Value: n}, err
}
