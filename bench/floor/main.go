// Command floor is the Lambda function that the router is measured against: see package floor.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/bench/internal/floor"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatalf("load the AWS configuration: %v", err)
	}
	lambda.Start(floor.Handler{Client: dynamodb.NewFromConfig(cfg), Table: "floor"}.Handle)
}
