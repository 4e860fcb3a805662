package enginetest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local"
	"cellular/local/console"
)

// screen is what is shown on a terminal that is cleared at times.
type screen struct {
	mu      sync.Mutex
	text    strings.Builder
	console *console.Console
}

// Write shows a line of the log.
func (s *screen) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.console.Write(line)
}

// clear begins again, also with what the console holds back.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.console != nil {
		s.console.Close()
	}
	s.text.Reset()
	s.console = console.New(&s.text, false)
}

// all is what has been shown since. What is due later is not waited for.
func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.console.Close()
	defer func() { s.console = console.New(&s.text, false) }()
	return s.text.String()
}

// TestLogLevel_IsThatOfTheTerminalAndTheFiles changes the level of a running stack. An event has a line of level
// DEBUG when it is published; one that is applied has lines of INFO, and one that fails for now and for good has one of WARN and one of ERROR.
func TestLogLevel_IsThatOfTheTerminalAndTheFiles(t *testing.T) {
	var shown screen
	shown.clear()
	cloud := cloudtest.New(t, local.Options{Logs: &shown})
	config := cells(cell("solo"))
	var tenant string
	for _, tc := range []struct {
		level   string
		written []string
		applied bool // is shown, as is that it was accepted
		retried bool
	}{
		{"debug", []string{"DEBUG", "ERROR", "INFO", "WARN"}, true, true},
		{"info", []string{"ERROR", "INFO", "WARN"}, true, true},
		{"warn", []string{"ERROR", "WARN"}, false, true},
		{"error", []string{"ERROR"}, false, false},
	} {
		config["cellular:functions"] = map[string]any{"logLevel": tc.level}
		outputs, _, err := cloud.Up(t.Context(), config)
		require.NoError(t, err)
		if tenant == "" {
			tenant = cloudtest.Tenant(t, dynamodb.NewFromConfig(cloud.AWS), outputs.Cells["solo"])
		}
		shown.clear()
		good, bad := "good-"+tc.level, "bad-"+tc.level
		client := cloudtest.NewClient(outputs.URL)
		client.Accept(t, tenant, good, "order.placed", `{"order_id":"1","customer":"Ada","currency":"EUR","lines":[{"sku":"A","quantity":2,"unit_price":1999}]}`)
		client.AwaitStatus(t, tenant, "processed", good)
		client.Accept(t, tenant, bad, "fault.error", `{}`)
		text := cloudtest.Await(t, "the line of the event that is given up on", func() (string, bool) {
			text := shown.all()
			return text, strings.Contains(text, "failed for good")
		})
		require.Equal(t, tc.applied, strings.Contains(text, "applied in "), "%s:\n%s", tc.level, text)
		require.Equal(t, tc.applied, strings.Contains(text, "POST 202 accepted in "), "%s:\n%s", tc.level, text)
		require.Equal(t, tc.retried, strings.Contains(text, "failed, to be tried again"), "%s:\n%s", tc.level, text)
		require.Equal(t, tc.written, levels(t, cloud, good, bad), tc.level)
		require.NotContains(t, text, "_aws", "metrics are nothing to a person")
	}
}

// levels are the levels of the lines in the files of the logs that name one of the events.
func levels(t *testing.T, cloud *local.Cloud, events ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cloud.Dir, "logs", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, event := range events {
			for line := range strings.Lines(string(text)) {
				var entry struct{ Level, Event string }
				if json.Unmarshal([]byte(line), &entry) == nil && entry.Event == event {
					found[entry.Level] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
