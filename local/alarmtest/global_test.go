package alarmtest_test

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"cellular/internal/model/naming"
	"cellular/internal/testkit/cloudtest"
	"cellular/local/lambda"
)

// globalFault breaks one thing of the router or the control plane. The alarm has to fire, and no other one of the deployment
// but the composite alarms of what the alarms are of, and those of also.
type globalFault struct {
	alarm string
	also  []string // alarms that belong to the fault, too
	why   string   // they do
	pages string   // the composite alarm that pages; the others are suppressed
	harm  func(t *testing.T, w *world) (mend func(t *testing.T))
}

// Few requests are too few to judge a share by, and enough for what counts what must not be: so the alarms of one part can be
// told from each other. An outage of the real size makes several of them fire, which is one page all the same.
const (
	few  = 3
	some = 2.5 // a second: 25 a period, as many as the shares of the control plane need, and not those of the router
	many = 8   // a second: 80 a period
)

var globalFaults = []globalFault{
	{alarm: stack.ControlPlaneAlarm(naming.AlarmMappingThrottles), pages: stack.ControlPlaneHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		end := w.trouble.cause([]string{"GetItem"}, []string{w.outputs.MappingTable}, throttle)
		w.ask(t, few)
		return func(*testing.T) { end() }
	}},
	{alarm: stack.ControlPlaneAlarm(naming.AlarmMappingErrors), pages: stack.ControlPlaneHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		end := w.trouble.cause([]string{"GetItem"}, []string{w.outputs.MappingTable}, fail)
		w.ask(t, few)
		return func(*testing.T) { end() }
	}},
	{alarm: stack.ControlPlaneAlarm(naming.AlarmStaleAnswers), pages: stack.ControlPlaneHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		tenant := w.tenant(t, w.outputs.Cells[quiet])
		w.Accept(t, tenant, "first", cloudtest.Visit, cloudtest.Page)
		restore := w.revoke(t)
		// The router goes on with what it knows, and asks now and then: those are too few reads to judge by.
		stop := w.keepAsking(t, some, func() string { return tenant })
		return func(t *testing.T) {
			restore(t)
			w.keepUntilQuiet(t, stop)
		}
	}},
	{alarm: stack.ControlPlaneAlarm(naming.AlarmRefreshFailures), pages: stack.ControlPlaneHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		restore := w.revoke(t)
		stop := w.keepAsking(t, some, cloudtest.Unplaced)
		return func(t *testing.T) {
			restore(t)
			w.keepUntilQuiet(t, stop)
		}
	}},
	{
		alarm: stack.RouterAlarm(naming.AlarmFailures), also: []string{stack.ControlPlaneAlarm(naming.AlarmRefreshFailures), stack.ControlPlaneHealth()},
		why: "a request finds no cell when the mapping of its tenant can be neither read nor remembered", pages: stack.ControlPlaneHealth(),
		harm: func(t *testing.T, w *world) func(*testing.T) {
			w.revoke(t)
			stop := w.keepAsking(t, many, cloudtest.Unplaced)
			return func(t *testing.T) {
				w.refresh(t)
				w.keepUntilQuiet(t, stop)
			}
		},
	},
	{alarm: stack.RouterAlarm(naming.AlarmErrors), pages: stack.RouterHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		w.change(t, stack.Router(), func(c *lambda.FunctionConfig) { c.Env = nil })
		w.ask(t, few)
		return w.refresh
	}},
	{alarm: stack.RouterAlarm(naming.AlarmThrottles), pages: stack.RouterHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		w.change(t, stack.Router(), func(c *lambda.FunctionConfig) { c.ReservedConcurrency = 0 })
		w.ask(t, few)
		return w.refresh
	}},
	{alarm: stack.RouterAlarm(naming.AlarmIntegrationFailures), pages: stack.RouterHealth(), harm: func(t *testing.T, w *world) func(*testing.T) {
		router, err := w.cloud.Lambda.GetFunction(t.Context(), stack.Router())
		require.NoError(t, err)
		require.NoError(t, w.cloud.Lambda.DeleteFunction(t.Context(), stack.Router()))
		stop := w.keepAsking(t, many, cloudtest.Unplaced)
		return func(t *testing.T) {
			_, err := w.cloud.Lambda.CreateFunction(t.Context(), router.Config)
			require.NoError(t, err)
			w.keepUntilQuiet(t, stop)
		}
	}},
}

// refresh mends what somebody changed by hand, as the runbooks say.
func (w *world) refresh(t *testing.T) {
	t.Helper()
	_, _, err := w.cloud.UpRefresh(t.Context(), nil)
	require.NoError(t, err)
}

// ask sends so many requests of tenants that are in no cell.
func (w *world) ask(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, w.Get(t.Context(), cloudtest.Unplaced(), "e").Err)
	}
}

// keepAsking has requests of tenants sent at a rate, until stop is called. They come one by one, so that as few processes of the
// router as can be answer them.
func (w *world) keepAsking(t *testing.T, perSecond rate.Limit, tenant func() string) (stop func()) {
	crowd, limit := cloudtest.NewCrowd(t.Context()), rate.NewLimiter(perSecond, 1)
	for range cloudtest.Connections {
		crowd.Go(rate.Inf, func(ctx context.Context, _ int) {
			if limit.Wait(ctx) == nil {
				w.Get(ctx, tenant(), "first")
			}
		})
	}
	return crowd.Stop
}

// keepUntilQuiet lets the requests go on until all alarms are OK: they go back although there is load.
func (w *world) keepUntilQuiet(t *testing.T, stop func()) {
	t.Helper()
	w.awaitQuiet(t, all)
	stop()
}

// revoke takes the router's rights away, until restore is called. Those to enter a cell are the cell's to grant.
func (w *world) revoke(t *testing.T) (restore func(*testing.T)) {
	t.Helper()
	role := stack.RouterRole()
	list, err := w.roles.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
	require.NoError(t, err)
	require.NotEmpty(t, list.PolicyNames)
	var policies []*iam.GetRolePolicyOutput
	for _, name := range list.PolicyNames {
		p, err := w.roles.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		require.NoError(t, err)
		policies = append(policies, p)
		_, err = w.roles.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
		require.NoError(t, err)
	}
	return func(t *testing.T) {
		for _, p := range policies {
			document, err := url.QueryUnescape(*p.PolicyDocument)
			require.NoError(t, err)
			_, err = w.roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: p.PolicyName, PolicyDocument: &document})
			require.NoError(t, err)
		}
	}
}

func TestAFaultOfTheGlobalPlaneIsOnePage(t *testing.T) {
	w := start(t)
	for _, f := range globalFaults {
		ok := t.Run(f.alarm, func(t *testing.T) {
			w.awaitQuiet(t, all)
			began := time.Now()
			a, _ := stack.ParseAlarm(f.alarm)
			paging, _ := stack.ParseAlarm(f.pages)
			composite := stack.RouterHealth()
			if a.Owner == naming.OwnerControlPlane {
				composite = stack.ControlPlaneHealth()
			}
			want := append([]string{f.alarm, composite}, f.also...)
			slices.Sort(want)

			mend := f.harm(t, w)
			w.awaitFiring(t, want...)
			w.awaitPage(t, began, types.StateValueAlarm, all, f.pages)
			mend(t)
			w.awaitQuiet(t, all)
			w.awaitPage(t, began, types.StateValueOk, of(paging.Owner, ""), f.pages)
			require.Equal(t, want, w.fired(began, all), "%s", f.why)
			require.Equal(t, []string{f.pages}, w.paged(t, began, types.StateValueAlarm, all), "one fault, one page")
		})
		if !ok {
			return // what is broken may be so still
		}
	}
}

// TestGlobalFaults_AreOneForEachAlarm looks at what was deployed, too.
func TestGlobalFaults_AreOneForEachAlarm(t *testing.T) {
	w := start(t)
	var faults, deployed []string
	for _, f := range globalFaults {
		faults = append(faults, f.alarm)
		require.Equal(t, len(f.also) > 0, f.why != "", "fault %s says why other alarms belong to it", f.alarm)
	}
	for name := range w.states(t) {
		if a, ok := stack.ParseAlarm(name); ok && a.Owner != naming.OwnerCell && a.Part != "" {
			deployed = append(deployed, name)
		}
	}
	var want []string
	for _, part := range naming.RouterAlarms() {
		want = append(want, stack.RouterAlarm(part))
	}
	for _, part := range naming.ControlPlaneAlarms() {
		want = append(want, stack.ControlPlaneAlarm(part))
	}
	require.ElementsMatch(t, want, faults)
	require.ElementsMatch(t, want, deployed)
}
