package health

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"cellular/internal/facts"
)

// Quotas is the part of Service Quotas' client that is needed.
type Quotas interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error)
}

const quotaCheck = "quota"

// The quotas that cells use up are those of tables and of concurrency. SNS and SQS bound neither topics nor queues in a
// way that a deployment would meet.
func (d Doctor) quotas(ctx context.Context, p published, inv inventory) []Finding {
	return append(d.tableQuota(ctx, inv), d.concurrencyQuota(ctx, p)...)
}

const (
	cellTables = 2 // per cell

	tableQuotaCode    = "L-F98FE922" // "Maximum number of tables", in Service Quotas
	defaultTableQuota = 2500         // per account and Region, from the quotas of DynamoDB
)

func (d Doctor) tableQuota(ctx context.Context, inv inventory) []Finding {
	l := d.look(quotaCheck, "DynamoDB tables")
	l.fix = "ask for more: 'aws service-quotas request-service-quota-increase --service-code dynamodb --quota-code " + tableQuotaCode + " --desired-value N'"
	if inv.tablesErr != nil {
		l.unseen(inv.tablesErr)
		return l.findings
	}
	quota, from := d.tableQuotaValue(ctx)
	used := len(inv.tables)
	free := quota - used
	switch {
	case free < cellTables:
		l.fail("%d of %d (%s) are used in the Region: there is no room for another cell, which has %d", used, quota, from, cellTables)
	case nearlyFull(used, quota):
		l.warn("%d of %d (%s) are used in the Region: there is room for %d more cells", used, quota, from, free/cellTables)
	}
	return l.end("%d of %d (%s) are used in the Region", used, quota, from)
}

// tableQuotaValue is the account's quota, or the documented default where it cannot be read.
func (d Doctor) tableQuotaValue(ctx context.Context) (quota int, from string) {
	out, err := d.Quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String("dynamodb"), QuotaCode: aws.String(tableQuotaCode),
	})
	if err != nil || out.Quota == nil || aws.ToFloat64(out.Quota.Value) < 1 {
		return defaultTableQuota, "the documented default; the account's own quota could not be read"
	}
	return int(*out.Quota.Value), "the account's quota"
}

// alwaysUnreserved is the concurrency that Lambda never lets functions reserve, from its developer guide. It is what the
// router, which reserves none of its own by default, is counted with.
const alwaysUnreserved = 100

// concurrencyQuota compares the concurrency that no function has reserved with what may be drawn from it at a time: by
// the cells, by the router, and by one more cell like the largest.
func (d Doctor) concurrencyQuota(ctx context.Context, p published) []Finding {
	l := d.look(quotaCheck, "Lambda concurrency")
	l.fix = "ask for more: 'aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value N'"
	out, err := d.Lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	if out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil {
		l.add(Skip, "", "the endpoint does not tell it")
		return l.findings
	}
	unreserved := int(*out.AccountLimit.UnreservedConcurrentExecutions)
	now := alwaysUnreserved
	next := 0
	for _, c := range p.cells {
		now += drawn(c.Settings)
		next = max(next, drawn(c.Settings)+c.Settings.ProducerReservedConcurrency+c.Settings.ConsumerReservedConcurrency)
	}
	sums := fmt.Sprintf("%d cells and the router may draw %d of %d unreserved", len(p.cells), now, unreserved)
	switch {
	case now > unreserved:
		l.warn("%s: a busy cell can take the router's part", sums)
	case now+next > unreserved:
		l.warn("%s, and one more cell needs %d", sums, next)
	}
	return l.end("%s, and there is room for another cell", sums)
}

// drawn is the most that a cell's functions take of the concurrency that nobody has reserved. The producer runs once per
// shard and parallel batch; the shards come and go with the load, so it is counted with the one that there always is.
func drawn(s facts.Settings) int {
	n := 0
	if s.ConsumerReservedConcurrency == 0 {
		n += s.QueueMaxConcurrency
	}
	if s.ProducerReservedConcurrency == 0 {
		n += max(1, s.StreamParallelization)
	}
	return n
}
