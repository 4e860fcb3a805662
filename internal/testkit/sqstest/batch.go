package sqstest

import (
	"errors"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// maxEntries is how many entries a batch has at most, from the API reference of SendMessageBatch.
const maxEntries = 10

var entryID = regexp.MustCompile(`\A[A-Za-z0-9_-]{1,80}\z`)

// checkBatch returns an error for a batch that the service refuses as a whole.
func checkBatch(ids []*string) error {
	if len(ids) == 0 {
		return &types.EmptyBatchRequest{Message: new("There should be at least one entry in the request.")}
	}
	if len(ids) > maxEntries {
		return &types.TooManyEntriesInBatchRequest{Message: new("Maximum number of entries per request are 10.")}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !entryID.MatchString(aws.ToString(id)) {
			return &types.InvalidBatchEntryId{Message: new("A batch entry id can only contain alphanumeric characters, hyphens and underscores.")}
		}
		if seen[*id] {
			return &types.BatchEntryIdsNotDistinct{Message: new("Id " + *id + " repeated.")}
		}
		seen[*id] = true
	}
	return nil
}

// each does something for every entry of a batch, and returns the ids of those that succeeded and the failures of the
// others. An error that is not the service's own ends it.
func (s *SQS) each(call Call, ids []*string, do func(i int) error) (done []string, failed []types.BatchResultErrorEntry, err error) {
	for i, id := range ids {
		if s.Refuse != nil && s.Refuse(call, *id) {
			failed = append(failed, types.BatchResultErrorEntry{Id: id, Code: new("InternalError"), Message: new("refused by the test")})
			continue
		}
		err := do(i)
		var api smithy.APIError
		switch {
		case err == nil:
			done = append(done, *id)
		case errors.As(err, &api):
			failed = append(failed, types.BatchResultErrorEntry{
				Id: id, Code: new(api.ErrorCode()), Message: new(api.ErrorMessage()), SenderFault: true,
			})
		default:
			return nil, nil, err
		}
	}
	return done, failed, nil
}

// idsOf are the ids of a batch's entries.
func idsOf[T any](entries []T, id func(T) *string) []*string {
	ids := make([]*string, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, id(e))
	}
	return ids
}
