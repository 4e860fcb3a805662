package gateway

import "fmt"

// authorizationNone is the one type of authorization that can be enforced here. Another type is refused when the route
// is configured: a route that asked for a check is never served without it. A type that is added has its check at the
// head of handler.answer, before the body is read and the function is called.
const authorizationNone = "NONE"

func checkAuthorization(authorizationType string) error {
	if authorizationType != "" && authorizationType != authorizationNone {
		return fmt.Errorf("authorization type is %q, want NONE: the local gateway enforces no other, and leaves no route silently open",
			authorizationType)
	}
	return nil
}
