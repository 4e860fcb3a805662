package health

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/model/naming"
)

const leftoverCheck = "leftovers"

// inventory is the names of what there is, whoever it belongs to.
type inventory struct {
	tables    []string // of the Region
	tablesErr error
	queues    []string // the URLs of the queues with the name of one of the stack's cells
	queuesErr error
}

func (d Doctor) inventory(ctx context.Context) inventory {
	var inv inventory
	inv.tables, inv.tablesErr = d.tableNames(ctx)
	for prefix := range d.queuePrefixes() {
		urls, err := d.queueURLs(ctx, prefix)
		if err != nil {
			inv.queuesErr = err
			break
		}
		inv.queues = append(inv.queues, urls...)
	}
	slices.Sort(inv.queues)
	return inv
}

func (d Doctor) tableNames(ctx context.Context) ([]string, error) {
	in := &dynamodb.ListTablesInput{}
	var names []string
	for {
		page, err := d.DynamoDB.ListTables(ctx, in)
		if err != nil {
			return nil, err
		}
		names = append(names, page.TableNames...)
		if page.LastEvaluatedTableName == nil {
			return names, nil
		}
		in.ExclusiveStartTableName = page.LastEvaluatedTableName
	}
}

// queuePrefixes are the names of the cells' queues without the cells' ids.
func (d Doctor) queuePrefixes() map[string]bool {
	unnamed := d.Stack.Cell("")
	return map[string]bool{unnamed.Queue(): true, unnamed.ConsumerDLQ(): true, unnamed.SubscriptionDLQ(): true, unnamed.StreamDLQ(): true}
}

// queueURLs asks for pages: without a maximum, SQS answers the first 1,000 and leaves out the rest.
func (d Doctor) queueURLs(ctx context.Context, prefix string) ([]string, error) {
	in := &sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(1000)}
	var urls []string
	for {
		page, err := d.SQS.ListQueues(ctx, in)
		if err != nil {
			return nil, err
		}
		urls = append(urls, page.QueueUrls...)
		if aws.ToString(page.NextToken) == "" {
			return urls, nil
		}
		in.NextToken = page.NextToken
	}
}

// leftovers finds what a retired cell has left: tables and queues that have the name of a cell that does not exist. It
// returns the ids of such cells too.
func (d Doctor) leftovers(p published, inv inventory) (ids []string, found []Finding) {
	l := d.look(leftoverCheck, string(d.Stack))
	if !p.listed {
		l.add(Skip, "", "not every cell's manifest could be read")
		return nil, l.findings
	}
	gone := map[string]bool{}
	left := func(kind, name, prefix, fix string) {
		id, named := strings.CutPrefix(name, prefix)
		if named && naming.ValidCellID(id) && !slices.Contains(p.ids(), id) {
			gone[id] = true
			l.add(Warn, fix, "%s %s belongs to cell %s, which is not there", kind, name, id)
		}
	}
	if inv.tablesErr != nil {
		l.unseen(inv.tablesErr)
	}
	for _, name := range inv.tables {
		for _, prefix := range []string{d.Stack.DataTablePrefix(), d.Stack.ResultsTablePrefix()} {
			left("table", name, prefix, "once no tenant is mapped to the cell and its data is not needed, 'aws dynamodb delete-table --table-name "+name+"'")
		}
	}
	if inv.queuesErr != nil {
		l.unseen(inv.queuesErr)
	}
	for _, url := range inv.queues {
		for prefix := range d.queuePrefixes() {
			left("queue", lastSegment(url), prefix, "once no tenant is mapped to the cell and its messages are not needed, 'aws sqs delete-queue --queue-url "+url+"'")
		}
	}
	return slices.Sorted(maps.Keys(gone)), l.end("no tables or queues of cells that are not there")
}
