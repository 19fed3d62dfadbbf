// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/vigild/vigild/engine/event"
)

// outcome is the trace of one attempt of a check that was worth telling: the
// check, the attempt, and the phases that were timed.
func (t *teller) outcome(e *event.Event) {
	t.remember(e)
	k := &e.Evidence.Check
	took := max(k.Total, e.Took)
	start := e.At.Add(-took)
	passed := e.Reason == event.Recovered || e.Reason == event.Slow || e.Reason == event.Sampled
	attrs := append(subjectAttributes(e, t.view), checkAttributes(e, passed)...)
	name := "check " + checkWord(k.Checker)
	t.put(t.judged(t.root(e, name, start, e.At, attrs), e, passed))

	attempt := t.part(e, attemptName(k.Checker), "attempt", start, e.At, attemptAttributes(k))
	attempt.SpanKind = trace.SpanKindClient
	parent := attempt.SpanContext
	t.put(t.judged(attempt, e, passed))
	at := start
	for i, phase := range k.Phases {
		if phase <= 0 {
			continue
		}
		end := min(at.Add(phase), e.At)
		word := event.TimedPhase(i).String()
		span := t.part(e, word, "phase:"+word, at, end, nil)
		span.Parent = parent
		if event.TimedPhase(i) == k.Phase {
			span = t.judged(span, e, passed)
		}
		t.put(span)
		at = end
	}
}

// judged marks the span of a check that failed.
func (t *teller) judged(s tracetest.SpanStub, e *event.Event, passed bool) tracetest.SpanStub {
	if passed {
		return s
	}
	s.Status = sdktrace.Status{Code: codes.Error, Description: e.Detail}
	for _, a := range s.Attributes {
		if a.Key == "error.type" {
			return s
		}
	}
	s.Attributes = append(s.Attributes, attribute.String("error.type", e.Reason.String()))
	return s
}

// checkWord is the kind of a check as traces say it: tcp, http, ssl and so on.
func checkWord(c event.Checker) string {
	word, _, _ := strings.Cut(strings.ToLower(c.String()), "_")
	return word
}

// attemptName is what a span of a client of that protocol is called.
func attemptName(c event.Checker) string {
	switch c { //nolint:exhaustive // the others have no conventional name
	case event.CheckerHTTP, event.CheckerSSL:
		return "GET"
	}
	return checkWord(c)
}

func checkAttributes(e *event.Event, passed bool) []attribute.KeyValue {
	k := &e.Evidence.Check
	result := "fail"
	if passed {
		result = "pass"
	}
	out := []attribute.KeyValue{
		attribute.String("vigil.check.type", k.Checker.String()),
		attribute.Int("vigil.check.index", int(k.Index)),
		attribute.String("vigil.check.result", result),
		attribute.Int64("vigil.check.consecutive_failures", int64(k.Failures)),
	}
	if e.From != e.To {
		out = append(out, attribute.String("vigil.check.state.from", e.From.String()), attribute.String("vigil.check.state.to", e.To.String()))
	}
	if e.Detail != "" {
		out = append(out, attribute.String("vigil.detail", e.Detail))
	}
	return out
}

// attemptAttributes are those of the conventions for clients.
func attemptAttributes(k *event.CheckEvidence) []attribute.KeyValue {
	var out []attribute.KeyValue
	if k.Target.IsValid() {
		out = append(out, attribute.String("server.address", k.Target.Addr().String()), attribute.Int("server.port", int(k.Target.Port())))
	}
	switch k.Checker { //nolint:exhaustive // the others have no conventions
	case event.CheckerHTTP, event.CheckerSSL:
		out = append(out, attribute.String("http.request.method", "GET"))
		if k.Status != 0 {
			out = append(out, attribute.Int("http.response.status_code", int(k.Status)))
		}
		if k.Attempt > 1 {
			out = append(out, attribute.Int("http.request.resend_count", int(k.Attempt)-1))
		}
	case event.CheckerMisc:
		out = append(out, attribute.Int("process.exit.code", int(k.Status)))
	case event.CheckerDNS:
		out = append(out, attribute.Int("dns.response.code", int(k.Status)))
	}
	return out
}

// server is the trace of a real server that changed: from the first failure of
// the check that took it down, or from the change itself.
func (t *teller) server(e *event.Event) {
	t.remember(e)
	start := e.At
	if k := &e.Evidence.Check; e.To == event.Down && k.Since != 0 && k.Since < e.At {
		start = k.Since
	}
	t.put(t.own(e, "real_server change", start))
}

// own is the root span of a change that is its own story, or a part of the
// story that it belongs to: that of a sorry server, or of a reload.
func (t *teller) own(e *event.Event, name string, start event.Instant) tracetest.SpanStub {
	if e.Story() != e.Ref() {
		return t.part(e, name, e.Kind.String(), start, e.At, t.poolAttributes(e))
	}
	return t.root(e, name, start, e.At, t.poolAttributes(e))
}

// quorum is the trace of a virtual server that gained or lost its quorum.
func (t *teller) quorum(e *event.Event) {
	t.remember(e)
	t.put(t.own(e, "virtual_server quorum", e.At))
}

// applied is the span of one batch of changes of the kernel's table: within
// the story of what led to it, or on its own where that is not known.
func (t *teller) applied(e *event.Event) {
	attrs := append(subjectAttributes(e, t.view), attribute.Int64("vigil.ipvs.operations", e.Count))
	if !e.Failed() && e.Reason != event.ReasonNone {
		attrs = append(attrs, attribute.String("vigil.reason", e.Reason.String()))
	}
	if t.past[e.Story()] == nil {
		t.put(t.root(e, "ipvs apply", e.At.Add(-e.Took), e.At, attrs))
		return
	}
	t.put(t.part(e, "ipvs apply", "ipvs.applied", e.At.Add(-e.Took), e.At, attrs))
}

func (t *teller) poolAttributes(e *event.Event) []attribute.KeyValue {
	k := &e.Evidence.Check
	out := append(subjectAttributes(e, t.view), attribute.String("vigil.state.to", e.To.String()))
	if e.From != event.StateNone {
		out = append(out, attribute.String("vigil.state.from", e.From.String()))
	}
	if !e.Failed() && e.Reason != event.ReasonNone {
		out = append(out, attribute.String("vigil.reason", e.Reason.String()))
	}
	if k.Checker != event.CheckerNone {
		out = append(out, attribute.String("vigil.check.type", k.Checker.String()))
	}
	out = append(
		out,
		attribute.Int64("vigil.weight.before", k.Weight), attribute.Int64("vigil.weight.after", k.WeightNow),
		attribute.Int64("vigil.virtual_server.alive", k.Alive), attribute.Int64("vigil.virtual_server.quorum", k.Quorum),
	)
	if e.Detail != "" {
		out = append(out, attribute.String("vigil.detail", e.Detail))
	}
	return out
}
