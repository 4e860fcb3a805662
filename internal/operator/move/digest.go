package move

import (
	"crypto/sha256"
	"encoding/hex"

	"cellular/internal/model/event"
	"cellular/internal/operator/tenantdata"
)

// digest adds up the SHA-256 sums of items, so that the order in which they come does not matter, and an item that comes
// twice is not the same as one that comes once, or never.
type digest struct {
	items int
	sum   [sha256.Size]byte
}

func (d *digest) add(i Item) {
	s := sumOf(i)
	carry := 0
	for at := len(s) - 1; at >= 0; at-- {
		carry += int(d.sum[at]) + int(s[at])
		d.sum[at] = byte(carry)
		carry >>= 8
	}
	d.items++
}

func (d *digest) comparison() Comparison {
	return Comparison{Items: d.items, Digest: hex.EncodeToString(d.sum[:])}
}

// sumOf is the SHA-256 sum of an item's content. That it is a clone, and which version's index keys it has, is not a part of it.
func sumOf(i Item) [sha256.Size]byte { return tenantdata.Sum(event.Sharded(i), event.AttrClonedFrom) }
