package config

import (
	"encoding/json"
	"strconv"

	"cellular/internal/model/env"
)

// maxEnvironment is the quota of a function's environment in bytes. It cannot be raised.
const maxEnvironment = 4096

// RouterEnvironment returns the variables of the router's function. See package env.
func (c Config) RouterEnvironment() map[string]string {
	r := c.Router
	variables := map[string]string{
		env.MappingTable:        c.Deployment.MappingTable(),
		env.DataTablePrefix:     c.Deployment.DataTablePrefix(),
		env.ResultsTablePrefix:  c.Deployment.ResultsTablePrefix(),
		env.CountersTablePrefix: c.Deployment.CountersTablePrefix(),
		env.CacheSize:           strconv.Itoa(r.CacheSize),
		env.CacheSoftTTL:        r.SoftTTL.String(),
		env.CacheHardTTL:        r.HardTTL.String(),
		env.CacheNegativeTTL:    r.NegativeTTL.String(),
		env.RefreshTimeout:      r.RefreshTimeout.String(),
		env.CellTimeout:         r.CellTimeout.String(),
		env.DataTTL:             c.Pipeline.DataTTL.String(),
		env.CounterTimeout:      r.CounterTimeout.String(),
		env.MinCellTimeout:      r.MinCellTimeout.String(),
		env.MaxPayloadBytes:     strconv.Itoa(r.MaxPayloadBytes),
		env.AuthType:            string(r.Auth.Type),
		env.TenantRate:          strconv.Itoa(r.TenantLimit.Rate),
		env.TenantBurst:         strconv.Itoa(r.TenantLimit.Burst),
		env.CellInFlight:        strconv.Itoa(r.CellLimit.InFlight),
		env.CellRate:            strconv.Itoa(r.CellLimit.Rate),
		env.CellBurst:           strconv.Itoa(r.CellLimit.Burst),
		env.BreakerFailures:     strconv.Itoa(r.Breaker.Failures),
		env.BreakerOpenFor:      r.Breaker.OpenFor.String(),
		env.BreakerProbes:       strconv.Itoa(r.Breaker.Probes),
		env.MetricsNamespace:    c.Deployment.MetricsNamespace(),
		env.LogLevel:            c.Functions.LogLevel,
	}
	if r.Auth.Type == AuthJWT {
		variables[env.TenantClaim] = r.Auth.TenantClaim
	}
	return variables
}

// ProducerEnvironment returns those variables of a cell's producer that the configuration decides. See package env.
func (l Pipeline) ProducerEnvironment() map[string]string {
	return map[string]string{
		env.InlinePayloadBytes:  strconv.Itoa(l.InlinePayloadBytes),
		env.ConcurrentPublishes: strconv.Itoa(l.Stream.ConcurrentPublishes),
	}
}

// ConsumerEnvironment returns those variables of a cell's consumer that the pipeline's configuration decides. See package env.
func (l Pipeline) ConsumerEnvironment() map[string]string {
	return map[string]string{
		env.MaxReceiveCount:   strconv.Itoa(l.Queue.MaxReceiveCount),
		env.ConcurrentTenants: strconv.Itoa(l.Consumer.ConcurrentTenants),
		env.RecordTimeout:     l.Consumer.RecordTimeout.String(),
		env.RetryBackoffBase:  l.Consumer.RetryBackoffBase.String(),
		env.RetryBackoffMax:   l.Consumer.RetryBackoffMax.String(),
		env.ResultTTL:         l.Consumer.ResultTTL.String(),
	}
}

// EnvironmentSize returns the size of an environment as Lambda measures it: that of a JSON object of its variables. The
// message with which Lambda refuses a larger one shows this object as the "string measured".
func EnvironmentSize(variables map[string]string) int {
	text, err := json.Marshal(variables) // Go escapes more characters than Lambda does, never fewer
	if err != nil {
		return maxEnvironment + 1 // strings always encode
	}
	return len(text)
}
