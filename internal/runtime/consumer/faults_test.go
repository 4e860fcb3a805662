package consumer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

// A fault that passes is no failure of the event. After another one, the next delivery finds the event as it was.
func TestConsumer_GetsOverEveryDocumentedFault(t *testing.T) {
	for name, c := range map[string]struct {
		floor int64
		want  ledger.Status
	}{
		"apply":  {0, ledger.Processed},
		"divert": {2, ledger.Diverted},
	} {
		t.Run(name, func(t *testing.T) {
			dynamotest.EveryFault(t, func(t *testing.T) dynamotest.Scenario {
				cell := newCell()
				names := naming.Stack("dev").Cell("alpha")
				db := dynamotest.NewTables(dynamotest.Cell(names))
				cell.Tables, cell.DataTable, cell.ResultsTable = db, names.DataTable(), names.ResultsTable()
				cell.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
					effect, err := count(ctx, e)
					effect.Writes[0].Update.TableName = &cell.ResultsTable
					effect.Writes[0].Update.UpdateExpression = aws.String("SET #tenant = :tenant ADD #id :one")
					effect.Writes[0].Update.ExpressionAttributeNames["#tenant"] = event.AttrTenantID
					effect.Writes[0].Update.ExpressionAttributeValues[":tenant"] = item.Text(e.TenantID)
					return effect, err
				}
				if c.floor > 0 {
					db.Put(cell.ResultsTable, ledger.Fence{TenantID: "acme", Floor: c.floor, State: ledger.Left}.Item())
				}
				return dynamotest.Scenario{
					DB: db,
					Act: func() error {
						if failed := cell.handle(t.Context(), t, deliver("e-1", "t", 1)); len(failed) > 0 {
							return errors.New(cell.log.String())
						}
						return nil
					},
					Done: func() {
						entry := db.Item(cell.ResultsTable, event.Key("acme", "e-1"))
						require.Equal(t, item.Text(string(c.want)), entry[ledger.AttrStatus])
						want := 0
						if c.want == ledger.Processed {
							want = 1
						}
						require.Equal(t, want, num(db.Item(cell.ResultsTable, "#counted")["e-1"]))
					},
				}
			})
		})
	}
}
