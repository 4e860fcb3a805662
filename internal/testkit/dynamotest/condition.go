package dynamotest

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// node is a part of a condition.
type node interface{ holds(Item) bool }

// operand is an attribute or, where its attribute is "", a value.
type operand struct {
	attribute string
	value     types.AttributeValue
}

// of is the operand's value for an item; nil where the item lacks the attribute.
func (o operand) of(item Item) types.AttributeValue {
	if o.attribute != "" {
		return item[o.attribute]
	}
	return o.value
}

type (
	or  []node
	and []node // also what always holds: and{}
	not struct{ node }

	comparison struct {
		operator    string
		left, right operand
	}
	between struct{ operand, low, high operand }

	membership struct {
		operand operand
		in      []operand
	}
	existence struct {
		attribute string
		want      bool
	}
	prefixed struct {
		attribute string
		prefix    operand
	}
	containment struct {
		attribute string
		part      operand
	}
)

func (o or) holds(item Item) bool {
	return slices.ContainsFunc(o, func(n node) bool { return n.holds(item) })
}

func (a and) holds(item Item) bool {
	return !slices.ContainsFunc(a, func(n node) bool { return !n.holds(item) })
}

func (n not) holds(item Item) bool { return !n.node.holds(item) }

// holds compares. Of an attribute that is missing, or of another type than what it is compared with, nothing is true
// except that it is not equal.
func (c comparison) holds(item Item) bool {
	left, right := c.left.of(item), c.right.of(item)
	switch c.operator {
	case "=":
		return equal(left, right)
	case "<>":
		return !equal(left, right)
	}
	order, ok := compare(left, right)
	switch c.operator {
	case "<":
		return ok && order < 0
	case "<=":
		return ok && order <= 0
	case ">":
		return ok && order > 0
	default:
		return ok && order >= 0
	}
}

func (b between) holds(item Item) bool {
	return comparison{">=", b.operand, b.low}.holds(item) && comparison{"<=", b.operand, b.high}.holds(item)
}

func (m membership) holds(item Item) bool {
	return slices.ContainsFunc(m.in, func(o operand) bool { return equal(m.operand.of(item), o.of(item)) })
}

func (e existence) holds(item Item) bool {
	_, ok := item[e.attribute]
	return ok == e.want
}

func (p prefixed) holds(item Item) bool {
	text, isText := item[p.attribute].(*types.AttributeValueMemberS)
	prefix, ok := p.prefix.of(item).(*types.AttributeValueMemberS)
	return isText && ok && strings.HasPrefix(text.Value, prefix.Value)
}

// holds reports whether a text has the part, or a list has it as an element.
func (c containment) holds(item Item) bool {
	part := c.part.of(item)
	switch whole := item[c.attribute].(type) {
	case *types.AttributeValueMemberS:
		text, ok := part.(*types.AttributeValueMemberS)
		return ok && strings.Contains(whole.Value, text.Value)
	case *types.AttributeValueMemberL:
		return slices.ContainsFunc(whole.Value, func(v types.AttributeValue) bool { return equal(v, part) })
	}
	return false
}
