// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The severities, values of the label severity.
const (
	// Critical wakes somebody.
	Critical = "critical"
	// Warning is for the next working day.
	Warning = "warning"
	// Info is for reading beside something else.
	Info = "info"
)

// Alert is one alerting rule and its runbook page. In Expr and the texts a word
// such as <window> stands for the threshold of that name.
type Alert struct {
	Name     string
	Severity string
	Expr     string
	// For is how long Expr must hold, Keep how long the alert stays after it no
	// longer does; Prometheus's durations, empty for none.
	For, Keep string
	// Summary is one line, Description has the labels and the value.
	Summary, Description string
	// Meaning, Impact and Mitigation are paragraphs of the runbook; Command is
	// what to type on the router, and Look what to look for in its answer.
	Meaning, Impact, Command, Look, Mitigation string
}

// Group is alerts that are evaluated together.
type Group struct {
	Name   string
	Alerts []Alert
}

// Groups is every alert, in the order of the file.
func Groups() []Group {
	return []Group{
		{"vigil-vrrp", vrrpAlerts},
		{"vigil-signs", signAlerts},
		{"vigil-servers", serverAlerts},
		{"vigil-checks", checkAlerts},
		{"vigil-daemon", daemonAlerts},
		{"vigil-exits", exitAlerts},
	}
}

// Threshold is a value in the rules that somebody may want to be another.
type Threshold struct {
	Name, Value, Means string
}

var thresholds = []Threshold{
	{"job", "vigil", "value of the label job under which Prometheus scrapes vigild"},
	{"by", "cluster, job", "labels that tell installations apart; a label that is not there does no harm"},
	{"runbooks", "https://github.com/vigild/vigild/blob/main/alerts/runbooks", "where the runbook pages are"},
	{"silent_window", "1m", "a master that sends nothing for so long is silent"},
	{"conflicts", "3", "adverts of another master in 2 minutes that a master may hear"},
	{"redundancy", "2", "routers that should be able to hold each address"},
	{"flaps", "4", "transitions of an instance in 15 minutes that are not flapping"},
	{"near_misses", "3", "near misses of the master-down timer in 30 minutes that are tolerated"},
	{"advert_loss", "0.01", "part of the master's adverts that may be missing"},
	{"failover_seconds", "5", "p99 of the whole of a failover in an hour that is tolerated, in seconds"},
	{"degraded", "0.6", "part of the real servers of a virtual server that should be up"},
	{"slo_budget", "0.001", "part of the time that a virtual server may be without quorum: 0.001 is 99.9 % in 30 days"},
	{"server_flaps", "6", "changes of a real server in 30 minutes that are not flapping"},
	{"stalled_window", "10m", "checks that do not run for so long are stalled; longer than the longest delay_loop"},
	{"check_delay_seconds", "1", "p99 of how late checks may begin, in seconds"},
	{"certificate_days", "14", "days before a certificate expires at which to warn"},
	{"certificate_days_critical", "3", "days before a certificate expires at which to page"},
	{"loop_lag", "0.1", "p99 of the lag of the VRRP loop, as part of the shortest advertisement interval, that is tolerated"},
	{"notify_failures", "0.1", "part of the notifications whose delivery may fail"},
}

// Thresholds returns what can be set, in the order of the files.
func Thresholds() []Threshold { return slices.Clone(thresholds) }

// Values says what a text with thresholds becomes.
type Values map[string]string

// With returns the values in which the given thresholds replace the defaults;
// the error names one that does not exist or is empty.
func With(set map[string]string) (Values, error) {
	v := Values{}
	for _, t := range thresholds {
		v[t.Name] = t.Value
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if _, known := v[name]; !known {
			return nil, fmt.Errorf("threshold %q does not exist", name)
		}
		if set[name] == "" || strings.ContainsAny(set[name], "\n\r\"'{}") {
			return nil, fmt.Errorf("threshold %s: %q is not a value", name, set[name])
		}
		v[name] = set[name]
	}
	return v, nil
}

var placeholder = regexp.MustCompile(`<[a-z_]+>`)

// fill puts the values in; a word that is no threshold stays as it is.
func (v Values) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(word string) string {
		if value, known := v[word[1:len(word)-1]]; known {
			return value
		}
		return word
	})
}
