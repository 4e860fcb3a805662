package gateway

import (
	"net/http"
	"time"

	"cellular/local/awsapi"
)

// iamCaller is what a function learns of the principal that signed a request. The gateway
// has no ids of principals: they are those of their access keys.
type iamCaller struct {
	AccessKey       string `json:"accessKey"`
	AccountID       string `json:"accountId"`
	CallerID        string `json:"callerId"`
	CognitoIdentity any    `json:"cognitoIdentity"` // null: there is no Cognito
	PrincipalOrgID  any    `json:"principalOrgId"`  // null: the account is in no organization
	UserARN         string `json:"userArn"`
	UserID          string `json:"userId"`
}

// signedService is the service that requests to HTTP APIs are signed for.
const signedService = "execute-api"

// checkSignature is the check of the routes of an API that are of type AWS_IAM. The answer is 403 to a request without a
// signature too: API Gateway has no 401 for them.
func (g *Gateway) checkSignature(executionARN string, r *http.Request, body []byte, now time.Time) (*caller, *refusal) {
	accessKey, err := awsapi.Verifier{
		Keys: g.options.Keys, Service: signedService, Region: g.options.Region, Now: func() time.Time { return now },
	}.Verify(r, body)
	if err == nil {
		err = g.options.Authorize(accessKey, "execute-api:Invoke", executionARN+"/"+defaultStage+"/"+r.Method+r.URL.EscapedPath())
	}
	if err != nil {
		return nil, &refusal{forbidden(), err.Error()}
	}
	return &caller{IAM: &iamCaller{
		AccessKey: accessKey, AccountID: g.options.Account, CallerID: accessKey, UserID: accessKey, UserARN: g.options.Principal(accessKey),
	}}, nil
}
