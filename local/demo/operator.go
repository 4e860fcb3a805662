package demo

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/alarm"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
	"cellular/internal/operator/resend"
)

// clockMargin takes the place of move.QuarantineOf's, which is for clocks that differ: here all share one.
const clockMargin = time.Second

// movePoll is how often a move looks for events that a router still wrote to the old cell.
const movePoll = 200 * time.Millisecond

// operator does to the deployment what cellctl does, with what the deployment tells about itself.
type operator struct {
	router  manifest.Router
	mover   *move.Mover
	letters *deadletter.Letters
	alarms  *alarm.Reader
	cells   func(ctx context.Context, id string) (manifest.Cell, error)
}

func newOperator(ctx context.Context, cfg aws.Config, stack naming.Stack, observe func(move.Move)) (*operator, error) {
	f, err := fleet.Load(ctx, ssm.NewFromConfig(cfg), stack)
	if err != nil {
		return nil, err
	}
	cells, err := f.Cells(ctx)
	if err != nil {
		return nil, err
	}
	find := func(_ context.Context, id string) (manifest.Cell, error) { return fleet.Find(cells, stack, id) }
	tables, queues := dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	return &operator{
		router: f.Router,
		cells:  find,
		alarms: alarm.NewReader(cloudwatch.NewFromConfig(cfg), stack),
		mover: move.New(move.Options{
			DynamoDB: tables, Queue: queues, ControlPlane: f.ControlPlane, Cell: find,
			Quarantine: time.Duration(f.Router.HardTTL) + time.Duration(f.Router.RefreshTimeout) + time.Duration(f.Router.CellTimeout) + clockMargin,
			Poll:       movePoll,
			Holder:     fmt.Sprintf("demo:%d", os.Getpid()), Observe: observe,
		}),
		letters: &deadletter.Letters{SQS: queues, Streams: dynamodbstreams.NewFromConfig(cfg), Home: &resend.Home{
			Tables: tables, Queue: queues, Mappings: mapping.NewStore(tables, f.ControlPlane.MappingTable), Cells: find, Now: time.Now,
		}},
	}, nil
}
