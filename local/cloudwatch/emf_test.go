package cloudwatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/cloudwatch"
)

// embedded is a line with some fields, and with a directive of a namespace, dimension sets and metrics.
func embedded(fields, namespace, dimensions, metrics string) string {
	return fmt.Sprintf(`{%s,"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":%q,"Dimensions":%s,"Metrics":%s}]}}`,
		fields, noon.UnixMilli(), namespace, dimensions, metrics)
}

func TestTakeLine_TakesMetricsOfTheEmbeddedFormat(t *testing.T) {
	m := cloudwatch.NewMetrics()
	line := embedded(`"level":"INFO","cell":"alpha","applied":2,"ms":[1,3]`, "Cellular/test", `[["cell"],[]]`,
		`[{"Name":"applied","Unit":"Count","StorageResolution":1},{"Name":"ms","Unit":"Milliseconds"}]`)
	require.NoError(t, m.TakeLine([]byte(line), noon))
	require.NoError(t, m.TakeLine([]byte(`no JSON`), noon))
	require.NoError(t, m.TakeLine([]byte(`{"cell":"alpha"}`), noon))
	sum := func(metric cloudwatch.Metric) float64 {
		return m.Points(metric, stat(t, "Sum"), time.Minute, at(0), at(60))[noon.Unix()]
	}
	require.Equal(t, 2.0, sum(cell("applied", "alpha")))
	require.Equal(t, 2.0, sum(cloudwatch.NewMetric("Cellular/test", "applied")))
	require.Equal(t, 4.0, sum(cell("ms", "alpha")))
	require.Len(t, m.List(), 4)
}

// repeated is a JSON list of n texts.
func repeated(n int, text func(int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = text(i)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// Each limit of the specification: what it allows is taken, and what is one more is named, and no metric of the line is taken.
func TestTakeLine_NamesWhatCloudWatchWouldDropSilently(t *testing.T) {
	const fields = `"message":"text","number":1,"cell":"alpha"`
	one := `[{"Name":"number"}]`
	long := func(n int) string { return strings.Repeat("n", n) }
	number := func(int) string { return `{"Name":"number"}` }
	dimension := func(i int) string { return fmt.Sprintf(`"d%d"`, i) }
	valueOf := func(value string) string { return embedded(`"number":`+value, "n", `[[]]`, one) }
	cellOf := func(value string) string { return embedded(`"number":1,"cell":`+value, "n", `[["cell"]]`, one) }
	timestamp := func(at time.Time) string {
		return strings.Replace(valueOf("1"), fmt.Sprint(noon.UnixMilli()), fmt.Sprint(at.UnixMilli()), 1)
	}
	const week = 7 * 24 * time.Hour
	for name, c := range map[string]struct{ good, bad, want string }{
		"line": {
			valueOf(`1,"text":"` + long(200<<10) + `"`), valueOf(`1,"text":"` + long(256<<10) + `"`), "the line has",
		},
		"past":              {timestamp(noon.Add(-2 * week)), timestamp(noon.Add(-2*week - 1e6)), "timestamp is 2025-12-19"},
		"future":            {timestamp(noon.Add(2 * time.Hour)), timestamp(noon.Add(2*time.Hour + 1e6)), "timestamp is 2026-01-02"},
		"timestamp":         {valueOf("1"), strings.Replace(valueOf("1"), `"Timestamp":`, `"Timestamp":1.5e-3,"timestamp":`, 1), "Timestamp is 1.5e-3"},
		"no timestamp":      {valueOf("1"), strings.Replace(valueOf("1"), "Timestamp", "timestamp", 1), "Timestamp is missing"},
		"no directives":     {valueOf("1"), strings.Replace(valueOf("1"), "CloudWatchMetrics", "Metrics", 1), "CloudWatchMetrics is missing"},
		"metadata":          {valueOf("1"), `{"_aws":1}`, "_aws is 1"},
		"no namespace":      {valueOf("1"), strings.Replace(valueOf("1"), "Namespace", "namespace", 1), "Namespace is missing"},
		"no dimension sets": {valueOf("1"), embedded(fields, "n", `[]`, one), "no dimension set"},
		"dimensions":        {valueOf("1"), embedded(fields, "n", `["cell"]`, one), "Dimensions is"},
		"namespace":         {embedded(fields, long(255), `[[]]`, one), embedded(fields, long(256), `[[]]`, one), "namespace"},
		"empty namespace":   {embedded(fields, " n", `[[]]`, one), embedded(fields, " ", `[[]]`, one), "namespace"},
		"word in namespace": {embedded(fields, "a/b.c-d_e#f:1", `[[]]`, one), embedded(fields, "größe", `[[]]`, one), "namespace"},
		"AWS namespace":     {embedded(fields, "AWS", `[[]]`, one), embedded(fields, "AWS/Lambda", `[[]]`, one), "namespace"},
		"colon":             {embedded(fields, "a:", `[[]]`, one), embedded(fields, ":a", `[[]]`, one), "namespace"},
		"metrics":           {embedded(fields, "n", `[[]]`, repeated(100, number)), embedded(fields, "n", `[[]]`, repeated(101, number)), "101 metrics"},
		"metric name": {
			embedded(`"`+long(255)+`":1`, "n", `[[]]`, `[{"Name":"`+long(255)+`"}]`), embedded(`"`+long(256)+`":1`, "n", `[[]]`, `[{"Name":"`+long(256)+`"}]`), "metric",
		},
		"metric without a name":        {valueOf("1"), embedded(fields, "n", `[[]]`, `[{"name":"number"}]`), "Name is missing"},
		"metric with no field":         {valueOf("1"), embedded(fields, "n", `[[]]`, `[{"Name":"gone"}]`), `metric "gone"`},
		"metric of a text":             {valueOf("1"), embedded(fields, "n", `[[]]`, `[{"Name":"message"}]`), `metric "message"`},
		"metric of a text of a number": {valueOf("1"), valueOf(`"1"`), `metric "number"`},
		"null":                         {valueOf("0"), valueOf(`null`), `metric "number"`},
		"values": {
			valueOf(repeated(100, func(int) string { return "1" })), valueOf(repeated(101, func(int) string { return "1" })), "1 to 100",
		},
		"no values":  {valueOf("[1]"), valueOf("[]"), "1 to 100"},
		"value":      {valueOf("-1e108"), valueOf("3e108"), "2^360"},
		"unit":       {embedded(fields, "n", `[[]]`, `[{"Name":"number","Unit":"Count/Second"}]`), embedded(fields, "n", `[[]]`, `[{"Name":"number","Unit":"count"}]`), "unit"},
		"resolution": {embedded(fields, "n", `[[]]`, `[{"Name":"number","StorageResolution":60}]`), embedded(fields, "n", `[[]]`, `[{"Name":"number","StorageResolution":10}]`), "resolution"},
		"dimension set": {
			embedded(fields+manyFields(30), "n", `[`+repeated(30, dimension)+`]`, one), embedded(fields+manyFields(31), "n", `[`+repeated(31, dimension)+`]`, one), "31 names",
		},
		"dimension twice":          {cellOf(`"a"`), embedded(fields, "n", `[["cell","cell"]]`, one), "each once"},
		"dimension with no field":  {cellOf(`"a"`), embedded(fields, "n", `[["version"]]`, one), `dimension "version"`},
		"dimension of a number":    {cellOf(`"1"`), cellOf(`1`), `dimension "cell"`},
		"dimension value":          {cellOf(`"` + long(1024) + `"`), cellOf(`"` + long(1025) + `"`), `dimension "cell"`},
		"empty dimension value":    {cellOf(`" a"`), cellOf(`" "`), `dimension "cell"`},
		"control in a dimension":   {cellOf(`"$LATEST"`), cellOf(`"a\tb"`), `dimension "cell"`},
		"not ASCII in a dimension": {cellOf(`"a"`), cellOf(`"ü"`), `dimension "cell"`},
		"dimension name": {
			embedded(`"number":1,"`+long(250)+`":"a"`, "n", `[["`+long(250)+`"]]`, one), embedded(`"number":1,"`+long(251)+`":"a"`, "n", `[["`+long(251)+`"]]`, one), "dimension",
		},
		"colon before a dimension": {cellOf(`"a"`), embedded(`"number":1,":cell":"a"`, "n", `[[":cell"]]`, one), "begin with :"},
	} {
		t.Run(name, func(t *testing.T) {
			m := cloudwatch.NewMetrics()
			require.NoError(t, m.TakeLine([]byte(c.good), noon))
			require.NotEmpty(t, m.List())
			m = cloudwatch.NewMetrics()
			require.ErrorContains(t, m.TakeLine([]byte(c.bad), noon), c.want)
			require.Empty(t, m.List())
		})
	}
}

// manyFields are n fields with a text.
func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"d%d":"x"`, i)
	}
	return b.String()
}
