package mapping_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/dynamotest"
)

const tableName = "mapping"

func newDB() *dynamotest.DB { return dynamotest.New(map[string]string{tableName: "tenant_id"}) }

func acmeItem() dynamotest.Item {
	return dynamotest.Item{
		"tenant_id":  item.Text("acme"),
		"cell_id":    item.Text("alpha"),
		"epoch":      item.Number(1),
		"state":      item.Text("active"),
		"tier":       item.Text("standard"),
		"updated_at": item.Text("2026-02-03T04:05:06.000Z"),
	}
}

func TestStoreReadsAMapping(t *testing.T) {
	db := newDB()
	db.Put(tableName, acmeItem())
	got, err := mapping.NewStore(db, tableName).Get(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, acme(), got)
}

func TestStoreTellsUnknownFromUnreachable(t *testing.T) {
	db := newDB()
	store := mapping.NewStore(db, tableName)
	_, err := store.Get(t.Context(), "acme")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
	require.ErrorContains(t, err, `"acme"`)

	db.Intercept = func(context.Context, dynamotest.Call) error { return errDown }
	_, err = store.Get(t.Context(), "acme")
	require.ErrorIs(t, err, errDown)
	require.NotErrorIs(t, err, mapping.ErrUnknownTenant)
	require.ErrorContains(t, err, `read mapping of tenant "acme"`)
}

func TestStoreRefusesAnItemThatIsNoMapping(t *testing.T) {
	for _, c := range []struct {
		attribute string
		value     types.AttributeValue // nil removes the attribute
		want      string
	}{
		{"cell_id", nil, "attribute cell_id is missing"},
		{"cell_id", item.Text("../alpha"), `attribute cell_id is "../alpha"`},
		{"cell_id", item.Text("Alpha"), `attribute cell_id is "Alpha"`},
		{"epoch", item.Number(0), `attribute epoch is "0"`},
		{"epoch", item.Text("1"), "attribute epoch is missing or not a number"},
		{"state", item.Text("Asleep"), `attribute state is "Asleep", want a word of lower-case letters and -`},
		{"tier", item.Text(""), `attribute tier is ""`},
		{"updated_at", item.Text("now"), `attribute updated_at is "now"`},
	} {
		t.Run(c.attribute, func(t *testing.T) {
			item := acmeItem()
			if c.value == nil {
				delete(item, c.attribute)
			} else {
				item[c.attribute] = c.value
			}
			db := newDB()
			db.Put(tableName, item)
			_, err := mapping.NewStore(db, tableName).Get(t.Context(), "acme")
			require.ErrorIs(t, err, mapping.ErrMalformed)
			require.ErrorContains(t, err, `tenant "acme"`)
			require.ErrorContains(t, err, c.want)
		})
	}
}

var errDown = errors.New("connection refused")

func acme() mapping.Mapping {
	return mapping.Mapping{
		TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active, Tier: "standard",
		UpdatedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
	}
}
