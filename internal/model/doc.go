// Package model is the room of what everybody must agree on: names of resources and attributes, the formats of events,
// mappings, outcomes and fences, dead letters and manifests, the configuration, and how DynamoDB is written to. Its packages
// import none of the other rooms and no Pulumi; everybody may import them.
package model
