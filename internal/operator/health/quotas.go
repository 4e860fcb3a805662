package health

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"cellular/internal/model/limits"
	"cellular/internal/model/manifest"
)

// Quotas is the part of Service Quotas' client that is needed.
type Quotas interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error)
}

const quotaCheck = "quota"

// quotas are what cells share of their account: each quota by itself, and then at how many cells the first one is met.
func (d Doctor) quotas(ctx context.Context, p published, inv inventory) []Finding {
	account := limits.Defaults(d.Region)
	shards := d.openShards(ctx, p)
	found := slices.Concat(
		d.tableQuota(ctx, p, inv, &account), d.concurrencyQuota(ctx, p, shards, &account),
		d.roleQuota(ctx, p, &account), d.messageQuota(p),
	)
	told := slices.ContainsFunc(found, func(f Finding) bool { return f.Level == Warn || f.Level == Fail })
	return append(found, d.cellQuota(p, shards, account, told)...)
}

const (
	tableQuotaCode = "L-F98FE922" // "Maximum number of tables", in Service Quotas
)

func (d Doctor) tableQuota(ctx context.Context, p published, inv inventory, account *limits.Account) []Finding {
	l := d.look(quotaCheck, "DynamoDB tables")
	l.fix = "ask for more: 'aws service-quotas request-service-quota-increase --service-code dynamodb --quota-code " + tableQuotaCode + " --desired-value N'"
	if inv.tablesErr != nil {
		l.unseen(inv.tablesErr)
		return l.findings
	}
	quota, from := d.tableQuotaValue(ctx, account.Tables)
	used := len(inv.tables)
	account.Tables, account.OtherTables = quota, max(0, used-len(p.cells)*limits.CellTables-limits.FixedTables)
	free := quota - used
	switch {
	case free < limits.CellTables:
		l.fail("%d of %d (%s) are used in the Region: there is no room for another cell, which has %d", used, quota, from, limits.CellTables)
	case nearlyFull(used, quota):
		l.warn("%d of %d (%s) are used in the Region: there is room for %d more cells", used, quota, from, free/limits.CellTables)
	}
	return l.end("%d of %d (%s) are used in the Region", used, quota, from)
}

// tableQuotaValue is the account's quota, or the documented default where it cannot be read.
func (d Doctor) tableQuotaValue(ctx context.Context, documented int) (quota int, from string) {
	out, err := d.Quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String("dynamodb"), QuotaCode: aws.String(tableQuotaCode),
	})
	if err != nil || out.Quota == nil || aws.ToFloat64(out.Quota.Value) < 1 {
		return documented, "the documented default; the account's own quota could not be read"
	}
	return int(*out.Quota.Value), "the account's quota"
}

// concurrencyQuota compares the concurrency that no function has reserved with what may be drawn from it at a time: by
// the cells, by the router, and by one more cell like the largest.
func (d Doctor) concurrencyQuota(ctx context.Context, p published, shards map[string]int, account *limits.Account) []Finding {
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
	if out.AccountLimit.ConcurrentExecutions > 0 {
		account.Concurrency = int(out.AccountLimit.ConcurrentExecutions)
	}
	now := limits.RouterConcurrency
	if reserved := d.routerReserves(ctx, p); reserved > 0 {
		account.Router, now = reserved, 0
	}
	next := 0
	for _, c := range p.cells {
		now += drawn(c.Settings, shards[c.ID])
		next = max(next, sizeOf(c.Settings, shards[c.ID]).Concurrency())
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

// routerReserves is the concurrency that the router's function reserves; 0 where it reserves none or cannot be read, which
// the check of the function itself reports.
func (d Doctor) routerReserves(ctx context.Context, p published) int {
	if p.router == nil {
		return 0
	}
	out, err := d.Lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &p.router.Function})
	if err != nil || out.Concurrency == nil {
		return 0
	}
	return int(aws.ToInt32(out.Concurrency.ReservedConcurrentExecutions))
}

// sizeOf is what a cell draws of the quotas.
func sizeOf(s manifest.Settings, shards int) limits.Cell {
	return limits.Cell{
		Shards: shards, Parallelization: s.StreamParallelization, Producers: s.ProducerReservedConcurrency,
		Consumers: max(s.QueueMaxConcurrency, s.ConsumerReservedConcurrency),
	}
}

// drawn is the most that a cell's functions take of the concurrency that nobody has reserved.
func drawn(s manifest.Settings, shards int) int {
	cell := sizeOf(s, shards)
	if s.ConsumerReservedConcurrency > 0 {
		cell.Consumers = 0
	}
	return cell.Concurrency() - s.ProducerReservedConcurrency
}

// roleQuota compares the account's roles with its quota, which IAM tells itself.
func (d Doctor) roleQuota(ctx context.Context, p published, account *limits.Account) []Finding {
	l := d.look(quotaCheck, "IAM roles")
	l.fix = "ask for more: 'aws service-quotas request-service-quota-increase --region us-east-1 --service-code iam --quota-code L-FE177D64 --desired-value N'; or give cells an account of their own"
	out, err := d.IAM.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	used, quota := int(out.SummaryMap["Roles"]), int(out.SummaryMap["RolesQuota"])
	if quota == 0 {
		l.add(Skip, "", "the endpoint does not tell it")
		return l.findings
	}
	account.Roles, account.OtherRoles = quota, max(0, used-len(p.cells)*limits.CellRoles-limits.FixedRoles)
	switch free := quota - used; {
	case free < limits.CellRoles:
		l.fail("%d of %d are used in the account: there is no room for another cell, which has %d", used, quota, limits.CellRoles)
	case nearlyFull(used, quota):
		l.warn("%d of %d are used in the account: there is room for %d more cells", used, quota, free/limits.CellRoles)
	}
	return l.end("%d of %d are used in the account", used, quota)
}

// messageQuota compares what the router lets in with what SNS takes in the Region. Beyond it, events are accepted and wait
// in their cells' streams.
func (d Doctor) messageQuota(p published) []Finding {
	l := d.look(quotaCheck, "SNS messages")
	l.fix = "ask for more in Service Quotas (Amazon SNS, messages published per second), or lower throttle.rate of cellular:router"
	takes := limits.Messages(d.Region)
	if p.router == nil {
		return nil // which the check of the manifests reports
	}
	if p.router.ThrottleRate == 0 {
		l.add(Skip, "", "the router, of a version before, does not publish what it lets in; SNS takes %d messages a second in the Region by default", takes)
		return l.findings
	}
	sums := fmt.Sprintf("the router lets in %d events a second, and SNS takes %d messages a second in the Region by default, from all that publish in the account",
		p.router.ThrottleRate, takes)
	if p.router.ThrottleRate > takes {
		l.warn("%s: above that, events of all cells wait", sums)
	}
	return l.end("%s", sums)
}

// cellQuota says how many cells like the largest fit, and what stands against more. Where the quota itself has told that it
// is nearly used up, that is not said twice.
func (d Doctor) cellQuota(p published, shards map[string]int, account limits.Account, told bool) []Finding {
	if len(p.cells) == 0 {
		return nil
	}
	l := d.look(quotaCheck, "cells")
	l.fix = "docs/limits.md says what to do: ask for more, set smaller maxConcurrency and parallelization, or give groups of cells accounts of their own"
	var largest limits.Cell
	for _, c := range p.cells {
		if size := sizeOf(c.Settings, shards[c.ID]); size.Concurrency() > largest.Concurrency() {
			largest = size
		}
	}
	all := limits.Quotas(largest, account)
	first := all[0]
	sums := fmt.Sprintf("%d cells; of the size of the largest %d fit the account's quotas: %s is met first, then %s at %d",
		len(p.cells), first.Cells(), first.Name, all[1].Name, all[1].Cells())
	switch {
	case told:
	case len(p.cells) > first.Cells():
		l.warn("%s; what they may draw at a time is more than there is", sums)
	case nearlyFull(len(p.cells), first.Cells()):
		l.warn("%s", sums)
	}
	return l.end("%s", sums)
}
