// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// span is one span of the collector's file (OTLP in JSON, one batch a line).
type span struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId"`
	Name         string `json:"name"`
	Start        string `json:"startTimeUnixNano"`
	End          string `json:"endTimeUnixNano"`
}

// batch is as much of a line as is needed here.
type batch struct {
	ResourceSpans []struct {
		ScopeSpans []struct {
			Spans []span `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

// spansOf reads the spans of one trace from the collector's file.
func spansOf(path, trace string) ([]span, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []span
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), 16<<20)
	for lines.Scan() {
		var b batch
		if json.Unmarshal(lines.Bytes(), &b) != nil {
			continue // the line that is being written
		}
		for _, r := range b.ResourceSpans {
			for _, s := range r.ScopeSpans {
				for _, sp := range s.Spans {
					if sp.TraceID == trace {
						out = append(out, sp)
					}
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b span) int { return int(a.start() - b.start()) })
	return out, lines.Err()
}

func (s span) start() int64 { n, _ := strconv.ParseInt(s.Start, 10, 64); return n }
func (s span) end() int64   { n, _ := strconv.ParseInt(s.End, 10, 64); return n }

// tree renders spans as an indented list with times relative to the first.
func tree(spans []span) string {
	if len(spans) == 0 {
		return ""
	}
	var b strings.Builder
	zero := spans[0].start()
	known := map[string]bool{}
	for _, s := range spans {
		known[s.SpanID] = true
	}
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		for _, s := range spans {
			if s.ParentSpanID != parent && (parent != "" || known[s.ParentSpanID]) {
				continue
			}
			fmt.Fprintf(&b, "%-44s +%8.1f ms  %8.1f ms\n", strings.Repeat("  ", depth)+s.Name,
				float64(s.start()-zero)/1e6, float64(s.end()-s.start())/float64(time.Millisecond))
			walk(s.SpanID, depth+1)
		}
	}
	walk("", 0)
	return b.String()
}
