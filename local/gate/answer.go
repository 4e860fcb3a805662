package gate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"cellular/local/awsapi"
)

// refuse answers with an error in the protocol of the request.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	var f failure
	if !errors.As(err, &f) {
		f = failure{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	service := ""
	if s, ok := parseScope(r); ok {
		service = s.service
	}
	if f.code == accessDenied {
		switch service {
		case "sns":
			f.code = "AuthorizationError"
		case "sqs":
			f.code = "AccessDenied"
		case "iam", "sts":
			f.code = "AccessDenied"
		case "dynamodb", "ssm", "logs", "servicequotas":
			f.status = http.StatusBadRequest
		}
	}
	awsapi.Refuse(w, r, f.status, f.code, f.message)
}

// callerIdentity is the answer of GetCallerIdentity.
type callerIdentity struct {
	XMLName xml.Name `xml:"GetCallerIdentityResponse"`
	NS      string   `xml:"xmlns,attr"`
	ARN     string   `xml:"GetCallerIdentityResult>Arn"`
	UserID  string   `xml:"GetCallerIdentityResult>UserId"`
	Account string   `xml:"GetCallerIdentityResult>Account"`
}

func writeXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(v) // a client that has gone does not miss it
}

// buffer holds an answer back.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Length", strconv.Itoa(b.body.Len()))
	w.WriteHeader(max(b.status, http.StatusOK))
	_, _ = w.Write(b.body.Bytes()) // a client that has gone does not miss it
}

// scope is whom a request is signed for.
type scope struct{ region, service string }

func parseScope(r *http.Request) (scope, bool) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	parts := strings.Split(credential, "/") // ACCESS_KEY/DATE/REGION/SERVICE/aws4_request
	if len(parts) != 5 {
		return scope{}, false
	}
	return scope{parts[2], parts[3]}, true
}
