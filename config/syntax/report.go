// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Format is how problems are written down.
type Format string

// The formats. JSON is one object per problem and line. SARIF is the Static Analysis Results Interchange Format 2.1.0,
// which code hosts and editors show beside the line.
const (
	FormatText  Format = "text"
	FormatJSON  Format = "json"
	FormatSARIF Format = "sarif"
)

// Set makes Format a flag's value; it knows no other words.
func (f *Format) Set(word string) error {
	switch g := Format(word); g {
	case FormatText, FormatJSON, FormatSARIF:
		*f = g
		return nil
	}
	return fmt.Errorf("format %q is not one of text, json, sarif", word)
}

func (f *Format) String() string { return string(*f) }

// Type names the kind of value in a flag's help.
func (*Format) Type() string { return "FORMAT" }

// Report writes problems in a format; the empty format is FormatText. Version is that of the program, for SARIF.
func Report(w io.Writer, f Format, version string, found []Problem) error {
	switch f {
	case FormatJSON:
		return reportJSON(w, found)
	case FormatSARIF:
		return reportSARIF(w, version, found)
	case FormatText:
	}
	for _, p := range found {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return fmt.Errorf("write a problem: %w", err)
		}
	}
	return nil
}

// problemJSON is one line of FormatJSON.
type problemJSON struct {
	File    string `json:"file,omitempty"`
	Line    int32  `json:"line,omitempty"`
	Column  int32  `json:"column,omitempty"`
	Level   string `json:"level"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func reportJSON(w io.Writer, found []Problem) error {
	e := json.NewEncoder(w)
	for _, p := range found {
		line := problemJSON{p.Pos.File, p.Pos.Line, p.Pos.Col, p.Level.String(), p.Rule, p.Message, p.Hint}
		if err := e.Encode(line); err != nil {
			return fmt.Errorf("write a problem: %w", err)
		}
	}
	return nil
}

// The part of SARIF 2.1.0 that is needed (OASIS, sections 3.13 to 3.27).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Columns string        `json:"columnKind"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		Rule      string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		Line   int32 `json:"startLine"`
		Column int32 `json:"startColumn,omitempty"`
	}
)

func reportSARIF(w io.Writer, version string, found []Problem) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{Name: "vigild", Version: version, Rules: []sarifRule{}}},
		// Col counts bytes, which SARIF has no word for; it is the same as long as a line is ASCII up to there.
		Columns: "unicodeCodePoints",
		Results: []sarifResult{},
	}
	known := map[string]bool{}
	for _, p := range found {
		if !known[p.Rule] {
			known[p.Rule] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{p.Rule})
		}
		run.Results = append(run.Results, sarifOf(p))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	log := sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
	if err := e.Encode(log); err != nil {
		return fmt.Errorf("write the problems as SARIF: %w", err)
	}
	return nil
}

// sarifOf gives one problem; the words of our levels are SARIF's own.
func sarifOf(p Problem) sarifResult {
	text := p.Message
	if p.Hint != "" {
		text += " [" + p.Hint + "]"
	}
	r := sarifResult{Rule: p.Rule, Level: p.Level.String(), Message: sarifText{text}}
	if p.Pos.File == "" {
		return r
	}
	at := sarifPhysical{Artifact: sarifArtifact{uriOf(p.Pos.File)}}
	if p.Pos.Line > 0 {
		at.Region = &sarifRegion{p.Pos.Line, p.Pos.Col}
	}
	r.Locations = []sarifLocation{{at}}
	return r
}

// uriOf gives the name of a file as a URI (RFC 8089), a relative reference if it is relative (RFC 3986 section 4.2).
func uriOf(file string) string {
	var b strings.Builder
	if strings.HasPrefix(file, "/") {
		b.WriteString("file://")
	}
	for i := range len(file) {
		switch c := file[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
