package dashboard

import (
	"cellular/internal/model/naming"
)

// Query is a saved query of CloudWatch Logs Insights, which answers a question of a runbook.
type Query struct {
	Name     string
	Question string
	Text     string
	// Router says that it is about the router's log group. The others are about the log groups of cells, which no query can list:
	// whoever runs one picks them. SOURCE with a prefix would find them, and is not known to the console.
	Router bool
}

// Queries are the saved queries of every deployment. Values in capitals are for whoever runs one to replace.
func Queries() []Query {
	return []Query{
		{
			Name: "failures", Question: "What failed in a cell, and why?",
			Text: `filter message = "record handled" and outcome in ["ejected", "retry"]
| fields @timestamp, cell, tenant, event, outcome, reason, error, receive_count
| sort @timestamp desc
| limit 200`,
		},
		{
			Name: "failures-by-reason", Question: "Which reasons do the events have that a cell gave up on, and whose are they?",
			Text: `filter message = "record handled" and outcome = "ejected"
| stats count(*) as events by cell, reason, tenant
| sort events desc`,
		},
		{
			Name: "one-event", Question: "What became of one event, from the router on? Pick the router's log group and those of the cell's two functions.",
			Text: `filter tenant = "TENANT" and event = "EVENT"
| fields @timestamp, message, cell, status, outcome, reason, error, receive_count, total_ms, accepted_to_applied_ms
| sort @timestamp asc
| limit 500`,
		},
		{
			Name: "slow-events", Question: "Which events of a cell took longest from accepted to applied, and where were they?",
			Text: `filter message = "record handled" and outcome = "applied"
| fields @timestamp, cell, tenant, event, accepted_to_applied_ms, published_to_applied_ms, apply_ms, receive_count
| sort accepted_to_applied_ms desc
| limit 50`,
		},
		{
			Name: "crashes", Question: "Where does a function panic?",
			Text: `filter ispresent(stack)
| fields @timestamp, cell, tenant, event, error, stack
| sort @timestamp desc
| limit 20`,
		},
		{
			Name: "publishing-waits", Question: "Since when does a producer wait for its topic, and why?",
			Text: `filter message in ["waiting for the topic or the stream DLQ", "batch reported for a retry"]
| fields @timestamp, cell, message, left, waited_ms, error
| sort @timestamp desc
| limit 100`,
		},
		{
			Name: "cold-starts", Question: "How often does a function start cold, and how long does it take?",
			Text: `filter type = "platform.report" and ispresent(record.metrics.initDurationMs)
| stats count(*) as starts, max(record.metrics.initDurationMs) as longest_ms by bin(5m)`,
		},
		{
			Name: "router-failures", Router: true, Question: "Which requests did the router fail, and why?",
			Text: `filter message = "request" and status >= 500
| fields @timestamp, status, problem, cell, tenant, mapping, breaker, error, total_ms
| sort @timestamp desc
| limit 200`,
		},
		{
			Name: "slowest-requests", Router: true, Question: "Which requests took longest, and where?",
			Text: `filter message = "request"
| fields @timestamp, cell, tenant, status, mapping_ms, dispatch_ms, total_ms, attempts
| sort total_ms desc
| limit 50`,
		},
		{
			Name: "refused-by-tenant", Router: true, Question: "Whose requests does the router refuse, and by which limit?",
			Text: `filter ispresent(shed)
| stats count(*) as refused by tenant, cell, shed
| sort refused desc`,
		},
		{
			Name: "callers", Router: true, Question: "Who called, for which tenant, and with what answer?",
			Text: `filter message = "request"
| stats count(*) as requests by caller, tenant, status
| sort requests desc`,
		},
	}
}

// groups are the log groups that a query is saved with.
func (q Query) groups(stack naming.Stack) []string {
	if q.Router {
		return []string{naming.LogGroup(stack.Router())}
	}
	return nil
}
