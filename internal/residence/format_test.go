package residence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/formattest"
	"cellular/internal/residence"
)

func TestTheFormatOfATenantsRecordIsKept(t *testing.T) {
	db := newTables()
	require.True(t, commit(t, db, residence.GiveEpoch(table, "acme", "alpha", 3, now)))
	require.True(t, commit(t, db, residence.Remove(table, "globex", "beta", 5, now)))
	kept := map[string]residence.Record{}
	for path, tenant := range map[string]string{"testdata/record-v1/placed-listed.json": "acme", "testdata/record-v1/removed.json": "globex"} {
		kept[path] = record(t, db, tenant)
		for _, item := range db.Items(table) {
			if r, err := residence.FromItem(item); err == nil && r.TenantID == tenant {
				formattest.WritesItem(t, path, item)
			}
		}
	}
	kept["testdata/record-v1/placed.json"] = kept["testdata/record-v1/placed-listed.json"] // from before records were listed by cell
	for path, item := range formattest.Items(t, "testdata/record-v*") {
		for _, item := range []formattest.Item{item, formattest.NewerItem(item)} {
			got, err := residence.FromItem(item)
			require.NoError(t, err, path)
			require.Equal(t, kept[path], got, path)
		}
	}
}
