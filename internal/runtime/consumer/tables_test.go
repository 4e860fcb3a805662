package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
)

type attributes = map[string]types.AttributeValue

// tables is DynamoDB in memory, as far as a consumer uses it: updates, and transactions of puts, updates and
// checks, all or nothing. What it does not know is an error.
type tables struct {
	mu    sync.Mutex
	items map[string]attributes // by TABLE/KEY
	calls int                   // of TransactWriteItems
	reads int                   // of GetItem
	notes int                   // of either for attempts, which are not in calls and reads
	// noting, if not nil, may fail what is for attempts, or keep it waiting.
	noting func(context.Context) error
	// updates are the calls of UpdateItem, and beats those at ledger.AppliedKey.
	updates, beats int
	// before and after, if not nil, may fail the nth call of TransactWriteItems, counted from 1: before nothing is
	// written, or after everything is, so that the answer gets lost.
	before, after func(call int) error
	getErr        error           // of GetItem
	unreadable    string          // what the keys begin with that GetItem fails for; "" for none
	updateErr     error           // of UpdateItem
	tokens        map[string]bool // of the transactions that took effect
}

func newTables() *tables { return &tables{items: map[string]attributes{}, tokens: map[string]bool{}} }

func place(table *string, key attributes) string { return *table + "/" + str(key["id"]) }

func str(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func num(v types.AttributeValue) int {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		i, _ := strconv.Atoi(n.Value)
		return i
	}
	return 0
}

func (s *tables) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isAttempts(in.Key) {
		if err := s.note(ctx); err != nil {
			return nil, err
		}
	} else {
		s.reads++
	}
	if s.getErr != nil {
		return nil, s.getErr
	}
	if s.unreadable != "" && strings.HasPrefix(str(in.Key["id"]), s.unreadable) {
		return nil, errors.New("down")
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !aws.ToBool(in.ConsistentRead) {
		return &dynamodb.GetItemOutput{}, nil // an eventually consistent read may miss what was just written
	}
	return &dynamodb.GetItemOutput{Item: maps.Clone(s.items[place(in.TableName, in.Key)])}, nil
}

func isAttempts(key attributes) bool { return strings.HasPrefix(str(key["id"]), "#attempts#") }

// note counts a call that is for attempts. The tables are locked, but not while it waits.
func (s *tables) note(ctx context.Context) error {
	s.notes++
	if s.noting == nil {
		return nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.noting(ctx)
}

func (s *tables) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updates++
	if str(in.Key["id"]) == ledger.AppliedKey {
		s.beats++
	}
	if s.updateErr != nil {
		return nil, s.updateErr
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	at := place(in.TableName, in.Key)
	written, err := updated(s.items[at], in.Key, *in.UpdateExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	s.items[at] = written
	return &dynamodb.UpdateItemOutput{}, nil
}

func (s *tables) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attempts := len(in.TransactItems) > 0 && in.TransactItems[0].Put != nil && isAttempts(in.TransactItems[0].Put.Item)
	if attempts {
		if err := s.note(ctx); err != nil {
			return nil, err
		}
	} else {
		s.calls++
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if s.before != nil && !attempts {
		if err := s.before(s.calls); err != nil {
			return nil, err
		}
	}
	if s.tokens[aws.ToString(in.ClientRequestToken)] {
		return &dynamodb.TransactWriteItemsOutput{}, nil
	}
	if n := len(in.TransactItems); n == 0 || n > 100 {
		return nil, fmt.Errorf("ValidationException: %d items", n)
	}
	seen := map[string]bool{}       // the places that the transaction is at
	next := map[string]attributes{} // what it writes, by place
	codes := make([]string, len(in.TransactItems))
	canceled := false
	for i, w := range in.TransactItems {
		at, written, ok, err := s.write(w)
		if err != nil {
			return nil, err
		}
		if seen[at] {
			return nil, fmt.Errorf("ValidationException: two operations on %s", at)
		}
		seen[at] = true
		if written != nil {
			next[at] = written
		}
		if codes[i] = "None"; !ok {
			codes[i], canceled = "ConditionalCheckFailed", true
		}
	}
	if canceled {
		return nil, cancellation(codes...)
	}
	maps.Copy(s.items, next)
	if in.ClientRequestToken != nil {
		s.tokens[*in.ClientRequestToken] = true
	}
	if s.after != nil && !attempts {
		if err := s.after(s.calls); err != nil {
			return nil, err
		}
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

// write is what one operation of a transaction would do; it writes nil where it is a check.
func (s *tables) write(w types.TransactWriteItem) (at string, written attributes, ok bool, err error) {
	switch {
	case w.Put != nil:
		at = place(w.Put.TableName, w.Put.Item)
		ok, err = holds(w.Put.ConditionExpression, s.items[at], w.Put.ExpressionAttributeNames, w.Put.ExpressionAttributeValues)
		return at, maps.Clone(w.Put.Item), ok, err
	case w.Update != nil:
		at = place(w.Update.TableName, w.Update.Key)
		written, err = updated(s.items[at], w.Update.Key, *w.Update.UpdateExpression,
			w.Update.ExpressionAttributeNames, w.Update.ExpressionAttributeValues)
		return at, written, true, err
	case w.ConditionCheck != nil:
		at = place(w.ConditionCheck.TableName, w.ConditionCheck.Key)
		ok, err = holds(w.ConditionCheck.ConditionExpression, s.items[at],
			w.ConditionCheck.ExpressionAttributeNames, w.ConditionCheck.ExpressionAttributeValues)
		return at, nil, ok, err
	}
	return "", nil, false, fmt.Errorf("unknown write %+v", w)
}

// updated is an item after an update: SET #a = :v, ... or ADD #a :n.
func updated(current, key attributes, expression string, names map[string]string, values attributes) (attributes, error) {
	written := maps.Clone(current)
	if written == nil {
		written = maps.Clone(key)
	}
	if set, ok := strings.CutPrefix(expression, "SET "); ok {
		for assignment := range strings.SplitSeq(set, ", ") {
			name, value, _ := strings.Cut(assignment, " = ")
			if names[name] == "" || values[value] == nil {
				return nil, fmt.Errorf("assignment %q", assignment)
			}
			written[names[name]] = values[value]
		}
		return written, nil
	}
	var name, value string
	if _, err := fmt.Sscanf(expression, "ADD %s %s", &name, &value); err != nil {
		return nil, fmt.Errorf("update %q: %w", expression, err)
	}
	sum := num(written[names[name]]) + num(values[value])
	written[names[name]] = item.Number(sum)
	return written, nil
}

// holds evaluates a condition: terms joined by AND and OR, in brackets or not. There being none, it holds.
func holds(condition *string, current attributes, names map[string]string, values attributes) (bool, error) {
	if condition == nil {
		return true, nil
	}
	return anyHolds(*condition, current, names, values)
}

func anyHolds(condition string, current attributes, names map[string]string, values attributes) (bool, error) {
	some := false
	for _, group := range splitOutside(condition, " OR ") {
		all := true
		for _, term := range splitOutside(group, " AND ") {
			check := termHolds
			if inner, ok := strings.CutPrefix(term, "("); ok {
				term, check = strings.TrimSuffix(inner, ")"), anyHolds
			}
			ok, err := check(term, current, names, values)
			if err != nil {
				return false, err
			}
			all = all && ok
		}
		some = some || all
	}
	return some, nil
}

// splitOutside splits a condition at a separator, but not within brackets.
func splitOutside(condition, separator string) []string {
	var parts []string
	depth := 0
	for i := 0; i < len(condition); i++ {
		switch {
		case condition[i] == '(':
			depth++
		case condition[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(condition[i:], separator):
			return append(append(parts, condition[:i]), splitOutside(condition[i+len(separator):], separator)...)
		}
	}
	return append(parts, condition)
}

// termHolds evaluates attribute_not_exists(#a) or a comparison. As in DynamoDB, no comparison with an attribute that is
// not there holds.
func termHolds(term string, current attributes, names map[string]string, values attributes) (bool, error) {
	if name, ok := strings.CutPrefix(term, "attribute_not_exists("); ok {
		_, exists := current[names[strings.TrimSuffix(name, ")")]]
		return !exists, nil
	}
	parts := strings.Fields(term)
	if len(parts) != 3 || names[parts[0]] == "" || values[parts[2]] == nil {
		return false, fmt.Errorf("condition term %q", term)
	}
	have, want := current[names[parts[0]]], values[parts[2]]
	if have == nil {
		return false, nil
	}
	switch parts[1] {
	case "=":
		return str(have) == str(want) && num(have) == num(want), nil
	case "<":
		return num(have) < num(want) || str(have) < str(want), nil
	case "<=":
		return num(have) <= num(want), nil
	case ">":
		return num(have) > num(want), nil
	}
	return false, fmt.Errorf("condition term %q", term)
}

// cancellation is the error of a transaction, with one code for each of its writes.
func cancellation(codes ...string) error {
	err := &types.TransactionCanceledException{Message: aws.String("Transaction cancelled")}
	for _, code := range codes {
		err.CancellationReasons = append(err.CancellationReasons, types.CancellationReason{Code: aws.String(code)})
	}
	return err
}

func TestTheTablesOfTheseTestsWriteAllOrNothing(t *testing.T) {
	s := newTables()
	add := types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String("t"), Key: attributes{"id": item.Text("n")}, UpdateExpression: aws.String("ADD #a :one"),
		ExpressionAttributeNames:  map[string]string{"#a": "count"},
		ExpressionAttributeValues: attributes{":one": item.Number(1)},
	}}
	put := types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String("t"), Item: attributes{"id": item.Text("x")}, ConditionExpression: aws.String("attribute_not_exists(#id)"),
		ExpressionAttributeNames: map[string]string{"#id": "id"},
	}}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{add, put}}
	_, err := s.TransactWriteItems(t.Context(), in)
	require.NoError(t, err)
	_, err = s.TransactWriteItems(t.Context(), in)
	require.ErrorAs(t, err, new(*types.TransactionCanceledException))
	require.Equal(t, 1, num(s.items["t/n"]["count"]))
	in.TransactItems[0] = put
	_, err = s.TransactWriteItems(t.Context(), in)
	require.ErrorContains(t, err, "two operations")
}
