package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Failures reads the response of a function that reports batch item failures. ids are the identifiers of the batch's
// records, in order; the result holds the indexes of those that failed, ascending.
//
// No response, null, {} and an empty or null list mean that all records succeeded. A response that is not understood,
// or that names a record which is not in the batch, is an error: the whole batch failed.
func Failures(response []byte, ids []string) ([]int, error) {
	if len(bytes.TrimSpace(response)) == 0 {
		return nil, nil
	}
	// Maps, because structs would match the names without regard to case, which Lambda does not.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(response, &fields); err != nil {
		return nil, fmt.Errorf("read the batch response: %w", err)
	}
	list, ok := fields["batchItemFailures"]
	if !ok {
		return nil, nil
	}
	var items []map[string]*string
	if err := json.Unmarshal(list, &items); err != nil {
		return nil, fmt.Errorf("read batchItemFailures of the batch response: %w", err)
	}

	index := make(map[string]int, len(ids))
	for i, id := range ids {
		index[id] = i
	}
	var failed []int
	for _, item := range items {
		id := item["itemIdentifier"]
		if id == nil || *id == "" {
			return nil, errors.New("the batch response has an item without an itemIdentifier")
		}
		i, ok := index[*id]
		if !ok {
			return nil, fmt.Errorf("the batch response names %q, which is not in the batch", *id)
		}
		failed = append(failed, i)
	}
	slices.Sort(failed)
	return slices.Compact(failed), nil
}
