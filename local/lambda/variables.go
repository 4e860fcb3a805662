package lambda

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/google/uuid"
)

// variables returns the environment of a function's process: what Lambda sets, the function's own variables, and those
// of the local cloud. Nothing is inherited from us but PATH.
func (s *Service) variables(ctx context.Context, c FunctionConfig, token, taskRoot string) ([]string, error) {
	credentials, err := s.credentials(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("get the function's AWS credentials: %w", err)
	}
	vars := map[string]string{
		"PATH":                            os.Getenv("PATH"),
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"_HANDLER":                        c.Handler,
		"LAMBDA_TASK_ROOT":                taskRoot,
		"AWS_REGION":                      s.options.AWS.Region,
		"AWS_DEFAULT_REGION":              s.options.AWS.Region,
		"AWS_ACCESS_KEY_ID":               credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           credentials.SecretAccessKey,
		"AWS_LAMBDA_RUNTIME_API":          s.server.Address() + "/env/" + token,
		"AWS_LAMBDA_FUNCTION_NAME":        c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     latestVersion,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       c.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      latestVersion + "/" + uuid.NewString(),
		"AWS_LAMBDA_LOG_FORMAT":           c.LogFormat,
	}
	if credentials.SessionToken != "" {
		vars["AWS_SESSION_TOKEN"] = credentials.SessionToken
	}
	if c.LogLevel != "" {
		vars["AWS_LAMBDA_LOG_LEVEL"] = c.LogLevel
	}
	for _, more := range []map[string]string{c.Env, s.options.Env} {
		for name, value := range more {
			vars[name] = value
		}
	}
	list := make([]string, 0, len(vars))
	for name, value := range vars {
		list = append(list, name+"="+value)
	}
	return list, nil
}
