package dynamotest

import (
	_ "embed"
	"strings"
)

// The words that no expression may use bare as the name of an attribute, from "Reserved words in DynamoDB" of the
// developer guide.
//
//go:embed reserved.txt
var reservedText string

var reserved = func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(reservedText) {
		words[word] = true
	}
	return words
}()

func isReserved(name string) bool { return reserved[strings.ToUpper(name)] }
