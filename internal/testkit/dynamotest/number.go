package dynamotest

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// A number of DynamoDB has at most 38 significant digits and a magnitude of up to 9.99E+125, from "Data types" of the
// developer guide. It travels as text, and comes back without the zeros that mean nothing.
const (
	maxDigits    = 38
	maxMagnitude = 126
)

var numberText = regexp.MustCompile(`\A[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\z`)

// canonical is the text of a number as the service returns it, so that equal numbers have equal texts.
func canonical(text string) (string, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	if !numberText.MatchString(text) || len(text) > 300 {
		return "", invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	return decimal(n)
}

// decimal writes a number that has a finite decimal expansion.
func decimal(n *big.Rat) (string, error) {
	text := n.FloatString(maxMagnitude + maxDigits)
	text = strings.TrimRight(text, "0")
	text = strings.TrimSuffix(text, ".")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if fraction == "" {
		digits = strings.TrimRight(digits, "0")
	}
	if len(whole) > maxMagnitude || len(digits) > maxDigits {
		return "", invalid("Attempting to store more than %d significant digits in a Number", maxDigits)
	}
	if text == "-0" {
		text = "0"
	}
	return text, nil
}

// rational is the value of a canonical number.
func rational(text string) *big.Rat {
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("dynamotest: stored a number that is none: " + text)
	}
	return n
}

// compareNumbers compares canonical numbers.
func compareNumbers(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return rational(a).Cmp(rational(b))
}

// addNumbers is a + sign * b, of canonical numbers.
func addNumbers(a, b string, sign int64) (string, error) {
	product := new(big.Rat).Mul(big.NewRat(sign, 1), rational(b))
	return decimal(product.Add(product, rational(a)))
}
