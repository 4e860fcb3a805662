// Package naming gives every physical name of a deployment. The Pulumi program, the Lambda functions, the
// operator's CLI and the tests all take names from here, so that a name has one spelling.
//
// A physical name is STACK-STEM or STACK-STEM-CELL: the cell's id comes last, behind a fixed stem, so that two
// cells, or two stacks, never share a name.
package naming

// Stack is the name of a Pulumi stack, for example "dev".
type Stack string

// MappingTable is the global table that maps tenants to cells.
func (s Stack) MappingTable() string { return string(s) + "-global-tenant-cell-mapping" }

// CellTable is the global table of what is in the cells: their status and how many tenants each has. What the cells are
// stands in their parameters.
func (s Stack) CellTable() string { return string(s) + "-global-cell-states" }

// MoveTable is the global table of the moves of tenants between cells, under way and done.
func (s Stack) MoveTable() string { return string(s) + "-global-tenant-moves" }

// AuditTable is the global table of what operators did with cellctl.
func (s Stack) AuditTable() string { return string(s) + "-global-audit" }

// Router is the router's Lambda function, and its HTTP API.
func (s Stack) Router() string { return string(s) + "-global-edge-router" }

// RouterRole is the IAM role of the router's Lambda function. Each cell names this role in its tables' resource
// policies: that grant is the only way into a cell.
func (s Stack) RouterRole() string { return string(s) + "-edge-cell-router-role" }

// Probe is the Lambda function that probes every cell.
func (s Stack) Probe() string { return string(s) + "-global-probe" }

// ProbeRole is the IAM role of the probe's Lambda function.
func (s Stack) ProbeRole() string { return s.Probe() + "-role" }

// ProbeSchedule is the schedule on which EventBridge Scheduler runs the probe.
func (s Stack) ProbeSchedule() string { return s.Probe() }

// ProbeScheduleRole is the IAM role with which EventBridge Scheduler runs the probe.
func (s Stack) ProbeScheduleRole() string { return s.Probe() + "-schedule-role" }

// DataTablePrefix is the name of any cell's data table without the cell's id. The router appends the id that it
// reads from the mapping table, which is how it reaches a cell that it never enumerates.
func (s Stack) DataTablePrefix() string { return string(s) + "-app-data-cell-" }

// ResultsTablePrefix is the name of any cell's results table without the cell's id.
func (s Stack) ResultsTablePrefix() string { return string(s) + "-app-results-cell-" }

// CountersTablePrefix is the name of any cell's table of counters without the cell's id.
func (s Stack) CountersTablePrefix() string { return string(s) + "-rate-counters-cell-" }

// MetricsNamespace is where CloudWatch files the metrics that the functions' logs hold. CloudWatch has no other wall
// between two deployments in one account and Region, so that their cells' metrics never mix.
func (s Stack) MetricsNamespace() string { return "Cellular/" + string(s) }

// FleetDashboard is the CloudWatch dashboard of all cells and the global plane.
func (s Stack) FleetDashboard() string { return string(s) + "-fleet" }

// CellDashboard is the CloudWatch dashboard of one cell, which its reader picks.
func (s Stack) CellDashboard() string { return string(s) + "-cell" }

// Query is a saved query of CloudWatch Logs Insights. The console shows what is before the / as a folder.
func (s Stack) Query(name string) string { return string(s) + "/" + name }

// CellParameters is the SSM path under which every cell of the stack publishes its manifest.
func (s Stack) CellParameters() string { return "/cellular/" + string(s) + "/cells" }

// ControlPlaneParameter is the SSM parameter that holds the control plane's manifest as one JSON document.
func (s Stack) ControlPlaneParameter() string { return "/cellular/" + string(s) + "/control-plane" }

// RouterParameter is the SSM parameter that holds the router's manifest as one JSON document.
func (s Stack) RouterParameter() string { return "/cellular/" + string(s) + "/router" }

// Cell gives the names of one cell.
func (s Stack) Cell(id string) Cell { return Cell{stack: s, id: id} }

// Cell gives the physical names of one cell's resources.
type Cell struct {
	stack Stack
	id    string
}

func (c Cell) name(stem string) string { return string(c.stack) + "-" + stem + "-cell-" + c.id }

// DataTable holds the accepted events; its stream feeds the pipeline.
func (c Cell) DataTable() string { return c.stack.DataTablePrefix() + c.id }

// ResultsTable holds the outcome of each event, and what the business logic keeps.
func (c Cell) ResultsTable() string { return c.stack.ResultsTablePrefix() + c.id }

// CountersTable holds what the router's processes counted of each tenant's requests.
func (c Cell) CountersTable() string { return c.stack.CountersTablePrefix() + c.id }

// Topic is the SNS topic that the producer publishes to.
func (c Cell) Topic() string { return c.name("processing-topic") }

// Queue is the SQS queue that the consumer reads.
func (c Cell) Queue() string { return c.name("processing-queue") }

// ConsumerDLQ holds the messages that the consumer could not process.
func (c Cell) ConsumerDLQ() string { return c.name("processing-queue-dlq") }

// SubscriptionDLQ holds the messages that SNS could not deliver to the queue.
func (c Cell) SubscriptionDLQ() string { return c.name("processing-queue-sub-dlq") }

// StreamDLQ holds the metadata of the stream records that the producer could not publish.
func (c Cell) StreamDLQ() string { return c.name("processing-queue-stream-dlq") }

// Producer is the Lambda function that publishes the data table's stream to the topic.
func (c Cell) Producer() string { return c.name("producer") }

// ProducerRole is the producer's IAM role.
func (c Cell) ProducerRole() string { return c.name("producer-role") }

// Consumer is the Lambda function that applies the queue's messages.
func (c Cell) Consumer() string { return c.name("consumer") }

// ConsumerRole is the consumer's IAM role.
func (c Cell) ConsumerRole() string { return c.name("consumer-role") }

// Parameter is the SSM parameter that holds the cell's manifest as one JSON document.
func (c Cell) Parameter() string { return c.stack.CellParameters() + "/" + c.id }

// LogGroup is the CloudWatch log group of a Lambda function.
func LogGroup(function string) string { return "/aws/lambda/" + function }

// AccessLogGroup is the CloudWatch log group of an HTTP API's access log. Groups with this prefix share one entry in the
// account's log resource policy; each other group would take an entry of its own, and the policy's size is bounded.
func AccessLogGroup(api string) string { return "/aws/vendedlogs/" + api }
