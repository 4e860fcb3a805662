package router

import "cellular/internal/model/iam"

// readMapping is all that the router's role may do besides writing logs and traces. Nothing here is about cells.
func readMapping(mappingTableARN string) []iam.Statement {
	return []iam.Statement{{
		Sid: "ReadMapping", Effect: iam.Allow,
		Actions:   []string{"dynamodb:GetItem"},
		Resources: []string{mappingTableARN},
	}}
}
