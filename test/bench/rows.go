// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one line of the table: one figure of each program, round by round.
type row struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Values are the figures of each program in the order of the rounds.
	Values map[string][]float64 `json:"values"`
	// Ratios are what is judged: vigild's figure divided by keepalived's (or
	// haproxy's) of the same round (scraped by alone), or, if Absolute, vigild's figure itself.
	Ratios   []float64 `json:"ratios,omitempty"`
	Absolute bool      `json:"absolute,omitempty"`
	// Target is the most that was promised, or nothing.
	Target float64 `json:"target"`
}

// nothing is the target of a row that nothing was promised for.
const nothing = -1

// Names of the columns.
const (
	colKeepalived = "keepalived"
	colRealTime   = "keepalived rt"
	colVigild     = "vigild"
	colAlone      = "vigild alone"
	colScraped    = "vigild scraped"
	colHAProxy    = "haproxy"
	colHalf       = "vigild half open"
	colChecks     = "while checking"
	colFailing    = "while all fail"
)

var columns = []string{colKeepalived, colRealTime, colHAProxy, colVigild, colHalf, colAlone, colScraped, colChecks, colFailing}

// put adds the figures of a round to a row, which is made if need be.
func (b *bench) put(name, unit string, target float64, absolute bool, figures map[string]float64) {
	i := slices.IndexFunc(b.rows, func(r *row) bool { return r.Name == name })
	if i < 0 {
		i = len(b.rows)
		b.rows = append(b.rows, &row{Name: name, Unit: unit, Values: map[string][]float64{}, Absolute: absolute, Target: target})
	}
	r := b.rows[i]
	for program, f := range figures {
		r.Values[program] = append(r.Values[program], f)
	}
	ours, theirs := figures[colVigild]+figures[colScraped], figures[colKeepalived]+figures[colHAProxy]+figures[colAlone]
	switch {
	case absolute:
		r.Ratios = append(r.Ratios, ours)
	case ours > 0 && theirs > 0:
		r.Ratios = append(r.Ratios, ours/theirs)
	}
}

// spread is "median (least-most)", or the one figure.
func spread(v []float64) string {
	if len(v) == 0 {
		return "-"
	}
	s := slices.Sorted(slices.Values(v))
	if len(s) == 1 {
		return short(s[0])
	}
	return fmt.Sprintf("%s (%s-%s)", short(median(s)), short(s[0]), short(s[len(s)-1]))
}

// median of sorted figures.
func median(s []float64) float64 {
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// short prints three significant digits.
func short(f float64) string {
	if f == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(f))))
	return fmt.Sprintf("%.*f", min(max(digits, 0), 4), f)
}

// printRows prints the table of a chapter.
func printRows(w io.Writer, rows []*row) {
	cols := slices.DeleteFunc(slices.Clone(columns), func(c string) bool {
		return !slices.ContainsFunc(rows, func(r *row) bool { return len(r.Values[c]) > 0 })
	})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\tunit\t%s\tjudged\tpromised\n", strings.Join(cols, "\t"))
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t", r.Name, r.Unit)
		for _, c := range cols {
			fmt.Fprintf(t, "%s\t", spread(r.Values[c]))
		}
		promised := "-"
		if r.Target >= 0 {
			promised = "<= " + short(r.Target)
		}
		fmt.Fprintf(t, "%s\t%s\n", spread(r.Ratios), promised)
	}
	_ = t.Flush()
}
