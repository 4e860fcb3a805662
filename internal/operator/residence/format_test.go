package residence_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/residence"
	"cellular/internal/testkit/formattest"
)

func TestTheFormatOfATenantsRecordIsKept(t *testing.T) {
	db := newTables()
	require.True(t, commit(t, db, residence.GiveEpoch(table, "acme", "alpha", 3, now)))
	require.True(t, commit(t, db, residence.Remove(table, "globex", "beta", 5, now)))
	require.True(t, commit(t, db, residence.Remove(table, "initech", "beta", 5, now)))
	require.True(t, commit(t, db, residence.Revive(table, "initech", "alpha", 6, now)))
	kept := map[string]residence.Record{}
	for path, tenant := range map[string]string{"testdata/record-v1/placed-listed.json": "acme", "testdata/record-v1/removed-at.json": "globex", "testdata/record-v1/revived.json": "initech"} {
		kept[path] = record(t, db, tenant)
		for _, item := range db.Items(table) {
			if r, err := residence.FromItem(item); err == nil && r.TenantID == tenant {
				formattest.WritesItem(t, path, item)
			}
		}
	}
	kept["testdata/record-v1/placed.json"] = kept["testdata/record-v1/placed-listed.json"] // from before records were listed by cell
	before := kept["testdata/record-v1/removed-at.json"]                                   // from before records had the time
	before.RemovedAt = time.Time{}
	kept["testdata/record-v1/removed.json"] = before
	for path, item := range formattest.Items(t, "testdata/record-v*") {
		for _, item := range []formattest.Item{item, formattest.NewerItem(item)} {
			got, err := residence.FromItem(item)
			require.NoError(t, err, path)
			require.Equal(t, kept[path], got, path)
		}
	}
}
