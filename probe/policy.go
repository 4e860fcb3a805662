package probe

import (
	"fmt"
	"strings"

	"cellular/internal/model/controltables"
	"cellular/internal/model/iam"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/router"
)

// grants is all that the probe's role may do besides writing logs and traces. None of it is about a cell: the way into the cells
// is the router's.
func grants(stack naming.Stack, mappingTableARN, moveTableARN, executionARN string) []iam.Statement {
	cells := beside(mappingTableARN, "ssm", "parameter"+stack.CellParameters())
	return []iam.Statement{
		// AWS documents the path as the resource, and checks what is under it in some partitions' versions of the call.
		{Sid: "ListCells", Effect: iam.Allow, Actions: []string{"ssm:GetParametersByPath"}, Resources: []string{cells, cells + "/*"}},
		// The operator ForAllValues is true of a request without keys, which a PutItem never is.
		{
			Sid: "PlaceProbeTenants", Effect: iam.Allow, Actions: []string{"dynamodb:PutItem"}, Resources: []string{mappingTableARN},
			Condition: iam.Condition{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": mapping.ProbeTenant("*")}},
		},
		{Sid: "FindOpenMoves", Effect: iam.Allow, Actions: []string{"dynamodb:Query"}, Resources: []string{moveTableARN + "/index/" + controltables.OpenIndex}},
		{Sid: "Probe", Effect: iam.Allow, Actions: []string{"execute-api:Invoke"}, Resources: router.ProbeRoutes(executionARN)},
	}
}

// scheduleGrants is all that the schedule's role may do.
func scheduleGrants(functionARN string) []iam.Statement {
	return []iam.Statement{{Sid: "RunProbe", Effect: iam.Allow, Actions: []string{"lambda:InvokeFunction"}, Resources: []string{functionARN}}}
}

// schedulerTrust lets EventBridge Scheduler take the role, for the schedules of this account alone: the service acts for every
// account.
func schedulerTrust(tableARN string) iam.Statement {
	return iam.Statement{
		Sid: "AdmitScheduler", Effect: iam.Allow, Principal: iam.Principal{Service: "scheduler.amazonaws.com"}, Actions: []string{"sts:AssumeRole"},
		Condition: iam.Condition{
			"ArnEquals":    {"aws:SourceArn": beside(tableARN, "scheduler", "schedule-group/"+scheduleGroup)},
			"StringEquals": {"aws:SourceAccount": strings.Split(tableARN, ":")[4]},
		},
	}
}

// beside is the ARN of a resource in the partition, Region and account of another.
func beside(arn, service, resource string) string {
	parts := strings.SplitN(arn, ":", 6)
	return fmt.Sprintf("%s:%s:%s:%s:%s:%s", parts[0], parts[1], service, parts[3], parts[4], resource)
}
