package health

import (
	"context"
	"slices"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/alarm"
	"cellular/internal/operator/fleet"
)

// Clients is what Doctor reads AWS with.
type Clients struct {
	STS        STS
	SSM        fleet.SSM
	DynamoDB   Tables
	Streams    Streams
	SQS        Queues
	SNS        Topics
	Lambda     Functions
	IAM        Roles
	Quotas     Quotas
	CloudWatch alarm.CloudWatch
	KMS        Keys
}

// Doctor examines a deployment. Every field but the last three is required.
type Doctor struct {
	Stack  naming.Stack
	Region string
	Clients

	// Control gives the control plane whose manifest has been read.
	Control func(manifest.ControlPlane) Control
	// Status reads a cell. *cellstatus.Reader does.
	Status Status

	// FixCounts has Run correct the counts of tenants that have drifted.
	FixCounts bool
	// Settle is how long a recount gives the indexes to show what was written before it. Zero: 3 seconds, many times what
	// they usually lag; no bound is documented.
	Settle time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Progress is told, one call at a time, how many of what have been read; total is 0 where it is not known. Nil: nobody is.
	Progress func(what string, done, total int)
}

// Run makes every check and returns its findings: first what is about the deployment as a whole, then the cells by wave.
// A check that cannot be made is a finding too.
func (d Doctor) Run(ctx context.Context) []Finding {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Settle == 0 {
		d.Settle = 3 * time.Second
	}
	d.Clients = d.Clients.paced()
	alarms := d.readAlarms(ctx)
	found := d.identity(ctx)
	published, more := d.published(ctx)
	found = append(found, more...)
	found = append(found, d.controlTables(ctx, published)...)
	found = append(found, d.unseenRecovery(published)...)
	found = append(found, d.router(ctx, published)...)
	inv := d.inventory(ctx)
	found = append(found, d.quotas(ctx, published, inv)...)
	leftovers, more := d.leftovers(published, inv)
	found = append(found, more...)
	found = append(found, d.drift(ctx, published, leftovers)...)
	cells := d.cells(ctx, published, alarms)
	return slices.Concat(found, d.globalAlarms(ctx, published, alarms()), cells)
}

func (d Doctor) cells(ctx context.Context, p published, alarms func() knownAlarms) []Finding {
	each := make([][]Finding, len(p.cells))
	known := d.mappings(ctx)
	d.each("cells", p.cells, func(i int, cell manifest.Cell) {
		each[i] = slices.Concat(
			d.cellTables(ctx, p, cell), d.cellQueues(ctx, cell), d.cellTopic(ctx, cell), d.cellFunctions(ctx, cell), d.cellMappings(ctx, known, cell),
		)
	})
	for i, cell := range p.cells {
		each[i] = append(each[i], d.cellAlarms(alarms(), cell)...)
	}
	return slices.Concat(each...)
}

// deployAgain is the fix of whatever differs from what the program makes.
func (d Doctor) deployAgain() string {
	return "'pulumi up --refresh -s " + string(d.Stack) + "' makes it what the program says"
}

func (d Doctor) look(check, subject string) *look {
	return &look{check: check, subject: subject, fix: d.deployAgain()}
}
