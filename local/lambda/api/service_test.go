package api_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda"
	"cellular/local/process"
)

// packaged builds the local Lambda's test function.
func packaged(t *testing.T) string {
	dir := t.TempDir()
	binary, path := filepath.Join(dir, "bootstrap"), filepath.Join(dir, "function.zip")
	build := exec.Command("go", "build", "-o", binary, "../testdata/function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	content, err := os.ReadFile(binary)
	require.NoError(t, err)
	file, err := os.Create(path)
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	header.SetMode(0o755)
	w, err := archive.CreateHeader(header)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
	return path
}

func TestTheSDKInvokesAFunctionThatRuns(t *testing.T) {
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	service, err := lambda.New(lambda.Options{
		AWS:   aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")},
		Group: group, Dir: t.TempDir(),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, service.Close(ctx))
	})
	architecture := map[string]string{"amd64": lambda.X8664, "arm64": lambda.ARM64}[runtime.GOARCH]
	_, err = service.CreateFunction(t.Context(), lambda.FunctionConfig{
		Name: "worker", Role: "arn:aws:iam::123456789012:role/worker", Handler: "bootstrap", Runtime: "provided.al2023",
		Architecture: architecture, CodePath: packaged(t), Timeout: 30 * time.Second, ReservedConcurrency: 2,
	})
	require.NoError(t, err)

	client := serve(t, service)
	f, err := client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("worker")})
	require.NoError(t, err)
	for _, name := range []string{"worker", *f.Configuration.FunctionArn} {
		out, err := client.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(`{"text":"hello"}`)})
		require.NoError(t, err)
		require.Nil(t, out.FunctionError)
		require.Equal(t, "$LATEST", *out.ExecutedVersion)
		var answer struct{ Text, ARN string }
		require.NoError(t, json.Unmarshal(out.Payload, &answer))
		require.Equal(t, "hello", answer.Text)
		require.Equal(t, *f.Configuration.FunctionArn, answer.ARN)
	}
	out, err := client.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("worker"), Payload: []byte(`{"do":"fail","text":"no luck"}`)})
	require.NoError(t, err)
	require.Equal(t, "Unhandled", *out.FunctionError)
	require.Contains(t, string(out.Payload), "no luck")

	s, err := client.GetAccountSettings(t.Context(), &awslambda.GetAccountSettingsInput{})
	require.NoError(t, err)
	require.EqualValues(t, 998, *s.AccountLimit.UnreservedConcurrentExecutions)
}
