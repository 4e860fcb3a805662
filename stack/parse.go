package stack

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"cellular/cell"
	"cellular/functions"
	"cellular/internal/mapping"
	"cellular/internal/naming"
	"cellular/router"
)

// namespace is the project's name, under which Pulumi files its configuration.
const namespace = "cellular:"

// The keys that Parse knows. Of the aws namespace these reach the explicit provider; the others would configure the
// default provider, which the project disables.
var (
	ownKeys = []string{"cells", "deployment", "functions", "pipeline", "plane", "protect", "router"}
	awsKeys = []string{"profile", "region"}
)

var (
	deploymentName = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9_-]*\z`) // what SQS and Lambda allow in a name
	region         = regexp.MustCompile(`\A[a-z]{2}(-[a-z]+)+-[0-9]+\z`)
)

// retentions are the days that CloudWatch Logs can keep a log group's events (PutRetentionPolicy).
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// maxItemPayload is the longest payload that fits a DynamoDB item of 400 KB with the event's other attributes, which
// are at most 602 bytes with their names: two ids of 63 and 128 characters, each twice, a type of 128, an epoch and a time.
const maxItemPayload = 400<<10 - 1<<10

// maxInlinePayload leaves 16 KiB of the 256 KiB that SNS and SQS allow for the rest of a message.
const maxInlinePayload = 240 << 10

// Parse reads the configuration of the stack: raw maps namespaced keys, such as "cellular:cells" or "aws:region", to
// values as Pulumi hands them to a program, which is JSON for a list or an object. Keys of namespaces other than
// cellular and aws are ignored.
//
// The error joins everything that is wrong: unknown keys, values of a wrong type or out of range, and values that
// contradict each other. Each part says which key, what was given and what is allowed. The order of the cells is
// of no consequence.
func Parse(stackName string, raw map[string]string) (Config, error) {
	p := &problems{}
	refuseUnknownKeys(raw, p)

	c := defaults()
	c.Deployment = readDeployment(stackName, raw, p)
	c.Region, c.Profile = readRegion(raw, p), raw["aws:profile"]

	top := newObject(namespace, "", topLevel(raw), p)
	top.boolean("protect", &c.Protect)
	choice(top, "plane", &c.Plane, PlaneAll, PlaneGlobal, PlaneCells)
	top.object("router", func(o *object) { readRouter(o, &c.Router) })
	top.object("functions", func(o *object) { readFunctions(o, &c.Functions) })
	top.object("pipeline", func(o *object) { readPipeline(o, &c.Pipeline) })
	c.Cells = readCells(top, c.Deployment)

	checkRules(c, p)
	if len(p.list) > 0 {
		return Config{}, errors.Join(p.list...)
	}
	return c, nil
}

// refuseUnknownKeys reports the top-level keys that nothing reads.
func refuseUnknownKeys(raw map[string]string, p *problems) {
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if name, ok := strings.CutPrefix(key, namespace); ok && !slices.Contains(ownKeys, name) {
			p.add(key, "", "unknown key, allowed are %s%s", namespace, strings.Join(ownKeys, ", "+namespace))
		}
		if name, ok := strings.CutPrefix(key, "aws:"); ok && !slices.Contains(awsKeys, name) {
			p.add(key, "", "is not handed to the AWS provider, allowed are aws:%s", strings.Join(awsKeys, ", aws:"))
		}
	}
}

// topLevel decodes the namespace's values. What is no JSON is a plain string: the reader of the key says what it wants.
func topLevel(raw map[string]string) map[string]any {
	values := map[string]any{}
	for _, name := range ownKeys {
		text, ok := raw[namespace+name]
		if !ok {
			continue
		}
		value, err := decode(text)
		if err != nil {
			value = text
		}
		values[name] = value
	}
	return values
}

func readDeployment(stackName string, raw map[string]string, p *problems) naming.Stack {
	const key, want = namespace + "deployment", "letters, digits, - and _, of which the first is a letter or a digit"
	name, ok := raw[key]
	switch {
	case ok && !deploymentName.MatchString(name):
		p.add(key, "", "is %s, want %s", show(name), want)
	case !ok && !deploymentName.MatchString(stackName):
		p.add(key, "", "is not set, so that physical names start with the stack's name %s, which AWS does not allow: set it to %s", show(stackName), want)
	case !ok:
		name = stackName
	}
	return naming.Stack(name)
}

func readRegion(raw map[string]string, p *problems) string {
	const key = "aws:region"
	name, ok := raw[key]
	switch {
	case !ok:
		p.add(key, "", "is not set, want the AWS region to deploy to, such as eu-west-1: pulumi config set %s eu-west-1", key)
	case !region.MatchString(name):
		p.add(key, "", "is %s, want an AWS region such as eu-west-1", show(name))
	}
	return name
}

func readRouter(o *object, r *router.Settings) {
	o.object("auth", func(o *object) {
		notEmpty := func(s string) bool { return s != "" }
		choice(o, "type", &r.Auth.Type, router.AuthIAM, router.AuthJWT, router.AuthNone)
		o.text("issuer", &r.Auth.Issuer, isHTTPS, "the https URL of the tokens' issuer")
		o.texts("audience", &r.Auth.Audience)
		o.text("tenantClaim", &r.Auth.TenantClaim, notEmpty, "the name of the token's claim that holds the tenant")
	})
	o.duration("softTTL", &r.SoftTTL, time.Second, time.Hour)
	o.duration("hardTTL", &r.HardTTL, time.Second, day)
	o.duration("negativeTTL", &r.NegativeTTL, 100*time.Millisecond, 5*time.Minute)
	o.integer("cacheSize", &r.CacheSize, 1, 1_000_000)
	o.duration("refreshTimeout", &r.RefreshTimeout, 10*time.Millisecond, 5*time.Second)
	o.duration("cellTimeout", &r.CellTimeout, 10*time.Millisecond, 20*time.Second)
	o.integer("maxPayloadBytes", &r.MaxPayloadBytes, 1, maxItemPayload)
	o.integer("memory", &r.Memory, 128, 10240)
	o.seconds("timeout", &r.Timeout, time.Second, 28*time.Second) // the HTTP API gives up after 30 s
	o.integer("reservedConcurrency", &r.ReservedConcurrency, 0, 10_000)
	o.object("throttle", func(o *object) {
		o.integer("rate", &r.Throttle.Rate, 1, 10_000) // the account's quota in a Region
		o.integer("burst", &r.Throttle.Burst, 1, 5_000)
	})
	o.object("tenantLimit", func(o *object) {
		o.integer("rate", &r.TenantLimit.Rate, 1, 10_000)
		o.integer("burst", &r.TenantLimit.Burst, 1, 10_000)
	})
	o.object("cellLimit", func(o *object) {
		o.integer("inFlight", &r.CellLimit.InFlight, 1, 1_000)
		o.integer("rate", &r.CellLimit.Rate, 1, 10_000)
		o.integer("burst", &r.CellLimit.Burst, 1, 10_000)
	})
	o.object("breaker", func(o *object) {
		o.integer("failures", &r.Breaker.Failures, 1, 100)
		o.duration("openFor", &r.Breaker.OpenFor, 100*time.Millisecond, 5*time.Minute)
		o.integer("probes", &r.Breaker.Probes, 1, 100)
	})
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

func readFunctions(o *object, f *cell.Functions) {
	choice(o, "architecture", &f.Architecture, functions.ARM64, functions.X86_64)
	o.integer("memory", &f.Memory, 128, 10240)
	o.seconds("timeout", &f.Timeout, time.Second, 15*time.Minute)
	choice(o, "logLevel", &f.LogLevel, "debug", "info", "warn", "error")
	o.oneOf("logRetentionDays", &f.LogRetentionDays, retentions)
	o.boolean("tracing", &f.Tracing)
	o.boolean("faultInjection", &f.FaultInjection)
}

func readPipeline(o *object, l *cell.Pipeline) {
	o.object("stream", func(o *object) {
		o.integer("batchSize", &l.Stream.BatchSize, 1, 10_000)
		o.seconds("batchWindow", &l.Stream.BatchWindow, 0, 5*time.Minute)
		o.integer("retries", &l.Stream.Retries, 0, 10_000)                            // AWS would take -1, which blocks a shard until its records expire
		o.seconds("maxRecordAge", &l.Stream.MaxRecordAge, time.Minute, day-time.Hour) // a stream forgets a record after a day, which must not come first
		o.integer("parallelization", &l.Stream.Parallelization, 1, 10)
	})
	o.integer("inlinePayloadBytes", &l.InlinePayloadBytes, 1, maxInlinePayload)
	o.object("queue", func(o *object) {
		o.integer("batchSize", &l.Queue.BatchSize, 1, 10_000)
		o.seconds("batchWindow", &l.Queue.BatchWindow, 0, 5*time.Minute)
		o.integer("maxReceiveCount", &l.Queue.MaxReceiveCount, 5, 1000) // below 5, receives that were throttled eject good messages
		o.integer("maxConcurrency", &l.Queue.MaxConcurrency, 2, 1000)
		o.seconds("retention", &l.Queue.Retention, time.Minute, 14*day)
		o.seconds("dlqRetention", &l.Queue.DLQRetention, time.Minute, 14*day)
	})
	o.object("consumer", func(o *object) {
		o.duration("recordTimeout", &l.Consumer.RecordTimeout, 10*time.Millisecond, 15*time.Minute)
		o.object("retryBackoff", func(o *object) {
			o.duration("base", &l.Consumer.RetryBackoffBase, time.Millisecond, 12*time.Hour)
			o.duration("max", &l.Consumer.RetryBackoffMax, time.Millisecond, 12*time.Hour) // ChangeMessageVisibility
		})
		o.seconds("resultTTL", &l.Consumer.ResultTTL, time.Hour, 3650*day)
	})
	o.integer("producerReservedConcurrency", &l.ProducerReservedConcurrency, 0, 10_000)
	o.integer("consumerReservedConcurrency", &l.ConsumerReservedConcurrency, 0, 10_000)
}

// readCells returns the cells sorted by id.
func readCells(top *object, d naming.Stack) []Cell {
	const key = "cells"
	value, ok := top.value(key)
	if !ok {
		return nil
	}
	entries, ok := value.([]any)
	if !ok {
		top.refuse(key, value, "a list of cells")
		return nil
	}
	var cells []Cell
	first := map[string]string{} // id -> path
	for i, entry := range entries {
		path := fmt.Sprintf("%s[%d]", top.at(key), i)
		values, ok := entry.(map[string]any)
		if !ok {
			top.problems.add(path, "", "is %s, want an object with the cell's id", show(entry))
			continue
		}
		c, ok := readCell(path, values, top.problems)
		if !ok {
			continue
		}
		if earlier, taken := first[c.ID]; taken {
			top.problems.add(path+".id", "", "is %q like %s.id, want ids that differ", c.ID, earlier)
			continue
		}
		first[c.ID] = path
		if err := d.Cell(c.ID).Check(); err != nil {
			top.problems.add(path+".id", "", "%w", err)
		}
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(a, b Cell) int { return cmp.Compare(a.ID, b.ID) })
	return cells
}

// readCell returns one cell, and whether its id is one.
func readCell(path string, values map[string]any, p *problems) (Cell, bool) {
	label := ""
	if id, ok := values["id"].(string); ok {
		label = fmt.Sprintf(" (cell %s)", show(id))
	}
	c := defaultCell()
	o := newObject(path+".", label, values, p)
	o.text("id", &c.ID, naming.ValidCellID, "2 to 20 lower-case letters, digits and -, of which the first is a letter")
	o.integer("wave", &c.Wave, 0, 99)
	choice(o, "tier", &c.Tier, mapping.TierStandard, mapping.TierDedicated)
	o.integer("maxTenants", &c.MaxTenants, 1, 1_000_000)
	if _, ok := values["id"]; !ok {
		p.add(o.at("id"), "", "is not set, want the cell's id")
	}
	o.refuseUnknown()
	return c, c.ID != ""
}
