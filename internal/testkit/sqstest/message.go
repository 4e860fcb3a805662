package sqstest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"cellular/internal/testkit/dynamotest/strict"
)

// The limits of a message. 262,144 bytes, attributes included, is what the service took before it took 1 MiB, and what
// everything here keeps to; 10 attributes are from "Message metadata" of the developer guide.
const (
	maxMessageBytes = 256 << 10
	maxAttributes   = 10
)

// groupID is what a message group may be called, from the API reference of SendMessage.
var groupID = regexp.MustCompile("\\A[a-zA-Z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}\\z")

type message struct {
	id, body     string
	attributes   map[string]types.MessageAttributeValue
	group        string // its message group; "" for none
	sentAt       time.Time
	receives     int
	firstReceive time.Time
	receivedAt   time.Time // the latest receive
	hiddenUntil  time.Time
	receipt      string // the latest
	deadFrom     string // the ARN of the queue that gave up on it
	deleted      bool
}

func invalidParameter(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func unknown(format string, args ...any) error { return strict.Unknown("sqstest", format, args...) }

// checkMessage returns an error for a message that the service refuses, and the size of any other in bytes.
func checkMessage(body *string, attributes map[string]types.MessageAttributeValue, group *string) (int, error) {
	if group != nil && !groupID.MatchString(*group) {
		return 0, invalidParameter("Value %s for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include "+
			"alphanumeric and punctuation characters. 1 to 128 in length.", *group)
	}
	if aws.ToString(body) == "" {
		return 0, &smithy.GenericAPIError{
			Code: "MissingParameter", Message: "The request must contain the parameter MessageBody.", Fault: smithy.FaultClient,
		}
	}
	if strings.ContainsFunc(*body, forbidden) || !utf8.ValidString(*body) {
		return 0, &types.InvalidMessageContents{Message: new("The message contains characters outside the allowed set")}
	}
	if len(attributes) > maxAttributes {
		return 0, invalidParameter("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	bytes := len(*body)
	for name, v := range attributes {
		if err := strict.Only("sqstest", v, "DataType", "StringValue"); err != nil {
			return 0, err
		}
		if t := aws.ToString(v.DataType); t != "String" && t != "Number" {
			return 0, unknown("message attributes of the type %q", t)
		}
		if name == "" || aws.ToString(v.StringValue) == "" {
			return 0, invalidParameter("Message (user) attribute '%s' must contain a non-empty value of type 'String'.", name)
		}
		bytes += len(name) + len(*v.DataType) + len(*v.StringValue)
	}
	return bytes, nil
}

// forbidden reports whether a message may not have a character, from the API reference of SendMessage.
func forbidden(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
		return false
	}
	return true
}

// received is a message as a receive returns it.
func (m *message) received(receipt string, names []string, system []types.MessageSystemAttributeName) types.Message {
	out := types.Message{MessageId: new(m.id), Body: new(m.body)}
	if receipt != "" {
		out.ReceiptHandle = new(receipt)
	}
	for _, name := range slices.Sorted(maps.Keys(m.attributes)) {
		if wanted(names, name) {
			if out.MessageAttributes == nil {
				out.MessageAttributes = map[string]types.MessageAttributeValue{}
			}
			v := m.attributes[name]
			out.MessageAttributes[name] = types.MessageAttributeValue{DataType: new(*v.DataType), StringValue: new(*v.StringValue)}
		}
	}
	for name, value := range m.system() {
		if slices.Contains(system, types.MessageSystemAttributeNameAll) || slices.Contains(system, name) {
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[string(name)] = value
		}
	}
	return out
}

// wanted reports whether an attribute is asked for: by its name, by "All", or by ".*" behind a prefix of it.
func wanted(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		prefix, all := strings.CutSuffix(n, ".*")
		return n == "All" || n == name || all && strings.HasPrefix(name, prefix)
	})
}

// system is the message's system attributes. Times are in milliseconds since 1970.
func (m *message) system() map[types.MessageSystemAttributeName]string {
	attributes := map[types.MessageSystemAttributeName]string{
		types.MessageSystemAttributeNameSenderId:                "sqstest",
		types.MessageSystemAttributeNameSentTimestamp:           strconv.FormatInt(m.sentAt.UnixMilli(), 10),
		types.MessageSystemAttributeNameApproximateReceiveCount: strconv.Itoa(m.receives),
	}
	if !m.firstReceive.IsZero() {
		attributes[types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp] = strconv.FormatInt(m.firstReceive.UnixMilli(), 10)
	}
	if m.group != "" {
		attributes[types.MessageSystemAttributeNameMessageGroupId] = m.group
	}
	if m.deadFrom != "" {
		attributes[types.MessageSystemAttributeNameDeadLetterQueueSourceArn] = m.deadFrom
	}
	return attributes
}
