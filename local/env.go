package local

import (
	"fmt"
	"os"
	"strings"
)

// What points the AWS SDK, the AWS CLI and cellctl to a cloud.
const (
	endpointVariable       = "AWS_ENDPOINT_URL"
	lambdaEndpointVariable = "AWS_ENDPOINT_URL_LAMBDA"
	stackVariable          = "CELLCTL_STACK"
)

// Env is the environment, as KEY=VALUE, in which the AWS SDK, the AWS CLI and cellctl work on this cloud, with the rights of
// cellctl, and those to try a page. A stack must be up.
func (c *Cloud) Env() ([]string, error) {
	credentials, err := c.gate.Assume(operatorRoleARN, operatorSession)
	if err != nil {
		return nil, fmt.Errorf("assume the operators' role: %w", err)
	}
	return []string{
		endpointVariable + "=" + c.emulator.Endpoint(),
		lambdaEndpointVariable + "=" + c.LambdaEndpoint(),
		"AWS_REGION=" + c.AWS.Region,
		"AWS_DEFAULT_REGION=" + c.AWS.Region, // what version 1 of the AWS CLI reads
		"AWS_ACCESS_KEY_ID=" + credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + credentials.SessionToken, // one that the shell has belongs to other keys
		stackVariable + "=" + StackName,
	}, nil
}

// LambdaEndpoint is the URL of the local Lambda's API, which the emulator does not have.
func (c *Cloud) LambdaEndpoint() string { return c.lambdaAPI.Endpoint() }

// WriteEnv writes Env for a shell of this user to read with ".", and returns the file's path. Close removes the file.
func (c *Cloud) WriteEnv() (string, error) {
	environment, err := c.Env()
	if err != nil {
		return "", err
	}
	path := c.path(envFile)
	if err := os.WriteFile(path, []byte(exports(environment)), 0o600); err != nil {
		return "", fmt.Errorf("write the environment of the local cloud: %w", err)
	}
	return path, nil
}

const envFile = "env"

// exports is an environment as a shell reads it. No value has a quote in it.
func exports(environment []string) string {
	var text strings.Builder
	text.WriteString("# Points this shell to the local cloud that runs; it is gone when the cloud is.\n")
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&text, "export %s='%s'\n", name, value)
	}
	return text.String()
}

// removeEnv removes what WriteEnv wrote, or what a cloud that was killed left.
func (c *Cloud) removeEnv() error {
	if err := os.RemoveAll(c.path(envFile)); err != nil {
		return fmt.Errorf("remove the environment of the local cloud: %w", err)
	}
	return nil
}

// pointedElsewhere is an error in a shell that has read the file of a running cloud: a second cloud would take the
// first one's emulator for its own, and put its resources there.
func pointedElsewhere() error {
	if endpoint := os.Getenv(lambdaEndpointVariable); endpoint != "" {
		return fmt.Errorf("this shell is pointed to a local cloud (%s is %s): start another one from a shell of its own, or 'unset %s %s' first",
			lambdaEndpointVariable, endpoint, endpointVariable, lambdaEndpointVariable)
	}
	return nil
}
