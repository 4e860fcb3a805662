package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"cellular/local/lambda/source"
)

// shard reads one shard and hands its records to the lanes.
type shard struct {
	*Poller
	id       string
	position *position
	lanes    []*lane
}

func newShard(p *Poller, id string) *shard {
	s := &shard{Poller: p, id: id, position: p.positions.of(id)}
	for range p.config.Parallelization {
		s.lanes = append(s.lanes, newLane(s))
	}
	return s
}

func (s *shard) run(ctx context.Context, stop <-chan struct{}) {
	var lanes sync.WaitGroup
	for _, l := range s.lanes {
		lanes.Go(func() { l.run(ctx, stop) })
	}
	end := s.read(ctx, stop)
	for _, l := range s.lanes {
		close(l.in)
	}
	lanes.Wait()
	if end && !source.Ending(ctx, stop) {
		s.position.close()
	}
}

// read returns true at the end of a shard that gets no more records.
func (s *shard) read(ctx context.Context, stop <-chan struct{}) bool {
	var (
		last, iterator = s.position.resume()
		active         time.Time // when there were records last
		failures       int
	)
	if last != "" {
		iterator = ""
	}
	for !source.Ending(ctx, stop) {
		page, next, err := s.page(ctx, iterator, last)
		if err != nil {
			failures++
			s.config.Report(err)
			if isLost(err) {
				next = ""
			}
			iterator = next
			if !source.Sleep(ctx, stop, waitBackoff.Delay(failures)) {
				return false
			}
			continue
		}
		failures = 0
		if len(page) > 0 {
			active = time.Now()
			last = page[len(page)-1].sequence
			if !s.deal(ctx, stop, page) {
				return false
			}
		}
		if next == "" {
			return true
		}
		iterator = next
		pause := idleInterval
		switch {
		case len(page) == readLimit:
			continue
		case time.Since(active) < busyFor:
			pause = busyInterval
		}
		if !source.Sleep(ctx, stop, pause) {
			return false
		}
	}
	return false
}

// page reads at the iterator, or, where there is none, after the last record that was read. After an error next is the
// iterator to try again.
func (s *shard) page(ctx context.Context, iterator, last string) (page []record, next string, err error) {
	if iterator == "" {
		if iterator, err = s.open(ctx, last); err != nil {
			return nil, "", err
		}
	}
	limit := int32(readLimit)
	out, err := s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &iterator, Limit: &limit})
	if err != nil {
		return nil, iterator, fmt.Errorf("read shard %s: %w", s.id, err)
	}
	for _, r := range out.Records {
		record, err := newRecord(r, s.config.StreamARN, s.config.Region)
		if err != nil {
			return nil, iterator, fmt.Errorf("read shard %s: %w", s.id, err)
		}
		page = append(page, record)
	}
	if out.NextShardIterator != nil {
		next = *out.NextShardIterator
	}
	return page, next, nil
}

func (s *shard) open(ctx context.Context, last string) (string, error) {
	input := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.config.StreamARN, ShardId: &s.id}
	switch {
	case last != "":
		input.ShardIteratorType = types.ShardIteratorTypeAfterSequenceNumber
		input.SequenceNumber = &last
	case s.position.latest:
		input.ShardIteratorType = types.ShardIteratorTypeLatest
	default:
		input.ShardIteratorType = types.ShardIteratorTypeTrimHorizon
	}
	out, err := s.client.GetShardIterator(ctx, input)
	if errors.As(err, new(*types.TrimmedDataAccessException)) {
		// What followed the last record is past the stream's retention: go on with the oldest record there is.
		input.ShardIteratorType, input.SequenceNumber = types.ShardIteratorTypeTrimHorizon, nil
		out, err = s.client.GetShardIterator(ctx, input)
	}
	if err != nil {
		return "", fmt.Errorf("get an iterator of shard %s: %w", s.id, err)
	}
	if last == "" {
		s.position.begin(*out.ShardIterator)
	}
	return *out.ShardIterator, nil
}

// isLost says whether an iterator has to be replaced.
func isLost(err error) bool {
	return errors.As(err, new(*types.ExpiredIteratorException)) || errors.As(err, new(*types.TrimmedDataAccessException))
}

// deal drops the records that the mapping does not want and gives each lane the others of its items. It returns false
// if the poller is to end.
func (s *shard) deal(ctx context.Context, stop <-chan struct{}, page []record) bool {
	hands := make([][]record, len(s.lanes))
	s.config.Count.Add(source.Polled, len(page))
	for _, r := range page {
		s.position.add(r.sequence)
		wanted, err := s.config.Filter.Match(r.body)
		if err != nil || !wanted { // the body is JSON that we made: there is no error
			s.position.done(r.sequence)
			s.config.Count.Add(source.FilteredOut, 1)
			continue
		}
		i := int(r.item % uint64(len(s.lanes)))
		hands[i] = append(hands[i], r)
	}
	for i, hand := range hands {
		if len(hand) == 0 {
			continue
		}
		select {
		case s.lanes[i].in <- hand:
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
