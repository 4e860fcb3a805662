package stack_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/pulumitest"
)

// deployed is a resource of a deployment, as far as an update can replace it or let it go.
type deployed struct {
	URN, Type string
	Protect   bool
	Inputs    map[string]any
}

// holdsData lists the types of the resources that hold data, or that somebody outside the stack finds by name or ARN, each with
// the inputs whose change makes the AWS provider replace the resource. Of a table it has the stream's, too: to change its
// view is to drop the stream, with the events that are still in it.
var holdsData = map[string][]string{
	"aws:dynamodb/table:Table":                    {"name", "hashKey", "rangeKey", "localSecondaryIndexes", "streamEnabled", "streamViewType", "importTable", "restoreSourceName", "restoreSourceTableArn"},
	"aws:sqs/queue:Queue":                         {"name", "namePrefix", "fifoQueue"},
	"aws:sns/topic:Topic":                         {"name", "namePrefix", "fifoTopic"},
	"aws:sns/topicSubscription:TopicSubscription": {"topic", "protocol", "endpoint"},
	"aws:ssm/parameter:Parameter":                 {"name", "type", "dataType"},
	"aws:cloudwatch/logGroup:LogGroup":            {"name", "namePrefix", "logGroupClass"},
	"aws:iam/role:Role":                           {"name", "namePrefix", "path"},
}

// deployment runs the program of today with the configuration of the kept deployments.
func deployment(t *testing.T) []*pulumitest.Resource {
	return deploy(t, named("alpha", "beta")).Resources()
}

// TestWriteDeployment keeps what the program of today registers as the deployment of the version that DEPLOYED_VERSION names,
// which the versions after it are held against. It is run once for each release.
func TestWriteDeployment(t *testing.T) {
	version := os.Getenv("DEPLOYED_VERSION")
	if version == "" {
		t.Skip("DEPLOYED_VERSION=NAME keeps the deployment of the program of today")
	}
	var all []deployed
	for _, r := range deployment(t) {
		if r.Custom && r.Type != providerType {
			all = append(all, deployed{r.URN, r.Type, r.Protect, r.Inputs.Mappable()})
		}
	}
	text, err := json.MarshalIndent(all, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("testdata/deployed-"+version+".json", append(text, '\n'), 0o644))
}

// A resource whose URN is gone is deleted by the next update, and one with another name, key or parent is replaced.
func TestAnUpdateOfADeployedVersionReplacesNothingThatHoldsData(t *testing.T) {
	paths, err := filepath.Glob("testdata/deployed-*.json")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	today := map[string]*pulumitest.Resource{}
	for _, r := range deployment(t) {
		for _, urn := range append(slices.Clone(r.Aliases), r.URN) {
			today[urn] = r
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var before []deployed
		require.NoError(t, json.Unmarshal(text, &before))
		seen := map[string]bool{}
		for _, old := range before {
			replacing, ok := holdsData[old.Type]
			if !ok {
				continue
			}
			seen[old.Type] = true
			now := today[old.URN]
			require.NotNil(t, now, "%s: an update deletes %s. Whatever it holds is gone. Give the resource its old name and parent, or an alias", path, old.URN)
			require.Equal(t, old.Type, now.Type, "%s: %s", path, old.URN)
			require.True(t, now.Protect || !old.Protect, "%s: an update takes the protection off %s", path, old.URN)
			inputs := plain(t, now.Inputs.Mappable())
			for _, input := range replacing {
				require.Equal(t, old.Inputs[input], inputs[input], "%s: an update replaces %s because of %s. Whatever it holds is gone", path, old.URN, input)
			}
		}
		require.ElementsMatch(t, slices.Collect(maps.Keys(holdsData)), slices.Collect(maps.Keys(seen)), "%s: a type was not seen", path)
	}
}

// plain is a value as JSON gives it back.
func plain(t *testing.T, inputs map[string]any) map[string]any {
	text, err := json.Marshal(inputs)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}
