package awsapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	signatureFormat = "AWS4-HMAC-SHA256"
	signatureTime   = "20060102T150405Z" // of X-Amz-Date
	maxSkew         = 5 * time.Minute    // between X-Amz-Date and now, as AWS allows
)

// What can be wrong with a signature.
var (
	errNotSigned     = errors.New("there is no Authorization header of signature version 4")
	errAccessKey     = errors.New("the access key is unknown")
	errNoSession     = errors.New("there is a session token, and the access key is not a temporary one")
	errSession       = errors.New("the session token is not the one of the access key")
	errSignatureDate = fmt.Errorf("X-Amz-Date is not a time within %s from now", maxSkew)
	errQuery         = errors.New("the query string is malformed")
	errScope         = errors.New("the signature's scope is not of this service, region and date")
	errSignedHeaders = errors.New("the signed headers are not host, x-amz-date and headers that the request has, in order")
	errWrongSecret   = errors.New("the signature does not match the request")
)

// Verifier checks signatures of version 4 in the Authorization header.
type Verifier struct {
	Keys    Keys
	Service string           // that requests have to be signed for; empty: any
	Region  string           // likewise
	Now     func() time.Time // nil: time.Now
}

// Verify signs the signed part of a request once more with the secret of its access key, which it returns if the result
// is the same. The signer is the SDK's, so a header that it never signs, User-Agent for one, must not be signed.
func (v Verifier) Verify(r *http.Request, body []byte) (accessKey string, err error) {
	given, ok := parseSignature(strings.Join(r.Header.Values("Authorization"), ","))
	if !ok {
		return "", errNotSigned
	}
	scope := strings.Split(given.credential, "/") // ACCESS_KEY/DATE/REGION/SERVICE/aws4_request
	accessKey = scope[0]
	key, ok := v.Keys(accessKey)
	if !ok {
		return "", errAccessKey
	}
	token := r.Header.Get("X-Amz-Security-Token")
	switch {
	case token != "" && key.SessionToken == "":
		return "", errNoSession
	case subtle.ConstantTimeCompare([]byte(token), []byte(key.SessionToken)) != 1:
		return "", errSession
	}
	date, err := time.Parse(signatureTime, r.Header.Get("X-Amz-Date"))
	if err != nil || v.now().Sub(date).Abs() > maxSkew {
		return "", errSignatureDate
	}
	// What the parser leaves out would reach the service without being part of the signature.
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return "", errQuery
	}
	if len(scope) != 5 {
		return "", errScope
	}
	region, service := v.Region, v.Service
	if region == "" {
		region = scope[2]
	}
	if service == "" {
		service = scope[3]
	}
	hash := sha256.Sum256(body)
	again := signedPart(r, given.headers)
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: key.Secret},
		again, hex.EncodeToString(hash[:]), service, region, date)
	if err != nil {
		return "", err
	}
	want, _ := parseSignature(again.Header.Get("Authorization"))
	switch {
	case given.credential != want.credential:
		return "", errScope
	case given.headers != want.headers:
		return "", errSignedHeaders
	case subtle.ConstantTimeCompare([]byte(given.signature), []byte(want.signature)) != 1:
		return "", errWrongSecret
	}
	return accessKey, nil
}

func (v Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// signature is an Authorization header of signature version 4.
type signature struct {
	credential string // ACCESS_KEY/DATE/REGION/SERVICE/aws4_request
	headers    string // the names of the signed headers, lower-case, sorted, with ";" between them
	signature  string // hexadecimal
}

func parseSignature(authorization string) (signature, bool) {
	rest, ok := strings.CutPrefix(authorization, signatureFormat+" ")
	if !ok {
		return signature{}, false
	}
	var s signature
	parts := map[string]*string{"Credential": &s.credential, "SignedHeaders": &s.headers, "Signature": &s.signature}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		field := parts[name]
		if field == nil || *field != "" || value == "" {
			return signature{}, false
		}
		*field = value
	}
	return s, s.credential != "" && s.headers != "" && s.signature != ""
}

// signedPart is a request with the named headers only.
func signedPart(r *http.Request, names string) *http.Request {
	part := &http.Request{Method: r.Method, URL: new(*r.URL), Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(names, ";") {
		key := http.CanonicalHeaderKey(name)
		if values, ok := r.Header[key]; ok {
			part.Header[key] = slices.Clone(values)
		}
		if name == "content-length" { // the server keeps it apart
			part.ContentLength = r.ContentLength
		}
	}
	return part
}
