package local

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/api"
	"cellular/local/cloudwatch/vitals"
	"cellular/local/gate"
)

// alarmInterval is the time between two evaluations of the alarms.
const alarmInterval = time.Second

// watch is the cloud's CloudWatch, and what keeps it up to date.
type watch struct {
	api.CloudWatch
	vitals *vitals.Vitals
	log    io.Writer // what changed, and what could not be read

	stop context.CancelFunc
	done sync.WaitGroup
}

func newWatch(region string, log io.Writer, act func(cloudwatch.Notice)) *watch {
	metrics := cloudwatch.NewMetrics()
	return &watch{
		CloudWatch: api.CloudWatch{
			Metrics: metrics, Alarms: cloudwatch.NewAlarms(metrics, region, gate.Account, act), Dashboards: cloudwatch.NewDashboards(gate.Account), Now: time.Now,
		},
		vitals: vitals.New(metrics, time.Now), log: log, stop: func() {},
	}
}

// start begins to read the queues and to evaluate the alarms, until close.
func (w *watch) start(queues vitals.Queues) {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	w.every(ctx, vitals.Interval, func() {
		if err := w.vitals.ReadQueues(ctx, queues); err != nil && ctx.Err() == nil {
			w.note("%v", err)
		}
	})
	w.every(ctx, alarmInterval, func() { w.Alarms.Evaluate(time.Now()) })
}

// every does something at once, and then again after each interval.
func (w *watch) every(ctx context.Context, interval time.Duration, do func()) {
	w.done.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			do()
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
}

func (w *watch) close() {
	w.stop()
	w.done.Wait()
}

func (w *watch) note(format string, args ...any) {
	fmt.Fprintf(w.log, time.Now().UTC().Format(time.RFC3339)+" "+format+"\n", args...)
}

// metricsOf passes a function's lines on, and takes the metrics out of them.
func (w *watch) metricsOf(function string, to io.Writer) io.Writer {
	return lineTap{w, function, to}
}

type lineTap struct {
	watch    *watch
	function string
	to       io.Writer
}

func (l lineTap) Write(line []byte) (int, error) {
	if err := l.watch.Metrics.TakeLine(line, time.Now()); err != nil {
		l.watch.note("a line of %s: %v", l.function, err)
	}
	return l.to.Write(line)
}

// notify writes down that an alarm has changed, and does its actions: publishing to topics, as far as their policies admit
// CloudWatch.
func (c *Cloud) notify(n cloudwatch.Notice) {
	held := ""
	if n.SuppressedBy != "" {
		held = " (told to nobody while " + n.SuppressedBy + " may suppress it)"
	}
	c.watch.note("alarm %s: %s -> %s: %s%s", n.Alarm, n.From, n.To, n.Reason, held)
	if n.SuppressedBy != "" || !n.ActionsOn {
		return
	}
	message, err := n.Message(c.AWS.Region, gate.Account)
	if err != nil {
		c.watch.note("alarm %s: %v", n.Alarm, err)
		return
	}
	subject, text := fmt.Sprintf("%s: %q", n.To, n.Alarm), string(message)
	for _, topic := range n.Actions {
		err := c.gate.AuthorizeService("cloudwatch.amazonaws.com", "sns:Publish", topic, n.ARN)
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			_, err = sns.NewFromConfig(c.AWS).Publish(ctx, &sns.PublishInput{TopicArn: &topic, Subject: &subject, Message: &text})
			cancel()
		}
		if err != nil {
			c.watch.note("alarm %s: publish to %s: %v", n.Alarm, topic, err)
		}
	}
}

// CloudWatch is what the cloud measures: for those who ask without a client.
func (c *Cloud) CloudWatch() api.CloudWatch { return c.watch.CloudWatch }

// queues is the client by which the state of queues is read.
func (c *Cloud) queues() vitals.Queues { return sqs.NewFromConfig(c.AWS) }
