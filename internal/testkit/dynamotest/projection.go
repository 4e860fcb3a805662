package dynamotest

import "slices"

// projection is the attributes that a request asks for; nil are all.
type projection []string

func (t *terms) projection(text *string) (projection, error) {
	if text == nil {
		return nil, nil
	}
	p := parse(*text, t)
	names := projection{}
	for {
		name := p.attribute()
		if slices.Contains(names, name) && p.err == nil {
			p.fail(overlap(name))
		}
		names = append(names, name)
		if !p.symbol(",") {
			break
		}
	}
	return names, p.finish("ProjectionExpression", *text)
}

// of copies what an item has of the attributes; nil stays nil.
func (p projection) of(item Item) Item {
	if p == nil || item == nil {
		return cloneItem(item)
	}
	projected := Item{}
	for _, name := range p {
		if v, ok := item[name]; ok {
			projected[name] = v
		}
	}
	return cloneItem(projected)
}
