package routertest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

// wire is in front of the emulator. It passes everything on as it is, unless a test has tapped a table.
type wire struct {
	emulator http.Handler

	mu   sync.Mutex
	taps map[string]*tap // by table
}

// pastTheWire is the application id of a client whose requests no tap sees.
const pastTheWire = "past-the-wire"

// gate is the cloud's Gate.
func (w *wire) gate(emulator http.Handler) http.Handler {
	w.emulator = emulator
	return w
}

// ServeHTTP passes a request on, through the tap of the table that it names.
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_") || strings.Contains(r.UserAgent(), pastTheWire) {
		w.emulator.ServeHTTP(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var request struct{ TableName string }
	_ = json.Unmarshal(body, &request) // what is no JSON is the emulator's to refuse
	w.mu.Lock()
	tap := w.taps[request.TableName]
	w.mu.Unlock()
	if tap == nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), tap.operation) {
		w.emulator.ServeHTTP(rw, r)
		return
	}
	tap.do(tap.count.Add(1), tap.open, rw, r, w.emulator)
}

// disturbance is what happens to the nth request for a table until the tap on it is opened.
type disturbance func(n int64, opened <-chan struct{}, rw http.ResponseWriter, r *http.Request, emulator http.Handler)

// watch disturbs nothing: the requests are counted.
func watch(_ int64, _ <-chan struct{}, rw http.ResponseWriter, r *http.Request, emulator http.Handler) {
	emulator.ServeHTTP(rw, r)
}

// hang leaves requests without an answer. Those whose clients still wait are passed on when the tap is opened.
func hang(_ int64, opened <-chan struct{}, rw http.ResponseWriter, r *http.Request, emulator http.Handler) {
	select {
	case <-opened:
		emulator.ServeHTTP(rw, r)
	case <-r.Context().Done():
	}
}

// fail answers that the service cannot answer.
func fail(_ int64, _ <-chan struct{}, rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
	cloudtest.AnswerFailure(rw)
}

// loseAnswers has the first requests carried out, and cuts the connection instead of answering.
func loseAnswers(first int64) disturbance {
	return func(n int64, _ <-chan struct{}, rw http.ResponseWriter, r *http.Request, emulator http.Handler) {
		if n > first {
			emulator.ServeHTTP(rw, r)
			return
		}
		emulator.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

// tap disturbs and counts the requests for one table.
type tap struct {
	do        disturbance
	operation string // the only one that is seen; "" is any
	count     atomic.Int64
	open      chan struct{}
	restore   func()
}

// tap taps a table until restore is called or the test ends.
func (w *wire) tap(t *testing.T, table string, do disturbance) *tap {
	t.Helper()
	return w.tapOperation(t, table, "", do)
}

// tapWrites taps the writes of a table: its cell's consumer reads there whenever it likes.
func (w *wire) tapWrites(t *testing.T, table string, do disturbance) *tap {
	t.Helper()
	return w.tapOperation(t, table, ".PutItem", do)
}

func (w *wire) tapOperation(t *testing.T, table, operation string, do disturbance) *tap {
	t.Helper()
	p := &tap{do: do, operation: operation, open: make(chan struct{})}
	p.restore = sync.OnceFunc(func() {
		w.mu.Lock()
		delete(w.taps, table)
		w.mu.Unlock()
		close(p.open)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotContains(t, w.taps, table)
	w.taps[table] = p
	t.Cleanup(p.restore)
	return p
}

// seen is how many requests have come.
func (p *tap) seen() int { return int(p.count.Load()) }
