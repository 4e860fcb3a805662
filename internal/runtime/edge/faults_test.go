package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/dynamotest"
)

// One fault that passes costs a client nothing but time. Any other one is a 503, never a 202 for what is not there, and
// the event can be sent again.
func TestSubmit_GetsOverEveryDocumentedFaultOfTheWrite(t *testing.T) {
	for _, f := range dynamotest.Faults(dynamotest.Call{Operation: "PutItem"}) {
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if f.Late {
					w.losing("alpha", f.Err)
				} else {
					w.failing("alpha", f.Err)
				}
				a := w.post(order)
				if f.Passing {
					require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
				} else {
					w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
					require.Contains(t, fmt.Sprint(w.lastLine(1)["error"]), "write event into cell alpha: ")
					require.Empty(t, w.db.Items(dataPrefix+"alpha"))
				}
				require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
				require.Len(t, w.db.Items(dataPrefix+"alpha"), 1)
			})
		})
	}
}

// losing has the next call to a cell's tables take effect, and its answer be lost.
func (w *world) losing(cell string, err error) {
	w.db.After = func(_ context.Context, c dynamotest.Call) error {
		if !strings.Contains(c.Table, cell) {
			return nil
		}
		w.db.After = nil
		return err
	}
}
