package tenantdata

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Sum is the SHA-256 sum of an item's content, without some of its attributes.
func Sum(item Item, without ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(item)) {
		if slices.Contains(without, name) {
			continue
		}
		writeString(h, name)
		writeValue(h, item[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// writeValue writes a value so that no two different values are written the same: a tag, and lengths before what varies.
func writeValue(h hash.Hash, v types.AttributeValue) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		writeString(h, "S"+v.Value)
	case *types.AttributeValueMemberN:
		writeString(h, "N"+v.Value)
	case *types.AttributeValueMemberB:
		writeString(h, "B"+string(v.Value))
	case *types.AttributeValueMemberBOOL:
		if v.Value {
			writeString(h, "true")
		} else {
			writeString(h, "false")
		}
	case *types.AttributeValueMemberNULL:
		writeString(h, "null")
	case *types.AttributeValueMemberSS:
		writeSet(h, "SS", v.Value)
	case *types.AttributeValueMemberNS:
		writeSet(h, "NS", v.Value)
	case *types.AttributeValueMemberBS:
		set := make([]string, len(v.Value))
		for i, b := range v.Value {
			set[i] = string(b)
		}
		writeSet(h, "BS", set)
	case *types.AttributeValueMemberL:
		writeString(h, "L")
		writeLength(h, len(v.Value))
		for _, element := range v.Value {
			writeValue(h, element)
		}
	case *types.AttributeValueMemberM:
		writeString(h, "M")
		writeLength(h, len(v.Value))
		for _, name := range slices.Sorted(maps.Keys(v.Value)) {
			writeString(h, name)
			writeValue(h, v.Value[name])
		}
	}
}

// writeSet writes a set, which has no order, in a fixed one.
func writeSet(h hash.Hash, tag string, set []string) {
	writeString(h, tag)
	writeLength(h, len(set))
	for _, element := range slices.Sorted(slices.Values(set)) {
		writeString(h, element)
	}
}

func writeString(h hash.Hash, s string) {
	writeLength(h, len(s))
	h.Write([]byte(s))
}

func writeLength(h hash.Hash, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}
