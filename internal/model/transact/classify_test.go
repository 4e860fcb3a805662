package transact_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/transact"
)

func canceled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, code := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: &code})
	}
	return e
}

func throttled(reasons ...string) []types.ThrottlingReason {
	var all []types.ThrottlingReason
	for _, reason := range reasons {
		all = append(all, types.ThrottlingReason{Reason: &reason})
	}
	return all
}

func TestClassify_KnowsWhatTheAPIReferenceDocuments(t *testing.T) {
	const keyRange, table, account = "IndexWriteKeyRangeThroughputExceeded", "TableWriteMaxOnDemandThroughputExceeded", "TableWriteAccountLimitExceeded"
	for name, c := range map[string]struct {
		err  error
		want transact.Kind
	}{
		"success":                          {nil, transact.None},
		"a condition of a single write":    {&types.ConditionalCheckFailedException{}, transact.Condition},
		"a transaction at the item":        {&types.TransactionConflictException{}, transact.Contended},
		"the same token is under way":      {&types.TransactionInProgressException{}, transact.Unanswered},
		"throttled":                        {&types.ThrottlingException{}, transact.Throttled},
		"throttled by capacity":            {&types.ProvisionedThroughputExceededException{}, transact.Throttled},
		"throttled by the account's limit": {&types.RequestLimitExceeded{}, transact.Throttled},
		"a server error":                   {&types.InternalServerError{}, transact.Unanswered},
		"a server error of another name":   {&smithy.GenericAPIError{Code: "Mystery", Fault: smithy.FaultServer}, transact.Unanswered},
		"a failed connection":              {&net.OpError{Op: "dial", Err: errors.New("refused")}, transact.Unanswered},
		"no such table":                    {&types.ResourceNotFoundException{}, transact.Refused},
		"not allowed":                      {&smithy.GenericAPIError{Code: "AccessDeniedException", Fault: smithy.FaultClient}, transact.Refused},
		"invalid":                          {&smithy.GenericAPIError{Code: "ValidationException", Fault: smithy.FaultClient}, transact.Invalid},
		"a token of another transaction":   {&types.IdempotentParameterMismatchException{}, transact.Refused},
		"a full item collection":           {&types.ItemCollectionSizeLimitExceededException{}, transact.Refused},
		"out of time":                      {fmt.Errorf("call: %w", context.DeadlineExceeded), transact.Refused},
		"the caller is gone":               {fmt.Errorf("call: %w", context.Canceled), transact.Refused},
		"another error":                    {errors.New("killed"), transact.Refused},

		"canceled by a condition":              {canceled("None", "ConditionalCheckFailed"), transact.Condition},
		"canceled by a conflict":               {canceled("TransactionConflict", "None"), transact.Contended},
		"canceled by throttling":               {canceled("None", "ThrottlingError"), transact.Throttled},
		"canceled by capacity":                 {canceled("ProvisionedThroughputExceeded"), transact.Throttled},
		"canceled by a conflict and capacity":  {canceled("TransactionConflict", "ProvisionedThroughputExceeded"), transact.Throttled},
		"canceled by a conflict and condition": {canceled("TransactionConflict", "ConditionalCheckFailed"), transact.Condition},
		"canceled by validation and conflict":  {canceled("ValidationError", "TransactionConflict"), transact.Invalid},
		"canceled by a full collection":        {canceled("ItemCollectionSizeLimitExceeded"), transact.Refused},
		"canceled for no reason":               {canceled("None"), transact.Refused},
		"canceled without reasons":             {canceled(), transact.Refused},

		"a hot key":          {&types.ThrottlingException{ThrottlingReasons: throttled(keyRange)}, transact.Throttled},
		"a hot table":        {&types.RequestLimitExceeded{ThrottlingReasons: throttled(table)}, transact.Throttled},
		"an account's limit": {&types.ProvisionedThroughputExceededException{ThrottlingReasons: throttled(account)}, transact.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			wrapped := c.err
			if wrapped != nil {
				wrapped = &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "TransactWriteItems", Err: c.err}
			}
			got := transact.Classify(wrapped)
			require.Equal(t, c.want, got.Kind)
			retryable := c.want == transact.Contended || c.want == transact.Throttled || c.want == transact.Unanswered
			require.Equal(t, retryable, got.Retryable())
		})
	}
}

func TestClassify_SaysWhichConditionFailedAndOnWhat(t *testing.T) {
	found := transact.Item{"id": &types.AttributeValueMemberS{Value: "a"}}
	code := "ConditionalCheckFailed"
	err := &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
		{}, {Code: &code, Item: found}, {Code: &code},
	}}
	f := transact.Classify(err)
	require.False(t, f.Failed(0))
	require.True(t, f.Failed(1))
	require.Equal(t, found, f.Item(1))
	require.True(t, f.Failed(2), "an operation that did not ask for the item")
	require.Nil(t, f.Item(2))
	require.False(t, f.Failed(3))

	f = transact.Classify(&types.ConditionalCheckFailedException{Item: found})
	require.True(t, f.Failed(0), "a single write")
	require.Equal(t, found, f.Item(0))
	require.False(t, transact.ConditionFailed(nil, 0))
}

func TestClassify_TellsAHotKeyFromAThrottledTableAndAccount(t *testing.T) {
	for _, c := range []struct {
		reasons []string
		want    transact.Scope
	}{
		{nil, transact.ScopeUnknown},
		{[]string{"TableWriteKeyRangeThroughputExceeded"}, transact.ScopeKeyRange},
		{[]string{"IndexWriteKeyRangeThroughputExceeded", "TableWriteKeyRangeThroughputExceeded"}, transact.ScopeKeyRange},
		{[]string{"TableWriteKeyRangeThroughputExceeded", "TableWriteMaxOnDemandThroughputExceeded"}, transact.ScopeTable},
		{[]string{"TableReadProvisionedThroughputExceeded"}, transact.ScopeTable},
		{[]string{"TableWriteAccountLimitExceeded", "TableWriteKeyRangeThroughputExceeded"}, transact.ScopeAccount},
		{[]string{"SomethingNew"}, transact.ScopeTable},
	} {
		for _, err := range []error{
			&types.ThrottlingException{ThrottlingReasons: throttled(c.reasons...)},
			&types.ProvisionedThroughputExceededException{ThrottlingReasons: throttled(c.reasons...)},
			&types.RequestLimitExceeded{ThrottlingReasons: throttled(c.reasons...)},
		} {
			require.Equal(t, c.want, transact.Classify(err).Scope, "%T %v", err, c.reasons)
		}
	}
}
