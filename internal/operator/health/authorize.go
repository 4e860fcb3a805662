package health

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"cellular/internal/model/env"
)

// Authorizer adds to a request, of which the body is given too, what makes the router take it.
type Authorizer func(ctx context.Context, r *http.Request, body []byte) error

// signedService is what API Gateway's requests are signed for.
const signedService = "execute-api"

// ErrNoToken is the error for a router that asks for a token where none was given.
var ErrNoToken = errors.New("the router asks for a JWT and none was given")

// NewAuthorizer returns what the router's kind of authorization asks for: nothing, a signature with the operator's
// credentials, or the bearer token. A token speaks for the one tenant that it names, so it probes that tenant's cell only.
func NewAuthorizer(auth string, credentials aws.CredentialsProvider, region, token string) (Authorizer, error) {
	switch auth {
	case env.AuthNone:
		return func(context.Context, *http.Request, []byte) error { return nil }, nil
	case env.AuthIAM:
		return sign(credentials, region), nil
	case env.AuthJWT:
		if token == "" {
			return nil, fmt.Errorf("%w: it must name the tenant that the cell is probed with, cellctl-probe.CELL", ErrNoToken)
		}
		return func(_ context.Context, r *http.Request, _ []byte) error {
			r.Header.Set("Authorization", "Bearer "+token)
			return nil
		}, nil
	}
	return nil, fmt.Errorf("the router's authorization is %q, want %s, %s or %s", auth, env.AuthIAM, env.AuthJWT, env.AuthNone)
}

func sign(provider aws.CredentialsProvider, region string) Authorizer {
	signer := v4.NewSigner()
	return func(ctx context.Context, r *http.Request, body []byte) error {
		credentials, err := provider.Retrieve(ctx)
		if err != nil {
			return err
		}
		hash := sha256.Sum256(body)
		return signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), signedService, region, time.Now())
	}
}
