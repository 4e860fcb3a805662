package cloudtest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// ControlPlane is the control plane of the stack.
func ControlPlane() manifest.ControlPlane {
	return dynamotest.ControlPlaneOf(Stack)
}

// Unplaced makes up a tenant that no other test has, and that is in no cell.
func Unplaced() string { return "t-" + uuid.NewString()[:13] }

// Place puts a tenant into a cell.
func Place(t *testing.T, tables *dynamodb.Client, tenant string, c manifest.Cell) {
	t.Helper()
	_, err := placement.NewStore(tables, ControlPlane()).Assign(t.Context(), []manifest.Cell{c}, placement.Request{TenantID: tenant, CellID: c.ID})
	require.NoError(t, err)
}

// Tenant makes up a tenant that no other test has, and puts it into a cell.
func Tenant(t *testing.T, tables *dynamodb.Client, c manifest.Cell) string {
	t.Helper()
	tenant := Unplaced()
	Place(t, tables, tenant, c)
	return tenant
}
