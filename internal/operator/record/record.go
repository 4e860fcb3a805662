// Package record is what the records of moves and of removals have in common. Such a record says which phase a piece of
// work is in and counts its runs: the processes that have worked on it. Whatever a process writes, in whatever table, is
// in one transaction with the condition that the record has the phase and the run under which the process acts. Anybody
// can therefore take the work over at any moment: the writes of the process before fail from then on, as a whole.
package record

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
	"cellular/internal/model/openwork"
)

// The attributes of every record, in the moves table.
const (
	AttrPhase  = openwork.AttrPhase
	AttrRun    = "run" // N
	AttrHolder = openwork.AttrHolder
)

// ErrNewer is the error for a record, or for what its work meets, that a later version has written and this one does not
// know.
var ErrNewer = errors.New("a newer cellctl is at work: use that one")

const (
	HolderTimeout = openwork.HolderTimeout

	// TouchEvery is how often, at least, a process shows in its record that it is alive.
	TouchEvery = 3 * time.Second

	// KeepEnded is how long the record of work that has ended is kept: as long as the default ResultTTL, the longest that
	// anything else of the past is.
	KeepEnded = 90 * 24 * time.Hour
)

// Item is an item of a table.
type Item = map[string]types.AttributeValue

// At is a record in the phase and the run under which a process acts.
type At struct {
	Table string
	Key   Item
	Phase string
	Run   int64
}

const unchanged = "#run = :run AND (#phase = :phase OR #phase = :older)"

func (a At) condition() (names map[string]string, values Item) {
	older := a.Phase
	if a.Phase == openwork.GiveBack {
		older = openwork.OlderGiveBack
	}
	return map[string]string{"#run": AttrRun, "#phase": AttrPhase}, Item{
		":run":   item.Number(a.Run),
		":phase": item.Text(a.Phase),
		":older": item.Text(older), // what a record of the version before has, if that name is another one
	}
}

// Guard is the condition that the record has not changed its phase and run, as an operation of a transaction.
func (a At) Guard() types.TransactWriteItem {
	names, values := a.condition()
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &a.Table, Key: a.Key, ConditionExpression: aws.String(unchanged),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}
}

// Replace writes the record, with the key that it has, under the condition of Guard.
func (a At) Replace(next Item) types.TransactWriteItem {
	names, values := a.condition()
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &a.Table, Item: next, ConditionExpression: aws.String(unchanged),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}
}

// Create writes a new record, under the condition that there is none.
func Create(table string, first Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &table, Item: first,
		ConditionExpression:      aws.String("attribute_not_exists(#phase)"),
		ExpressionAttributeNames: map[string]string{"#phase": AttrPhase},
	}}
}
