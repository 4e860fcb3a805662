package operatorpolicy

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/model/probe"
)

// Scope is the deployment that a policy is about.
type Scope struct {
	Partition string // such as "aws"
	Region    string
	Account   string

	Stack        naming.Stack
	ControlPlane manifest.ControlPlane
	Router       manifest.Router
	Cells        []manifest.Cell

	// AnyCell puts patterns in the place of the cells: they match the cells that there are, those that will be, and
	// nothing of another stack whose name does not start with this one's and a dash.
	AnyCell bool
}

// resources are the ARNs of a deployment, by what is done with them.
type resources struct {
	cellParameters                               string
	mappings, cells, moves, alarmTopic           string
	audit                                        []string // none for a control plane of the version before
	data, results, queues, dlqs, topics, lambdas []string
	consumerDLQs                                 []string // they are among the dlqs
}

// cellNames are the physical names of a cell's parts, or patterns of them.
type cellNames struct {
	data, results, queue string
	consumerDLQ          string
	dlqs                 []string // the others
	topic                string
	producer, consumer   string
}

func (s Scope) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", s.Partition, service, s.Region, s.Account, resource)
}

func (s Scope) table(name string) string { return s.arn("dynamodb", "table/"+name) }

func (s Scope) resources() resources {
	r := resources{
		cellParameters: s.arn("ssm", "parameter"+s.Stack.CellParameters()),
		mappings:       s.table(s.ControlPlane.MappingTable),
		cells:          s.table(s.ControlPlane.CellTable),
		moves:          s.table(s.ControlPlane.MoveTable),
		alarmTopic:     cmp.Or(s.ControlPlane.AlarmTopicARN, s.arn("sns", s.Stack.AlarmTopic())), // one of a version before publishes none
		lambdas:        []string{s.arn("lambda", "function:"+s.Router.Function)},
	}
	if audit := s.ControlPlane.AuditTable; audit != "" {
		r.audit = []string{s.table(audit)}
	}
	for _, c := range s.names() {
		r.data = append(r.data, s.table(c.data))
		r.results = append(r.results, s.table(c.results))
		r.queues = append(r.queues, s.arn("sqs", c.queue))
		r.consumerDLQs = append(r.consumerDLQs, s.arn("sqs", c.consumerDLQ))
		for _, dlq := range append(c.dlqs, c.consumerDLQ) {
			r.dlqs = append(r.dlqs, s.arn("sqs", dlq))
		}
		r.topics = append(r.topics, s.arn("sns", c.topic))
		r.lambdas = append(r.lambdas, s.arn("lambda", "function:"+c.producer), s.arn("lambda", "function:"+c.consumer))
	}
	return r
}

// names are the names of each cell's parts: those that the cell published, so that the policy fits what is there.
func (s Scope) names() []cellNames {
	if s.AnyCell {
		n := s.Stack.Cell("*")
		return []cellNames{{
			data: n.DataTable(), results: n.ResultsTable(), queue: n.Queue(),
			consumerDLQ: n.ConsumerDLQ(), dlqs: []string{n.SubscriptionDLQ(), n.StreamDLQ()},
			topic: n.Topic(), producer: n.Producer(), consumer: n.Consumer(),
		}}
	}
	var all []cellNames
	for _, c := range s.Cells {
		all = append(all, cellNames{
			data: c.DataTable, results: c.ResultsTable, queue: after(c.QueueARN, ":"),
			consumerDLQ: after(c.ConsumerDLQURL, "/"), dlqs: []string{after(c.SubscriptionDLQURL, "/"), after(c.StreamDLQURL, "/")},
			topic: after(c.TopicARN, ":"), producer: c.Producer, consumer: c.Consumer,
		})
	}
	return all
}

// after is what follows the last separator.
func after(s, separator string) string { return s[strings.LastIndex(s, separator)+1:] }

// api returns the ARN of the router's routes that cells are probed through. A router of a version that did not publish its API is
// told by the address that AWS gave it; there is none where it answers at another.
func (s Scope) api() []string {
	routes := "/*/*" + probe.Path + "*"
	if api := s.Router.ExecutionARN; api != "" {
		return []string{api + routes}
	}
	at, err := url.Parse(s.Router.URL)
	if err != nil {
		return nil
	}
	id, rest, ok := strings.Cut(at.Hostname(), ".")
	if !ok || !strings.HasPrefix(rest, "execute-api.") {
		return nil
	}
	return []string{s.arn("execute-api", id+routes)}
}
