package placement

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
)

// Suspend has the router refuse a tenant's events, from when each router reads the mapping again, and returns the mapping.
// A tenant that is suspended is left as it is. A move of the tenant goes on. Its error is mapping.ErrUnknownTenant where
// the tenant has no mapping, and wraps ErrRefused where the tenant is being removed, or is one that cells are probed with.
func (s *Store) Suspend(ctx context.Context, tenantID string) (mapping.Mapping, error) {
	if mapping.IsProbeTenant(tenantID) {
		return mapping.Mapping{}, fmt.Errorf("suspend tenant %q: %w: a tenant that cells are probed with is not suspended", tenantID, ErrRefused)
	}
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
// not suspended is left as it is. Its error is that of Suspend, but a tenant that cells are probed with is resumed as any other:
// a program that knows no better may have suspended it.
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
			":to": item.Text(string(to)), ":now": item.Text(event.FormatTime(s.now())),
			":active": item.Text(string(mapping.Active)), ":moving": item.Text(string(mapping.Moving)), ":suspended": item.Text(string(mapping.Suspended)),
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
