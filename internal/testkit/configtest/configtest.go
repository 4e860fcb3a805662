// Package configtest makes configurations for tests.
package configtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"cellular/internal/model/config"
)

// Minimal returns the least configuration there is, with changes laid over it: keys and values in turn, where an empty
// value takes a key away.
func Minimal(changes ...string) map[string]string {
	raw := map[string]string{"aws:region": "eu-west-1", "cellular:cells": `[{"id":"alpha"}]`}
	for i := 0; i < len(changes); i += 2 {
		raw[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(raw, changes[i])
		}
	}
	return raw
}

// Cells draws one to most cells with distinct ids, many of which are a part of another's.
func Cells(most int) *rapid.Generator[[]config.Cell] {
	id := rapid.OneOf(
		rapid.StringMatching(`[a-z][a-z0-9-]{1,19}`),
		rapid.SampledFrom([]string{"alpha", "alpha-2", "alpha-dlq", "al", "beta", "beta-alpha", "cell", "data", "queue", "app", "dlq", "producer", "consumer-dlq"}),
	)
	cell := rapid.Custom(func(t *rapid.T) config.Cell {
		return config.Cell{
			ID: id.Draw(t, "id"), Wave: rapid.IntRange(0, 99).Draw(t, "wave"),
			Tier:       rapid.SampledFrom([]string{"standard", "dedicated"}).Draw(t, "tier"),
			MaxTenants: rapid.IntRange(1, 1000).Draw(t, "maxTenants"),
		}
	})
	return rapid.SliceOfNDistinct(cell, 1, most, func(c config.Cell) string { return c.ID })
}

// CellsJSON is the value of cellular:cells.
func CellsJSON(cells []config.Cell) string {
	entries := make([]string, len(cells))
	for i, c := range cells {
		entries[i] = fmt.Sprintf(`{"id":%q,"wave":%d,"tier":%q,"maxTenants":%d}`, c.ID, c.Wave, c.Tier, c.MaxTenants)
	}
	return "[" + strings.Join(entries, ",") + "]"
}

// Any draws a complete configuration, right or wrong: the defaults with a few values changed, most of them to one at or
// about a bound.
func Any() *rapid.Generator[config.Config] {
	return rapid.Custom(func(t *rapid.T) config.Config {
		c := config.Default()
		c.Deployment, c.Region, c.Cells = "dev", "eu-west-1", []config.Cell{config.DefaultCell()}
		c.Cells[0].ID = "alpha"
		if rapid.Bool().Draw(t, "jwt") {
			c.Router.Auth = config.Auth{Type: config.AuthJWT, Issuer: "https://id.example.com", Audience: []string{"events"}, TenantClaim: "tenant"}
		}
		var all []reflect.Value
		for _, part := range []any{&c.Deployment, &c.Protect, &c.Cells[0], &c.Router, &c.Functions, &c.Pipeline, &c.Probe, &c.Alarms} {
			all = append(all, leaves(reflect.ValueOf(part).Elem())...)
		}
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			change(t, rapid.SampledFrom(all).Draw(t, "field"))
		}
		return c
	})
}

// DistinctAlarms are alarms of which no two have a number in common, so that a mix-up shows. The nth, in the order of the fields of
// config.Alarms and those without a threshold last, has the threshold 100+n, or n+1 hundredths, at least 200+n samples, and n+1 datapoints of n+2 periods.
func DistinctAlarms() config.Alarms {
	a := config.Default().Alarms
	a.Period = 2 * time.Minute
	missing := []config.Missing{config.MissingNotBreaching, config.MissingBreaching, config.MissingIgnore, config.MissingMissing}
	n := 0
	var absences []*config.AbsenceAlarm
	for _, owner := range []any{&a.Cell, &a.Router, &a.ControlPlane, &a.Probe} {
		all := reflect.ValueOf(owner).Elem()
		for i := range all.NumField() {
			w := config.Window{Datapoints: n + 1, Periods: n + 2, Missing: missing[n%len(missing)]}
			switch alarm := all.Field(i).Addr().Interface().(type) {
			case *config.AbsenceAlarm:
				absences = append(absences, alarm)
				continue
			case *config.CountAlarm:
				*alarm = config.CountAlarm{Threshold: 100 + n, Window: w}
			case *config.AgeAlarm:
				*alarm = config.AgeAlarm{Threshold: time.Duration(100+n) * time.Second, Window: w}
			case *config.LatencyAlarm:
				*alarm = config.LatencyAlarm{Threshold: time.Duration(100+n) * time.Second, MinSamples: 200 + n, Window: w}
			case *config.ShareAlarm:
				*alarm = config.ShareAlarm{Threshold: float64(n+1) / 100, MinSamples: 200 + n, Window: w}
			}
			n++
		}
	}
	for i, alarm := range absences {
		alarm.Window = config.Window{Datapoints: n + i + 1, Periods: n + i + 2, Missing: missing[(n+i)%len(missing)]}
	}
	return a
}

// Accepted draws a configuration that Parse accepts, with values at the bounds of what it allows.
func Accepted() *rapid.Generator[config.Config] {
	return Any().Filter(func(c config.Config) bool {
		_, err := config.Parse("dev", Raw(c))
		return err == nil
	})
}

// leaves are the fields under v that hold a value by themselves.
func leaves(v reflect.Value) []reflect.Value {
	if v.Kind() != reflect.Struct {
		return []reflect.Value{v}
	}
	var all []reflect.Value
	for i := range v.NumField() {
		all = append(all, leaves(v.Field(i))...)
	}
	return all
}

var (
	numbers = []int{-1, 0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 30, 99, 100, 101, 127, 128, 200, 201, 1000, 1001, 3653, 5000, 5001,
		10_000, 10_001, 10_240, 10_241, 240 << 10, 240<<10 + 1, 399 << 10, 399<<10 + 1, 1_000_000, 1_000_001}
	durations = []time.Duration{-time.Second, 0, time.Microsecond, time.Millisecond, 9 * time.Millisecond, 10 * time.Millisecond,
		99 * time.Millisecond, 100 * time.Millisecond, time.Second, 1500 * time.Millisecond, 2 * time.Second, 5 * time.Second, 20 * time.Second, 28 * time.Second,
		29 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 301 * time.Second, 15 * time.Minute, 901 * time.Second, time.Hour, 12 * time.Hour,
		13 * time.Hour, 23 * time.Hour, 24 * time.Hour, 96 * time.Hour, 336 * time.Hour, 337 * time.Hour, 774 * time.Hour, 840 * time.Hour, 2160 * time.Hour, 87_600 * time.Hour, 87_601 * time.Hour}
	texts = []string{"", "a", "al", "alpha", "Alpha", "a.b", "arm64", "x86_64", "amd64", "info", "debug", "INFO", "iam", "jwt", "none", "standard", "dedicated", "gold",
		"https://id.example.com", "http://id.example.com", strings.Repeat("d", 39), strings.Repeat("d", 40), strings.Repeat("d", 64)}
)

// change gives a field another value of its type.
func change(t *rapid.T, field reflect.Value) {
	switch {
	case field.Type() == reflect.TypeFor[time.Duration]():
		field.SetInt(int64(rapid.SampledFrom(durations).Draw(t, "duration")))
	case field.Kind() == reflect.Int:
		field.SetInt(int64(rapid.OneOf(rapid.SampledFrom(numbers), rapid.IntRange(-1, 20_000)).Draw(t, "number")))
	case field.Kind() == reflect.Float64:
		field.SetFloat(rapid.SampledFrom([]float64{-0.1, 0, 0.01, 0.5, 1, 1.01}).Draw(t, "share"))
	case field.Kind() == reflect.Bool:
		field.SetBool(rapid.Bool().Draw(t, "bool"))
	case field.Kind() == reflect.String:
		field.SetString(rapid.SampledFrom(texts).Draw(t, "text"))
	default:
		field.Set(reflect.ValueOf(rapid.SliceOfN(rapid.SampledFrom(texts), 0, 2).Draw(t, "texts")))
	}
}

type object = map[string]any

// Raw is the configuration as Pulumi hands it to a program. What is empty is left out, as Go has no other way to leave a
// value out. A field that Raw forgets fails the test that reads it back.
func Raw(c config.Config) map[string]string {
	r, f, l := c.Router, c.Functions, c.Pipeline
	auth := object{"type": r.Auth.Type}
	if r.Auth.Issuer != "" {
		auth["issuer"] = r.Auth.Issuer
	}
	if len(r.Auth.Audience) > 0 {
		auth["audience"] = r.Auth.Audience
	}
	if r.Auth.TenantClaim != "" {
		auth["tenantClaim"] = r.Auth.TenantClaim
	}
	return map[string]string{
		"aws:region": c.Region, "cellular:deployment": string(c.Deployment), "cellular:plane": string(c.Plane),
		"cellular:protect": encode(c.Protect), "cellular:cells": CellsJSON(c.Cells),
		"cellular:router": encode(object{
			"auth": auth, "softTTL": r.SoftTTL.String(), "hardTTL": r.HardTTL.String(), "negativeTTL": r.NegativeTTL.String(),
			"cacheSize": r.CacheSize, "refreshTimeout": r.RefreshTimeout.String(), "cellTimeout": r.CellTimeout.String(), "counterTimeout": r.CounterTimeout.String(), "minCellTimeout": r.MinCellTimeout.String(),
			"maxPayloadBytes": r.MaxPayloadBytes, "memory": r.Memory, "timeout": r.Timeout.String(), "reservedConcurrency": r.ReservedConcurrency,
			"throttle":    object{"rate": r.Throttle.Rate, "burst": r.Throttle.Burst},
			"tenantLimit": object{"rate": r.TenantLimit.Rate, "burst": r.TenantLimit.Burst},
			"cellLimit":   object{"inFlight": r.CellLimit.InFlight, "rate": r.CellLimit.Rate, "burst": r.CellLimit.Burst},
			"breaker":     object{"failures": r.Breaker.Failures, "openFor": r.Breaker.OpenFor.String(), "probes": r.Breaker.Probes},
		}),
		"cellular:functions": encode(object{
			"architecture": f.Architecture, "memory": f.Memory, "timeout": f.Timeout.String(), "logLevel": f.LogLevel,
			"logRetentionDays": f.LogRetentionDays, "tracing": f.Tracing, "faultInjection": f.FaultInjection,
		}),
		"cellular:pipeline": encode(object{
			"stream": object{
				"batchSize": l.Stream.BatchSize, "batchWindow": l.Stream.BatchWindow.String(),
				"maxRecordAge": l.Stream.MaxRecordAge.String(), "parallelization": l.Stream.Parallelization,
				"concurrentPublishes": l.Stream.ConcurrentPublishes,
			},
			"inlinePayloadBytes": l.InlinePayloadBytes, "dataTTL": l.DataTTL.String(),
			"queue": object{
				"batchSize": l.Queue.BatchSize, "batchWindow": l.Queue.BatchWindow.String(), "maxReceiveCount": l.Queue.MaxReceiveCount,
				"maxConcurrency": l.Queue.MaxConcurrency, "retention": l.Queue.Retention.String(), "dlqRetention": l.Queue.DLQRetention.String(),
			},
			"consumer": object{
				"concurrentTenants": l.Consumer.ConcurrentTenants, "recordTimeout": l.Consumer.RecordTimeout.String(),
				"retryBackoff": object{"base": l.Consumer.RetryBackoffBase.String(), "max": l.Consumer.RetryBackoffMax.String()},
				"resultTTL":    l.Consumer.ResultTTL.String(),
			},
			"producerReservedConcurrency": l.ProducerReservedConcurrency,
			"consumerReservedConcurrency": l.ConsumerReservedConcurrency,
		}),
		"cellular:probe": encode(object{
			"enabled": c.Probe.Enabled, "interval": c.Probe.Interval.String(), "patience": c.Probe.Patience.String(), "memory": c.Probe.Memory,
		}),
		"cellular:alarms": encode(rawAlarms(c.Alarms)),
	}
}

func rawAlarms(a config.Alarms) object {
	c, r, p := a.Cell, a.Router, a.ControlPlane
	return object{
		"topic": a.Topic, "period": a.Period.String(),
		"cell": object{
			"streamDLQ": rawCount(c.StreamDLQ), "subscriptionDLQ": rawCount(c.SubscriptionDLQ), "consumerDLQ": rawCount(c.ConsumerDLQ),
			"oldestMessage": rawAlarm(c.OldestMessage.Threshold.String(), c.OldestMessage.Window),
			"iteratorAge":   rawAlarm(c.IteratorAge.Threshold.String(), c.IteratorAge.Window),
			"droppedEvents": rawCount(c.DroppedEvents), "producerErrors": rawCount(c.ProducerErrors), "consumerErrors": rawCount(c.ConsumerErrors),
			"producerThrottles": rawCount(c.ProducerThrottles), "consumerThrottles": rawCount(c.ConsumerThrottles),
			"acceptedToApplied": sampled(rawAlarm(c.AcceptedToApplied.Threshold.String(), c.AcceptedToApplied.Window), c.AcceptedToApplied.MinSamples),
			"edgeFailures":      rawShare(c.EdgeFailures), "breakerOpens": rawCount(c.BreakerOpens),
			"pipeline": rawWindow(c.Pipeline.Window),
		},
		"router": object{
			"failures": rawShare(r.Failures), "errors": rawCount(r.Errors), "throttles": rawCount(r.Throttles), "integrationFailures": rawShare(r.IntegrationFailures),
		},
		"controlPlane": object{
			"mappingThrottles": rawCount(p.MappingThrottles), "mappingErrors": rawCount(p.MappingErrors),
			"staleAnswers": rawShare(p.StaleAnswers), "refreshFailures": rawShare(p.RefreshFailures),
		},
		"probe": object{"silent": rawWindow(a.Probe.Silent.Window), "unsent": rawCount(a.Probe.Unsent), "stalledMoves": rawCount(a.Probe.StalledMoves)},
	}
}

func rawAlarm(threshold any, w config.Window) object {
	return object{"threshold": threshold, "datapoints": w.Datapoints, "periods": w.Periods, "missing": w.Missing}
}

func rawWindow(w config.Window) object {
	return object{"datapoints": w.Datapoints, "periods": w.Periods, "missing": w.Missing}
}

func rawCount(a config.CountAlarm) object { return rawAlarm(a.Threshold, a.Window) }

func rawShare(a config.ShareAlarm) object {
	return sampled(rawAlarm(a.Threshold, a.Window), a.MinSamples)
}

func sampled(alarm object, minSamples int) object {
	alarm["minSamples"] = minSamples
	return alarm
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // nothing in a configuration fails to encode
	}
	return string(text)
}

// Paths returns the part of each message of err before its first colon and space, sorted.
func Paths(err error) []string {
	var all []string
	for line := range strings.Lines(err.Error()) {
		path, _, _ := strings.Cut(line, ": ")
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}
