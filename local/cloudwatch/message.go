package cloudwatch

import (
	"encoding/json"
	"time"
)

// message is what CloudWatch publishes to a topic that is an action of an alarm. Of a metric alarm, AWS's has its Trigger, too, which
// is the metric; and where this has the code of the Region, AWS's has its name, such as "US East (N. Virginia)".
type message struct {
	AlarmName        string
	AlarmDescription string
	AWSAccountID     string `json:"AWSAccountId"`
	NewStateValue    State
	NewStateReason   string
	StateChangeTime  string
	Region           string
	AlarmARN         string `json:"AlarmArn"`
	OldStateValue    State
	*ofComposite     // nil of a metric alarm
}

// ofComposite is what only the message of a composite alarm has.
type ofComposite struct {
	AlarmRule          string
	TriggeringChildren []triggeringChild
}

type triggeringChild struct {
	ARN   string     `json:"Arn"`
	State childState `json:"State"`
}

type childState struct {
	Value     State
	Timestamp string
}

// Message is the notice as it is published to a topic.
func (n Notice) Message(region, account string) ([]byte, error) {
	m := message{
		AlarmName: n.Alarm, AlarmDescription: n.Description, AWSAccountID: account, NewStateValue: n.To, NewStateReason: n.Reason,
		StateChangeTime: messageTime(n.At), Region: region, AlarmARN: n.ARN, OldStateValue: n.From,
	}
	if n.Composite {
		m.ofComposite = &ofComposite{AlarmRule: n.Rule, TriggeringChildren: []triggeringChild{}}
		for _, child := range n.Because {
			m.TriggeringChildren = append(m.TriggeringChildren, triggeringChild{child.ARN, childState{child.To, messageTime(child.At)}})
		}
	}
	return json.Marshal(m)
}

func messageTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }
