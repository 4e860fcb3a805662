package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/health"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/record"
	"cellular/internal/operator/removal"
)

func newDoctor(a *app) *cobra.Command {
	var all, fix bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Compare what there is with what the deployment says of itself",
		Long: `doctor examines the control plane's tables, the router, every part of every cell, whether alarms page anybody, quotas, what
retired cells have left, open moves, and whether the counts of tenants are right. Of the quotas that cells share it says which is met first, and at how many
cells. It prints what is not as it should be and what to do about it, and changes nothing, except counts with --fix.

LEVEL is fail for what loses, refuses or delays events, warn for what will, and skip for what could not be looked at, because
the endpoint does not offer it, the credentials do not allow it, or the fleet is too large; fixed is what --fix has corrected.
A count is corrected only if the cell's tenants did not change while they were counted. With a fail, doctor exits with 1.

It keeps to the rates at which AWS answers, so that a thousand cells take two to three minutes. Of more than 500 cells it looks
at the point-in-time recovery of 500, of others each day: run it each day. Interrupted, it prints no findings.`,
		Example: `  cellctl doctor
  cellctl doctor --output json | jq -r '.findings[] | select(.level == "fail") | .text'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), all, fix) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "print what is as it should be too")
	cmd.Flags().BoolVar(&fix, "fix", false, "correct counts of tenants that are wrong")
	return a.changes(cmd)
}

// doctor does not connect as other commands do: that a deployment's manifests cannot be read is for it to say. With credentials
// that AWS refuses, or an endpoint that is gone, it would find that of everything.
func (a *app) doctor(ctx context.Context, all, fix bool) error {
	stack, err := a.options.stack()
	if err != nil {
		return err
	}
	c, err := a.dial(ctx, a.options)
	if err != nil {
		return err
	}
	if err := c.checkCaller(ctx); err != nil {
		return err
	}
	return a.diagnose(ctx, a.examiner(c, stack, fix), all)
}

// diagnose prints what a doctor finds. It fails if one finding is a fail. Interrupted, it prints nothing: what a doctor has not
// read by then, it finds unreadable.
func (a *app) diagnose(ctx context.Context, d health.Doctor, all bool) error {
	at, end := a.liveProgressOfParts()
	d.Progress = at
	v := doctorView{Findings: d.Run(ctx), all: all || a.options.output == outputJSON}
	end()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.print(v); err != nil {
		return err
	}
	if health.Failed(v.Findings) {
		return fmt.Errorf("stack %s is not as it should be: %s", d.Stack, fails(v.count(health.Fail)))
	}
	return nil
}

func (a *app) examiner(c *clients, stack naming.Stack, fix bool) health.Doctor {
	return health.Doctor{
		Stack: stack, Region: c.region, Clients: c.health, FixCounts: fix,
		Status: cellstatus.NewReader(c.dynamo, c.sqs),
		Control: func(cp manifest.ControlPlane) health.Control {
			c := a.kept(c, cp)
			mover := move.New(move.Options{DynamoDB: c.dynamo, ControlPlane: cp})
			return health.Control{Placement: placement.NewStore(c.dynamo, cp), Moves: move.Places{Mover: mover}, OpenMoves: func(ctx context.Context) ([]health.Move, error) {
				open, err := mover.Open(ctx)
				moves := make([]health.Move, len(open))
				for i, m := range open {
					moves[i] = health.Move{TenantID: m.TenantID, From: m.From, To: m.To, StartedAt: m.StartedAt, Stalled: m.Stalled(time.Now(), record.Gone)}
				}
				return moves, err
			}, OpenRemovals: func(ctx context.Context) ([]health.Removal, error) {
				open, err := removal.New(removal.Options{DynamoDB: c.dynamo, ControlPlane: cp}).Open(ctx)
				removals := make([]health.Removal, len(open))
				for i, m := range open {
					removals[i] = health.Removal{TenantID: m.TenantID, Cell: m.CellID, Phase: string(m.Phase), StartedAt: m.StartedAt,
						Left: !m.AtWork(time.Now(), record.Gone), Ways: removalWays(m)}
				}
				return removals, err
			}}
		},
	}
}

func fails(n int) string {
	return counted(n, "finding") + plural(n, " is a fail", " are fails")
}

func healthClients(cfg aws.Config) health.Clients {
	return health.Clients{
		STS: sts.NewFromConfig(cfg), SSM: ssm.NewFromConfig(cfg), DynamoDB: dynamodb.NewFromConfig(cfg), Streams: dynamodbstreams.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg),
		SNS: sns.NewFromConfig(cfg), Lambda: lambda.NewFromConfig(cfg), IAM: iam.NewFromConfig(cfg), Quotas: servicequotas.NewFromConfig(cfg),
		CloudWatch: cloudwatch.NewFromConfig(cfg), KMS: kms.NewFromConfig(cfg),
	}
}

type doctorView struct {
	Findings []health.Finding `json:"findings"`

	all bool // text has what is ok too
}

func (v doctorView) count(level health.Level) int {
	n := 0
	for _, f := range v.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

var levelColours = map[health.Level]colour{health.OK: green, health.Fixed: green, health.Warn: yellow, health.Fail: red, health.Skip: plain}

func (v doctorView) text(s *sheet) {
	if v.all || v.count(health.OK) < len(v.Findings) {
		s.row("LEVEL", "CHECK", "SUBJECT", "FINDING")
	}
	for _, f := range v.Findings {
		if f.Level == health.OK && !v.all {
			continue
		}
		s.row(coloured{string(f.Level), levelColours[f.Level]}, f.Check, f.Subject, f.Text)
		if f.Fix != "" {
			s.row("", "", "", "-> "+f.Fix)
		}
	}
	var counts []string
	for _, level := range []health.Level{health.OK, health.Warn, health.Fail, health.Skip} {
		counts = append(counts, fmt.Sprintf("%d %s", v.count(level), level))
	}
	s.blank()
	s.row(strings.Join(counts, ", "))
}
