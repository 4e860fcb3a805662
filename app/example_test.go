package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
)

// Business logic that keeps the last greeting of each tenant, and rejects an empty one for good.
func Example() {
	greet := func(_ context.Context, e app.Event) (app.Effect, error) {
		var payload struct{ Greeting string }
		if err := json.Unmarshal(e.Payload, &payload); err != nil || payload.Greeting == "" {
			return app.Effect{}, app.Permanent(errors.New("the payload has no greeting"))
		}
		return app.Effect{
			Writes: []types.TransactWriteItem{{Put: &types.Put{
				TableName: aws.String("results"),
				Item: map[string]types.AttributeValue{
					app.KeyAttribute:    &types.AttributeValueMemberS{Value: app.KeyPrefix + "greeting#" + e.TenantID},
					app.TenantAttribute: &types.AttributeValueMemberS{Value: e.TenantID},
					"greeting":          &types.AttributeValueMemberS{Value: payload.Greeting},
				},
			}}},
			Result: json.RawMessage(`{"kept":true}`),
		}, nil
	}

	effect, err := greet(context.Background(), app.Event{TenantID: "acme", ID: "1", Type: "greeted", Payload: json.RawMessage(`{"greeting":"hello"}`)})
	fmt.Println(len(effect.Writes), string(effect.Result), err)
	_, err = greet(context.Background(), app.Event{TenantID: "acme", ID: "2", Type: "greeted", Payload: json.RawMessage(`{}`)})
	fmt.Println(app.IsPermanent(err), err)
	// Output:
	// 1 {"kept":true} <nil>
	// true the payload has no greeting
}

// An item that every event of a tenant writes to is sharded by the event's id; whoever reads sums the shards.
func ExampleShard() {
	for _, id := range []string{"e-1", "e-2", "e-1"} {
		e := app.Event{TenantID: "acme", ID: id}
		fmt.Printf("%stotal#%s#%d\n", app.KeyPrefix, e.TenantID, app.Shard(e))
	}
	// Output:
	// #total#acme#27
	// #total#acme#54
	// #total#acme#27
}
