package dynamotest

import (
	"fmt"
	"maps"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/model/ratecounter"
)

// Deployment is the tables of a whole deployment: those of the control plane and those of each cell.
func Deployment(stack naming.Stack, cellIDs ...string) map[string]Table {
	tables := ControlPlane(stack)
	for _, id := range cellIDs {
		maps.Copy(tables, Cell(stack.Cell(id)))
	}
	return tables
}

// ControlPlane is the tables of the control plane.
func ControlPlane(stack naming.Stack) map[string]Table {
	return map[string]Table{
		stack.MappingTable(): {
			Hash: S(mapping.AttrTenantID),
			Indexes: map[string]Index{
				mapping.CellIndex: {Hash: S(mapping.AttrCellID), Range: S(mapping.AttrTenantID), Projection: types.ProjectionTypeAll},
			},
		},
		stack.CellTable(): {Hash: S(controltables.AttrCellID)},
		stack.MoveTable(): {
			Hash: S(controltables.AttrTenantID), Range: N(controltables.AttrEpoch),
			Indexes: map[string]Index{
				controltables.OpenIndex: {
					Hash: S(controltables.AttrOpen), Range: S(controltables.AttrTenantID), Projection: types.ProjectionTypeAll,
				},
			},
		},
		stack.AuditTable(): {Hash: S(controltables.AttrMonth), Range: S(controltables.AttrAct)},
	}
}

// ControlPlaneOf names the tables of the control plane.
func ControlPlaneOf(stack naming.Stack) manifest.ControlPlane {
	return manifest.ControlPlane{
		MappingTable: stack.MappingTable(), CellTable: stack.CellTable(), MoveTable: stack.MoveTable(), AuditTable: stack.AuditTable(),
	}
}

// Cell is the data table and the results table of a cell.
func Cell(cell naming.Cell) map[string]Table {
	keysOnly := func(hash, rng string) Index {
		return Index{Hash: S(hash), Range: S(rng), Projection: types.ProjectionTypeKeysOnly}
	}
	return map[string]Table{
		cell.CountersTable(): {Hash: S(ratecounter.AttrTenantID)},
		cell.DataTable(): {
			Hash: S(event.AttrKey),
			Indexes: map[string]Index{
				event.ShardTimeIndex:  keysOnly(event.AttrTenantShard, event.AttrAcceptedAt),
				event.TenantTimeIndex: keysOnly(event.AttrTenantID, event.AttrAcceptedAt),
			},
			Refuse: unsharded,
		},
		cell.ResultsTable(): {
			Hash: S(event.AttrKey),
			Indexes: map[string]Index{
				ledger.ShardIndex:   keysOnly(event.AttrTenantShard, event.AttrKey),
				ledger.TenantIndex:  keysOnly(event.AttrTenantID, event.AttrKey),
				ledger.WaitingIndex: keysOnly(ledger.AttrWaiting, event.AttrKey),
			},
			Refuse: unsharded,
		},
	}
}

// unsharded is the error of an event or outcome that is written without the index keys of its shard, or with those of the
// version before: whoever lists the tenant would miss it, or the tenant's one key would be hot. What the version before has
// written may be updated, and stays as it is then.
func unsharded(old, item Item) error {
	if old != nil && reflect.DeepEqual(old[event.AttrTenantID], item[event.AttrTenantID]) && old[event.AttrTenantShard] == nil {
		return nil
	}
	if sharded := ledger.Sharded(item); !reflect.DeepEqual(sharded, item) {
		return fmt.Errorf("dynamotest: item %s is written with %s %s, %s %s and %s %s, want the keys that ledger.Sharded gives it", scalar(item[event.AttrKey]),
			event.AttrTenantShard, scalar(item[event.AttrTenantShard]), event.AttrTenantID, scalar(item[event.AttrTenantID]),
			ledger.AttrWaiting, scalar(item[ledger.AttrWaiting]))
	}
	return nil
}
