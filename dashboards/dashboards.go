// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.json provisioning.yaml
var files embed.FS

// Files are the dashboards as Grafana imports them, and provisioning.yaml, which
// makes a Grafana load them from a folder.
func Files() fs.FS { return files }

// Dashboard is one dashboard; its file is UID.json.
type Dashboard struct {
	UID, Title, Description string
	// Vars are the variables beside datasource, cluster, job and instance.
	Vars []Variable
	Rows []Row
}

// Variable is a label that can be chosen, by its values in a metric.
type Variable struct{ Label, Metric string }

// Row is panels under one heading.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel is one picture. Unit is an identifier of Grafana's.
type Panel struct {
	Kind               Kind
	Title, Description string
	Unit               string
	Targets            []Target
	// Words are what numbers mean, from 0, for states.
	Words []Word
	// Wide panels have the whole width, others half, and stats a sixth.
	Wide bool
	// Stacked series are drawn on each other.
	Stacked bool
	// Empty says why the panel may have no data; empty if it may not.
	Empty string
}

// Word is what a value is called, and its colour.
type Word struct{ Text, Color string }

// Kind is how a panel draws.
type Kind string

// The kinds, by Grafana's names.
const (
	Lines    Kind = "timeseries"
	Stat     Kind = "stat"
	Timeline Kind = "state-timeline"
	Heatmap  Kind = "heatmap"
	Table    Kind = "table"
)

// Target is one expression. In Expr, <s> stands for the matchers of the
// installation, and <v>, <vs>, <rs>, <checker> for those and of the label.
type Target struct{ Expr, Legend string }

const matchers = `cluster=~"$cluster",job=~"$job",instance=~"$instance"`

var selectors = strings.NewReplacer(
	"<s>", matchers,
	"<v>", matchers+`,vrrp_instance=~"$vrrp_instance"`,
	"<vs>", matchers+`,virtual_server=~"$virtual_server"`,
	"<rs>", matchers+`,virtual_server=~"$virtual_server",real_server=~"$real_server"`,
	"<checker>", matchers+`,checker=~"$checker"`,
)

// Query is the expression as Grafana gets it.
func (t Target) Query() string { return selectors.Replace(t.Expr) }

// All is every dashboard.
func All() []Dashboard {
	return []Dashboard{overview, vrrp, virtualServers, realServer, checkers, daemon, exits}
}

// What states are called.
var (
	states = []Word{{"INIT", "text"}, {"BACKUP", "blue"}, {"MASTER", "green"}, {"FAULT", "red"}}
	upDown = []Word{{"DOWN", "red"}, {"UP", "green"}}
	noYes  = []Word{{"no", "green"}, {"YES", "red"}}
	okBad  = []Word{{"FAILED", "red"}, {"ok", "green"}}
)

func q(expr, legend string) Target { return Target{expr, legend} }

func panel(kind Kind, title, description, unit string, targets ...Target) Panel {
	return Panel{Kind: kind, Title: title, Description: description, Unit: unit, Targets: targets}
}

func lines(title, description, unit string, targets ...Target) Panel {
	return panel(Lines, title, description, unit, targets...)
}

func stat(title, description, unit string, targets ...Target) Panel {
	return panel(Stat, title, description, unit, targets...)
}

func heat(title, description, unit, expr string) Panel {
	return panel(Heatmap, title, description, unit, q(expr, "{{le}}"))
}

func table(title, description, unit, expr string) Panel {
	return panel(Table, title, description, unit, q(expr, ""))
}

func (p Panel) wide() Panel { p.Wide = true; return p }

func (p Panel) stacked() Panel { p.Stacked = true; return p }

// mayBeEmpty says why there may be no data.
func (p Panel) mayBeEmpty(why string) Panel { p.Empty = why; return p }

// words makes a timeline or a stat show words for numbers.
func (p Panel) words(w []Word) Panel { p.Words = w; return p }

func timeline(title, description string, w []Word, expr, legend string) Panel {
	return panel(Timeline, title, description, "short", q(expr, legend)).words(w).wide()
}
