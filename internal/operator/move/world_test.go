package move_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	cellfleet "cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/runtime/consumer"
	"cellular/internal/runtime/edge"
	"cellular/internal/testkit/dynamotest"
)

const (
	stack      = naming.Stack("model")
	tenant     = "acme"
	hardTTL    = time.Minute      // the age past which a router does not use a mapping
	cellTime   = time.Second      // how long a router's write may take
	quarantine = 63 * time.Second // hardTTL, cellTime, and a margin
)

// control names the control plane.
var control = dynamotest.ControlPlaneOf(stack)

// T is what a test and a property have in common.
type T interface {
	require.TestingT
	Helper()
}

// world is the whole system in memory: the control plane's tables, two cells with their tables, streams, queues, dead
// letter queues and real consumers, and a clock. Nothing in it happens by itself: a test makes each step.
type world struct {
	T
	db    *dynamotest.DB
	now   time.Time
	cells map[string]*cellWorld

	nth      int               // how many tenants of the name there were before
	nthOf    map[int64]int     // and to which of them each epoch was given
	accepted map[string]string // the events that were answered with 202, with their type
	owners   map[int64]string  // the cell that the mapping named under each epoch
	flips    int               // how often a flip was looked at
	applied  map[string]int    // how often each event took effect, anywhere

	broken   map[string]bool // cells whose pipelines have no tables, and do nothing
	vanished map[string]bool // cells that publish no manifest any more
	noQueue  string          // a queue that is not there

	dataTTL   time.Duration // how long an event is kept; 0 for ever
	callTakes time.Duration // how long each call of a mover takes
	parallel  int           // how many pages a mover works on at a time

	beforePass func(time.Duration) // what has to happen before time goes by, or nil
	// meet makes a mover's transaction meet others, or is nil.
	meet     func(in *dynamodb.TransactWriteItemsInput, call func())
	mu       sync.Mutex  // for hooked
	isBefore func() bool // whether a consumer of the version before takes the next message, or nil
}

// cellWorld is one cell.
type cellWorld struct {
	manifest.Cell
	*consumer.Consumer
	before *consumer.Consumer // of the version before
	stream []event.Event
	queue  []message
	dlq    []message
}

// message is one in a queue.
type message struct {
	body, eventID string
	receives      int
}

func manifestOf(id string) manifest.Cell {
	names := stack.Cell(id)
	return manifest.Cell{
		ID: id, Tier: mapping.TierStandard, MaxTenants: 10, DataTable: names.DataTable(), ResultsTable: names.ResultsTable(),
		QueueURL: names.Queue(), ConsumerDLQURL: names.ConsumerDLQ(),
		Settings: manifest.Settings{InlinePayloadBytes: 65536, ResultTTL: manifest.Duration(90 * 24 * time.Hour)},
	}
}

func newWorld(t T) *world {
	w := &world{
		T: t, db: dynamotest.NewTables(dynamotest.Deployment(stack, "alpha", "beta")),
		now:      time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		cells:    map[string]*cellWorld{},
		accepted: map[string]string{}, nthOf: map[int64]int{}, owners: map[int64]string{}, applied: map[string]int{},
		broken: map[string]bool{}, vanished: map[string]bool{},
	}
	w.db.PageItems = 3 // so that nothing fits one page
	for _, id := range []string{"alpha", "beta"} {
		c := &cellWorld{Cell: manifestOf(id)}
		options := consumer.Options{
			Apply: w.apply(c), Tables: w.db, Queue: patient{}, DataTable: c.DataTable, ResultsTable: c.ResultsTable, QueueURL: c.QueueURL,
			DeadLetterURL: c.ConsumerDLQURL, MaxReceiveCount: 3, RecordTimeout: time.Minute, BackoffBase: time.Second, BackoffMax: time.Second,
			ResultTTL: 90 * 24 * time.Hour, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		}
		c.Consumer = consumer.New(options)
		options.Tables = fenceAlone{w.db}
		c.before = consumer.New(options)
		w.cells[id] = c
		w.db.OnInsert(c.DataTable, func(item dynamotest.Item) {
			if item[event.AttrClonedFrom] != nil {
				return
			}
			e, err := event.FromItem(item)
			require.NoError(w, err)
			c.stream = append(c.stream, e)
		})
	}
	cells := []manifest.Cell{w.cells["alpha"].Cell, w.cells["beta"].Cell}
	_, err := w.placement().Assign(context.Background(), cells, placement.Request{TenantID: tenant, CellID: "alpha"})
	require.NoError(t, err)
	w.look()
	return w
}

func (w *world) placement() *placement.Store {
	store := placement.NewStore(w.db, control)
	store.Now = func() time.Time { return w.now }
	return store
}

// patient is a queue whose visibility timeouts a test does not wait for.
type patient struct{}

func (patient) DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	return &sqs.DeleteMessageBatchOutput{}, nil
}

func (patient) SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return nil, errors.New("the model has no copies of messages")
}

func (patient) ChangeMessageVisibilityBatch(
	context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return &sqs.ChangeMessageVisibilityBatchOutput{}, nil
}

// apply is the business logic: it counts each event by itself, so that a test sees which one took effect how often.
// Events of the type poison panic. One of the type again has the id of another event, and is counted apart.
func (w *world) apply(c *cellWorld) app.Apply {
	return func(_ context.Context, e event.Event) (app.Effect, error) {
		if e.Type == "poison" {
			panic("poison")
		}
		if e.Type == "again" {
			e.ID += " again"
		}
		return app.Effect{Writes: []types.TransactWriteItem{{Update: &types.Update{
			TableName:                aws.String(c.ResultsTable),
			Key:                      dynamotest.Item{event.AttrKey: item.Text("#counters#" + e.TenantID)},
			UpdateExpression:         aws.String("SET #tenant = :tenant ADD #event :one"),
			ExpressionAttributeNames: map[string]string{"#tenant": event.AttrTenantID, "#event": "n:" + e.ID},
			ExpressionAttributeValues: dynamotest.Item{
				":tenant": item.Text(e.TenantID), ":one": item.Number(1),
			},
		}}}}, nil
	}
}

// place is the tenant's mapping as it is now.
func (w *world) place() mapping.Mapping {
	m, err := mapping.NewStore(w.db, stack.MappingTable()).Get(context.Background(), tenant)
	require.NoError(w, err)
	return m
}

// placed is the tenant's mapping as it is now, or none.
func (w *world) placed() (m mapping.Mapping, there bool) {
	m, err := mapping.NewStore(w.db, stack.MappingTable()).Get(context.Background(), tenant)
	if errors.Is(err, mapping.ErrUnknownTenant) {
		return mapping.Mapping{}, false
	}
	require.NoError(w, err)
	return m, true
}

// look notes who owns the tenant, and checks that nobody else does under the same epoch, and that the tenant's record says
// so, with an epoch that a move or a removal under way has taken already. No epoch is given in two lives of the tenant.
func (w *world) look() {
	m, there := w.placed()
	if !there {
		return
	}
	record, err := residence.Get(context.Background(), w.db, stack.MoveTable(), tenant)
	require.NoError(w, err)
	if now, _ := w.placed(); now != m {
		w.look() // a transaction that is under way has come between the two
		return
	}
	if nth, ok := w.nthOf[m.Epoch]; ok {
		require.Equal(w, nth, w.nth, "epoch %d was given to two tenants of the name", m.Epoch)
	}
	w.nthOf[m.Epoch] = w.nth
	require.Equal(w, m.CellID, record.LastCell)
	require.GreaterOrEqual(w, record.LastEpoch, m.Epoch)
	if m.MovingTo == "" && m.Removing == 0 {
		require.Equal(w, m.Epoch, record.LastEpoch)
	}
	if owner, ok := w.owners[m.Epoch]; ok {
		require.Equal(w, owner, m.CellID, "two owners under epoch %d", m.Epoch)
	}
	w.owners[m.Epoch] = m.CellID
}

// router is one process of the router: what it remembers of the tenant, and a write that is on its way.
type router struct {
	known  mapping.Mapping
	readAt time.Time
	write  func() // nil if none
	until  time.Time
}

// refresh has a router read the mapping.
func (w *world) refresh(r *router) {
	r.known, _ = w.placed()
	r.readAt = w.now
}

// begin has a router take an event from a client and look for its cell, with what it remembers. land ends that.
func (w *world) begin(r *router, id, kind string) {
	if w.now.Sub(r.readAt) >= hardTTL {
		w.refresh(r)
	}
	e := event.Event{
		TenantID: tenant, ID: id, Type: kind, Payload: json.RawMessage(`{"n":1}`), Epoch: r.known.Epoch,
		AcceptedAt: w.now.Truncate(time.Millisecond),
	}
	if w.dataTTL > 0 {
		e.ExpiresAt = event.Expiry(e.AcceptedAt, w.dataTTL)
	}
	cell := r.known.CellID
	r.until = w.now.Add(cellTime)
	r.write = func() {
		existing, err := w.tables().Write(context.Background(), cell, e)
		require.NoError(w, err)
		if existing != nil {
			require.Equal(w, e.Type, existing.Type)
		}
		w.accepted[id] = kind
	}
}

func (w *world) land(r *router) {
	if write := r.write; write != nil {
		r.write = nil
		write()
	}
}

func (w *world) tables() edge.Tables {
	return edge.Tables{Client: w.db, DataPrefix: stack.DataTablePrefix(), ResultsPrefix: stack.ResultsTablePrefix(), Now: func() time.Time { return w.now }}
}

// send is a router's whole work on an event.
func (w *world) send(r *router, id, kind string) {
	w.begin(r, id, kind)
	w.land(r)
}

// readable checks that a client can read an event through a router, whatever that remembers.
func (w *world) readable(r *router, id string) {
	if w.now.Sub(r.readAt) >= hardTTL {
		w.refresh(r)
	}
	_, err := w.tables().Read(context.Background(), r.known.CellID, tenant, id)
	require.NoError(w, err, "event %s through a router that knows %+v", id, r.known)
}

// publish has a cell's producer bring n records of the stream to the queue. The stream keeps them if keep says so, to
// bring them again.
func (w *world) publish(c *cellWorld, n int, keep bool) {
	n = min(n, len(c.stream))
	for _, e := range c.stream[:n] {
		body, err := event.Message{Event: e}.Encode()
		require.NoError(w, err)
		c.queue = append(c.queue, message{body: string(body), eventID: e.ID})
	}
	if !keep {
		c.stream = c.stream[n:]
	}
}

// consume has a cell's consumer handle a message of its queue. With again, the queue delivers it once more later.
func (w *world) consume(c *cellWorld, at int, again bool) {
	m := c.queue[at]
	m.receives++
	before := w.effects()
	handler := c.Consumer
	if w.isBefore != nil && w.isBefore() {
		handler = c.before
	}
	answer, err := handler.Handle(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "m-" + m.eventID, ReceiptHandle: "r", Body: m.body,
		Attributes: map[string]string{"ApproximateReceiveCount": fmt.Sprint(m.receives)},
	}}})
	require.NoError(w, err)
	for id := range w.effects() {
		if before[id] == 0 {
			w.applied[id]++
			decoded, err := event.DecodeMessage([]byte(m.body))
			require.NoError(w, err)
			require.Equal(w, w.owners[decoded.Epoch], c.ID, "event %s of epoch %d was applied by a cell that did not own it", id, decoded.Epoch)
		}
	}
	c.queue = slices.Delete(c.queue, at, at+1)
	switch failed := len(answer.BatchItemFailures) > 0; {
	case failed && m.receives >= c.MaxReceiveCount:
		m.receives = 0
		c.dlq = append(c.dlq, m)
	case failed || again:
		c.queue = append(c.queue, m)
	}
}

// effects is how many cells have each event's effect. It fails where an event has one twice in one cell.
func (w *world) effects() map[string]int {
	all := map[string]int{}
	for _, c := range w.cells {
		for id, n := range w.counters(c) {
			require.Equal(w, "1", n, "event %s in cell %s", id, c.ID)
			all[id]++
		}
	}
	return all
}

func (w *world) counters(c *cellWorld) map[string]string {
	counts := map[string]string{}
	for name, v := range w.db.Item(c.ResultsTable, "#counters#"+tenant) {
		if id, ok := strings.CutPrefix(name, "n:"); ok {
			counts[id] = v.(*types.AttributeValueMemberN).Value
		}
	}
	return counts
}

// SendMessageBatch implements the queue that the mover sends to.
func (w *world) SendMessageBatch(
	_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{}
	for _, entry := range in.Entries {
		m := message{body: *entry.MessageBody, eventID: *entry.MessageAttributes[event.MessageAttrID].StringValue}
		require.Equal(w, tenant, aws.ToString(entry.MessageGroupId), "the message group")
		found := false
		for _, c := range w.cells {
			switch *in.QueueUrl {
			case c.QueueURL:
				c.queue, found = append(c.queue, m), true
			case c.ConsumerDLQURL:
				c.dlq, found = append(c.dlq, m), true
			}
		}
		require.True(w, found, "no queue %s", *in.QueueUrl)
		out.Successful = append(out.Successful, sqstypes.SendMessageBatchResultEntry{Id: entry.Id})
	}
	return out, nil
}

// quiesce has producers and consumers work until there is nothing left to do.
func (w *world) quiesce() {
	for _, c := range w.cells {
		require.Less(w, len(c.queue), 20*len(w.accepted)+100, "messages in the queue of cell %s", c.ID)
	}
	for range 1000 {
		busy := false
		for _, id := range slices.Sorted(maps.Keys(w.cells)) {
			c := w.cells[id]
			if w.broken[id] {
				continue
			}
			w.publish(c, len(c.stream), false)
			for len(c.queue) > 0 {
				busy = true
				w.consume(c, 0, false)
			}
		}
		if !busy {
			return
		}
	}
	w.Errorf("the pipelines do not come to rest")
	w.FailNow()
}

// mover returns a mover whose calls go through the hooks: before each, and when it has taken effect. An error of a hook
// is what the mover gets.
func (w *world) mover(h *hooks) *move.Mover {
	client := hooked{w, h}
	return move.New(move.Options{
		DynamoDB: client, Queue: client, ControlPlane: control,
		Cell: func(_ context.Context, id string) (manifest.Cell, error) {
			if c := w.cells[id]; c != nil && !w.vanished[id] {
				return c.Cell, nil
			}
			return manifest.Cell{}, cellfleet.ErrUnknownCell
		},
		HasQueue:   func(_ context.Context, url string) (bool, error) { return url != w.noQueue, nil },
		Quarantine: quarantine, IndexSettle: time.Second, Poll: 20 * time.Second, Parallel: w.parallel, Holder: "mover", Gone: func(string) bool { return true },
		Now: func() time.Time { return w.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			if err := h.call(h.before); err != nil {
				return err
			}
			w.pass(d)
			return nil
		},
	})
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	if w.beforePass != nil {
		w.beforePass(d)
	}
	w.now = w.now.Add(d)
}

// hooks are what happens around each call of a mover.
type hooks struct {
	before, after func() error
	calls         int
	listing       bool // the last call was a Query
	everyCopy     bool // each copy of a fence is a call of its own
	copies        int  // how many copies the last calls have written
}

func (h *hooks) call(hook func() error) error {
	if hook == nil {
		return nil
	}
	return hook()
}

// hooked is DynamoDB and SQS as one mover sees them. Its calls follow one another, also where the mover makes several at a time.
type hooked struct {
	w *world
	h *hooks
}

func (d hooked) lock() (unlock func()) {
	if d.w.parallel <= 1 {
		return func() {} // a hook may have another mover at work
	}
	d.w.mu.Lock()
	return d.w.mu.Unlock
}

func around[In, Out any](d hooked, ctx context.Context, in In, do func(context.Context, In) (Out, error)) (Out, error) {
	var none Out
	h := d.h
	h.calls++
	if d.w.callTakes > 0 {
		d.w.pass(d.w.callTakes)
	}
	h.listing, h.copies = false, 0
	if err := h.call(h.before); err != nil {
		return none, err
	}
	out, err := do(ctx, in)
	if err := h.call(h.after); err != nil {
		return none, err
	}
	return out, err
}

func (d hooked) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	defer d.lock()()
	return around(d, ctx, in, func(ctx context.Context, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
		return d.w.db.GetItem(ctx, in)
	})
}

// Query is one call with those right before it: a listing asks for a page of each shard, and a mover that dies between two of
// them has done no more than one that dies before the first.
func (d hooked) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	defer d.lock()()
	if d.h.listing {
		return d.w.db.Query(ctx, in)
	}
	defer func() { d.h.listing = true }()
	return around(d, ctx, in, func(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
		return d.w.db.Query(ctx, in)
	})
}

func (d hooked) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	defer d.lock()()
	return around(d, ctx, in, func(ctx context.Context, in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
		return d.w.db.BatchGetItem(ctx, in)
	})
}

// copiesACall is how many copies of a fence are written in what counts as one call: a process that dies between two of them
// leaves a fence that is partly raised, as one does that dies at any other.
const copiesACall = 16

// copiesAFence reports whether a transaction writes a copy of a fence.
func copiesAFence(in *dynamodb.TransactWriteItemsInput) bool {
	return slices.ContainsFunc(in.TransactItems, func(operation types.TransactWriteItem) bool {
		return operation.Update != nil && operation.Update.Key[event.AttrKey] != nil && ofFence(operation.Update.Key) != ""
	})
}

func (d hooked) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	defer d.lock()()
	for _, operation := range in.TransactItems {
		if operation.Put != nil {
			require.NotContains(d.w, stringIn(operation.Put.Item[event.AttrKey]), "#attempts#", "attempts stay where they were made")
		}
	}
	do := func(ctx context.Context, in *dynamodb.TransactWriteItemsInput) (out *dynamodb.TransactWriteItemsOutput, err error) {
		var from, to *cellWorld
		call := func() {
			owner, placed := d.w.placed()
			out, err = d.w.db.TransactWriteItems(ctx, in)
			if now, there := d.w.placed(); placed && there && now.CellID != owner.CellID {
				from, to = d.w.cells[owner.CellID], d.w.cells[now.CellID]
			}
		}
		if d.w.meet == nil {
			call()
		} else {
			d.w.meet(in, call)
		}
		// Before the hooks: while this mover is frozen, another one may forget the cell that it has left.
		if to != nil {
			d.w.flipped(in, from, to)
		}
		return out, err
	}
	var out *dynamodb.TransactWriteItemsOutput
	var err error
	if n := d.h.copies; copiesAFence(in) && n%copiesACall != 0 && !d.h.everyCopy {
		out, err = do(ctx, in)
		d.h.copies++
	} else {
		out, err = around(d, ctx, in, do)
		if copiesAFence(in) {
			d.h.copies = n + 1
		}
	}
	d.w.look()
	d.w.neverBelow(in)
	return out, err
}

func (d hooked) SendMessageBatch(
	ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	defer d.lock()()
	return around(d, ctx, in, func(ctx context.Context, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
		return d.w.SendMessageBatch(ctx, in)
	})
}

// flipped checks what must hold when a mover's transaction has pointed the mapping to the other cell, unless the move is ended without a
// cell: whatever the old cell has applied is known to be applied in the new one, and that has the same business state.
func (w *world) flipped(in *dynamodb.TransactWriteItemsInput, from, to *cellWorld) {
	if w.broken[from.ID] || w.broken[to.ID] || !slices.ContainsFunc(in.TransactItems, func(operation types.TransactWriteItem) bool {
		return operation.Put != nil && operation.Put.Item["phase"] != nil && stringIn(operation.Put.Item["phase"]) == string(move.Redirect)
	}) {
		return
	}
	for _, outcome := range w.db.Items(from.ResultsTable) {
		key := stringIn(outcome[event.AttrKey])
		there := w.db.Item(to.ResultsTable, key)
		switch {
		case ledger.IsState(key) && ledger.Reserved(key):
		case ledger.IsState(key):
			require.Equal(w, outcome, there, "state at the flip")
		case ledger.Peek(outcome).Status == ledger.Processed:
			require.Equal(w, ledger.Processed, ledger.Peek(there).Status, "event %s at the flip", key)
		}
	}
	for _, kept := range w.db.Items(to.ResultsTable) {
		if key := stringIn(kept[event.AttrKey]); ledger.IsState(key) && !ledger.Reserved(key) {
			require.NotNil(w, w.db.Item(from.ResultsTable, key), "surplus state at the flip")
		}
	}
	w.flips++
}

func stringIn(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// settled checks what must hold once no move is under way and the pipelines are at rest: every accepted event has taken
// effect once, in the tenant's cell, or is in a dead letter queue; the other cell has nothing of the tenant.
func (w *world) settled() {
	m := w.place()
	require.Empty(w, m.MovingTo)
	require.Equal(w, mapping.Active, m.State)
	home := w.cells[m.CellID]
	counts := w.counters(home)
	dead := map[string]bool{}
	for _, c := range w.cells {
		for _, letter := range c.dlq {
			dead[letter.eventID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.accepted)) {
		kind := w.accepted[id]
		outcome := w.db.Item(home.ResultsTable, event.Key(tenant, id))
		if kind == "poison" {
			require.True(w, dead[id], "the poisonous event %s is in no dead letter queue; it is %s", id, w.describe(id))
			require.Zero(w, w.applied[id])
			continue
		}
		require.Equal(w, 1, w.applied[id], "event %s took effect; it is %s", id, w.describe(id))
		require.Equal(w, "1", counts[id], "event %s in its tenant's cell", id)
		require.Equal(w, item.Text(string(ledger.Processed)), outcome[ledger.AttrStatus])
		require.NotNil(w, w.db.Item(home.DataTable, event.Key(tenant, id)), "event %s in its tenant's cell", id)
	}
	states, err := w.placement().States(context.Background(), []string{"alpha", "beta"})
	require.NoError(w, err)
	for id, c := range w.cells {
		for _, stored := range w.db.Items(c.ResultsTable) {
			key := stored[event.AttrKey].(*types.AttributeValueMemberS).Value
			require.False(w, strings.HasPrefix(key, "#clone#"), "cell %s has kept %s of a move that has ended", id, key)
		}
		if c == home {
			require.Equal(w, 1, states[id].Tenants, "tenants of cell %s", id)
			continue
		}
		require.Zero(w, states[id].Tenants, "tenants of cell %s", id)
		require.Empty(w, w.db.Items(c.DataTable), "cell %s has forgotten its tenant", id)
		for _, stored := range w.db.Items(c.ResultsTable) {
			key := stored[event.AttrKey].(*types.AttributeValueMemberS).Value
			if ledger.Reserved(key) && strings.HasPrefix(key, ledger.StatePrefix) {
				continue
			}
			// A message that came again after all was forgotten has left a note, which is for nobody.
			require.Equal(w, item.Text(string(ledger.Diverted)), stored[ledger.AttrStatus], "cell %s has kept %v", id, stored)
			noted := stored[event.AttrID].(*types.AttributeValueMemberS).Value
			want := 1
			if w.accepted[noted] == "poison" {
				want = 0
			}
			require.Equal(w, want, w.applied[noted], "event %s took effect", noted)
		}
	}
}

// describe says what there is of an event, for a failure.
func (w *world) describe(id string) string {
	text := fmt.Sprintf("owned by %v", w.owners)
	for name, c := range w.cells {
		read := func(item dynamotest.Item) map[string]any {
			out := map[string]any{}
			for name, v := range item {
				switch v := v.(type) {
				case *types.AttributeValueMemberS:
					out[name] = v.Value
				case *types.AttributeValueMemberN:
					out[name] = v.Value
				}
			}
			return out
		}
		text += fmt.Sprintf("; in %s data %v, outcome %v, fence %v, queue %d, DLQ %v", name,
			read(w.db.Item(c.DataTable, event.Key(tenant, id))), read(w.db.Item(c.ResultsTable, event.Key(tenant, id))),
			read(w.db.Item(c.ResultsTable, ledger.FenceKey(tenant))), len(c.queue), c.dlq)
	}
	return text
}
