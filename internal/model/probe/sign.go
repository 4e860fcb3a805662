package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Signer signs a request, of which the body is given too.
type Signer func(ctx context.Context, r *http.Request, body []byte) error

// signedService is what API Gateway's requests are signed for.
const signedService = "execute-api"

// NewSigner returns a Signer that signs with an AWS principal's credentials, as routes with IAM authorization ask for.
func NewSigner(provider aws.CredentialsProvider, region string) Signer {
	signer := v4.NewSigner()
	return func(ctx context.Context, r *http.Request, body []byte) error {
		credentials, err := provider.Retrieve(ctx)
		if err != nil {
			return fmt.Errorf("find credentials: %w", err)
		}
		hash := sha256.Sum256(body)
		return signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), signedService, region, time.Now())
	}
}
