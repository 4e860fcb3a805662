package languagehost_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/local/languagehost"
)

func TestFits_RefusesAnotherRegionOrArchitecture(t *testing.T) {
	here := languagehost.Here{Region: "us-east-1", Architecture: "x86_64"}
	const end = ", and the local cloud has us-east-1 on x86_64: set aws:region and the architecture of cellular:functions in Pulumi.dev.yaml"
	for _, c := range []struct{ region, functions, want string }{
		{"us-east-1", `{"architecture":"x86_64","memory":512}`, ""},
		{"eu-west-1", `{"architecture":"x86_64"}`, "stack dev is for eu-west-1 on x86_64" + end},
		{"us-east-1", `{"memory":512}`, "stack dev is for us-east-1 on arm64" + end},
		{"eu-west-1", "", "stack dev is for eu-west-1 on arm64" + end},
		// What the program itself refuses, it refuses with better words.
		{"", `{"architecture":"x86_64"}`, ""},
	} {
		err := here.Fits("dev", map[string]string{"aws:region": c.region, "cellular:functions": c.functions})
		if c.want == "" {
			require.NoError(t, err, "%+v", c)
		} else {
			require.EqualError(t, err, c.want, "%+v", c)
		}
	}
}
