package event

import "cellular/internal/model/jsontext"

// SameContent reports whether two events of one id, given by their types and payloads, are one event: whether no business
// logic can tell them apart. The router, the moves and all that sends events again decide by it what is a conflict.
func SameContent(typeA string, payloadA []byte, typeB string, payloadB []byte) bool {
	return typeA == typeB && jsontext.Same(payloadA, payloadB)
}
