package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// publish passes a publication on if every queue that subscribes to its topic lets the topic send. Otherwise the emulator,
// which asks no policy, must not see it: SNS takes the messages, and puts what a queue refuses into the subscription's
// DLQ, or drops it where there is none or where that refuses them, too.
func (g *Gate) publish(w http.ResponseWriter, r *http.Request, emulator http.Handler, c call) {
	topic := c.form.Get("TopicArn")
	g.mu.RLock()
	subscriptions := g.deployed.queuesOf(topic)
	g.mu.RUnlock()
	var refused []subscription
	for _, s := range subscriptions {
		if g.AuthorizeService(sns, "sqs:SendMessage", s.endpoint, topic) != nil {
			refused = append(refused, s)
		}
	}
	switch {
	case len(refused) == 0:
		emulator.ServeHTTP(w, r)
	case len(subscriptions) > 1:
		refuse(w, r, failure{http.StatusInternalServerError, "InternalError", fmt.Sprintf(
			"the local cloud cannot deliver to some of the queues that subscribe to %s: the policy of %s does not let it send", topic, refused[0].endpoint)})
	default:
		g.divert(w, r, emulator, c, refused[0])
	}
}

const sns = "sns.amazonaws.com"

// publication is a message that was published.
type publication struct {
	id         string // of its entry in a batch
	body       string
	attributes map[string]attribute
}

type attribute struct {
	DataType    string
	StringValue string `json:",omitempty"`
	BinaryValue string `json:",omitempty"`
}

// divert answers a publication, and puts its messages into the subscription's DLQ.
func (g *Gate) divert(w http.ResponseWriter, r *http.Request, emulator http.Handler, c call, s subscription) {
	if !s.raw {
		refuse(w, r, failure{http.StatusInternalServerError, "InternalError", "the local cloud dead-letters raw messages only"})
		return
	}
	messages := publications(c)
	admitted := s.dlq != "" && g.AuthorizeService(sns, "sqs:SendMessage", s.dlq, s.topic) == nil
	answer := published{NS: "http://sns.amazonaws.com/doc/2010-03-31/"}
	for _, m := range messages {
		if admitted {
			if err := g.deadLetter(r, emulator, c.region, s.dlq, m); err != nil {
				refuse(w, r, failure{http.StatusInternalServerError, "InternalError", err.Error()})
				return
			}
		} else {
			fmt.Fprintf(g.options.Log, "a message to %s was dropped: neither %s nor a DLQ takes it\n", s.topic, s.endpoint)
		}
		answer.Successful = append(answer.Successful, success{m.id, uuid.NewString()})
	}
	if c.operation == "Publish" {
		writeXML(w, http.StatusOK, publishedOne{NS: answer.NS, MessageID: answer.Successful[0].MessageID})
		return
	}
	writeXML(w, http.StatusOK, answer)
}

// deadLetter sends a message to a queue of the emulator.
func (g *Gate) deadLetter(r *http.Request, emulator http.Handler, region, queueARN string, m publication) error {
	name := queueARN[strings.LastIndex(queueARN, ":")+1:]
	body, err := json.Marshal(map[string]any{
		"QueueUrl": "http://" + r.Host + "/" + Account + "/" + name, "MessageBody": m.body, "MessageAttributes": m.attributes,
	})
	if err != nil {
		return err
	}
	to, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), http.MethodPost, "http://"+r.Host+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	to.RequestURI, to.RemoteAddr = "/", r.RemoteAddr
	to.Header.Set("Content-Type", "application/x-amz-json-1.0")
	to.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	to.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/sqs/aws4_request, SignedHeaders=host, Signature=s", g.options.Admin, region))
	answer := &buffer{header: http.Header{}}
	emulator.ServeHTTP(answer, to)
	if answer.status != http.StatusOK {
		return fmt.Errorf("send to %s: %d %s", queueARN, answer.status, answer.body.String())
	}
	return nil
}

// publications reads Publish and PublishBatch.
func publications(c call) []publication {
	if c.operation == "Publish" {
		return []publication{{body: c.form.Get("Message"), attributes: messageAttributes(c.form, "MessageAttributes")}}
	}
	var all []publication
	for n := 1; ; n++ {
		at := fmt.Sprintf("PublishBatchRequestEntries.member.%d.", n)
		if !c.form.Has(at + "Id") {
			return all
		}
		all = append(all, publication{c.form.Get(at + "Id"), c.form.Get(at + "Message"), messageAttributes(c.form, at+"MessageAttributes")})
	}
}

// messageAttributes reads PREFIX.entry.1.Name, PREFIX.entry.1.Value.DataType and so on.
func messageAttributes(form url.Values, prefix string) map[string]attribute {
	all := map[string]attribute{}
	for n := 1; ; n++ {
		at := fmt.Sprintf("%s.entry.%d.", prefix, n)
		if !form.Has(at + "Name") {
			return all
		}
		all[form.Get(at+"Name")] = attribute{form.Get(at + "Value.DataType"), form.Get(at + "Value.StringValue"), form.Get(at + "Value.BinaryValue")}
	}
}

type published struct {
	XMLName    xml.Name  `xml:"PublishBatchResponse"`
	NS         string    `xml:"xmlns,attr"`
	Successful []success `xml:"PublishBatchResult>Successful>member"`
}

type success struct {
	ID        string `xml:"Id"`
	MessageID string `xml:"MessageId"`
}

type publishedOne struct {
	XMLName   xml.Name `xml:"PublishResponse"`
	NS        string   `xml:"xmlns,attr"`
	MessageID string   `xml:"PublishResult>MessageId"`
}
