package lambda

import (
	"encoding/json"
	"slices"
	"strings"
)

// logged reports whether Lambda passes a line of the function on. With the log format JSON it drops those below the function's
// log level, and what is in them; see "Log-level filtering" of the Lambda developer guide.
func (c FunctionConfig) logged(line []byte) bool {
	return c.LogFormat != "JSON" || levelOf(line) >= slices.Index(logLevels, c.LogLevel)
}

// levelOf returns a line's place in logLevels. One without a level counts as INFO.
func levelOf(line []byte) int {
	var fields struct{ Level any }
	if json.Unmarshal(line, &fields) == nil {
		if text, ok := fields.Level.(string); ok {
			if at := slices.Index(logLevels, strings.ToUpper(text)); at >= 0 {
				return at
			}
		}
	}
	return slices.Index(logLevels, "INFO")
}
