package lambda

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Architectures of functions.
const (
	ARM64 = "arm64"
	X8664 = "x86_64"
)

// FunctionConfig describes a function. What is said of ranges is what AWS accepts.
type FunctionConfig struct {
	Name                string // up to 64 of A-Z a-z 0-9 - _
	Role                string // ARN; names the function's account and partition
	Handler             string
	Runtime             string            // provided.al2023 or provided.al2
	Architecture        string            // arm64 or x86_64; "": x86_64
	CodePath            string            // a zip file with an executable named bootstrap
	Timeout             time.Duration     // 1 s to 15 min, whole seconds; 0: 3 s
	MemoryMB            int               // 128 to 10,240; 0: 128. Told to the function, not enforced.
	Env                 map[string]string // at most 4 KB in all
	ReservedConcurrency int               // environments; 0 throttles every invocation; -1: none reserved
	LogGroup            string            // "": /aws/lambda/NAME
	LogFormat           string            // Text or JSON; "": Text
	LogLevel            string            // TRACE, DEBUG, INFO, WARN, ERROR or FATAL; with JSON only
	SystemLogLevel      string            // DEBUG, INFO or WARN; with JSON only
	Tracing             string            // Active or PassThrough; "": PassThrough
	Tags                map[string]string
}

// Function is a function as it is.
type Function struct {
	Config       FunctionConfig // defaults filled in
	ARN          string
	InvokeARN    string // what an API integration names
	Version      string // always $LATEST
	LastModified time.Time
	CodeSHA256   string // base64
	CodeSize     int64  // bytes of the zip file
}

// Quotas and ranges of AWS.
const (
	maxTimeout     = 15 * time.Minute
	minMemory      = 128
	maxMemory      = 10_240
	maxEnvBytes    = 4 << 10
	unreserved     = -1
	latestVersion  = "$LATEST"
	maxCodeBytes   = 250 << 20 // unpacked
	defaultTimeout = 3 * time.Second
)

var (
	functionName    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	variableName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
	reservedNames   = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
	logLevels       = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
	systemLogLevels = []string{"DEBUG", "INFO", "WARN"}
)

// complete fills in AWS's defaults and reports everything that AWS would refuse.
func (c FunctionConfig) complete() (FunctionConfig, error) {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(field, value string, allowed ...string) {
		check(slices.Contains(allowed, value), "%s is %q, want one of %s", field, value, strings.Join(allowed, ", "))
	}
	defaultTo(&c.Architecture, X8664)
	defaultTo(&c.Timeout, defaultTimeout)
	defaultTo(&c.MemoryMB, minMemory)
	defaultTo(&c.LogGroup, "/aws/lambda/"+c.Name)
	defaultTo(&c.LogFormat, "Text")
	defaultTo(&c.Tracing, "PassThrough")

	check(functionName.MatchString(c.Name), "name is %q, want 1 to 64 letters, digits, hyphens and underscores", c.Name)
	role, err := arn.Parse(c.Role)
	check(err == nil && role.Service == "iam" && strings.HasPrefix(role.Resource, "role/"), "role is %q, want the ARN of an IAM role", c.Role)
	check(c.Handler != "", "handler is empty; a function on a custom runtime needs one too, for example bootstrap")
	oneOf("runtime", c.Runtime, "provided.al2023", "provided.al2")
	oneOf("architecture", c.Architecture, ARM64, X8664)
	check(c.CodePath != "", "code path is empty")
	check(c.Timeout >= time.Second && c.Timeout <= maxTimeout && c.Timeout%time.Second == 0, "timeout is %s, want whole seconds from 1s to %s", c.Timeout, maxTimeout)
	check(c.MemoryMB >= minMemory && c.MemoryMB <= maxMemory, "memory is %d MB, want %d to %d", c.MemoryMB, minMemory, maxMemory)
	check(c.ReservedConcurrency >= unreserved, "reserved concurrency is %d, want at least 0, or -1 for none", c.ReservedConcurrency)
	oneOf("log format", c.LogFormat, "Text", "JSON")
	oneOf("tracing", c.Tracing, "Active", "PassThrough")
	if c.LogFormat == "JSON" {
		defaultTo(&c.LogLevel, "INFO")
		defaultTo(&c.SystemLogLevel, "INFO")
		oneOf("log level", c.LogLevel, logLevels...)
		oneOf("system log level", c.SystemLogLevel, systemLogLevels...)
	} else {
		check(c.LogLevel == "" && c.SystemLogLevel == "", "log levels need the log format JSON")
	}
	size := 0
	for name, value := range c.Env {
		size += len(name) + len(value)
		check(variableName.MatchString(name), "environment variable %q: a name has letters, digits and underscores and starts with a letter", name)
		check(!slices.Contains(reservedNames, name) && !strings.HasPrefix(name, "AWS_LAMBDA_"), "environment variable %s is reserved by Lambda", name)
	}
	check(size <= maxEnvBytes, "environment variables take %d bytes, at most %d are allowed", size, maxEnvBytes)
	return c, errors.Join(errs...)
}

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// sameEnvironment says whether an execution environment made for one configuration is good for the other.
func (c FunctionConfig) sameEnvironment(other FunctionConfig) bool {
	for _, f := range []*FunctionConfig{&c, &other} {
		f.CodePath, f.ReservedConcurrency, f.Tags = "", 0, nil // the code is compared by its hash
	}
	sameVariables := maps.Equal(c.Env, other.Env)
	c.Env, other.Env = nil, nil
	return sameVariables && reflect.DeepEqual(c, other)
}
