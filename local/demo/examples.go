package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Placement says which cell a sample tenant is placed in.
type Placement struct {
	TenantID string `json:"tenant_id"`
	CellID   string `json:"cell_id"`
}

// Request is one sample event: the fields that the demo counts by, and the body exactly as the file has it.
type Request struct {
	TenantID string
	EventID  string
	Type     string
	Body     json.RawMessage
}

// UnmarshalJSON keeps the whole line as the body.
func (r *Request) UnmarshalJSON(line []byte) error {
	var fields struct {
		TenantID string `json:"tenant_id"`
		ID       string `json:"id"`
		Type     string `json:"type"`
	}
	if err := json.Unmarshal(line, &fields); err != nil {
		return err
	}
	*r = Request{fields.TenantID, fields.ID, fields.Type, append(json.RawMessage(nil), line...)}
	return nil
}

// Refusal is a request that the router must refuse, and the status that it must answer.
type Refusal struct {
	Status  int     `json:"status"`
	Request Request `json:"request"`
}

// Examples is the sample input of a directory.
type Examples struct {
	Tenants []Placement // tenants.jsonl
	Orders  []Request   // orders.jsonl: good events, some of them twice
	Poison  []Request   // poison.jsonl: events that the router accepts and the consumer cannot apply
	Refused []Refusal   // refused.jsonl
}

// Load reads the sample input. It fails on a missing file and on a line that is not what the file should hold.
func Load(dir string) (Examples, error) {
	var e Examples
	err := errors.Join(
		readLines(filepath.Join(dir, "tenants.jsonl"), &e.Tenants),
		readLines(filepath.Join(dir, "orders.jsonl"), &e.Orders),
		readLines(filepath.Join(dir, "poison.jsonl"), &e.Poison),
		readLines(filepath.Join(dir, "refused.jsonl"), &e.Refused),
	)
	if err != nil {
		return Examples{}, fmt.Errorf("load examples: %w", err)
	}
	return e, nil
}

func readLines[T any](path string, into *[]T) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			var v T
			if err := json.Unmarshal(line, &v); err != nil {
				return fmt.Errorf("%s line %d: %w", path, n, err)
			}
			*into = append(*into, v)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}
