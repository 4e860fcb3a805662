package stream

import (
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// Positions is how far a mapping got in each shard of its stream. It outlives the poller, so that a mapping that is
// updated, or disabled for a while, goes on where it was. The zero value is a mapping that never ran.
type Positions struct {
	mu     sync.Mutex
	shards map[string]*position // by shard id; nil before the first look at the stream
}

// startable returns the shards that can be read now: known to be unfinished, with no parent that is unfinished.
// Shards of the first look start where the mapping says; a shard that appears later has split off from one of these, and
// starts with its first record.
func (p *Positions) startable(shards []types.Shard, latest bool) []types.Shard {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.shards == nil
	if first {
		p.shards = map[string]*position{}
	}
	for _, s := range shards {
		if id := aws.ToString(s.ShardId); p.shards[id] == nil {
			p.shards[id] = &position{latest: latest && first}
		}
	}
	unfinished := map[string]bool{}
	for _, s := range shards {
		id := aws.ToString(s.ShardId)
		unfinished[id] = !p.shards[id].finished()
	}
	var startable []types.Shard
	for _, s := range shards {
		if unfinished[aws.ToString(s.ShardId)] && !unfinished[aws.ToString(s.ParentShardId)] {
			startable = append(startable, s)
		}
	}
	return startable
}

func (p *Positions) of(shard string) *position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shards[shard]
}

// position is the checkpoint of one shard: the last record up to which every record was handled or ejected. Lanes
// finish out of order, so it also remembers what was read beyond.
type position struct {
	latest bool // where to start as long as there is no checkpoint

	mu         sync.Mutex
	checkpoint string // sequence number; empty before the first
	iterator   string // the shard's first iterator, as long as there is no checkpoint
	closed     bool   // every record of a shard that gets no more was handled
	read       []mark // read and not yet covered by the checkpoint, in the order of the shard
}

type mark struct {
	sequence string
	handled  bool
}

// resume forgets what was read beyond the checkpoint and says where to read on.
func (p *position) resume() (checkpoint, iterator string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = nil
	return p.checkpoint, p.iterator
}

func (p *position) begin(iterator string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.iterator = iterator
}

// add notes a record that was read, in the order of the shard.
func (p *position) add(sequence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = append(p.read, mark{sequence: sequence})
}

// done notes that a record needs no more work, and moves the checkpoint over all leading records of which that is true.
func (p *position) done(sequence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.read {
		if p.read[i].sequence == sequence && !p.read[i].handled {
			p.read[i].handled = true
			break
		}
	}
	for len(p.read) > 0 && p.read[0].handled {
		p.checkpoint = p.read[0].sequence
		p.read = p.read[1:]
	}
}

func (p *position) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

func (p *position) finished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
