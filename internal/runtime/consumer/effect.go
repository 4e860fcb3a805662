package consumer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// The limits of DynamoDB that an effect can exceed, from "Quotas" of the developer guide and from the API reference of
// TransactWriteItems.
const (
	maxItemBytes     = 400 << 10
	maxTransactBytes = 4 << 20
	// maxResultBytes leaves the other attributes of a ledger entry, which are short by their patterns, more than enough.
	maxResultBytes = maxItemBytes - 4<<10
)

// checkEffect returns an error for an effect that no transaction takes, or that is not the business logic's to have. It sees
// what an effect says: that an Update makes its item too large, or takes its tenant away, shows in the table only.
func checkEffect(e app.Effect, resultsTable string) error {
	if n := len(e.Writes); n > app.MaxWrites {
		return fmt.Errorf("the effect has %d writes, at most %d fit a transaction", n, app.MaxWrites)
	}
	if e.Result != nil && !json.Valid(e.Result) {
		return errors.New("the result of the effect is not JSON")
	}
	if n := len(e.Result); n > maxResultBytes {
		return fmt.Errorf("the result of the effect has %d bytes, at most %d fit the event's outcome", n, maxResultBytes)
	}
	total := len(e.Result)
	seen := map[string]bool{}
	for i, w := range e.Writes {
		table, item := targetOf(w)
		bytes := size(item)
		if bytes > maxItemBytes {
			return fmt.Errorf("write %d of the effect puts an item of %d bytes, an item may have %d", i+1, bytes, maxItemBytes)
		}
		if total += bytes; total > maxTransactBytes {
			return fmt.Errorf("the first %d writes of the effect have %d bytes, a transaction may have %d", i+1, total, maxTransactBytes)
		}
		if table != resultsTable && !strings.HasSuffix(table, ":table/"+resultsTable) { // the form of an ARN
			continue
		}
		key, ok := item[event.AttrKey].(*types.AttributeValueMemberS)
		if !ok {
			return fmt.Errorf("write %d of the effect has no text as its key, the attribute %s", i+1, event.AttrKey)
		}
		if ledger.Reserved(key.Value) {
			return fmt.Errorf("write %d of the effect is to an item of the results table that belongs to the system: "+
				"keys of business state begin with %s and with no reserved prefix", i+1, ledger.StatePrefix)
		}
		if seen[key.Value] {
			return fmt.Errorf("write %d of the effect is to the same item as an earlier one, a transaction takes one write of an item", i+1)
		}
		seen[key.Value] = true
		if tenant, _ := item[event.AttrTenantID].(*types.AttributeValueMemberS); w.Put != nil && (tenant == nil || tenant.Value == "") {
			return fmt.Errorf("write %d of the effect puts business state into the results table without the attribute %s: "+
				"a move of the tenant would leave it behind", i+1, event.AttrTenantID)
		}
	}
	return nil
}

// targetOf returns a write's table, and the item that it puts or the key of any other item that it is about.
func targetOf(w types.TransactWriteItem) (table string, item map[string]types.AttributeValue) {
	switch {
	case w.Put != nil:
		return aws.ToString(w.Put.TableName), w.Put.Item
	case w.Update != nil:
		return aws.ToString(w.Update.TableName), w.Update.Key
	case w.Delete != nil:
		return aws.ToString(w.Delete.TableName), w.Delete.Key
	case w.ConditionCheck != nil:
		return aws.ToString(w.ConditionCheck.TableName), w.ConditionCheck.Key
	}
	return "", nil
}

// size is the least that an item takes, in bytes, by "DynamoDB item sizes and formats" of the developer guide. The size of
// numbers is only approximate there: each counts as one byte, so that nothing is refused which the table would take.
func size(item map[string]types.AttributeValue) int {
	total := 0
	for name, v := range item {
		total += len(name) + sizeOf(v)
	}
	return total
}

func sizeOf(v types.AttributeValue) int {
	total := 0
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberNS:
		return len(v.Value)
	case *types.AttributeValueMemberSS:
		for _, element := range v.Value {
			total += len(element)
		}
		return total
	case *types.AttributeValueMemberBS:
		for _, element := range v.Value {
			total += len(element)
		}
		return total
	case *types.AttributeValueMemberL:
		for _, element := range v.Value {
			total += 1 + sizeOf(element)
		}
		return 3 + total
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	}
	return 1
}

// invalidEffect reports whether the table refused a transaction for what it consists of, and not for what else happens
// there: an item that an update would make too large, an expression that does not parse, a number added to a text.
// Trying again would be refused again.
func invalidEffect(err error) bool { return transact.Classify(err).Kind == transact.Invalid }
