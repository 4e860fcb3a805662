package jsontext_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/jsontext"
)

// A payload that nests as deeply as encoding/json allows, with a duplicate at its bottom, must not cost a process seconds:
// 9,990 levels took 1.6 GB of memory when each level copied the whole path.
func TestFindAmbiguity_CostsNoMoreMemoryThanTheText(t *testing.T) {
	const levels = 9990
	name := strings.Repeat("n", 32)
	text := []byte(strings.Repeat(`{"`+name+`":`, levels) + `{"a":1,"a":2}` + strings.Repeat("}", levels))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := jsontext.FindAmbiguity(text)
	runtime.ReadMemStats(&after)
	require.Equal(t, "is given twice", found.What)
	require.True(t, strings.HasPrefix(found.Path, "."+name+"."+name), found.Path)
	require.LessOrEqual(t, len(found.Path), 128)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(40*len(text)))
}
