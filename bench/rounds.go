package main

import (
	"context"
	"math"
	"slices"
)

// series is one figure of one contestant, by round. It is NaN in a round that gave none.
type series []float64

// summary is what is told of a series.
type summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"` // that gave a figure; if none did, the others are 0
}

func (s series) summary() summary {
	sorted := slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(s), math.IsNaN)))
	if len(sorted) == 0 {
		return summary{}
	}
	return summary{Median: quantile(sorted, 0.5), Min: sorted[0], Max: sorted[len(sorted)-1], Rounds: len(sorted)}
}

// over is the ratio of the two series round by round: what disturbed the machine in a round disturbed both. There is none
// to a baseline of 0.
func (s series) over(baseline series) series {
	ratios := make(series, len(s))
	for i := range s {
		ratios[i] = math.NaN()
		if baseline[i] != 0 {
			ratios[i] = s[i] / baseline[i]
		}
	}
	return ratios
}

// times is the series with every figure multiplied.
func (s series) times(factor float64) series {
	product := make(series, len(s))
	for i := range s {
		product[i] = factor * s[i]
	}
	return product
}

// quantile interpolates between the closest two of sorted; it is NaN where there are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}

// interleave calls the contestants in turn, n times.
func interleave(ctx context.Context, n int, contestants ...func() error) error {
	for range n {
		for _, contestant := range contestants {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := contestant(); err != nil {
				return err
			}
		}
	}
	return nil
}
