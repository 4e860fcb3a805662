// Package listenertest_test sends what a web page can send to every port that a running local cloud listens on.
package listenertest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local"
	"cellular/local/gateway"
	"cellular/local/internal/proc"
	"cellular/local/loopback"
)

// listeners are the ports that a cloud with everything in it listens on.
func listeners(t *testing.T) (c *local.Cloud, ports []int) {
	t.Helper()
	c = cloudtest.New(t, local.Options{})
	api, err := c.Gateway.CreateAPI(gateway.APIConfig{Name: "edge"})
	require.NoError(t, err)
	_, err = c.Gateway.CreateAuthorizer(api.ID, gateway.AuthorizerConfig{ // which has an issuer's keys served
		Name: "tenants", Type: "JWT", IdentitySources: []string{"$request.header.Authorization"},
		Issuer: "https://id.example.com", Audience: []string{"cellular"},
	})
	require.NoError(t, err)
	ports = listening(t)
	// Emulator, Lambda's API, the Runtime API, the HTTP API, the issuer, and the provider.
	require.Len(t, ports, 6, "a listener has been added or removed: this test is about every one")
	return c, ports
}

// listening are the TCP ports on which this process and those that it started listen.
func listening(t *testing.T) (ports []int) {
	t.Helper()
	ours := map[string]bool{} // inodes of sockets
	family, err := proc.Family(os.Getpid())
	require.NoError(t, err)
	for _, pid := range family {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the pattern is a good one
		for _, fd := range fds {
			target, _ := os.Readlink(fd) // it may have been closed since
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				ours[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, os.ErrNotExist) { // no IPv6 here
			continue
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			const local, state, inode, listen = 1, 3, 9, "0A"
			fields := strings.Fields(line)
			if fields[state] != listen || !ours[fields[inode]] {
				continue
			}
			address, port, _ := strings.Cut(fields[local], ":")
			require.Equal(t, "0100007F", address, "127.0.0.1 is the only address to listen on")
			n, err := strconv.ParseInt(port, 16, 32)
			require.NoError(t, err)
			ports = append(ports, int(n))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

const patience = time.Minute // on a busy machine

func TestEveryListenerRefusesWebPages(t *testing.T) {
	_, ports := listeners(t)
	for name, attack := range map[string]struct {
		request string
		want    int
	}{
		"DNS rebinding": {
			"GET / HTTP/1.1\r\nHost: attacker.example:PORT\r\n\r\n", http.StatusMisdirectedRequest,
		},
		"a read across origins": {
			"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: https://attacker.example\r\n\r\n", http.StatusForbidden,
		},
		"a preflight": {
			"OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: null\r\nAccess-Control-Request-Method: POST\r\n\r\n", http.StatusForbidden,
		},
		"a form across origins": {
			"POST / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: https://attacker.example\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", http.StatusForbidden,
		},
		"another local server's page": {
			"POST / HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: http://localhost:8080\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", http.StatusForbidden,
		},
		"an image": {
			"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site\r\n\r\n", http.StatusForbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			served := 0
			for _, port := range ports {
				conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
				require.NoError(t, err)
				defer conn.Close()
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				_, err = io.WriteString(conn, strings.ReplaceAll(attack.request, "PORT", strconv.Itoa(port)))
				require.NoError(t, err)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil { // gRPC ends the connection
					require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "port %d keeps a web page waiting", port)
					continue
				}
				require.NoError(t, resp.Body.Close())
				require.Equal(t, attack.want, resp.StatusCode, "port %d", port)
				for header := range resp.Header {
					require.NotContains(t, header, "Access-Control-", "port %d", port)
				}
				served++
			}
			require.Equal(t, len(ports)-1, served, "all but the provider speak HTTP")
		})
	}
}

func TestEveryListenerCutsOffABodyThatDrips(t *testing.T) {
	_, ports := listeners(t)
	var all sync.WaitGroup
	for _, port := range ports {
		all.Go(func() {
			conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 1000000\r\n\r\n", port)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(io.Discard, conn)
			}()
			beat := time.NewTicker(100 * time.Millisecond)
			defer beat.Stop()
			for over := time.After(loopback.DefaultReadTimeout + patience); ; {
				select {
				case <-ended:
					return
				case <-beat.C:
					_, _ = conn.Write([]byte(" ")) // it fails when the server has had enough
				case <-over:
					t.Errorf("port %d still takes the body", port)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestTheAPIsTakeNothingUnsigned(t *testing.T) {
	c, _ := listeners(t)
	for name, request := range map[string]func() *http.Request{
		"the emulator": func() *http.Request {
			r, err := http.NewRequest(http.MethodPost, *c.AWS.BaseEndpoint, strings.NewReader("{}"))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/x-amz-json-1.0")
			r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
			return r
		},
		"the emulator, with a signature that anybody can write": func() *http.Request {
			r, err := http.NewRequest(http.MethodPost, *c.AWS.BaseEndpoint, strings.NewReader("Action=ListTopics&Version=2010-03-31"))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=s")
			return r
		},
		"moto's own API": func() *http.Request {
			r, err := http.NewRequest(http.MethodPost, *c.AWS.BaseEndpoint+"/moto-api/reset", nil)
			require.NoError(t, err)
			return r
		},
		"Lambda's API": func() *http.Request {
			r, err := http.NewRequest(http.MethodGet, c.LambdaEndpoint()+"/2016-08-19/account-settings", nil)
			require.NoError(t, err)
			return r
		},
	} {
		resp, err := http.DefaultClient.Do(request())
		require.NoError(t, err, name)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusForbidden, resp.StatusCode, name)
	}
	_, err := dynamodb.NewFromConfig(c.AWS).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err, "what the cloud's own key signs passes")
}
