package source

// Count is a metric of the events of an event source mapping, from "Event source mapping metrics" of Lambda's developer guide.
type Count string

// The metrics that AWS has under EventCount. Deleted is a queue's; FilteredOut, Dropped and Delivered are a stream's here.
const (
	Polled      Count = "PolledEventCount"
	FilteredOut Count = "FilteredOutEventCount"
	Invoked     Count = "InvokedEventCount"
	Failed      Count = "FailedInvokeEventCount" // of the events that the function got, or could not get
	Deleted     Count = "DeletedEventCount"
	Dropped     Count = "DroppedEventCount" // given up for their age or their retries, and not delivered
	Delivered   Count = "OnFailureDestinationDeliveredEventCount"
)

// Counter is told how many events something became of.
type Counter func(Count, int)

// Add reports n events, if there are any and somebody is to be told.
func (c Counter) Add(what Count, n int) {
	if c != nil && n > 0 {
		c(what, n)
	}
}
