package ledger

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/item"
)

// Trial is what a cell's consumer notes of a message that has come back to the queue, and so may have ended a process. Trials
// belong to no tenant, and expire.
type Trial struct {
	Trials  int64 // how often it was started while on trial, over all messages that carried it
	Resends int64 // how often it was replaced by a copy of itself
}

// The attributes of a trial, besides AttrExpiresAt.
const (
	attrTrials  = "trials"  // N
	attrResends = "resends" // N
)

// SetTrial notes a trial under the id of the first message that carried the event.
func SetTrial(table, messageID string, t Trial, expires time.Time) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:                aws.String(table),
		Key:                      itemKey(TrialPrefix + messageID),
		UpdateExpression:         aws.String("SET #trials = :trials, #resends = :resends, #expires = :expires"),
		ExpressionAttributeNames: map[string]string{"#trials": attrTrials, "#resends": attrResends, "#expires": AttrExpiresAt},
		ExpressionAttributeValues: Item{
			":trials": number(t.Trials), ":resends": number(t.Resends), ":expires": number(expires.Unix()),
		},
	}
}

// GetTrial asks for the trial of a message.
func GetTrial(table, messageID string) *dynamodb.GetItemInput {
	return &dynamodb.GetItemInput{TableName: aws.String(table), Key: itemKey(TrialPrefix + messageID), ConsistentRead: aws.Bool(true)}
}

// TrialFromItem reads a trial. Where there is no item, nothing has happened yet.
func TrialFromItem(attributes Item) (Trial, error) {
	if len(attributes) == 0 {
		return Trial{}, nil
	}
	r := item.Read(attributes)
	t := Trial{Trials: r.Int(attrTrials, 0), Resends: r.Int(attrResends, 0)}
	return t, r.Err()
}
