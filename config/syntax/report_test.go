// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/vigild/vigild/config/syntax"
)

func TestReport(t *testing.T) {
	found := []syntax.Problem{
		{
			Pos: syntax.Pos{File: "/etc/a b.conf", Line: 4, Col: 18}, Level: syntax.Error, Class: syntax.Faulty,
			Rule: "bad_address", Message: "'x' is not an IP address", Hint: "write one",
		},
		{Pos: syntax.Pos{File: "b.conf"}, Level: syntax.Note, Rule: "bad_address", Message: "half"},
		{Level: syntax.Warning, Rule: "no_file", Message: "nothing there"},
	}
	for format, want := range map[syntax.Format]string{
		syntax.FormatText: "/etc/a b.conf:4:18: error: 'x' is not an IP address [write one]\n" +
			"b.conf: note: half\nwarning: nothing there\n",
		syntax.FormatJSON: `{"file":"/etc/a b.conf","line":4,"column":18,"level":"error","rule":"bad_address","message":"'x' is not an IP address","hint":"write one"}` + "\n" +
			`{"file":"b.conf","level":"note","rule":"bad_address","message":"half"}` + "\n" +
			`{"level":"warning","rule":"no_file","message":"nothing there"}` + "\n",
		syntax.FormatSARIF: `{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{` +
			`"tool":{"driver":{"name":"vigild","version":"1.2","rules":[{"id":"bad_address"},{"id":"no_file"}]}},"columnKind":"unicodeCodePoints","results":[` +
			`{"ruleId":"bad_address","level":"error","message":{"text":"'x' is not an IP address [write one]"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///etc/a%20b.conf"},"region":{"startLine":4,"startColumn":18}}}]},` +
			`{"ruleId":"bad_address","level":"note","message":{"text":"half"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"b.conf"}}}]},` +
			`{"ruleId":"no_file","level":"warning","message":{"text":"nothing there"}}]}]}`,
	} {
		var out bytes.Buffer
		if err := syntax.Report(&out, format, "1.2", found); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if format == syntax.FormatSARIF {
			var flat bytes.Buffer
			if err := json.Compact(&flat, out.Bytes()); err != nil {
				t.Fatal(err)
			}
			got = flat.String()
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", format, got, want)
		}
	}
}

// TestReportNothing: a clean configuration is a run without results, not no run.
func TestReportNothing(t *testing.T) {
	var out bytes.Buffer
	if err := syntax.Report(&out, syntax.FormatSARIF, "1.2", nil); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte(`"results": []`)) {
		t.Errorf("no list of results: %s", &out)
	}
}

func TestFormatWords(t *testing.T) {
	f := syntax.FormatText
	if err := f.Set("sarif"); err != nil || f != syntax.FormatSARIF {
		t.Errorf("sarif gives %q, %v", f, err)
	}
	if err := f.Set("xml"); err == nil || f != syntax.FormatSARIF {
		t.Errorf("xml gives %q, %v", f, err)
	}
}
