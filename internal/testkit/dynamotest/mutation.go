package dynamotest

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// mutation is one write, alone or in a transaction, once its request was found valid.
type mutation struct {
	table     *table
	key       Item // has the attributes of the key, and maybe others
	condition condition
	apply     transition
	returnOld types.ReturnValuesOnConditionCheckFailure
}

// transition makes the new state of an item, nil for none, of the old one, nil for none.
type transition func(old Item) (Item, error)

// written is the part that all requests for a write have in common.
type written struct {
	table     *string
	condition *string
	names     map[string]string
	values    Item
	returnOld types.ReturnValuesOnConditionCheckFailure
}

// begin finds the table and parses the condition. Whoever calls it parses the other expressions and calls terms.done.
func (db *DB) begin(w written) (mutation, *terms, error) {
	t, err := db.find(w.table)
	if err != nil {
		return mutation{}, nil, err
	}
	terms, err := newTerms(w.names, w.values)
	if err != nil {
		return mutation{}, nil, err
	}
	c, err := terms.condition("ConditionExpression", w.condition)
	return mutation{table: t, condition: c, returnOld: w.returnOld}, terms, err
}

func (db *DB) put(w written, item Item) (mutation, error) {
	m, terms, err := db.begin(w)
	if err != nil {
		return m, err
	}
	if err := terms.done(); err != nil {
		return m, err
	}
	accepted, err := acceptItem(item)
	if err != nil {
		return m, err
	}
	m.key, m.apply = accepted, func(Item) (Item, error) { return accepted, nil }
	return m, m.table.keyed(accepted)
}

// remove is a deletion or, where keep is set, the check of a condition.
func (db *DB) remove(w written, key Item, keep bool) (mutation, error) {
	m, terms, err := db.begin(w)
	if err != nil {
		return m, err
	}
	if err := terms.done(); err != nil {
		return m, err
	}
	m.apply = func(old Item) (Item, error) {
		if keep {
			return old, nil
		}
		return nil, nil
	}
	return m.withKey(key)
}

func (db *DB) update(w written, key Item, expression *string) (mutation, update, error) {
	m, terms, err := db.begin(w)
	if err != nil {
		return m, update{}, err
	}
	u, err := terms.update(expression, m.table.base.keys())
	if err != nil {
		return m, u, err
	}
	if err := terms.done(); err != nil {
		return m, u, err
	}
	m, err = m.withKey(key)
	m.apply = func(old Item) (Item, error) {
		if old == nil {
			old = m.key
		}
		item, err := u.apply(old)
		if err != nil {
			return nil, err
		}
		return item, m.table.keyed(item)
	}
	return m, u, err
}

func (m mutation) withKey(key Item) (mutation, error) {
	accepted, err := acceptItem(key)
	if err != nil {
		return m, err
	}
	m.key = accepted
	return m, m.table.exactly(accepted)
}

// decide works out what the write does, without doing it. Its error is of an item that the write cannot be done to.
func (m mutation) decide() (c change, holds bool, err error) {
	c.old = m.table.get(m.key)
	if !m.condition.holds(c.old) {
		return c, false, nil
	}
	if c.item, err = m.apply(c.old); err == nil && c.item != nil && m.table.schema.Refuse != nil {
		err = m.table.schema.Refuse(c.old, c.item)
	}
	return c, true, err
}

// mutate does a write on its own.
func (db *DB) mutate(m mutation) (change, error) {
	if db.inTheWay(m) {
		db.traffic.usage.Blocked++
		return change{}, conflict()
	}
	c, holds, err := m.decide()
	if err != nil {
		return c, err
	}
	paid := c
	if !holds {
		paid.item = c.old
	}
	if err := db.payWrite(m, paid); err != nil {
		return change{}, err
	}
	if !holds {
		return c, conditionFailed(c.old, m.returnOld)
	}
	db.store(m.table, c)
	return c, nil
}
