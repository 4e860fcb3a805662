package provider_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"cellular/functions"
	"cellular/internal/testkit/pulumitest"
	"cellular/stack"
)

// The program registers nothing that the local cloud refuses: each of its resources, in a plane of each kind, is checked with what
// it registers. What a check cannot see, the tests see that deploy it.
func TestTakesWhatTheProgramRegisters(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	code := resource.NewProperty(zipFile(t, "code"))
	here := resource.NewProperty([]resource.PropertyValue{resource.NewProperty(functions.Architecture(runtime.GOARCH))}) // as Pulumi.local.yaml has it
	program := stack.Program(stack.Options{Package: func(context.Context, string) (functions.Artifacts, error) {
		return functions.Artifacts{Router: "/router.zip", Producer: "/producer.zip", Consumer: "/consumer.zip", Probe: "/probe.zip"}, nil
	}})
	seen := map[string]bool{}
	for _, config := range []map[string]string{
		{"cellular:plane": "all"},
		{"cellular:plane": "cells", "cellular:deployment": "prod"},
		{"cellular:protect": "false", "cellular:router": `{"auth":{"type":"none"}}`, "cellular:alarms": `{"period":"10s"}`},
		{"cellular:router": `{"auth":{"type":"jwt","issuer":"https://id.example.com","audience":["a"],"tenantClaim":"t"}}`, "cellular:functions": `{"tracing":true}`},
	} {
		config["aws:region"], config["cellular:cells"] = pulumitest.Region, `[{"id":"alpha"}]`
		for _, r := range pulumitest.Run(t, program, pulumitest.WithConfig(config)).Resources() {
			if !r.Custom || r.Type == "pulumi:providers:aws" {
				continue
			}
			in := r.Inputs.Copy()
			if _, ok := in["code"]; ok {
				in["code"], in["architectures"] = code, here
			}
			_, reasons := e.check(r.Type, in)
			require.Empty(t, reasons, "%s", r)
			seen[r.Type] = true
		}
	}
	for _, token := range []string{tableType, topicType, keyType, functionType, stageType, metricAlarmType, compositeType} {
		require.True(t, seen[token], token)
	}
}
