package cell

import (
	"cellular/internal/model/iam"
)

// The cell's grants, as functions of ARNs.

// admitRouter lets the router's role use a table of the cell, and is the only way into the cell from outside.
func admitRouter(tableARN, routerRoleARN string, actions ...string) []iam.Statement {
	return []iam.Statement{{
		Sid: "AdmitRouter", Effect: iam.Allow,
		Principal: iam.Principal{Role: routerRoleARN},
		Actions:   actions,
		Resources: []string{tableARN},
	}}
}

// topicPolicy demands TLS. It admits nobody: the producer's right to publish is in the policy of its role, and there alone,
// so that it can be taken away in one place.
func topicPolicy(topicARN string) []iam.Statement {
	return []iam.Statement{iam.RequireTLS(topicARN, "sns:Publish")}
}

// topicMaySend lets the cell's topic, and no other, send to a queue.
func topicMaySend(queueARN, topicARN string) []iam.Statement {
	return []iam.Statement{
		{
			Sid: "AdmitTopic", Effect: iam.Allow,
			Principal: iam.Principal{Service: "sns.amazonaws.com"},
			Actions:   []string{"sqs:SendMessage"},
			Resources: []string{queueARN},
			Condition: iam.Condition{"ArnEquals": {"aws:SourceArn": topicARN}},
		},
		iam.RequireTLS(queueARN, "sqs:*"),
	}
}

// noSender admits nobody to a DLQ: SQS itself moves messages into that of a queue, and the rights of the producer to send to
// the stream's, and of the consumer to send to the queue's, are in the policies of their roles.
func noSender(dlqARN, _ string) []iam.Statement {
	return []iam.Statement{iam.RequireTLS(dlqARN, "sqs:*")}
}

// producerPolicy is what the producer's role may do. Lambda asks for all four stream actions when it creates the
// mapping, ListStreams among them, and is content with the one stream as their resource.
func producerPolicy(streamARN, topicARN, streamDLQARN string) []iam.Statement {
	return []iam.Statement{
		{
			Sid: "ReadStream", Effect: iam.Allow,
			Actions:   []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"},
			Resources: []string{streamARN},
		},
		{Sid: "Publish", Effect: iam.Allow, Actions: []string{"sns:Publish"}, Resources: []string{topicARN}},
		{Sid: "Eject", Effect: iam.Allow, Actions: []string{"sqs:SendMessage"}, Resources: []string{streamDLQARN}},
	}
}

// consumerPolicy is what the consumer's role may do. A transaction needs the right to each of its operations, and the
// business logic may return any: the consumer keeps them off the items that are the system's. It sends to its own queue
// where it replaces a message by a copy, and to the DLQ what no retry can mend.
func consumerPolicy(queueARN, dlqARN, dataTableARN, resultsTableARN string) []iam.Statement {
	return []iam.Statement{
		{
			Sid: "ReadQueue", Effect: iam.Allow,
			Actions:   []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"},
			Resources: []string{queueARN},
		},
		{Sid: "ReplaceMessage", Effect: iam.Allow, Actions: []string{"sqs:SendMessage"}, Resources: []string{queueARN}},
		{Sid: "Eject", Effect: iam.Allow, Actions: []string{"sqs:SendMessage"}, Resources: []string{dlqARN}},
		{Sid: "ReadPayload", Effect: iam.Allow, Actions: []string{"dynamodb:GetItem"}, Resources: []string{dataTableARN}},
		{
			Sid: "Apply", Effect: iam.Allow,
			Actions:   []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},
			Resources: []string{resultsTableARN},
		},
	}
}
