// Package awsapi is what the AWS endpoints of the local cloud have in common: who sent a request, which its signature
// says, and how a refusal reads to an AWS SDK.
package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// Key is what belongs to an access key.
type Key struct {
	Secret       string
	SessionToken string // of temporary credentials; empty: the key is not a temporary one
}

// Keys finds an access key; false if there is none of that id.
type Keys func(accessKey string) (Key, bool)

// Secrets are access keys that are not temporary, with their secrets. Key is their Keys.
type Secrets map[string]string

// Key finds an access key.
func (s Secrets) Key(accessKey string) (Key, bool) {
	secret, ok := s[accessKey]
	return Key{Secret: secret}, ok
}

// Authenticate passes on the requests that are signed with a key that the verifier knows. The handler finds the access
// key with AccessKey, and the whole body in memory.
func Authenticate(v Verifier, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case errors.As(err, new(*http.MaxBytesError)):
			Refuse(w, r, http.StatusRequestEntityTooLarge, "RequestTooLarge", err.Error())
			return
		case err != nil:
			Refuse(w, r, http.StatusBadRequest, "IncompleteBody", "read the body: "+err.Error())
			return
		}
		accessKey, err := v.Verify(r, body)
		if err != nil {
			Refuse(w, r, http.StatusForbidden, code(err), err.Error())
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), accessKeyOf{}, accessKey))
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		next.ServeHTTP(w, r)
	})
}

type accessKeyOf struct{}

// AccessKey is the id of the access key that a request which Authenticate has let pass was signed with.
func AccessKey(ctx context.Context) string {
	accessKey, _ := ctx.Value(accessKeyOf{}).(string)
	return accessKey
}

// code is the name that AWS gives to what is wrong with a signature.
func code(err error) string {
	switch {
	case errors.Is(err, errNotSigned):
		return "MissingAuthenticationToken"
	case errors.Is(err, errAccessKey), errors.Is(err, errNoSession), errors.Is(err, errSession):
		return "UnrecognizedClientException"
	}
	return "InvalidSignatureException"
}

// Refuse answers with an error in the form of the request's protocol, so that an SDK makes its typed error of it.
func Refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if r.Header.Get("Smithy-Protocol") == RPCCBOR {
		refuseCBOR(w, status, code, message)
		return
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what is none of these is answered in JSON
	if mediaType == "application/x-www-form-urlencoded" {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_ = xml.NewEncoder(w).Encode(queryError{Type: "Sender", Code: code, Message: message}) // a client that has gone does not miss it
		return
	}
	body, err := json.Marshal(map[string]string{"__type": code, "message": message, "Message": message})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("Content-Type", "application/json")
	// DynamoDB's clients warn of an answer without it.
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone does not miss it
}

// RPCCBOR is the value of the header Smithy-Protocol in the protocol that CloudWatch's clients speak.
const RPCCBOR = "rpc-v2-cbor"

func refuseCBOR(w http.ResponseWriter, status int, code, message string) {
	body, err := cbor.Marshal(map[string]string{"__type": code, "message": message})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Smithy-Protocol", RPCCBOR)
	w.Header().Set("Content-Type", "application/cbor")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone does not miss it
}

// queryError is an error of the query protocol.
type queryError struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	Type    string   `xml:"Error>Type"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
}
