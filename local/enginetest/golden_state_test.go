package enginetest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"
)

// protected is the configuration of the golden states: two cells that keep their data.
func protected() map[string]any {
	config := cells(cell("alpha"), cell("beta"))
	config["cellular:protect"] = true
	config["cellular:alarms"] = map[string]any{"period": "1m"}
	config["cellular:router"] = map[string]any{"auth": map[string]any{"type": "iam"}}
	config["cellular:functions"] = map[string]any{"faultInjection": false}
	return config
}

// address matches local addresses, which differ from run to run.
var address = regexp.MustCompile(`(127\.0\.0\.1|localhost):[0-9]+`)

// TestWriteGoldenState deploys the program of today and keeps the engine's state as that of the version which
// GOLDEN_STATE_OF names, for the versions after it, which package local holds against it. It is run once for each release.
func TestWriteGoldenState(t *testing.T) {
	version := os.Getenv("GOLDEN_STATE_OF")
	if version == "" {
		t.Skip("GOLDEN_STATE_OF=VERSION keeps the state of the program of today")
	}
	o := start(t)
	o.up(protected())
	deployment, err := o.cloud.State(t.Context())
	require.NoError(t, err)
	deployment.Manifest = apitype.ManifestV1{}
	deployment.SecretsProviders = nil // see withoutSecrets
	for i := range deployment.Resources {
		r := &deployment.Resources[i]
		r.Created, r.Modified, r.SourcePosition, r.StackTrace = nil, nil, "", nil
		r.Inputs, _ = withoutSecrets(r.Inputs).(map[string]any)
		r.Outputs, _ = withoutSecrets(r.Outputs).(map[string]any)
	}
	text, err := json.MarshalIndent(deployment, "", " ")
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	text = address.ReplaceAll(text, []byte("127.0.0.1:1"))
	for _, dir := range []string{o.cloud.Dir, root} {
		text = regexp.MustCompile(regexp.QuoteMeta(dir)).ReplaceAll(text, []byte("/golden"))
	}
	require.NotContains(t, string(text), resource.SecretSig, "a value is still encrypted")
	require.NoError(t, os.MkdirAll("../testdata", 0o755))
	require.NoError(t, os.WriteFile(fmt.Sprintf("../testdata/state-%s.json", version), append(text, '\n'), 0o644))
}

// withoutSecrets leaves out what the engine encrypts, which are the values of parameters: the key is gone with the run.
func withoutSecrets(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = withoutSecrets(v[i])
		}
	case map[string]any:
		if v[resource.SigKey] == resource.SecretSig {
			return "left out"
		}
		for key := range v {
			v[key] = withoutSecrets(v[key])
		}
	}
	return value
}
