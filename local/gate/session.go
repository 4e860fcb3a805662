package gate

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cellular/local/awsapi"
	"cellular/local/gate/policy"
)

// sessionOf is a role, and the name of a session of it.
type sessionOf struct{ role, name string }

// session are temporary credentials.
type session struct {
	of          sessionOf
	credentials aws.Credentials
	id          string // of the role, as it was when it was assumed: a role that is made again is another one
}

func newSession(of sessionOf) session { return session{of: of} }

// arn is the principal of a session: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
func (s session) arn() string {
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", partition, Account, roleName(s.of.role), s.of.name)
}

// roleName is the name in a role's ARN, without its path.
func roleName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// AssumeFor gives a service, such as "lambda.amazonaws.com", temporary credentials of a role that trusts it on behalf of a source;
// "" for none. They do not
// expire before the role does, and are the same for the same name of a session.
func (g *Gate) AssumeFor(service, roleARN, name, sourceARN string) (aws.Credentials, error) {
	request := policy.Request{Caller: policy.Caller{Service: service}, Action: "sts:AssumeRole", Resource: roleARN, Context: overTLS(sourceARN)}
	g.mu.RLock()
	role, ok := g.deployed.roles[roleARN]
	var decision policy.Decision
	if ok {
		decision = policy.Decide(nil, &role.trust, request)
	}
	g.mu.RUnlock()
	if !ok {
		return aws.Credentials{}, failure{http.StatusNotFound, "NoSuchEntity", "there is no role " + roleARN}
	}
	g.record(request, decision)
	if !decision.Allowed {
		return aws.Credentials{}, denied("Service: "+service, request, decision)
	}
	return g.assume(roleARN, name)
}

// Assume gives the administrator temporary credentials of a role.
func (g *Gate) Assume(roleARN, name string) (aws.Credentials, error) { return g.assume(roleARN, name) }

func (g *Gate) assume(roleARN, name string) (aws.Credentials, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	role, ok := g.deployed.roles[roleARN]
	if !ok {
		return aws.Credentials{}, failure{http.StatusNotFound, "NoSuchEntity", "there is no role " + roleARN}
	}
	of := sessionOf{roleARN, name}
	if s, ok := g.keys[of]; ok && s.id == role.id {
		return s.credentials, nil
	}
	s := session{of: of, id: role.id, credentials: aws.Credentials{
		AccessKeyID: "ASIA" + rand.Text()[:16], SecretAccessKey: rand.Text(), SessionToken: rand.Text(), Source: "local cloud",
	}}
	if before, ok := g.keys[of]; ok {
		delete(g.sessions, before.credentials.AccessKeyID)
	}
	g.keys[of], g.sessions[s.credentials.AccessKeyID] = s, s
	return s.credentials, nil
}

// Key finds the access key of a session.
func (g *Gate) Key(accessKey string) (awsapi.Key, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s, ok := g.sessions[accessKey]
	return awsapi.Key{Secret: s.credentials.SecretAccessKey, SessionToken: s.credentials.SessionToken}, ok
}

// session finds the session of an access key. Its role must be the one that was assumed.
func (g *Gate) session(accessKey string) (session, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s, ok := g.sessions[accessKey]
	if role, exists := g.deployed.roles[s.of.role]; !ok || !exists || role.id != s.id {
		return session{}, failure{http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid."}
	}
	return s, nil
}

// PrincipalOf is the ARN of an access key's owner.
func (g *Gate) PrincipalOf(accessKey string) string {
	if s, err := g.session(accessKey); err == nil {
		return s.arn()
	}
	return fmt.Sprintf("arn:%s:iam::%s:user/%s", partition, Account, accessKey)
}

// tellCaller answers GetCallerIdentity, for which the emulator knows no sessions.
func (g *Gate) tellCaller(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	key := awsapi.AccessKey(r.Context())
	writeXML(w, http.StatusOK, callerIdentity{
		NS: "https://sts.amazonaws.com/doc/2011-06-15/", ARN: g.PrincipalOf(key), UserID: key, Account: Account,
	})
}
