package producer

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
)

// refusesContent reports whether an error of a call says that SNS refuses what is in the call, which no later try
// changes. Everything else is transient, what is not known included: a record that is retried needlessly is only late.
func refusesContent(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "InvalidParameter", "ParameterValueInvalid", "ValidationException", "BatchRequestTooLong":
		// A topic's name that is none is refused with the same code, and is the same for every record.
		return !strings.Contains(api.ErrorMessage(), "TopicArn")
	}
	return false
}

// refusesEntry reports whether SNS refuses one entry of a call for what is in it. It blames the sender for that, and for
// what a deployment or a pause mends, too.
func refusesEntry(f types.BatchResultErrorEntry) bool {
	return f.SenderFault && !heals(aws.ToString(f.Code))
}

// heals reports whether a code is about the load, the topic, its key or the permission to use them: not about a record.
func heals(code string) bool {
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return true
	}
	switch code {
	case "Throttled", // SNS's own, which the SDK does not count as throttling
		"InternalError", "InternalFailure", "ServiceUnavailable",
		"NotFound", "AuthorizationError", "AccessDenied", "AccessDeniedException", "InvalidSecurity",
		"InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException":
		return true
	}
	return strings.HasPrefix(code, "KMS")
}
