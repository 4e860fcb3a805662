package facts_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/facts"
)

var alpha = facts.Cell{
	ID: "alpha", Wave: 1, Tier: "standard", MaxTenants: 100, DataTable: "d", ResultsTable: "r", TopicARN: "t",
	QueueURL: "qu", QueueARN: "qa", ConsumerDLQURL: "c", SubscriptionDLQURL: "s", StreamDLQURL: "st",
	Producer: "p", Consumer: "co",
}

func TestFactsSurviveTheDocument(t *testing.T) {
	text, err := alpha.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"id":"alpha","wave":1,"tier":"standard","maxTenants":100,"dataTable":"d","resultsTable":"r","topicArn":"t",`+
		`"queueUrl":"qu","queueArn":"qa","consumerDlqUrl":"c","subscriptionDlqUrl":"s","streamDlqUrl":"st","producer":"p","consumer":"co"}`, text)
	got, err := facts.Parse(text)
	require.NoError(t, err)
	require.Equal(t, alpha, got)
}

func TestParseLetsANewerFactPass(t *testing.T) {
	text, err := alpha.JSON()
	require.NoError(t, err)
	got, err := facts.Parse(strings.Replace(text, "{", `{"region":"eu-west-1",`, 1))
	require.NoError(t, err)
	require.Equal(t, alpha, got)
}

func TestParseReportsEveryMissingFact(t *testing.T) {
	_, err := facts.Parse(`{"id":"alpha"}`)
	for _, want := range []string{`"alpha": tier is missing`, "queueUrl is missing", "consumer is missing", "maxTenants is 0"} {
		require.ErrorContains(t, err, want)
	}
	_, err = facts.Parse("alpha")
	require.ErrorContains(t, err, "read the facts of a cell")
}
