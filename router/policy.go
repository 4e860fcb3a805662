package router

import "cellular/internal/model/iam"

// statements are all that the router's role may do. Nothing here is about cells.
func statements(mappingTableARN, logGroupARN string, tracing bool) []iam.Statement {
	all := []iam.Statement{
		{
			Sid: "ReadMapping", Effect: iam.Allow,
			Actions:   []string{"dynamodb:GetItem"},
			Resources: []string{mappingTableARN},
		},
		iam.WriteLogs(logGroupARN),
	}
	if tracing {
		all = append(all, iam.WriteTraces())
	}
	return all
}
