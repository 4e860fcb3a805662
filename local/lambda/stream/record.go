package stream

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// record is one record of a stream.
type record struct {
	sequence string
	created  time.Time
	item     uint64 // hash of the item's key
	body     []byte // the record as the function gets it
}

func (r record) size() int    { return len(r.body) }
func (r record) json() []byte { return r.body }

// document is a record as Lambda puts it into an event.
type document struct {
	EventID        string        `json:"eventID"`
	EventName      string        `json:"eventName"`
	EventVersion   string        `json:"eventVersion"`
	EventSource    string        `json:"eventSource"`
	Region         string        `json:"awsRegion"`
	Change         change        `json:"dynamodb"`
	UserIdentity   *userIdentity `json:"userIdentity,omitempty"`
	EventSourceARN string        `json:"eventSourceARN"`
}

type change struct {
	Created        int64                     `json:"ApproximateCreationDateTime"` // Unix time in seconds
	Keys           map[string]map[string]any `json:"Keys,omitempty"`
	NewImage       map[string]map[string]any `json:"NewImage,omitempty"`
	OldImage       map[string]map[string]any `json:"OldImage,omitempty"`
	SequenceNumber string                    `json:"SequenceNumber"`
	SizeBytes      int64                     `json:"SizeBytes"`
	StreamViewType types.StreamViewType      `json:"StreamViewType"`
}

type userIdentity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
}

func newRecord(r types.Record, streamARN, region string) (record, error) {
	c := r.Dynamodb
	if c == nil || c.SequenceNumber == nil || c.ApproximateCreationDateTime == nil {
		return record{}, fmt.Errorf("record %s has no sequence number or no time", aws.ToString(r.EventID))
	}
	d := document{
		EventID:        aws.ToString(r.EventID),
		EventName:      string(r.EventName),
		EventVersion:   aws.ToString(r.EventVersion),
		EventSource:    "aws:dynamodb",
		Region:         region,
		EventSourceARN: streamARN,
		Change: change{
			Created:        c.ApproximateCreationDateTime.Unix(),
			SequenceNumber: *c.SequenceNumber,
			SizeBytes:      aws.ToInt64(c.SizeBytes),
			StreamViewType: c.StreamViewType,
		},
	}
	if r.UserIdentity != nil {
		d.UserIdentity = &userIdentity{Type: aws.ToString(r.UserIdentity.Type), PrincipalID: aws.ToString(r.UserIdentity.PrincipalId)}
	}
	for _, part := range []struct {
		from map[string]types.AttributeValue
		to   *map[string]map[string]any
	}{{c.Keys, &d.Change.Keys}, {c.NewImage, &d.Change.NewImage}, {c.OldImage, &d.Change.OldImage}} {
		var err error
		if *part.to, err = attributes(part.from); err != nil {
			return record{}, fmt.Errorf("record %s: %w", *c.SequenceNumber, err)
		}
	}
	body, err := json.Marshal(d)
	if err != nil {
		return record{}, fmt.Errorf("record %s: %w", *c.SequenceNumber, err)
	}
	key, err := json.Marshal(d.Change.Keys) // the names of a JSON object are sorted
	if err != nil {
		return record{}, fmt.Errorf("key of record %s: %w", *c.SequenceNumber, err)
	}
	hash := fnv.New64a()
	hash.Write(key)
	return record{sequence: *c.SequenceNumber, created: *c.ApproximateCreationDateTime, item: hash.Sum64(), body: body}, nil
}

// attributes writes attribute values in DynamoDB's JSON: {"name": {"S": "text"}}.
func attributes(from map[string]types.AttributeValue) (map[string]map[string]any, error) {
	to := make(map[string]map[string]any, len(from))
	for name, value := range from {
		v, err := attribute(value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		to[name] = v
	}
	return to, nil
}

func attribute(value types.AttributeValue) (map[string]any, error) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}, nil
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}, nil
	case *types.AttributeValueMemberB:
		return map[string]any{"B": v.Value}, nil
	case *types.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}, nil
	case *types.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}, nil
	case *types.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}, nil
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}, nil
	case *types.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}, nil
	case *types.AttributeValueMemberM:
		m, err := attributes(v.Value)
		return map[string]any{"M": m}, err
	case *types.AttributeValueMemberL:
		list := make([]map[string]any, len(v.Value))
		for i, element := range v.Value {
			var err error
			if list[i], err = attribute(element); err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
		}
		return map[string]any{"L": list}, nil
	}
	return nil, fmt.Errorf("attribute value of an unknown type %T", value)
}
