package event

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
)

// UnderWay reports whether an outcome was written ahead of an attempt that may not have ended yet: until then it says
// nothing about its event. An outcome that is not there, or whose time cannot be read, was not.
func UnderWay(outcome map[string]types.AttributeValue, now time.Time) bool {
	by, err := time.Parse(TimeLayout, item.Read(outcome).OptionalString(AttrFailedBy))
	return err == nil && now.Before(by)
}
