package local

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cellular/local/languagehost"
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

// engineEnv is the environment in which a Pulumi CLI works on this cloud, with the rights of an administrator.
func (c *Cloud) engineEnv() map[string]string {
	return map[string]string{
		"PULUMI_HOME":                                 c.path("pulumi"),
		"PULUMI_BACKEND_URL":                          "file://" + c.path("state"),
		"PULUMI_CONFIG_PASSPHRASE":                    "local", // nothing in the state is secret
		"PULUMI_DEBUG_PROVIDERS":                      "aws:" + strconv.Itoa(c.provider.Port()),
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
	}
}

// LambdaEndpoint is the URL of the local Lambda's API, which the emulator does not have.
func (c *Cloud) LambdaEndpoint() string { return c.lambdaAPI.Endpoint() }

// WriteEnv writes the environment in which a shell of this user, that reads it with ".", works on the cloud with cellctl, the
// AWS CLI and pulumi, and returns the file's path. Close removes the file.
func (c *Cloud) WriteEnv(ctx context.Context) (string, error) {
	environment, err := c.Env()
	if err != nil {
		return "", err
	}
	if err := c.linkCommands(ctx); err != nil {
		return "", fmt.Errorf("provide the Pulumi CLI of the local cloud: %w", err)
	}
	engine := c.engineEnv()
	for _, name := range slices.Sorted(maps.Keys(engine)) {
		environment = append(environment, name+"="+engine[name])
	}
	path := c.path(envFile)
	if err := os.WriteFile(path, []byte(exports(c.path(commandDir), environment)), 0o600); err != nil {
		return "", fmt.Errorf("write the environment of the local cloud: %w", err)
	}
	return path, nil
}

const (
	envFile    = "env"
	commandDir = "bin" // has the Pulumi CLI, by the names for which a shell and the CLI look
)

// languageHost is the language host's name: the engine looks for it in PATH, and beside itself.
const languageHost = "pulumi-language-go"

// linkCommands puts the cloud's Pulumi CLI into a directory for PATH and, where that CLI brings no language host, ours. Ours is
// built beside the CLI: of one in PATH alone the engine would warn each time.
func (c *Cloud) linkCommands(ctx context.Context) error {
	dir := c.path(commandDir)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(c.engine.Path, filepath.Join(dir, "pulumi")); err != nil {
		return err
	}
	if own, err := hasLanguageHost(c.engine); own || err != nil {
		return err
	}
	host := filepath.Join(c.root, ".build", "bin", languageHost)
	built, err := languagehost.Build(ctx, c.group, c.root, "./cmd/"+languageHost, host)
	if err != nil {
		return err
	}
	_ = built.Close() // it was opened to be read
	return os.Symlink(host, filepath.Join(dir, languageHost))
}

// hasLanguageHost reports whether a CLI that somebody installed has a language host beside it. Beside the one that we built can be
// ours only, of an earlier run.
func hasLanguageHost(e Engine) (bool, error) {
	if e.Built {
		return false, nil
	}
	path, err := filepath.EvalSymlinks(e.Path)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(filepath.Join(filepath.Dir(path), languageHost))
	return err == nil, nil
}

// exports is an environment as a shell reads it, with the commands of a directory before all others. No value has a quote in it.
func exports(commands string, environment []string) string {
	var text strings.Builder
	text.WriteString("# Points this shell to the local cloud that runs; it is gone when the cloud is.\n")
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&text, "export %s='%s'\n", name, value)
	}
	fmt.Fprintf(&text, "export PATH='%s':\"$PATH\"\n", commands)
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
