package tenantdata

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
)

// The errors of a file that ReadExport does not take for the copy of a removal.
var (
	ErrNoExport     = errors.New("it is no export of a tenant's data")
	ErrCutShort     = errors.New("it is not complete")
	ErrOtherRemoval = errors.New("it was not written by this removal")
)

// ReadExport reads an export back that was made for a removal, and answers with what Export did. Each section must be
// complete. That a whole section is missing shows by what the Copy does not have.
func ReadExport(r io.Reader, cells []manifest.Cell, tenantID string, removal int64) (*Copy, error) {
	e := exportReader{copied: Copy{sums: map[[sumBytes]byte]struct{}{}}, tenantID: tenantID, removal: removal, cells: map[string]manifest.Cell{}}
	for _, cell := range cells {
		e.cells[cell.ID] = cell
	}
	lines := json.NewDecoder(io.TeeReader(r, &counter{io.Discard, &e.copied.Bytes}))
	for n := 1; ; n++ {
		var l line
		err := lines.Decode(&l)
		switch {
		case errors.Is(err, io.EOF) && (n == 1 || e.within), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, ErrCutShort
		case errors.Is(err, io.EOF):
			return &e.copied, nil
		case err != nil:
			return nil, fmt.Errorf("%w: object %d: %w", ErrNoExport, n, err)
		}
		if err := e.take(l); err != nil {
			return nil, fmt.Errorf("object %d: %w", n, err)
		}
	}
}

type exportReader struct {
	copied   Copy
	tenantID string
	removal  int64
	cells    map[string]manifest.Cell

	within bool // a section that has not ended
	cell   manifest.Cell
	before Summary // the section
}

func (e *exportReader) take(l line) error {
	if (l.Kind == kindHeader) == e.within {
		return fmt.Errorf("%w: a line of the kind %q is out of place", ErrNoExport, l.Kind)
	}
	switch l.Kind {
	case kindHeader:
		if l.Format != exportFormat {
			return fmt.Errorf("%w in the format %s", ErrNoExport, exportFormat)
		}
		if l.TenantID != e.tenantID || l.Removal != e.removal {
			return ErrOtherRemoval
		}
		e.within, e.cell, e.before = true, e.cells[l.CellID], e.copied.Summary
		return nil
	case kindEvent:
		return e.item(l.Item, e.cell.DataTable, &e.copied.Events)
	case kindOutcome:
		return e.item(l.Item, e.cell.ResultsTable, &e.copied.Outcomes)
	case kindState:
		return e.item(l.Item, e.cell.ResultsTable, &e.copied.State)
	case kindEnd:
		now := e.copied.Summary
		if want := (counts{now.Events - e.before.Events, now.Outcomes - e.before.Outcomes, now.State - e.before.State}); l.Counts == nil || *l.Counts != want {
			return fmt.Errorf("%w: its sections do not have as many items as they say", ErrCutShort)
		}
		e.within = false
		return nil
	}
	return fmt.Errorf("%w: there is no kind of line %q", ErrNoExport, l.Kind)
}

// item takes an item of a table. Of a cell that is not asked about, the name of the table is not known, and nothing is looked for.
func (e *exportReader) item(fields map[string]any, table string, count *int) error {
	item, err := itemOf(fields)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoExport, err)
	}
	*count++
	if table != "" {
		e.copied.sums[sumIn(table, item)] = struct{}{}
	}
	return nil
}

// itemOf is the inverse of DynamoJSON, for what encoding/json makes of it.
func itemOf(fields map[string]any) (Item, error) {
	item := make(Item, len(fields))
	for name, field := range fields {
		v, err := valueOf(field)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		item[name] = v
	}
	return item, nil
}

func valueOf(field any) (types.AttributeValue, error) {
	typed, _ := field.(map[string]any)
	if len(typed) != 1 {
		return nil, errors.New("a value that is no object with one field")
	}
	for name, v := range typed {
		if value, err := valueOfType(name, v); value != nil || err != nil {
			return value, err
		}
		return nil, fmt.Errorf("a value of the type %q that is none", name)
	}
	return nil, nil
}

// valueOfType is nil for what is no value of the type.
func valueOfType(name string, v any) (types.AttributeValue, error) {
	switch v := v.(type) {
	case string:
		switch name {
		case "S":
			return item.Text(v), nil
		case "N":
			return &types.AttributeValueMemberN{Value: v}, nil
		case "B":
			b, err := base64.StdEncoding.DecodeString(v)
			return &types.AttributeValueMemberB{Value: b}, err
		}
	case bool:
		switch name {
		case "BOOL":
			return &types.AttributeValueMemberBOOL{Value: v}, nil
		case "NULL":
			return &types.AttributeValueMemberNULL{Value: v}, nil
		}
	case map[string]any:
		if name == "M" {
			members, err := itemOf(v)
			return &types.AttributeValueMemberM{Value: members}, err
		}
	case []any:
		return listOfType(name, v)
	}
	return nil, nil
}

func listOfType(name string, list []any) (types.AttributeValue, error) {
	if name == "L" {
		values := make([]types.AttributeValue, len(list))
		for i, element := range list {
			var err error
			if values[i], err = valueOf(element); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberL{Value: values}, nil
	}
	var texts []string
	var binaries [][]byte
	for _, element := range list {
		s, ok := element.(string)
		if !ok {
			return nil, nil
		}
		texts = append(texts, s)
		if name == "BS" {
			b, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return nil, err
			}
			binaries = append(binaries, b)
		}
	}
	switch name {
	case "SS":
		return &types.AttributeValueMemberSS{Value: texts}, nil
	case "NS":
		return &types.AttributeValueMemberNS{Value: texts}, nil
	case "BS":
		return &types.AttributeValueMemberBS{Value: binaries}, nil
	}
	return nil, nil
}
