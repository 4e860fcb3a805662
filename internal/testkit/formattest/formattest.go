// Package formattest keeps what is written for others to read: items, messages and documents, one file each under a
// directory that is named by the kind and the version of its format. A reader must read every file that was ever kept, also
// when a later version has added fields to it; a writer must write what the newest file has, so that no format changes
// unnoticed. UPDATE_GOLDEN=1 rewrites the files. A format that has gained a field gets one more file, and keeps the one
// without it: what was written before is still there to be read.
package formattest

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

// Item is an item of a table.
type Item = map[string]types.AttributeValue

// WritesItem fails unless the file has the item. An item whose attributes changed breaks readers of the version before:
// either they can do without the change, or it needs a directory with the next version.
func WritesItem(t testing.TB, path string, item Item) {
	t.Helper()
	plain := map[string]map[string]any{}
	for name, value := range item {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			plain[name] = map[string]any{"S": v.Value}
		case *types.AttributeValueMemberN:
			plain[name] = map[string]any{"N": v.Value}
		case *types.AttributeValueMemberL:
			texts := []string{}
			for _, one := range v.Value {
				text, ok := one.(*types.AttributeValueMemberS)
				require.True(t, ok, "%s: attribute %s has a %T, want strings", path, name, one)
				texts = append(texts, text.Value)
			}
			plain[name] = map[string]any{"L": texts}
		default:
			t.Fatalf("%s: attribute %s is a %T, want a string, a number or a list of strings", path, name, value)
		}
	}
	text, err := json.Marshal(plain)
	require.NoError(t, err)
	WritesDocument(t, path, string(text))
}

// WritesDocument fails unless the file has the JSON document, but for white space.
func WritesDocument(t testing.TB, path, text string) {
	t.Helper()
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, []byte(text), "", "  "))
	pretty.WriteByte('\n')
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, pretty.Bytes(), 0o644))
		return
	}
	kept, err := os.ReadFile(path)
	require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
	require.Equal(t, string(kept), pretty.String(), "the format has changed. Can the version before read it? UPDATE_GOLDEN=1 writes it")
}

// Documents are the documents of a kind, by file, over all versions of its format: dir is a pattern such as
// "testdata/message-v*".
func Documents(t testing.TB, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, "no file in %s", dir)
	all := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all[path] = string(text)
	}
	return all
}

// Items are the items of a kind, as Documents.
func Items(t testing.TB, dir string) map[string]Item {
	t.Helper()
	all := map[string]Item{}
	for path, text := range Documents(t, dir) {
		var plain map[string]struct {
			S, N string
			L    []string
		}
		require.NoError(t, json.Unmarshal([]byte(text), &plain), path)
		item := Item{}
		for name, value := range plain {
			switch {
			case value.N != "":
				item[name] = &types.AttributeValueMemberN{Value: value.N}
			case value.L != nil:
				list := &types.AttributeValueMemberL{}
				for _, text := range value.L {
					list.Value = append(list.Value, &types.AttributeValueMemberS{Value: text})
				}
				item[name] = list
			default:
				item[name] = &types.AttributeValueMemberS{Value: value.S}
			}
		}
		all[path] = item
	}
	return all
}

// NewerItem is the item with attributes of types and names that no version has so far.
func NewerItem(item Item) Item {
	newer := maps.Clone(item)
	newer["zz_text"] = &types.AttributeValueMemberS{Value: "of a later version"}
	newer["zz_number"] = &types.AttributeValueMemberN{Value: "1.5"}
	newer["zz_flag"] = &types.AttributeValueMemberBOOL{Value: true}
	newer["zz_map"] = &types.AttributeValueMemberM{Value: Item{"inner": &types.AttributeValueMemberNULL{Value: true}}}
	return newer
}

// NewerDocuments are copies of a JSON document, each with unknown fields in one of its objects, at any depth. Fields that
// are named in opaque hold the data of others, who may well mind.
func NewerDocuments(t testing.TB, text string, opaque ...string) []string {
	t.Helper()
	var all []string
	for n := 0; ; n++ {
		var document any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&document))
		left := n
		if !extend(document, &left, opaque) {
			break
		}
		newer, err := json.Marshal(document)
		require.NoError(t, err)
		all = append(all, string(newer))
	}
	require.NotEmpty(t, all, "no object in %s", text)
	return all
}

// extend adds fields to the object of a value that comes after nth others, and reports whether there is one.
func extend(value any, nth *int, opaque []string) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return extend(e, nth, opaque) })
	case map[string]any:
		if *nth == 0 {
			v["zzText"], v["zzList"], v["zzObject"] = "of a later version", []any{1, nil}, map[string]any{"inner": true}
			return true
		}
		*nth--
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains(opaque, key) && extend(v[key], nth, opaque) {
				return true
			}
		}
	}
	return false
}
