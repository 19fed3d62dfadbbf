// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vigild/vigild/collector"
)

var update = flag.Bool("update", false, "write the generated files")

func defaults(t *testing.T) Values {
	t.Helper()
	values, err := With(nil)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func all() []Alert {
	var out []Alert
	for _, g := range Groups() {
		out = append(out, g.Alerts...)
	}
	return out
}

// generated is every file that is made of the tables, scenes included.
func generated(t *testing.T) map[string][]byte {
	values := defaults(t)
	out := map[string][]byte{RulesFile: Rules(values), RecordingFile: Recording(values)}
	for _, alert := range all() {
		out["runbooks/"+alert.Name+".md"] = Runbook(&alert, values)
	}
	for _, s := range scenes {
		i := slices.IndexFunc(all(), func(a Alert) bool { return a.Name == s.alert })
		if i < 0 {
			t.Fatalf("a scene of %s, which is no alert", s.alert)
		}
		out["testdata/"+s.alert+".yaml"] = s.file(&all()[i], values)
	}
	return out
}

// TestFilesAreGenerated holds the committed files to the tables.
func TestFilesAreGenerated(t *testing.T) {
	files := generated(t)
	for path, want := range files {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the tables say (%v): go test ./alerts -update", path, err)
		}
	}
	for _, dir := range []string{"runbooks", "testdata"} {
		there, err := filepath.Glob(dir + "/*")
		if err != nil || len(there) != len(all()) {
			t.Errorf("%s has %d files for %d alerts (%v)", dir, len(there), len(all()), err)
		}
	}
	for _, path := range []string{RulesFile, "alertmanager.yaml", "runbooks/VigilDown.md"} {
		if _, err := fs.Stat(Files(), path); err != nil {
			t.Error(err)
		}
	}
}

var (
	name = regexp.MustCompile(`^Vigil[A-Z][A-Za-z]+$`)
	used = regexp.MustCompile(`\{\{.*?\}\}`)
)

// TestFormOfAlerts holds every alert to the conventions.
func TestFormOfAlerts(t *testing.T) {
	seen := map[string]bool{}
	for _, alert := range all() {
		if !name.MatchString(alert.Name) || seen[alert.Name] {
			t.Errorf("%s is no name, or not the only one", alert.Name)
		}
		seen[alert.Name] = true
		if !slices.Contains([]string{Critical, Warning, Info}, alert.Severity) {
			t.Errorf("%s: severity %q", alert.Name, alert.Severity)
		}
		for what, text := range map[string]string{"summary": alert.Summary, "description": alert.Description, "meaning": alert.Meaning, "impact": alert.Impact, "look": alert.Look, "mitigation": alert.Mitigation} {
			if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") || strings.TrimSpace(text) != text {
				t.Errorf("%s: the %s is no sentence: %q", alert.Name, what, text)
			}
		}
		if used.MatchString(alert.Summary) || !used.MatchString(alert.Description) {
			t.Errorf("%s: the summary has no labels, the description has", alert.Name)
		}
		if !strings.HasPrefix(alert.Command, "vigilctl ") {
			t.Errorf("%s: no command of vigilctl to type: %q", alert.Name, alert.Command)
		}
		if left := placeholder.FindString(string(Runbook(&alert, defaults(t)))); left != "" {
			t.Errorf("%s: %s is no threshold", alert.Name, left)
		}
	}
	rules := string(Rules(defaults(t))) + string(Recording(defaults(t)))
	if left := placeholder.FindString(rules); left != "" {
		t.Errorf("the rules have %s, which is no threshold", left)
	}
}

var (
	metricWord = regexp.MustCompile(`(^|[^:a-z_])(vigil_[a-z0-9_]+)`)
	recordWord = regexp.MustCompile(`[a-z_]+:vigil_[a-z0-9_]+:[a-z0-9_]+`)
	selector   = regexp.MustCompile(`(vigil_[a-z0-9_]+)\{([^}]*)\}`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|group_left) \(([^()]*)\)`)
	matcher    = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)`)
)

// TestMetricsAreInTheCatalogue: a metric or label that does not exist is an
// alert that never fires.
func TestMetricsAreInTheCatalogue(t *testing.T) {
	labels, known := map[string][]string{}, map[string]bool{"cluster": true, "job": true, "instance": true, "le": true}
	for _, m := range collector.Metrics() {
		labels[m.Name] = m.Labels
		for _, l := range m.Labels {
			known[l] = true
		}
		if m.Type == collector.Histogram {
			labels[m.Name+"_bucket"] = append([]string{"le"}, m.Labels...)
		}
	}
	records := map[string]bool{}
	exprs := map[string]string{}
	for _, r := range Records() {
		records[r.Name] = true
		exprs[r.Name] = r.Expr
	}
	for _, alert := range all() {
		exprs[alert.Name] = alert.Expr
	}
	for who, expr := range exprs {
		text := defaults(t).fill(expr)
		for _, r := range recordWord.FindAllString(text, -1) {
			if !records[r] {
				t.Errorf("%s: nothing records %s", who, r)
			}
		}
		for _, m := range metricWord.FindAllStringSubmatch(recordWord.ReplaceAllString(text, ""), -1) {
			if _, ok := labels[m[2]]; !ok {
				t.Errorf("%s: %s is not in the catalogue", who, m[2])
			}
		}
		for _, s := range selector.FindAllStringSubmatch(text, -1) {
			for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(labels[s[1]], l[1]) {
					t.Errorf("%s: %s has no label %s", who, s[1], l[1])
				}
			}
		}
		for _, g := range grouping.FindAllStringSubmatch(text, -1) {
			for _, l := range strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' }) {
				if !known[l] {
					t.Errorf("%s: nothing has the label %s", who, l)
				}
			}
		}
	}
}

// TestThresholds are used, explained, and can be set.
func TestThresholds(t *testing.T) {
	text := ""
	for _, alert := range all() {
		text += alert.Expr + alert.Description
	}
	for _, r := range Records() {
		text += r.Expr
	}
	for _, threshold := range Thresholds() {
		if threshold.Name != "runbooks" && !strings.Contains(text, "<"+threshold.Name+">") {
			t.Errorf("nothing uses %s", threshold.Name)
		}
		if threshold.Means == "" || threshold.Value == "" {
			t.Errorf("%s has no value or no meaning", threshold.Name)
		}
	}
	set, err := With(map[string]string{"near_misses": "77", "job": "edge"})
	if err != nil {
		t.Fatal(err)
	}
	rules := string(Rules(set))
	for _, want := range []string{"_near_misses_total[30m]) > 77'", `up{job="edge"} == 0`, "#   near_misses=77\n"} {
		if !strings.Contains(rules, want) {
			t.Errorf("the rules do not have %s", want)
		}
	}
	for _, wrong := range []map[string]string{{"nonsense": "1"}, {"flaps": ""}, {"flaps": "1\nx"}} {
		if _, err := With(wrong); err == nil {
			t.Errorf("%v was accepted", wrong)
		}
	}
}

// samples writes the values of a series out.
func samples(t string) string {
	var out []string
	last := 0.0
	for word := range strings.FieldsSeq(t) {
		value, times, _ := strings.Cut(word, "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			panic(err)
		}
		for range n {
			if value == "_" {
				out = append(out, "_")
				continue
			}
			x, err := strconv.ParseFloat(value, 64)
			if err != nil {
				panic(err)
			}
			if strings.HasPrefix(value, "+") {
				last += x
			} else {
				last = x
			}
			out = append(out, strconv.FormatFloat(last, 'f', -1, 64))
		}
	}
	return strings.Join(out, " ")
}

// file is the scene as promtool reads it.
func (s *scene) file(alert *Alert, values Values) []byte {
	var b strings.Builder
	// What is recorded comes before what asks for it: without an order promtool
	// takes the groups as they come.
	order := []string{recordingGroup}
	for _, g := range Groups() {
		order = append(order, g.Name)
	}
	fmt.Fprintf(&b, "%srule_files: [../%s, ../%s]\ngroup_eval_order: [%s]\nevaluation_interval: %s\ntests:\n  - interval: %s\n    input_series:\n", license, RecordingFile, RulesFile, strings.Join(order, ", "), s.step, s.step)
	for _, in := range s.series {
		fmt.Fprintf(&b, "      - series: %s\n        values: %s\n", quote(strings.Replace(in[0], "{", `{job="vigil",`, 1)), quote(samples(in[1])))
	}
	fmt.Fprintf(&b, "    alert_rule_test:\n")
	labels := map[string]string{}
	for _, m := range regexp.MustCompile(`([a-z_]+)="([^"]*)"`).FindAllStringSubmatch(`job="vigil",`+s.labels, -1) {
		labels[m[1]] = m[2]
	}
	for _, at := range []string{s.before, s.fires, s.after} {
		fmt.Fprintf(&b, "      - alertname: %s\n        eval_time: %s\n", s.alert, at)
		if at != s.fires {
			b.WriteString("        exp_alerts: []\n")
			continue
		}
		fmt.Fprintf(&b, "        exp_alerts:\n          - exp_labels:\n              severity: %s\n", alert.Severity)
		for _, l := range sorted(labels) {
			fmt.Fprintf(&b, "              %s: %s\n", l, quote(labels[l]))
		}
		b.WriteString("            exp_annotations:\n")
		for _, note := range values.annotations(alert) {
			fmt.Fprintf(&b, "              %s: %s\n", note[0], quote(s.rendered(note[1], labels)))
		}
	}
	return []byte(b.String())
}

// rendered puts the labels and the value in where the text has a template.
func (s *scene) rendered(text string, labels map[string]string) string {
	return used.ReplaceAllStringFunc(text, func(word string) string {
		if _, label, ok := strings.Cut(word, "$labels."); ok {
			return labels[strings.TrimRight(label, " }")]
		}
		return s.value
	})
}

func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// tool runs one of the tools that test/install.sh installs.
func tool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v (test/install.sh installs it)\n%s", strings.Join(args[:3], " "), err, out)
	}
}

// TestPrometheusTakesTheRules asks the real promtool and amtool.
func TestPrometheusTakesTheRules(t *testing.T) {
	tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", RulesFile, RecordingFile)
	tool(t, "amtool", "check-config", "alertmanager.yaml")
	set, err := With(map[string]string{"by": "site, job", "stalled_window": "30m", "job": "edge"})
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), RulesFile)
	if err := os.WriteFile(other, Rules(set), 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "promtool", "check", "rules", other)
}

// TestAlertsFire plays every scene: the alert does not fire before its time,
// then does, with these labels and texts, and ends.
func TestAlertsFire(t *testing.T) {
	args := []string{"promtool", "test", "rules"}
	for _, alert := range all() {
		if !slices.ContainsFunc(scenes, func(s scene) bool { return s.alert == alert.Name }) {
			t.Errorf("no scene for %s", alert.Name)
		}
		args = append(args, "testdata/"+alert.Name+".yaml")
	}
	tool(t, args...)
}

// TestInhibitions name alerts that exist.
func TestInhibitions(t *testing.T) {
	text, err := os.ReadFile("alertmanager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range regexp.MustCompile(`Vigil[A-Za-z]+`).FindAllString(string(text), -1) {
		if !slices.ContainsFunc(all(), func(a Alert) bool { return a.Name == word }) {
			t.Errorf("alertmanager.yaml names %s, which is no alert", word)
		}
	}
}
