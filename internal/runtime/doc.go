// Package runtime is the room of what runs in Lambda: the router's edge and its guard, the producer, the consumer, and
// their telemetry. Its packages import the model alone, and no Pulumi; the functions import them.
package runtime
