package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// withoutCredentials has the SDK find no credentials, and this AWS configuration.
func withoutCredentials(t *testing.T, config string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": file, "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "HOME": t.TempDir(), envStack: "dev",
	} {
		t.Setenv(name, value)
	}
}

var lookups = [][]string{{"cells", "list"}, {"doctor"}, {"tenants", "list"}, {"alarms", "list"}}

func TestCommands_SayInOneLineThatThereAreNoCredentials(t *testing.T) {
	withoutCredentials(t, "[profile sso]\nsso_session = x\nsso_account_id = 123456789012\nsso_role_name = ops\n"+
		"[sso-session x]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n")
	for _, args := range lookups {
		stdout, stderr, code := run(t, append(args, "--region", "eu-west-1")...)
		require.Equal(t, cli.ExitFailure, code)
		require.Equal(t, "cellctl: there are no AWS credentials; sign in ('aws sso login', 'aws configure'), or name a profile with --profile or AWS_PROFILE\n", stderr, args)
		require.Empty(t, stdout)

		_, stderr, _ = run(t, append(args, "--region", "eu-west-1", "--profile", "sso")...)
		require.Regexp(t, `^cellctl: there are no AWS credentials \(failed to read cached SSO token file, .*\); sign in .*\n$`, stderr, args)
		_, stderr, code = run(t, args...)
		require.Equal(t, cli.ExitUsage, code)
		require.Equal(t, "cellctl: no AWS Region given; name it with --region or AWS_REGION, or in the profile\n", stderr, args)
	}
}

// refusing is AWS that answers each request with an error.
func refusing(t *testing.T, code, message string) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
			return
		}
		w.Header().Set("X-Amzn-ErrorType", code)
		_, _ = io.WriteString(w, `{"__type":"`+code+`","message":"`+message+`"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestCommands_SayInOneLineWhatIsWrongWithCredentials(t *testing.T) {
	for code, says := range map[string]string{
		"ExpiredTokenException":       "cellctl: the AWS credentials have expired (ExpiredTokenException); sign in again, with 'aws sso login' or as you got them, or name others with --profile\n",
		"ExpiredToken":                "cellctl: the AWS credentials have expired (ExpiredToken); ",
		"UnrecognizedClientException": "cellctl: AWS does not know the credentials (UnrecognizedClientException); check --profile",
		"InvalidClientTokenId":        "cellctl: AWS does not know the credentials (InvalidClientTokenId); check --profile",
		"InvalidSignatureException":   "cellctl: AWS refuses the signature (InvalidSignatureException); check the secret key",
		"RequestExpired":              "cellctl: AWS refuses the time of the request (RequestExpired); set the clock of this machine\n",
	} {
		url := refusing(t, code, "The security token included in the request is no good")
		for _, args := range lookups {
			stderr := pointedTo(t, url, args...)
			require.True(t, strings.HasPrefix(stderr, says), "%v: %s", args, stderr)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		}
	}
}

func TestCommands_SayInOneLineThatAStackMayNotBeRead(t *testing.T) {
	url := refusing(t, "AccessDeniedException", "User: ada is not authorized to perform: ssm:GetParameter")
	require.Equal(t, `cellctl: not allowed to read stack "dev" in us-east-1: User: ada is not authorized to perform: ssm:GetParameter; `+
		"check --stack, --region and --profile, or have the policy of 'cellctl iam-policy read' applied\n", pointedTo(t, url, "cells", "list"))
}
