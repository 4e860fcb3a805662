// Command function is a function that does what its event tells it to do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Do      string
	Millis  int // how long to sleep first
	Size    int
	Text    string
	Records []json.RawMessage
}

type response struct {
	Pid         int
	Invocations int // of this process, this one included
	RequestID   string
	ARN         string
	Remaining   int64 // milliseconds until the deadline
	Text        string
	Env         []string
}

var invocations int

func main() {
	switch os.Getenv("INIT") {
	case "crash":
		fmt.Println("cannot start")
		os.Exit(3)
	case "child": // a process of its own that would outlive this one; both hold the pipe open
		pipe, err := os.OpenFile(os.Getenv("PIPE"), os.O_WRONLY, 0)
		if err != nil {
			panic(err)
		}
		child := exec.Command("sleep", "600")
		child.ExtraFiles = []*os.File{pipe}
		if err := child.Start(); err != nil {
			panic(err)
		}
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, r request) (any, error) {
	invocations++
	if r.Millis > 0 || r.Do == "hang" {
		fmt.Println("working")
	}
	time.Sleep(time.Duration(r.Millis) * time.Millisecond)
	if r.Records != nil {
		return records(r.Records)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	answer := response{
		Pid: os.Getpid(), Invocations: invocations, RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn,
		Remaining: time.Until(deadline).Milliseconds(), Text: r.Text,
	}
	switch r.Do {
	case "env":
		answer.Env = os.Environ()
	case "fail":
		return nil, errors.New(r.Text)
	case "panic":
		panic(r.Text)
	case "exit":
		os.Exit(r.Size)
	case "hang":
		select {}
	case "large":
		return strings.Repeat("x", r.Size), nil
	case "log":
		fmt.Println(r.Text)
		lambdacontext.NewLogger().InfoContext(ctx, "structured", slog.String("text", r.Text))
		fmt.Fprint(os.Stderr, "no end of line")
	}
	return answer, nil
}

// records handles the records of an event source: it logs each, sleeps for those that are "slow", and fails those that
// are "poison".
func records(raw []json.RawMessage) (any, error) {
	var failed []map[string]string
	for _, r := range raw {
		var stream events.DynamoDBEventRecord
		var queue events.SQSMessage
		if err := errors.Join(json.Unmarshal(r, &stream), json.Unmarshal(r, &queue)); err != nil {
			return nil, err
		}
		id, item := queue.MessageId, queue.Body
		if stream.EventSource == "aws:dynamodb" {
			id, item = stream.Change.SequenceNumber, stream.Change.Keys["id"].String()
		}
		if strings.HasPrefix(item, "slow") {
			time.Sleep(5 * time.Second)
		}
		if strings.HasPrefix(item, "poison") {
			fmt.Println("failed", item)
			failed = append(failed, map[string]string{"itemIdentifier": id})
			if stream.EventSource == "aws:dynamodb" { // what follows is retried with it
				break
			}
			continue
		}
		fmt.Println("applied", item, queue.Attributes["ApproximateReceiveCount"])
	}
	return map[string]any{"batchItemFailures": failed}, nil
}
