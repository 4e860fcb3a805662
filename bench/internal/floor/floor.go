// Package floor is the least that any router in front of a DynamoDB table does: decode the HTTP API's event, decode the
// body, put one item, answer. It looks nothing up, checks nothing and logs nothing. What the router costs beyond this is
// what routing costs.
package floor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
)

// Putter is the part of the DynamoDB client that the floor needs.
type Putter interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// Handler puts every event into one table.
type Handler struct {
	Client Putter
	Table  string
}

// Handle answers one request of the HTTP API.
func (h Handler) Handle(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	var body struct {
		TenantID string          `json:"tenant_id"`
		ID       string          `json:"id"`
		Type     string          `json:"type"`
		Payload  json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal([]byte(req.Body), &body); err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("decode body: %w", err)
	}
	e := event.Event{
		TenantID: body.TenantID, ID: body.ID, Type: body.Type, Payload: body.Payload, Epoch: 1, AcceptedAt: time.Now(),
	}
	if _, err := h.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &h.Table, Item: e.Item()}); err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("put event: %w", err)
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: 202,
		Headers:    map[string]string{"Content-Type": "application/json"},
		Body:       `{"id":"` + e.ID + `","status":"accepted"}`,
	}, nil
}
