package edge_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/runtime/edge"
)

// network is a DynamoDB without any item behind connections in memory, so that both take the time of a test's bubble.
type network struct {
	connects time.Duration // how long a connection takes
	answers  time.Duration // how long an answer takes
	sends    time.Duration // how long it takes from its first byte to its last

	transport *http.Transport
	accepts   chan net.Conn
	close     func()
	closed    chan struct{}
}

func newNetwork(connects, answers time.Duration) *network {
	n := &network{connects: connects, answers: answers, accepts: make(chan net.Conn), closed: make(chan struct{})}
	n.close = sync.OnceFunc(func() { close(n.closed) })
	n.transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		time.Sleep(n.connects)
		ours, theirs := net.Pipe()
		n.accepts <- theirs
		return ours, nil
	}}
	return n
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accepts:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { n.close(); return nil }
func (n *network) Addr() net.Addr { return &net.UnixAddr{} }

func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-time.After(n.answers):
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(n.sends)
		_, _ = io.WriteString(w, `{}`)
	case <-r.Context().Done():
	}
}

// behind makes a world's router reach its cells through the network, by the client that the deployed one has.
func (n *network) behind(w *world) {
	server := &http.Server{Handler: n}
	go func() { _ = server.Serve(n) }()
	w.Cleanup(func() { n.transport.CloseIdleConnections(); _ = server.Close() })
	client := sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb"), HTTPClient: &http.Client{Transport: n.transport},
		Retryer: aws.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	tables := w.tables()
	tables.Client = client
	w.router = newRouter(w.T, everybodyIn("alpha"), tables, configured(breaker(1<<20, 1)), w.logs)
}

// All cells are behind one host: what a connection takes says nothing about the cell.
func TestWaiting_ANewConnectionDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWorld(t), newNetwork(2*time.Second, 10*time.Millisecond)
		n.behind(w)
		for i := range 3 {
			start := time.Now()
			a := w.post(order)
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			require.Equal(t, n.connects+n.answers, time.Since(start))
			if i > 0 {
				require.EqualValues(t, minCellTimeout.Milliseconds(), w.lastLine(i + 1)["patience_ms"])
			}
			n.transport.CloseIdleConnections()
		}
		n.answers = time.Hour
		start := time.Now()
		w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, n.connects+minCellTimeout, time.Since(start), "the cell has the whole patience even so, and no more")
		require.Contains(t, w.lastLine(4)["error"], "no answer within 250ms")
	})
}

// A cell that answers does not hang, however long its answer is on the way.
func TestWaiting_EndsWithTheFirstByteOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWorld(t), newNetwork(0, 10*time.Millisecond)
		n.behind(w)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		n.sends = time.Second
		start := time.Now()
		a := w.post(order)
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
		require.Equal(t, n.answers+n.sends, time.Since(start))
		w.post(order)
		require.EqualValues(t, minCellTimeout.Milliseconds(), w.lastLine(3)["patience_ms"])
	})
}

func TestWaiting_EveryReadOfAStatusHasTheWholePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWorld(t), newNetwork(0, 10*time.Millisecond)
		n.behind(w)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		n.answers = minCellTimeout - time.Millisecond
		start := time.Now()
		w.wantProblem(w.get("nothing", "acme"), http.StatusNotFound, "unknown-event")
		require.Equal(t, 3*n.answers, time.Since(start), "outcome, event and fence")
		w.post(order)
		require.EqualValues(t, 2*n.answers/time.Millisecond, w.lastLine(3)["patience_ms"], "the longest of them is remembered, and not their sum")
	})
}

// unheard is cells that do what they are asked, and then say nothing.
type unheard struct {
	edge.Cells
	silent bool
}

func (u *unheard) Write(ctx context.Context, cellID string, e event.Event) (*event.Event, error) {
	existing, err := u.Cells.Write(ctx, cellID, e)
	if u.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return existing, err
}

func TestSubmit_AWriteThatWasGivenUpMayHaveArrivedAndIsSafelySentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cells := &unheard{Cells: w.tables()}
		w.router = newRouter(t, everybodyIn("alpha"), cells, configured(), w.logs)
		require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"acme","type":"t","payload":1}`).StatusCode)

		cells.silent = true
		start := time.Now()
		a := w.post(order)
		w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, minCellTimeout, time.Since(start))
		require.Equal(t, "order-1", a.Headers["Idempotency-Key"])
		require.NotEmpty(t, a.Headers["Retry-After"])
		require.EqualValues(t, 1, w.lastLine(2)["attempts"], "it is not sent again by the router")

		cells.silent = false
		a = w.post(order)
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
		require.Equal(t, "true", a.Headers["Idempotent-Replayed"])
	})
}

// A caller who goes away does not make a cell look slow, nor as if it hung.
func TestWaiting_ACallerThatGoesAwaySaysNothingAboutTheCell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, breaker(1, 1))
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		w.hung("alpha")
		ctx, goAway := context.WithTimeout(t.Context(), minCellTimeout-1)
		defer goAway()
		gone, cancel := context.WithCancel(t.Context())
		context.AfterFunc(ctx, cancel)
		_, err := w.router.Handle(gone, received(t, post(t, order)))
		require.NoError(t, err)
		w.up()
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		line := w.lastLine(3)
		require.Equal(t, "closed", line["breaker"])
		require.EqualValues(t, minCellTimeout.Milliseconds(), line["patience_ms"])
	})
}

// A slow cell is served: the calls before it is known to be slow are few, and are safely sent again.
func TestWaiting_ACellThatBecomesSlowIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWorld(t), newNetwork(0, 10*time.Millisecond)
		n.behind(w)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		n.answers = 800 * time.Millisecond
		var statuses []string
		for range 5 {
			statuses = append(statuses, http.StatusText(w.post(order).StatusCode))
		}
		require.Equal(t, "Service Unavailable,Service Unavailable,Accepted,Accepted,Accepted", strings.Join(statuses, ","))
	})
}
