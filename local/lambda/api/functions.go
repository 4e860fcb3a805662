package api

import (
	"net/http"

	"cellular/local/lambda"
)

// accountConcurrency is Lambda's default quota of concurrent executions of an account in a Region. It is what is told;
// what this machine takes at a time is up to lambda.Options.MaxConcurrency.
const accountConcurrency = 1000

// timeLayout is how Lambda writes the time of a function's last change.
const timeLayout = "2006-01-02T15:04:05.000-0700"

type functionView struct {
	Configuration configurationView
	Concurrency   *concurrencyView  `json:",omitempty"`
	Tags          map[string]string `json:",omitempty"`
}

type configurationView struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string
	Role             string
	Handler          string
	CodeSize         int64
	Timeout          int // seconds
	MemorySize       int // MB
	LastModified     string
	CodeSha256       string
	Version          string
	State            string
	LastUpdateStatus string
	PackageType      string
	Architectures    []string
	Environment      struct{ Variables map[string]string }
	TracingConfig    struct{ Mode string }
	LoggingConfig    loggingView
}

type loggingView struct {
	LogFormat           string
	LogGroup            string
	ApplicationLogLevel string `json:",omitempty"`
	SystemLogLevel      string `json:",omitempty"`
}

type concurrencyView struct{ ReservedConcurrentExecutions int }

type settingsView struct {
	AccountLimit struct {
		ConcurrentExecutions           int
		UnreservedConcurrentExecutions int
	}
	AccountUsage struct {
		FunctionCount int
		TotalCodeSize int64
	}
}

func (a api) getFunction(r *http.Request) (any, error) {
	f, err := a.function(r)
	return functionView{Configuration: configurationOf(f), Concurrency: concurrencyOf(f), Tags: f.Config.Tags}, err
}

func (a api) getFunctionConfiguration(r *http.Request) (any, error) {
	f, err := a.function(r)
	return configurationOf(f), err
}

func (a api) getFunctionConcurrency(r *http.Request) (any, error) {
	f, err := a.function(r)
	if reserved := concurrencyOf(f); reserved != nil {
		return reserved, err
	}
	return struct{}{}, err
}

func (a api) getAccountSettings(*http.Request) (any, error) {
	var s settingsView
	s.AccountLimit.ConcurrentExecutions = accountConcurrency
	s.AccountLimit.UnreservedConcurrentExecutions = accountConcurrency
	for _, f := range a.functions.Functions() {
		s.AccountUsage.FunctionCount++
		s.AccountUsage.TotalCodeSize += f.CodeSize
		if reserved := concurrencyOf(f); reserved != nil {
			s.AccountLimit.UnreservedConcurrentExecutions -= reserved.ReservedConcurrentExecutions
		}
	}
	return s, nil
}

// function is the function that a request names. There are no published versions.
func (a api) function(r *http.Request) (lambda.Function, error) {
	f, err := a.functions.GetFunction(r.Context(), r.PathValue("function"))
	if err != nil {
		return lambda.Function{}, err
	}
	if q := r.URL.Query().Get("Qualifier"); q != "" && q != f.Version {
		return lambda.Function{}, failure{http.StatusNotFound, "ResourceNotFoundException", "function " + f.Config.Name + " has no version or alias " + q}
	}
	return f, nil
}

func configurationOf(f lambda.Function) configurationView {
	c := f.Config
	v := configurationView{
		FunctionName: c.Name, FunctionArn: f.ARN, Runtime: c.Runtime, Role: c.Role, Handler: c.Handler,
		CodeSize: f.CodeSize, Timeout: int(c.Timeout.Seconds()), MemorySize: c.MemoryMB,
		LastModified: f.LastModified.Format(timeLayout), CodeSha256: f.CodeSHA256, Version: f.Version,
		State: "Active", LastUpdateStatus: "Successful", PackageType: "Zip", Architectures: []string{c.Architecture},
		LoggingConfig: loggingView{c.LogFormat, c.LogGroup, c.LogLevel, c.SystemLogLevel},
	}
	v.Environment.Variables = c.Env
	v.TracingConfig.Mode = c.Tracing
	return v
}

// concurrencyOf is nil for a function that reserves none.
func concurrencyOf(f lambda.Function) *concurrencyView {
	if f.Config.ReservedConcurrency < 0 {
		return nil
	}
	return &concurrencyView{f.Config.ReservedConcurrency}
}
