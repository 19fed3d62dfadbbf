// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// The files' names.
const (
	RulesFile     = "vigil.rules.yaml"
	RecordingFile = "vigil.recording.yaml"
)

//go:embed vigil.rules.yaml vigil.recording.yaml alertmanager.yaml runbooks/*.md
var files embed.FS

// Files are the rules with the default thresholds, the sample of Alertmanager's
// configuration, and the runbooks.
func Files() fs.FS { return files }

// recordingGroup is the one group of recording rules.
const recordingGroup = "vigil-recording"

const license = "# SPDX-FileCopyrightText: The vigild authors\n# SPDX-License-Identifier: Apache-2.0\n#\n"

// quote makes a scalar of YAML in which nothing is special.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Rules is the file of alerts with these values.
func Rules(v Values) []byte {
	var b strings.Builder
	b.WriteString(license + "# Alerts on vigild; needs " + RecordingFile + ". Made by `vigilctl alerts export DIR`, with\n" +
		"# other thresholds by --set NAME=VALUE. The thresholds of this file:\n#\n")
	for _, t := range thresholds {
		fmt.Fprintf(&b, "#   %s=%s\n#       %s\n", t.Name, v[t.Name], t.Means)
	}
	b.WriteString("groups:\n")
	for _, g := range Groups() {
		fmt.Fprintf(&b, "  - name: %s\n    rules:\n", g.Name)
		for _, a := range g.Alerts {
			fmt.Fprintf(&b, "      - alert: %s\n        expr: %s\n", a.Name, quote(v.fill(a.Expr)))
			if a.For != "" {
				fmt.Fprintf(&b, "        for: %s\n", a.For)
			}
			if a.Keep != "" {
				fmt.Fprintf(&b, "        keep_firing_for: %s\n", a.Keep)
			}
			fmt.Fprintf(&b, "        labels:\n          severity: %s\n        annotations:\n", a.Severity)
			for _, note := range v.annotations(&a) {
				fmt.Fprintf(&b, "          %s: %s\n", note[0], quote(note[1]))
			}
		}
	}
	return []byte(b.String())
}

// annotations are the annotations of an alert, name and text.
func (v Values) annotations(a *Alert) [][2]string {
	return [][2]string{
		{"summary", v.fill(a.Summary)},
		{"description", v.fill(a.Description)},
		{"runbook_url", v["runbooks"] + "/" + a.Name + ".md"},
	}
}

// Recording is the file of recording rules with these values.
func Recording(v Values) []byte {
	var b strings.Builder
	b.WriteString(license + "# Recording rules of vigild. Made by `vigilctl alerts export DIR`.\ngroups:\n  - name: " + recordingGroup + "\n    rules:\n")
	for _, r := range Records() {
		fmt.Fprintf(&b, "      # %s\n      - record: %s\n        expr: %s\n", r.Means, r.Name, quote(v.fill(r.Expr)))
	}
	return []byte(b.String())
}

// Runbook is the page of an alert.
func Runbook(a *Alert, v Values) []byte {
	var b strings.Builder
	held := "as soon as it holds"
	if a.For != "" {
		held = "when it holds for " + a.For
	}
	fmt.Fprintf(&b, "# %s\n\n%s Severity %s, %s.\n\n```promql\n%s\n```\n\n", a.Name, v.fill(a.Summary), a.Severity, held, v.fill(a.Expr))
	fmt.Fprintf(&b, "## Meaning\n\n%s\n\n## Impact\n\n%s\n\n", v.fill(a.Meaning), v.fill(a.Impact))
	example := ""
	if strings.Contains(a.Command, "192.0.2.1") {
		example = " with the names of the alert's labels in place of the example's"
	}
	fmt.Fprintf(&b, "## Diagnosis\n\nOn the router of the alert%s:\n\n```sh\n%s\n```\n\n%s\n\n## Mitigation\n\n%s\n", example, a.Command, v.fill(a.Look), v.fill(a.Mitigation))
	return []byte(b.String())
}
