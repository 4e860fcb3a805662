package loopback_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/loopback"
)

const patience = 30 * time.Second // on a busy machine

// serve echoes bodies, with one change of the options.
func serve(t *testing.T, change func(*loopback.Options)) *loopback.Server {
	t.Helper()
	o := loopback.Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(body)
	})}
	if change != nil {
		change(&o)
	}
	s, err := loopback.Serve(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestServer_RefusesWhatAWebPageCanSend(t *testing.T) {
	s := serve(t, func(o *loopback.Options) {
		o.MediaTypes, o.MaxBodyBytes = []string{"application/json"}, 100
	})
	_, port, err := net.SplitHostPort(s.Address())
	require.NoError(t, err)
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, tc := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"nothing changed":            {func(*http.Request) {}, http.StatusOK},
		"localhost":                  {host("LocalHost:" + port), http.StatusOK},
		"its own origin":             {header("Origin", "http://localhost:"+port), http.StatusOK},
		"typed into a browser":       {header("Sec-Fetch-Site", "none"), http.StatusOK},
		"a type with a parameter":    {header("Content-Type", "application/json; charset=utf-8"), http.StatusOK},
		"a name that resolves here":  {host("attacker.example:" + port), http.StatusMisdirectedRequest},
		"a name that ends like one":  {host("attacker.localhost:" + port), http.StatusMisdirectedRequest},
		"another port":               {host("127.0.0.1:80"), http.StatusMisdirectedRequest},
		"no port":                    {host("127.0.0.1"), http.StatusMisdirectedRequest},
		"another loopback address":   {host("127.0.0.2:" + port), http.StatusMisdirectedRequest},
		"another origin":             {header("Origin", "https://attacker.example"), http.StatusForbidden},
		"its own origin over TLS":    {header("Origin", "https://127.0.0.1:"+port), http.StatusForbidden},
		"another port's origin":      {header("Origin", "http://127.0.0.1:1"), http.StatusForbidden},
		"a sandbox's origin":         {header("Origin", "null"), http.StatusForbidden},
		"an origin that is empty":    {header("Origin", ""), http.StatusForbidden},
		"its own and another origin": {header("Origin", "http://127.0.0.1:"+port, "https://attacker.example"), http.StatusForbidden},
		"an image of another site":   {header("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		"another port's image":       {header("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		"a form":                     {header("Content-Type", "application/x-www-form-urlencoded"), http.StatusUnsupportedMediaType},
		"text":                       {header("Content-Type", "text/plain"), http.StatusUnsupportedMediaType},
		"no type":                    {func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		"two types":                  {header("Content-Type", "application/json", "text/plain"), http.StatusUnsupportedMediaType},
		"a type that is none":        {header("Content-Type", ";"), http.StatusUnsupportedMediaType},
		"no body and no type":        {func(r *http.Request) { r.Body, r.ContentLength = nil, 0; r.Header.Del("Content-Type") }, http.StatusOK},
		"a body that is too long": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(long)), int64(len(long))
		}, http.StatusRequestEntityTooLarge},
		"a body of a length unstated": {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(long)), -1 }, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, s.URL(), strings.NewReader(`{}`))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			tc.change(r)
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, tc.want, resp.StatusCode)
			for name := range resp.Header {
				require.NotContains(t, name, "Access-Control-")
			}
		})
	}
}

var long = strings.Repeat("x", 101)

func TestServer_RefusesAPreflight(t *testing.T) {
	s := serve(t, nil)
	r, err := http.NewRequest(http.MethodOptions, s.URL(), nil)
	require.NoError(t, err)
	r.Header.Set("Origin", "https://attacker.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
}

// drip sends the beginning of a request, and then a byte now and then until the server has had enough.
func drip(t *testing.T, s *loopback.Server, beginning string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, beginning, s.Address())
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for begun := time.Now(); ; {
		select {
		case <-ended:
			return
		case <-beat.C:
			require.Less(t, time.Since(begun), patience)
			_, _ = conn.Write([]byte("x")) // it fails when the server has had enough
		}
	}
}

func TestServer_CutsOffARequestThatDrips(t *testing.T) {
	s := serve(t, func(o *loopback.Options) { o.ReadTimeout = 200 * time.Millisecond })
	for name, beginning := range map[string]string{
		"headers": "POST / HTTP/1.1\r\nHost: %s\r\nX-Long: ",
		"body":    "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n",
		"chunk":   "POST / HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
	} {
		t.Run(name, func(t *testing.T) { drip(t, s, beginning) })
	}
}

func TestServer_CutsOffABodyThatIsRefusedUnread(t *testing.T) {
	s := serve(t, func(o *loopback.Options) { o.ReadTimeout = 200 * time.Millisecond })
	drip(t, s, "POST / HTTP/1.1\r\nHost: %s\r\nOrigin: null\r\nContent-Length: 1000000\r\n\r\n")
}

// A handler may take longer than its client has to send: long polls and invocations do.
func TestServer_LeavesAHandlerItsTime(t *testing.T) {
	const timeout = 250 * time.Millisecond
	for name, body := range map[string]string{"with a body": "{}", "without one": ""} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(o *loopback.Options) {
				o.ReadTimeout = timeout
				o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, err := io.Copy(io.Discard, r.Body)
					select {
					case <-r.Context().Done():
						w.WriteHeader(http.StatusInternalServerError)
					case <-time.After(2 * timeout):
						_, _ = fmt.Fprint(w, err)
					}
				})
			})
			resp, err := http.Post(s.URL(), "application/json", strings.NewReader(body))
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
		})
	}
}

func TestServer_TellsAHandlerThatItsClientHasGone(t *testing.T) {
	gone := make(chan struct{})
	s := serve(t, func(o *loopback.Options) {
		o.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(gone)
		})
	})
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", s.Address())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the handler still waits")
	}
}

func TestServer_ServesOnAConnectionThatIsKept(t *testing.T) {
	s := serve(t, func(o *loopback.Options) { o.ReadTimeout = time.Second })
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for range 2 {
		_, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", s.Address())
		require.NoError(t, err)
		resp, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "{}", string(body))
		time.Sleep(1500 * time.Millisecond) // longer than a request may take: the connection is idle, which is allowed
	}
}

func TestServer_ClosesItsPort(t *testing.T) {
	for name, end := range map[string]func(*loopback.Server) error{
		"close":    (*loopback.Server).Close,
		"shutdown": func(s *loopback.Server) error { return s.Shutdown(context.Background()) },
	} {
		s := serve(t, nil)
		require.NoError(t, end(s), name)
		require.NoError(t, s.Err(), name)
		_, err := net.Dial("tcp", s.Address())
		require.Error(t, err, name)
	}
}
