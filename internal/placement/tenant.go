package placement

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/mapping"
	"cellular/internal/residence"
	"cellular/internal/transact"
)

// Suspend has the router refuse a tenant's events, from when each router reads the mapping again, and returns the mapping.
// A tenant that is suspended is left as it is. A move of the tenant goes on. Its error is mapping.ErrUnknownTenant where
// the tenant has no mapping, and wraps ErrRefused where the tenant is being removed.
func (s *Store) Suspend(ctx context.Context, tenantID string) (mapping.Mapping, error) {
	m, _, err := s.setState(ctx, tenantID, mapping.Suspended, "#state <> :suspended")
	if err == nil {
		err = notRemoving(m)
	}
	if err != nil {
		return mapping.Mapping{}, fmt.Errorf("suspend tenant %q: %w", tenantID, err)
	}
	return m, nil
}

// resumeTries bounds how often a tenant's move may begin or end between the two writes of which one fits.
const resumeTries = 5

// Resume is the inverse of Suspend: the tenant is active again, or moving if a move of it is under way. A tenant that is
// not suspended is left as it is. Its error is that of Suspend.
func (s *Store) Resume(ctx context.Context, tenantID string) (mapping.Mapping, error) {
	for range resumeTries {
		for _, next := range []struct {
			state mapping.State
			when  string
		}{
			{mapping.Active, "attribute_not_exists"},
			{mapping.Moving, "attribute_exists"},
		} {
			m, changed, err := s.setState(ctx, tenantID, next.state, "#state = :suspended AND "+next.when+"("+mapping.AttrMovingTo+")")
			if err == nil {
				err = notRemoving(m)
			}
			if err != nil {
				return mapping.Mapping{}, fmt.Errorf("resume tenant %q: %w", tenantID, err)
			}
			if changed || m.State != mapping.Suspended {
				return m, nil
			}
		}
	}
	return mapping.Mapping{}, fmt.Errorf("resume tenant %q: %w: moves of it began or ended %d times meanwhile, try again", tenantID, ErrRefused, resumeTries)
}

// known refuses a mapping in a state of a later version: what it must not be changed to, only that version knows.
func known(m mapping.Mapping) error {
	if m.State.Known() {
		return nil
	}
	return fmt.Errorf("%w: this version does not know the state %q of its mapping: use the cellctl that wrote it", ErrRefused, m.State)
}

// notRemoving refuses a tenant that is being removed: nothing but the removal may change it.
func notRemoving(m mapping.Mapping) error {
	if m.Removing == 0 {
		return nil
	}
	return fmt.Errorf("%w: it is being removed: 'cellctl tenants remove %s' goes on with that, and with --back-out calls it off "+
		"unless something was deleted", ErrRefused, m.TenantID)
}

// setState changes the state of a mapping for which the condition holds, unless the tenant is being removed. It returns the mapping as it is then, and whether
// it was changed.
func (s *Store) setState(ctx context.Context, tenantID string, to mapping.State, condition string) (m mapping.Mapping, changed bool, err error) {
	out, err := transact.Single(ctx, transact.Retrier{}, s.client.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:        &s.tables.MappingTable,
		Key:              mappingKey(tenantID),
		UpdateExpression: aws.String("SET #state = :to, #updated = :now"),
		ConditionExpression: aws.String("attribute_exists(" + mapping.AttrTenantID + ") AND attribute_not_exists(" + mapping.AttrRemoving + ")" +
			" AND #state IN (:active, :moving, :suspended) AND " + condition),
		ExpressionAttributeNames: map[string]string{"#state": mapping.AttrState, "#updated": mapping.AttrUpdatedAt},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":to": text(string(to)), ":now": now(),
			":active": text(string(mapping.Active)), ":moving": text(string(mapping.Moving)), ":suspended": text(string(mapping.Suspended)),
		},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failure := transact.Classify(err)
	switch found := failure.Item(0); {
	case failure.Failed(0) && len(found) == 0:
		return mapping.Mapping{}, false, mapping.ErrUnknownTenant
	case failure.Failed(0):
		if m, err = mapping.FromItem(found); err == nil {
			err = known(m)
		}
		return m, false, err
	case err != nil:
		return mapping.Mapping{}, false, err
	}
	m, err = mapping.FromItem(out.Attributes)
	return m, true, err
}

// Remove deletes a tenant's mapping, and counts one tenant less in its cell, provided that the tenant is suspended, that no
// move of it is under way, and that it is where m has it. Otherwise it changes nothing, and its error wraps ErrRefused, or
// mapping.ErrUnknownTenant where the tenant has no mapping any more. What the cell holds of the tenant stays there, and so
// does its fence.
func (s *Store) Remove(ctx context.Context, m mapping.Mapping) error {
	err := removable(m, m)
	if err == nil {
		err = contended(ctx, func(ctx context.Context) error { return s.remove(ctx, m) })
	}
	if err != nil {
		return fmt.Errorf("remove tenant %q: %w", m.TenantID, err)
	}
	return nil
}

// removable says what stands against removing a tenant that is as it is now, for somebody who has seen it as seen.
func removable(now, seen mapping.Mapping) error {
	switch {
	case now.MovingTo != "":
		return fmt.Errorf("%w: a move to cell %s is under way: finish it or back out of it first", ErrRefused, now.MovingTo)
	case now.Removing != 0:
		return notRemoving(now)
	case now.State != mapping.Suspended:
		return fmt.Errorf("%w: it is %s: suspend it first, so that nothing is accepted that nobody processes", ErrRefused, now.State)
	case now.CellID != seen.CellID || now.Epoch != seen.Epoch:
		return fmt.Errorf("%w: it is in cell %s by now, in epoch %d, and no longer in cell %s in epoch %d: look again",
			ErrRefused, now.CellID, now.Epoch, seen.CellID, seen.Epoch)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, m mapping.Mapping) error {
	removal := types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.tables.MappingTable,
		Key:       mappingKey(m.TenantID),
		ConditionExpression: aws.String("#state = :suspended AND #cell = :cell AND #epoch = :epoch AND attribute_not_exists(" +
			mapping.AttrMovingTo + ") AND attribute_not_exists(" + mapping.AttrRemoving + ")"),
		ExpressionAttributeNames: map[string]string{
			"#state": mapping.AttrState, "#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":suspended": text(string(mapping.Suspended)), ":cell": text(m.CellID),
			":epoch": &types.AttributeValueMemberN{Value: strconv.FormatInt(m.Epoch, 10)},
		},
	}}
	writes := []types.TransactWriteItem{removal}
	if !mapping.IsProbeTenant(m.TenantID) {
		record, err := residence.Get(ctx, s.client, s.tables.MoveTable, m.TenantID)
		if err != nil {
			return err
		}
		// A mapping of the version before leaves its record here.
		epoch := max(m.Epoch, record.LastEpoch)
		writes = append(writes, Release(s.tables.CellTable, m.CellID),
			residence.Settle(s.tables.MoveTable, m.TenantID, m.CellID, epoch, time.Now()))
	}
	err := s.transact(ctx, writes...)
	failure := transact.Classify(err)
	if failure.Failed(0) {
		now, gone := s.Get(ctx, m.TenantID)
		if gone != nil {
			return gone
		}
		if refused := removable(now, m); refused != nil {
			return refused
		}
		return err // what stood against it is over
	}
	if failure.Failed(1) {
		return fmt.Errorf("%w: cell %s counts no tenants although this one is there: have the counts checked and corrected first", ErrRefused, m.CellID)
	}
	return err
}
