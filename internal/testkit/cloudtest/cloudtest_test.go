package cloudtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// answers is a router that says one after the other of these.
type answers []string

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	if len(*a) == 0 {
		return nil, errors.New("no more answers")
	}
	status, body, _ := strings.Cut((*a)[0], " ")
	*a = (*a)[1:]
	code := map[string]int{"200": 200, "404": 404, "503": 503}[status]
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func client(said ...string) *Client {
	a := answers(said)
	return &Client{"http://router", &http.Client{Transport: &a}}
}

func TestClient_AwaitsAStatusThroughWhateverElseTheRouterSays(t *testing.T) {
	c := client("503 no JSON", `404 {"type":"unknown"}`, `200 {"status":"accepted"}`, `200 {"status":"processed","result":3}`)
	a := c.AwaitStatus(t, "acme", "processed", "e-1")
	require.Equal(t, http.StatusOK, a.Status)
	require.Empty(t, a.Field("result"), "it is no text")
	a = c.Get(t.Context(), "acme", "e-1")
	require.ErrorContains(t, a.Err, "no more answers")
	require.Contains(t, a.String(), "no more answers")
}

func TestAwait_LooksAgainUntilTheConditionHolds(t *testing.T) {
	looks := 0
	require.Equal(t, 4, Await(t, "the fourth look", func() (int, bool) {
		looks++
		return looks, looks == 4
	}))
}

// A test that gives up has time left to say why.
func TestPatience_EndsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		require.Equal(t, now.Add(24*time.Minute), patience(now.Add(25*time.Minute)))
		require.Equal(t, now.Add(54*time.Second), patience(now.Add(time.Minute)))
	})
}

func TestCrowd_BringsToItsEndWhatIsUnderWayWhenItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCrowd(t.Context())
		begun, ended, cancelled := 0, 0, 0
		c.Go(rate.Every(time.Second), func(ctx context.Context, n int) {
			require.Equal(t, begun, n)
			begun++
			time.Sleep(400 * time.Millisecond)
			if ctx.Err() != nil {
				cancelled++
			}
			ended++
		})
		time.Sleep(5*time.Second + 100*time.Millisecond)
		c.Stop()
		c.Stop()
		require.Equal(t, []int{6, 6, 0}, []int{begun, ended, cancelled})
	})
}
