package cellpages_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/manifest/cellpages"
)

func document(t *testing.T, id string) string {
	text, err := manifest.Cell{
		ID: id, Tier: "standard", MaxTenants: 10, DataTable: "d", ResultsTable: "r", TopicARN: "t", QueueURL: "qu", QueueARN: "qa",
		ConsumerDLQURL: "c", SubscriptionDLQURL: "s", StreamDLQURL: "st", Producer: "p", Consumer: "co",
		Settings: manifest.Settings{InlinePayloadBytes: 1, ResultTTL: manifest.Duration(time.Hour)},
	}.JSON()
	require.NoError(t, err)
	return text
}

// parameters are the texts of cells c0, c1 and so on.
type parameters struct {
	texts []string
	calls int
	fails int // the call that fails
}

func (p *parameters) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	if p.calls++; p.calls == p.fails {
		return nil, errors.New("ThrottlingException")
	}
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	to := min(from+int(*in.MaxResults), len(p.texts))
	out := &ssm.GetParametersByPathOutput{}
	for i := from; i < to; i++ {
		out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(fmt.Sprintf("%s/c%d", *in.Path, i)), Value: &p.texts[i]})
	}
	if to < len(p.texts) {
		out.NextToken = aws.String(strconv.Itoa(to))
	}
	return out, nil
}

func TestEach_ListsEveryCellAtTheRateOfSSM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parameters{}
		for i := range 1000 {
			p.texts = append(p.texts, document(t, fmt.Sprint("c", i)))
		}
		seen, start := 0, time.Now()
		require.NoError(t, cellpages.Each(t.Context(), p, "/cells", func(page []cellpages.Entry) error {
			for _, e := range page {
				c, err := e.Cell()
				require.NoError(t, err)
				require.Equal(t, fmt.Sprint("c", seen), c.ID)
				seen++
			}
			return nil
		}))
		require.Equal(t, 1000, seen)
		require.Equal(t, 1000/cellpages.Size, p.calls)
		require.Equal(t, 3*time.Second, time.Since(start).Round(time.Second), "96 of 100 calls wait, 32 a second")
	})
}

func TestEach_EndsWithTheFirstError(t *testing.T) {
	p := &parameters{texts: make([]string, 25), fails: 2}
	pages := 0
	err := cellpages.Each(t.Context(), p, "/cells", func([]cellpages.Entry) error { pages++; return nil })
	require.EqualError(t, err, "list the cells under /cells: ThrottlingException")
	require.Equal(t, 1, pages)

	stop := errors.New("enough")
	require.ErrorIs(t, cellpages.Each(t.Context(), &parameters{}, "/cells", func([]cellpages.Entry) error { return stop }), stop)
}

func TestEntry_NamesTheParameterThatIsNoManifestOfItsCell(t *testing.T) {
	_, err := cellpages.Entry{Name: "/cells/alpha", Text: "{}"}.Cell()
	require.ErrorContains(t, err, "parameter /cells/alpha: read the manifest of cell ")
	of := cellpages.Entry{Name: "/cells/alpha", Text: document(t, "beta")}
	require.Equal(t, "alpha", of.ID())
	_, err = of.Cell()
	require.EqualError(t, err, "parameter /cells/alpha: it is about cell beta")
}
