package partstest_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/cloudtest"
)

// The cells and the tenants that the router knows go on without the control plane's tables, and it is whole again once they are
// restored and the update has given them what a backup does not have.
func TestI5ADeletedControlPlaneIsNamedAndRestored(t *testing.T) {
	w := start(t)
	const tenant = "tenant-without-control"
	w.does(t, "tenants", "assign", tenant, "--cell", "calm")
	require.Equal(t, http.StatusAccepted, w.post(t, tenant, "before", cloudtest.Order))
	w.AwaitStatus(t, tenant, "processed", "before")

	w.dropIndex(t, stack.MappingTable(), mapping.CellIndex)
	w.dropIndex(t, stack.MoveTable(), controltables.OpenIndex)
	code, found := w.doctor(t)
	require.Equal(t, 1, code)
	require.Contains(t, texts(found), stack.MappingTable()+": it has no index "+mapping.CellIndex+" -> 'pulumi up --refresh -s local'")
	require.Contains(t, texts(found), stack.MoveTable()+": it has no index "+controltables.OpenIndex+" -> 'pulumi up --refresh -s local'")
	for _, args := range [][]string{{"tenants", "list", "--cell", "calm"}, {"replay", "--cell", "calm", "--since", "1h", "--grace", "0s"}, {"moves", "list"}, {"cells", "show", "calm"}} {
		code, said := w.run(t, args...)
		require.Equal(t, 1, code, "%v: %s", args, said)
		require.Contains(t, said, "index", "%v", args)
	}

	var restores []func(*testing.T)
	tables := []string{stack.MappingTable(), stack.MoveTable(), stack.CellTable()}
	for _, table := range tables {
		restores = append(restores, w.restorable(t, table))
	}
	code, found = w.doctor(t)
	require.Equal(t, 1, code)
	for _, table := range tables {
		require.Regexp(t, table+": could not be read: .* -> restore it under its own name from the backup", texts(found))
	}
	require.Equal(t, http.StatusAccepted, w.post(t, tenant, "during", cloudtest.Order), "the router knows the tenant")
	w.AwaitStatus(t, tenant, "processed", "during")

	for _, restore := range restores {
		restore(t)
	}
	w.refresh(t)
	code, found = w.doctor(t)
	require.Zero(t, code, "%+v", found)
	require.Equal(t, http.StatusAccepted, w.post(t, tenant, "after", cloudtest.Order))
	w.AwaitStatus(t, tenant, "processed", "after")
	require.Equal(t, 3, w.applied(t, w.cells["calm"], tenant))
	require.Contains(t, w.does(t, "tenants", "list", "--cell", "calm"), tenant)
	w.does(t, "moves", "list")
}

func TestADeletedTopicOfAlarmsIsNamedAndMadeAgain(t *testing.T) {
	w := start(t)
	control, err := w.cloud.Scope(t.Context())
	require.NoError(t, err)
	topics, topic := sns.NewFromConfig(w.cloud.AWS), control.ControlPlane.AlarmTopicARN
	subscribe := func() {
		_, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String(w.cells["calm"].QueueARN)})
		require.NoError(t, err)
	}
	subscribe()
	_, found := w.doctor(t)
	require.NotContains(t, texts(found), "nobody is paged")

	_, err = topics.DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &topic})
	require.NoError(t, err)
	_, found = w.doctor(t)
	require.Contains(t, texts(found), stack.AlarmTopic()+": it is not there, and alarms tell it when they fire: nobody is paged -> 'pulumi up --refresh -s local'")
	w.refresh(t)
	_, found = w.doctor(t)
	require.Contains(t, texts(found), stack.AlarmTopic()+": nobody is paged: it has no subscription -> 'aws sns subscribe --topic-arn "+topic)
}
