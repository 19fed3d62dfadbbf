// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Span is one span as the collector wrote it.
type Span struct {
	Trace, ID, Parent string
	Name              string
	Start, End        time.Time
	// Error is the description of the status, if that is an error.
	Failed     bool
	Error      string
	Attributes map[string]string
	Resource   map[string]string
	Links      []Link
}

// Link is a reference of a span to another one.
type Link struct{ Trace, Span string }

// Record is one log event.
type Record struct {
	Trace, Span, Name string
	Time              time.Time
	Severity, Body    string
	Attributes        map[string]string
}

// The parts of the JSON encoding of OTLP that are read.
type (
	line struct {
		ResourceSpans []struct {
			Resource   resource `json:"resource"`
			ScopeSpans []struct {
				Spans []span `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
		ResourceLogs []struct {
			ScopeLogs []struct {
				LogRecords []record `json:"logRecords"`
			} `json:"scopeLogs"`
		} `json:"resourceLogs"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	span struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId"`
		Name         string      `json:"name"`
		Start        int64       `json:"startTimeUnixNano,string"`
		End          int64       `json:"endTimeUnixNano,string"`
		Attributes   []attribute `json:"attributes"`
		Links        []struct {
			TraceID string `json:"traceId"`
			SpanID  string `json:"spanId"`
		} `json:"links"`
		Status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"status"`
	}
	record struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		EventName    string      `json:"eventName"`
		Time         int64       `json:"timeUnixNano,string"`
		SeverityText string      `json:"severityText"`
		Body         value       `json:"body"`
		Attributes   []attribute `json:"attributes"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value map[string]json.RawMessage
)

// String is the value as text: strings as they are, the rest as JSON.
func (v value) String() string {
	for _, raw := range v {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
		return string(raw)
	}
	return ""
}

func texts(list []attribute) map[string]string {
	out := map[string]string{}
	for _, a := range list {
		out[a.Key] = a.Value.String()
	}
	return out
}

// Read returns what is in the file of the collector by now. A file that is
// not there yet is empty, and so is a last line that is not whole yet.
func Read(path string) (spans []Span, records []Record, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read spans: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return spans, records, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read spans: %w", err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, nil, fmt.Errorf("read spans: %w", err)
		}
		spans, records = l.collect(spans, records)
	}
}

func (l *line) collect(spans []Span, records []Record) ([]Span, []Record) {
	for _, rs := range l.ResourceSpans {
		from := texts(rs.Resource.Attributes)
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				x := Span{
					Trace: s.TraceID, ID: s.SpanID, Parent: s.ParentSpanID, Name: s.Name,
					Start: time.Unix(0, s.Start), End: time.Unix(0, s.End),
					Failed: s.Status.Code == 2, Error: s.Status.Message, Attributes: texts(s.Attributes), Resource: from,
				}
				for _, k := range s.Links {
					x.Links = append(x.Links, Link{k.TraceID, k.SpanID})
				}
				spans = append(spans, x)
			}
		}
	}
	for _, rl := range l.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			for _, r := range sl.LogRecords {
				records = append(records, Record{
					Trace: r.TraceID, Span: r.SpanID, Name: r.EventName, Time: time.Unix(0, r.Time),
					Severity: r.SeverityText, Body: r.Body.String(), Attributes: texts(r.Attributes),
				})
			}
		}
	}
	return spans, records
}

// Print draws a trace as a tree, each span with its start after that of the
// root and its duration.
func Print(w io.Writer, spans []Span, trace string) error {
	var own []Span
	for _, s := range spans {
		if s.Trace == trace {
			own = append(own, s)
		}
	}
	slices.SortStableFunc(own, func(a, b Span) int { return a.Start.Compare(b.Start) })
	if len(own) == 0 {
		return fmt.Errorf("print trace %s: the receiver has no span of it", trace)
	}
	p := printer{w: w, spans: own, zero: own[0].Start}
	for _, s := range own {
		if s.Parent == "" {
			p.zero = s.Start
		}
	}
	for _, s := range own {
		if !slices.ContainsFunc(own, func(o Span) bool { return o.ID == s.Parent }) {
			p.print(s, 0)
		}
	}
	return p.err
}

type printer struct {
	w     io.Writer
	spans []Span
	zero  time.Time
	err   error
}

func (p *printer) print(s Span, depth int) {
	mark := ""
	if s.Failed {
		mark = "  ERROR " + s.Error
	}
	name := strings.Repeat("  ", depth) + s.Name
	_, err := fmt.Fprintf(p.w, "%-36s +%9.3f ms %10.3f ms%s\n", name, ms(s.Start.Sub(p.zero)), ms(s.End.Sub(s.Start)), mark)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("print trace: %w", err)
	}
	for _, c := range p.spans {
		if c.Parent == s.ID && c.ID != s.ID {
			p.print(c, depth+1)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
