package dynamotest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Fault is a way in which a call may fail, whatever the tables hold.
type Fault struct {
	Name string
	Err  error
	// Passing says that the same call may succeed soon: whoever makes it is to try again.
	Passing bool
	// Late says that the call takes effect, and that only its answer is lost.
	Late bool
}

// Faults are the ways in which a call may fail, from the API references of the operations and of CancellationReason: all
// documented errors except for conditions, which are the tables' to decide. To these come a lost answer and a role that
// may not make the call.
func Faults(call Call) []Fault {
	faults := []Fault{
		{Name: "InternalServerError", Err: &types.InternalServerError{Message: new("injected")}, Passing: true},
		{Name: "ProvisionedThroughputExceeded", Err: &types.ProvisionedThroughputExceededException{Message: new("injected")}, Passing: true},
		{Name: "RequestLimitExceeded", Err: &types.RequestLimitExceeded{Message: new("injected")}, Passing: true},
		{Name: "ThrottlingException", Err: &types.ThrottlingException{Message: new("injected")}, Passing: true},
		{Name: "ResourceNotFound", Err: &types.ResourceNotFoundException{Message: new("injected")}},
		{Name: "AccessDenied", Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "injected", Fault: smithy.FaultClient}},
	}
	if !call.Writes() {
		return faults
	}
	faults = append(faults, Fault{Name: "LostAnswer", Err: &types.InternalServerError{Message: new("injected")}, Passing: true, Late: true})
	switch call.Operation {
	case "BatchWriteItem":
		return append(faults, Fault{Name: "ItemCollectionSizeLimitExceeded", Err: &types.ItemCollectionSizeLimitExceededException{Message: new("injected")}})
	case "TransactWriteItems":
		return append(faults, ofTransaction(call)...)
	}
	return append(faults,
		Fault{Name: "ItemCollectionSizeLimitExceeded", Err: &types.ItemCollectionSizeLimitExceededException{Message: new("injected")}},
		Fault{Name: "TransactionConflict", Err: &types.TransactionConflictException{Message: new("injected")}, Passing: true})
}

// Writes reports whether a call may change something.
func (c Call) Writes() bool {
	switch c.Operation {
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		return true
	}
	return false
}

func ofTransaction(call Call) []Fault {
	faults := []Fault{
		{Name: "TransactionInProgress", Err: &types.TransactionInProgressException{Message: new("injected")}, Passing: true},
		{Name: "IdempotentParameterMismatch", Err: &types.IdempotentParameterMismatchException{Message: new("injected")}},
	}
	operations := strings.Count(call.Key, ",") + 1
	for _, at := range []int{0, operations - 1} {
		for code, passing := range map[string]bool{
			"TransactionConflict": true, "ThrottlingError": true, "ProvisionedThroughputExceeded": true,
			"ItemCollectionSizeLimitExceeded": false, "ValidationError": false,
		} {
			reasons := make([]types.CancellationReason, operations)
			for i := range reasons {
				reasons[i].Code = new("None")
			}
			reasons[at].Code = new(code)
			faults = append(faults, Fault{
				Name: fmt.Sprintf("canceled by %s at %d", code, at), Passing: passing,
				Err: &types.TransactionCanceledException{Message: new("injected"), CancellationReasons: reasons},
			})
		}
		if operations == 1 {
			break
		}
	}
	return faults
}

// Scenario is something that is done to tables, in a world of its own.
type Scenario struct {
	DB *DB
	// Act does it. It is called again after an error, and then has to complete what is missing.
	Act func() error
	// Done checks what there is in the end.
	Done func()
}

// EveryFault runs a scenario without a fault and then, in a world and with a clock of its own, once with each fault at each
// of its calls, but for those that do to another shard what the call before has done. In a short run it is every third call. It fails where a write does not get over a fault that passes, where an error does not say what was
// done, and the fault behind it, and where doing it again does not end well: then something was left half done.
//
// The DB has no SDK in front of it. A read that fails is an error here, and is tried again by the SDK in the real system.
func EveryFault(t *testing.T, scenario func(t *testing.T) Scenario) {
	t.Helper()
	var calls []Call
	synctest.Test(t, func(t *testing.T) {
		s := scenario(t)
		before := len(s.DB.Calls())
		if err := s.Act(); err != nil {
			t.Fatalf("without a fault: %v", err)
		}
		calls = s.DB.Calls()[before:]
		s.Done()
	})
	if len(calls) == 0 {
		t.Fatal("the scenario makes no call")
	}
	distinct, first := 0, rand.IntN(3)
	for n, call := range calls {
		if n > 0 && alike(calls[n-1], call) {
			continue
		}
		if distinct++; testing.Short() && distinct%3 != first {
			continue
		}
		for _, f := range Faults(call) {
			t.Run(fmt.Sprintf("call %d %s %s %s", n+1, call.Operation, call.Table, f.Name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { meet(t, scenario(t), n, f) })
			})
		}
	}
}

// shard is the end of a key that says which of several items, or parts of an index, it is.
var shard = regexp.MustCompile(`#[0-9]+\b`)

func alike(a, b Call) bool {
	return a.Operation == b.Operation && a.Table == b.Table && shard.ReplaceAllString(a.Key, "#") == shard.ReplaceAllString(b.Key, "#")
}

// meet runs a scenario whose nth call meets a fault.
func meet(t *testing.T, s Scenario, n int, f Fault) {
	t.Helper()
	var at Call
	remove := s.DB.inject(n, f, &at)
	err := s.Act()
	remove()
	switch {
	case at == Call{}:
		t.Fatalf("the fault did not happen: there is no call %d", n+1)
	case err == nil:
	case f.Passing && at.Writes():
		t.Fatalf("a fault that passes is an error: %v", err)
	case !strings.Contains(err.Error(), ": "+failure(at.Operation, f.Err).Error()):
		t.Fatalf("the error does not say what was done, or hides its cause, %v: %v", f.Err, err)
	}
	if err != nil {
		if err := s.Act(); err != nil {
			t.Fatalf("once more, without a fault: %v; after %v", err, f.Err)
		}
	}
	s.Done()
}

// inject has the nth call from now on meet a fault, and notes it.
func (db *DB) inject(n int, f Fault, met *Call) (remove func()) {
	seen, late := 0, false
	before, after := db.Intercept, db.After
	db.Intercept = func(ctx context.Context, call Call) error {
		if seen++; seen == n+1 {
			*met, late = call, f.Late
			if !late {
				return f.Err
			}
		}
		if before != nil {
			return before(ctx, call)
		}
		return nil
	}
	db.After = func(ctx context.Context, call Call) error {
		if late {
			late = false
			return f.Err
		}
		if after != nil {
			return after(ctx, call)
		}
		return nil
	}
	return func() { db.Intercept, db.After = before, after }
}
