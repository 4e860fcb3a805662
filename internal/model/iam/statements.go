package iam

// LambdaTrust lets Lambda assume a function's role.
func LambdaTrust() Statement {
	return Statement{
		Sid: "LambdaAssumes", Effect: Allow,
		Principal: Principal{Service: "lambda.amazonaws.com"},
		Actions:   []string{"sts:AssumeRole"},
	}
}

// WriteLogs lets a function write to its own log group. The group itself is created beforehand, so that it has its
// retention from the first line on. The trailing wildcard stands for the streams within the group, which Lambda names.
func WriteLogs(logGroupARN string) Statement {
	return Statement{
		Sid: "WriteLogs", Effect: Allow,
		Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resources: []string{logGroupARN + ":*"},
	}
}

// WriteTraces lets a function send X-Ray segments. AWS defines no resource for these actions: this is the only grant on
// every resource.
func WriteTraces() Statement {
	return Statement{
		Sid: "WriteTraces", Effect: Allow,
		Actions:   []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
		Resources: []string{"*"},
	}
}

// RequireTLS refuses the actions on a resource to any request that did not come over TLS.
func RequireTLS(resourceARN string, actions ...string) Statement {
	return Statement{
		Sid: "RequireTLS", Effect: Deny,
		Principal: Principal{Everyone: true},
		Actions:   actions,
		Resources: []string{resourceARN},
		Condition: Condition{"Bool": {"aws:SecureTransport": "false"}},
	}
}

// The actions with a wildcard that an Allow may have.
const (
	// GenerateDataKeys are the four ways to make a data key. AWS's guides ask for all of them where a service encrypts for
	// another one, and do not say which one it calls.
	GenerateDataKeys = "kms:GenerateDataKey*"

	everyKeyAction = "kms:*"
)

// AdministerKey leaves a key to the policies of an account's own roles and users, as the default policy of a key does. Without it,
// no policy but the key's own counts, and a key whose policy admits nobody to kms:PutKeyPolicy can never be managed again, nor
// deleted: "Default key policy" of the KMS developer guide. The key is the resource, so there is no other one to name.
func AdministerKey(accountRootARN string) Statement {
	return Statement{
		Sid: "AccountAdministers", Effect: Allow,
		Principal: Principal{Account: accountRootARN},
		Actions:   []string{everyKeyAction},
		Resources: []string{"*"},
	}
}
