package dynamotest

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// update is a parsed update expression: for each attribute what becomes of it.
type update struct {
	attributes []string // in the order of the expression
	actions    map[string]action
}

// action makes an attribute's new value of the item as it was; nil removes the attribute. Its error is of an item that
// does not suit the expression.
type action func(old Item) (types.AttributeValue, error)

// update parses an update expression; nil changes nothing. The attributes of the table's key are not to be changed.
func (t *terms) update(text *string, key []Key) (update, error) {
	u := update{actions: map[string]action{}}
	if text == nil {
		return u, nil
	}
	p := parse(*text, t)
	seen := map[string]bool{}
	for p.peek().kind != endToken {
		clause, ok := clauses[upper(p.peek())]
		if !ok {
			p.unexpected(p.peek())
			break
		}
		word := upper(p.next())
		if seen[word] {
			p.fail(invalid("The %q section can only be used once in an update expression", word))
		}
		seen[word] = true
		for {
			name, act := clause(p)
			if _, twice := u.actions[name]; twice && p.err == nil {
				p.fail(overlap(name))
			}
			if slices.ContainsFunc(key, func(k Key) bool { return k.Name == name }) {
				p.fail(invalid("One or more parameter values were invalid: Cannot update attribute %s. "+
					"This attribute is part of the key", name))
			}
			u.attributes = append(u.attributes, name)
			u.actions[name] = act
			if !p.symbol(",") {
				break
			}
		}
	}
	return u, p.finish("UpdateExpression", *text)
}

// apply makes the new state of an item. Every operand is of the item as it was.
func (u update) apply(old Item) (Item, error) {
	item := maps.Clone(old)
	for _, name := range u.attributes {
		v, err := u.actions[name](old)
		if err != nil {
			return nil, err
		}
		if v == nil {
			delete(item, name)
		} else {
			item[name] = v
		}
	}
	return item, nil
}

// touched is what an item has of the attributes that the update names.
func (u update) touched(item Item) Item {
	touched := Item{}
	for _, name := range u.attributes {
		if v, ok := item[name]; ok {
			touched[name] = v
		}
	}
	return touched
}
