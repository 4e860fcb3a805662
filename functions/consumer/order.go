package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// order is the payload of an event of a type order.*. Fields that are not here are ignored.
type order struct {
	ID       string      `json:"order_id"`
	Customer string      `json:"customer"`
	Currency string      `json:"currency"` // ISO 4217, for example EUR
	Lines    []orderLine `json:"lines"`
	Note     string      `json:"note"` // optional
}

type orderLine struct {
	SKU       string `json:"sku"`
	Quantity  *int64 `json:"quantity"`
	UnitPrice *int64 `json:"unit_price"` // in minor units of the currency; zero is a gift
}

// The bounds of an order. Together they keep a total, at most 10^17, far from the end of an int64.
const (
	maxLines     = 10_000
	maxQuantity  = 10_000
	maxUnitPrice = 1_000_000_000
)

var currency = regexp.MustCompile(`\A[A-Z]{3}\z`)

// parseOrder reads an order. Its errors name the field that is wrong, and quote nothing of the payload.
func parseOrder(payload []byte) (order, error) {
	var o order
	if err := json.Unmarshal(payload, &o); err != nil {
		if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			if mismatch.Field == "" {
				return order{}, errors.New("the payload is not an object")
			}
			return order{}, fmt.Errorf("field %q has the wrong type, want %s", mismatch.Field, mismatch.Type)
		}
		return order{}, errors.New("not JSON")
	}
	switch {
	case o.ID == "":
		return order{}, errors.New(`field "order_id" is missing or empty`)
	case o.Customer == "":
		return order{}, errors.New(`field "customer" is missing or empty`)
	case !currency.MatchString(o.Currency):
		return order{}, errors.New(`field "currency" is not three capital letters`)
	case len(o.Lines) == 0 || len(o.Lines) > maxLines:
		return order{}, fmt.Errorf(`field "lines" has %d lines, want 1 to %d`, len(o.Lines), maxLines)
	}
	for i, l := range o.Lines {
		switch {
		case l.SKU == "":
			return order{}, fmt.Errorf(`field "lines[%d].sku" is missing or empty`, i)
		case !within(l.Quantity, 1, maxQuantity):
			return order{}, fmt.Errorf(`field "lines[%d].quantity" is not a number from 1 to %d`, i, maxQuantity)
		case !within(l.UnitPrice, 0, maxUnitPrice):
			return order{}, fmt.Errorf(`field "lines[%d].unit_price" is not a number from 0 to %d`, i, maxUnitPrice)
		}
	}
	return o, nil
}

func within(n *int64, low, high int64) bool { return n != nil && *n >= low && *n <= high }

// total is the sum over the lines, in minor units of the currency.
func (o order) total() int64 {
	var sum int64
	for _, l := range o.Lines {
		sum += *l.Quantity * *l.UnitPrice
	}
	return sum
}
