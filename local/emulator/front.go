package emulator

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"cellular/local/awsapi"
	"cellular/local/loopback"
)

// mediaTypes are those of the AWS protocols that the SDKs speak with what the emulator serves.
var mediaTypes = []string{"application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/x-www-form-urlencoded", "application/cbor"}

// front listens for the emulator, which by itself takes anything from anybody: behind it are only requests that are
// signed with a known key, and behind the gate only those that it lets pass.
func front(back *url.URL, dial dialer, keys awsapi.Keys, gate func(http.Handler) http.Handler) (*loopback.Server, error) {
	var handler http.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(back)
			r.Out.Host = r.In.Host // the URLs of queues are made of it
		},
		ModifyResponse: func(resp *http.Response) error {
			for name := range resp.Header {
				if strings.HasPrefix(name, "Access-Control-") { // moto lets every page read everything
					resp.Header.Del(name)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			awsapi.Refuse(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", fmt.Sprintf("the emulator does not answer: %v", err))
		},
		ErrorLog: log.New(io.Discard, "", 0), // of clients that go away
		Transport: &http.Transport{
			DialContext:         dial,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64, // the default of 2 would make a connection for nearly every request
		},
	}
	if gate != nil {
		handler = gate(handler)
	}
	return loopback.Serve(loopback.Options{
		Handler:    awsapi.Authenticate(awsapi.Verifier{Keys: keys}, handler),
		MediaTypes: mediaTypes,
	})
}
