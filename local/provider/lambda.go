package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awslambda "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	packaged "cellular/functions"
	"cellular/local/lambda"
)

// Lambda is the room of functions and event source mappings.
type Lambda interface {
	Functions
	Mappings
}

// Functions are the functions of the Lambda room.
type Functions interface {
	CreateFunction(context.Context, lambda.FunctionConfig) (lambda.Function, error)
	UpdateFunction(context.Context, lambda.FunctionConfig) (lambda.Function, error)
	GetFunction(ctx context.Context, name string) (lambda.Function, error)
	DeleteFunction(ctx context.Context, name string) error
}

// Lambda's limits (developer guide, quotas; API reference, CreateFunction).
const (
	maxEnvironment   = 4 << 10 // bytes of names and values together
	defaultEphemeral = 512     // MB of /tmp
)

// reservedVariables are those that Lambda sets itself and lets nobody else set (developer guide, environment variables).
var reservedVariables = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

var functionKind = &kind{
	token: "aws:lambda/function:Function",
	args:  elementOf(awslambda.FunctionArgs{}),
	state: reflect.TypeFor[awslambda.Function](),
	rules: map[string]rule{
		"name":                              named("a-zA-Z0-9_-", 1, 64),
		"description":                       length(0, 256),
		"role":                              arnOf("iam"),
		"runtime":                           oneOf("provided.al2023"), // what the local cloud runs
		"handler":                           length(1, 128),
		"packageType":                       oneOf("Zip"),
		"code":                              codeArchive,
		"architectures":                     length(1, 1),
		"architectures[]":                   oneOf("x86_64", "arm64"),
		"memorySize":                        between(128, 10_240),
		"timeout":                           between(1, 900),
		"environment.variables":             environmentVariables,
		"reservedConcurrentExecutions":      between(-1, 1_000),
		"tracingConfig.mode":                oneOf("Active", "PassThrough"),
		"loggingConfig.logFormat":           oneOf("JSON", "Text"),
		"loggingConfig.logGroup":            named(`.\-_/#A-Za-z0-9`, 1, 512),
		"loggingConfig.applicationLogLevel": oneOf("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
		"loggingConfig.systemLogLevel":      oneOf("DEBUG", "INFO", "WARN"),
		"publish":                           oneFlag(false), // versions are not kept
		"skipDestroy":                       oneFlag(false),
		"tags":                              tagMap,
	},
	required: []string{"code", "handler", "runtime"},
	defaults: values{
		"memorySize": 128, "timeout": 3, "packageType": "Zip", "publish": false, "reservedConcurrentExecutions": -1, "skipDestroy": false,
	},
	verify: func(in props) []problem {
		here := packaged.Architecture(runtime.GOARCH)
		if a := in.strs("architectures"); len(a) > 0 && a[0] != here {
			return []problem{{"architectures", fmt.Sprintf("is %s, but functions run on this machine, which is %s", a[0], here)}}
		}
		logging := in.object("loggingConfig")
		if logging.str("logFormat") == "Text" && (logging.has("applicationLogLevel") || logging.has("systemLogLevel")) {
			return []problem{{"loggingConfig", "has log levels, which go with logFormat JSON only"}}
		}
		return nil
	},
	replaceOn: []string{"name", "packageType"},
	renews:    map[string][]string{"code": {"codeSha256", "sourceCodeHash", "sourceCodeSize", "lastModified"}},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		if err := c.lambdaCanAssume(ctx, r.in.str("role")); err != nil {
			return "", nil, err
		}
		config, err := functionConfig(r)
		if err != nil {
			return "", nil, err
		}
		f, err := c.lambda.CreateFunction(ctx, config)
		if err != nil {
			return "", nil, err
		}
		return config.Name, describedFunction(f), nil
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		f, err := c.lambda.GetFunction(ctx, r.id)
		if err != nil {
			return nil, absent(err)
		}
		return readFunction(f), nil
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if r.changed("role") {
			if err := c.lambdaCanAssume(ctx, r.in.str("role")); err != nil {
				return nil, err
			}
		}
		config, err := functionConfig(r)
		if err != nil {
			return nil, err
		}
		f, err := c.lambda.UpdateFunction(ctx, config)
		if err != nil {
			return nil, err
		}
		return describedFunction(f), nil
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		if err := c.permissions.forget(r.id); err != nil {
			return err
		}
		return absent(c.lambda.DeleteFunction(ctx, r.id))
	},
}

// absent turns the room's "not found" into errGone.
func absent(err error) error {
	if errors.Is(err, lambda.ErrNotFound) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

// codeArchive requires a zip file on disk, which is what the program deploys.
func codeArchive(v resource.PropertyValue) error {
	path, ok := v.ArchiveValue().GetPath()
	if !ok || filepath.Ext(path) != ".zip" || !filepath.IsAbs(path) {
		return errors.New("must be a file archive with the absolute path of a .zip file")
	}
	return nil
}

// oneFlag allows only the value that the local cloud can honour.
func oneFlag(want bool) rule {
	return func(v resource.PropertyValue) error {
		if v.BoolValue() != want {
			return fmt.Errorf("is %v, the local cloud supports only %v", v.BoolValue(), want)
		}
		return nil
	}
}

// environmentVariables refuses names and sizes that Lambda refuses.
func environmentVariables(v resource.PropertyValue) error {
	size := 0
	for name, value := range v.ObjectValue() {
		switch {
		case slices.Contains(reservedVariables, string(name)):
			return fmt.Errorf("sets %s, which is reserved for Lambda", name)
		case !variableName.MatchString(string(name)):
			return fmt.Errorf("has the name %q, allowed: a letter, then one or more letters, digits or _", name)
		}
		size += len(name)
		if value.IsString() {
			size += len(value.StringValue())
		}
	}
	if size > maxEnvironment {
		return fmt.Errorf("takes %d bytes, allowed: %d", size, maxEnvironment)
	}
	return nil
}

// lambdaCanAssume refuses a role that does not exist or does not trust Lambda.
func (c *clients) lambdaCanAssume(ctx context.Context, roleARN string) error {
	name := roleARN[strings.LastIndex(roleARN, "/")+1:]
	out, err := c.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
	if err != nil {
		return fmt.Errorf("role %s: %w", roleARN, gone(err, roleGone))
	}
	if !strings.Contains(aws.ToString(out.Role.AssumeRolePolicyDocument), "lambda.amazonaws.com") {
		return fmt.Errorf("the role %s cannot be assumed by Lambda: its trust policy does not name lambda.amazonaws.com", roleARN)
	}
	return nil
}

func functionConfig(r request) (lambda.FunctionConfig, error) {
	code, _ := r.in.get("code")
	path, ok := code.ArchiveValue().GetPath()
	if !ok {
		return lambda.FunctionConfig{}, errors.New("code has no path")
	}
	architecture := "x86_64"
	if a := r.in.strs("architectures"); len(a) > 0 {
		architecture = a[0]
	}
	logging := r.in.object("loggingConfig")
	return lambda.FunctionConfig{
		Name: r.in.str("name"), Role: r.in.str("role"), Handler: r.in.str("handler"), Runtime: r.in.str("runtime"),
		Architecture: architecture, CodePath: path,
		Timeout: time.Duration(r.in.num("timeout")) * time.Second, MemoryMB: r.in.num("memorySize"),
		Env: r.in.object("environment").strMap("variables"), ReservedConcurrency: r.in.num("reservedConcurrentExecutions"),
		LogGroup: logging.str("logGroup"), LogFormat: logging.str("logFormat"), LogLevel: logging.str("applicationLogLevel"),
		SystemLogLevel: logging.str("systemLogLevel"), Tracing: r.in.object("tracingConfig").str("mode"), Tags: r.tags,
	}, nil
}

// describedFunction gives the outputs that are not inputs.
func describedFunction(f lambda.Function) values {
	return values{
		"arn": f.ARN, "invokeArn": f.InvokeARN, "version": f.Version, "qualifiedArn": f.ARN + ":" + f.Version,
		"qualifiedInvokeArn": strings.Replace(f.InvokeARN, f.ARN, f.ARN+":"+f.Version, 1),
		"lastModified":       f.LastModified.Format(time.RFC3339), "codeSha256": f.CodeSHA256, "sourceCodeHash": f.CodeSHA256, "sourceCodeSize": int(f.CodeSize),
		"signingJobArn": "", "signingProfileVersionArn": "", "ephemeralStorage": values{"size": defaultEphemeral},
		"loggingConfig": loggingConfig(f.Config), "tracingConfig": values{"mode": orDefault(f.Config.Tracing, "PassThrough")},
		"architectures": []string{f.Config.Architecture},
	}
}

// readFunction gives the inputs, too.
func readFunction(f lambda.Function) values {
	found := describedFunction(f)
	c := f.Config
	found["name"], found["role"], found["handler"], found["runtime"] = c.Name, c.Role, c.Handler, c.Runtime
	found["timeout"], found["memorySize"] = int(c.Timeout/time.Second), c.MemoryMB
	found["reservedConcurrentExecutions"] = c.ReservedConcurrency
	if len(c.Env) > 0 {
		found["environment"] = values{"variables": c.Env}
	}
	found["tagsAll"] = c.Tags
	return found
}

func loggingConfig(c lambda.FunctionConfig) values {
	v := values{"logFormat": orDefault(c.LogFormat, "Text"), "logGroup": orDefault(c.LogGroup, "/aws/lambda/"+c.Name)}
	if c.LogLevel != "" {
		v["applicationLogLevel"] = c.LogLevel
	}
	if c.SystemLogLevel != "" {
		v["systemLogLevel"] = c.SystemLogLevel
	}
	return v
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// functionName is the name in a function's name or ARN.
func functionName(nameOrARN string) string {
	if _, name, ok := strings.Cut(nameOrARN, ":function:"); ok {
		name, _, _ = strings.Cut(name, ":")
		return name
	}
	return nameOrARN
}

// functionRef requires the name or the ARN of a function.
var functionRef = text(func(s string) error {
	return named("a-zA-Z0-9_-", 1, 64)(stringValue(functionName(s)))
})

// jsonObject requires a JSON object.
var jsonObject = document(func(map[string]json.RawMessage) error { return nil })
