// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/collector"
)

var update = flag.Bool("update", false, "write the generated files")

// TestFilesAreGenerated holds the committed files to the tables.
func TestFilesAreGenerated(t *testing.T) {
	for _, d := range All() {
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		path := d.UID + ".json"
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the tables say (%v): go test ./dashboards -update", path, err)
		}
		if embedded, err := fs.ReadFile(Files(), path); !*update && (err != nil || string(embedded) != string(want)) {
			t.Errorf("%s is not embedded: %v", path, err)
		}
	}
	if there, err := filepath.Glob("*.json"); err != nil || len(there) != 7 || len(All()) != 7 {
		t.Errorf("%d files and %d dashboards, want 7 (%v)", len(there), len(All()), err)
	}
}

// document is what the tests look at in a dashboard's JSON.
type document struct {
	UID, Title, Description string
	Tags                    []string
	Editable                *bool
	Links                   []struct{ IncludeVars, KeepTime bool }
	Templating              struct {
		List []struct {
			Name, Type, AllValue string
			Multi, IncludeAll    bool
			Refresh              int
			Query                any
		}
	}
	Annotations struct{ List []struct{ Expr string } }
	Panels      []struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ Type, UID string }
		GridPos                  struct{ X, Y, W, H int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct {
			RefID, Expr, LegendFormat string
			Datasource                struct{ UID string }
		}
	}
}

func read(t *testing.T) []document {
	t.Helper()
	var out []document
	for _, d := range All() {
		text, err := os.ReadFile(d.UID + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var doc document
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", d.UID, err)
		}
		out = append(out, doc)
	}
	return out
}

// units are the identifiers of Grafana's that are used.
var units = []string{"short", "s", "percentunit", "cps", "pps", "Bps", "reqps"}

// TestLinter has the rules of Grafana's dashboard-linter.
func TestLinter(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range read(t) {
		if seen[d.UID] || len(d.UID) > 40 || seen[d.Title] || d.Description == "" || !slices.Equal(d.Tags, []string{"vigil"}) {
			t.Errorf("%s: uid, title, description or tags", d.UID)
		}
		seen[d.UID], seen[d.Title] = true, true
		if d.Editable == nil || *d.Editable {
			t.Errorf("%s can be edited", d.UID)
		}
		if len(d.Links) != 1 || !d.Links[0].IncludeVars || !d.Links[0].KeepTime {
			t.Errorf("%s has no links to the others", d.UID)
		}
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
			if v.Type == "query" && (v.Refresh != 2 || !v.Multi || !v.IncludeAll || v.AllValue != ".*") {
				t.Errorf("%s: variable %s: refresh, multi or all", d.UID, v.Name)
			}
		}
		if len(names) < 4 || !slices.Equal(names[:4], []string{"datasource", "cluster", "job", "instance"}) {
			t.Errorf("%s: variables %v", d.UID, names)
		}
		lintPanels(t, &d, names)
	}
}

var variableUse = regexp.MustCompile(`\$\{?([a-z_]+)\b`)

func lintPanels(t *testing.T, d *document, variables []string) {
	ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		who := d.UID + ": " + p.Title
		if ids[p.ID] || p.Title == "" || titles[p.Type+p.Title] {
			t.Errorf("%s: id or title is not its own", who)
		}
		ids[p.ID], titles[p.Type+p.Title] = true, true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" || at[0] >= 24 {
					t.Fatalf("%s lies upon %s at %v", who, taken[at], at)
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if !strings.HasSuffix(p.Description, ".") || !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
			t.Errorf("%s: description %q or unit %q", who, p.Description, p.FieldConfig.Defaults.Unit)
		}
		if p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s: data source %v, %d targets", who, p.Datasource, len(p.Targets))
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || (target.LegendFormat == "" && p.Type != "table") {
				t.Errorf("%s: target %s has no data source or legend", who, target.RefID)
			}
			for _, use := range variableUse.FindAllStringSubmatch(strings.ReplaceAll(target.Expr, "$__rate_interval", ""), -1) {
				if !slices.Contains(variables, use[1]) {
					t.Errorf("%s: the dashboard has no variable %s", who, use[1])
				}
			}
		}
	}
}

// expr is an expression and where it stands.
type expr struct{ who, text, legend string }

// expressions are all that a dashboard asks.
func expressions(t *testing.T) []expr {
	var out []expr
	for _, d := range read(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				out = append(out, expr{d.UID + ": " + p.Title, target.Expr, target.LegendFormat})
			}
		}
		for _, a := range d.Annotations.List {
			out = append(out, expr{d.UID + ": annotation", a.Expr, ""})
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d expressions", len(out))
	}
	return out
}

var (
	selection  = regexp.MustCompile(`\b(vigil_[a-z0-9_]+|up|ALERTS)\b(\{[^}]*\})?(\[[^\]]*\])?`)
	word       = regexp.MustCompile(`vigil_[a-z0-9_]+`)
	matcher    = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	grouping   = regexp.MustCompile(`\bby \(([^()]*)\)`)
	legendWord = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	function   = regexp.MustCompile(`([a-z_]+)\($`)
)

// catalogue is the labels and the type of every series.
func catalogue() (labels map[string][]string, counts map[string]bool) {
	labels, counts = map[string][]string{"up": {}, "ALERTS": {"alertname", "alertstate", "severity"}}, map[string]bool{}
	for _, m := range collector.Metrics() {
		own := append([]string{"cluster", "job", "instance"}, m.Labels...)
		switch m.Type {
		case collector.Histogram:
			for _, end := range []string{"_bucket", "_sum", "_count"} {
				labels[m.Name+end], counts[m.Name+end] = own, true
			}
			labels[m.Name+"_bucket"] = append([]string{"le"}, own...)
		case collector.Counter:
			labels[m.Name], counts[m.Name] = own, true
		case collector.Gauge:
			labels[m.Name] = own
		}
	}
	return labels, counts
}

// TestSelectors: every metric and label exists, job and instance can be chosen,
// counters and nothing else stand under rate, with Grafana's own interval.
func TestSelectors(t *testing.T) {
	labels, counts := catalogue()
	for _, e := range expressions(t) {
		var have []string
		for _, at := range selection.FindAllStringSubmatchIndex(e.text, -1) {
			metric := e.text[at[2]:at[3]]
			own, known := labels[metric]
			if !known {
				t.Errorf("%s: %s is not in the catalogue", e.who, metric)
			}
			have = append(have, own...)
			var matched []string
			if at[4] >= 0 {
				for _, m := range matcher.FindAllStringSubmatch(e.text[at[4]:at[5]], -1) {
					matched = append(matched, m[1])
					if !slices.Contains(own, m[1]) && metric != "up" && metric != "ALERTS" {
						t.Errorf("%s: %s has no label %s", e.who, metric, m[1])
					}
				}
			}
			// ALERTS of an aggregate have no instance.
			if !slices.Contains(matched, "job") || (!slices.Contains(matched, "instance") && metric != "ALERTS") {
				t.Errorf("%s: %s is not chosen by job and instance", e.who, metric)
			}
			rated := at[6] >= 0
			if rated && e.text[at[6]:at[7]] != "[$__rate_interval]" {
				t.Errorf("%s: %s over %s", e.who, metric, e.text[at[6]:at[7]])
			}
			under := function.FindStringSubmatch(e.text[:at[0]])
			ok := rated && under != nil && slices.Contains([]string{"rate", "increase"}, under[1])
			if counts[metric] != ok {
				t.Errorf("%s: %s: a counter and only a counter stands under rate", e.who, metric)
			}
		}
		for _, m := range word.FindAllString(e.text, -1) {
			if _, known := labels[m]; !known {
				t.Errorf("%s: %s is not in the catalogue", e.who, m)
			}
		}
		labelsSurvive(t, e, have)
	}
}

// labelsSurvive holds a legend to the labels that the aggregation leaves.
func labelsSurvive(t *testing.T, e expr, have []string) {
	for _, g := range grouping.FindAllStringSubmatch(e.text, -1) {
		for l := range strings.SplitSeq(g[1], ", ") {
			if !slices.Contains(have, l) && !slices.Contains([]string{"job", "instance", "cluster"}, l) {
				t.Errorf("%s: nothing has the label %s", e.who, l)
			}
		}
	}
	for _, l := range legendWord.FindAllStringSubmatch(e.legend, -1) {
		if groups := grouping.FindAllStringSubmatch(e.text, -1); groups != nil {
			for _, g := range groups {
				if !slices.Contains(strings.Split(g[1], ", "), l[1]) {
					t.Errorf("%s: the legend's %s does not survive by (%s)", e.who, l[1], g[1])
				}
			}
		} else if !slices.Contains(have, l[1]) {
			t.Errorf("%s: nothing has the legend's %s", e.who, l[1])
		}
	}
}

var (
	values   = regexp.MustCompile(`^label_values\(([a-z_]+)(\{.*\})?, ([a-z_]+)\)$`)
	grafanas = strings.NewReplacer("$__rate_interval", "5m")
)

// TestVariables ask for labels that metrics have.
func TestVariables(t *testing.T) {
	labels, _ := catalogue()
	for _, d := range read(t) {
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			query, _ := v.Query.(map[string]any)["query"].(string)
			m := values.FindStringSubmatch(query)
			if m == nil || m[3] != v.Name || !slices.Contains(labels[m[1]], v.Name) {
				t.Errorf("%s: variable %s: %q", d.UID, v.Name, query)
			}
		}
	}
}

// TestPrometheusParsesEverything puts every expression into a file of rules and
// asks promtool, which test/install.sh installs.
func TestPrometheusParsesEverything(t *testing.T) {
	var b strings.Builder
	b.WriteString("groups:\n  - name: panels\n    rules:\n")
	for i, e := range expressions(t) {
		text := variableUse.ReplaceAllString(grafanas.Replace(e.text), "x")
		fmt.Fprintf(&b, "      - record: panel:%d\n        expr: '%s'\n", i, strings.ReplaceAll(text, "'", "''"))
	}
	path := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", path).CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
