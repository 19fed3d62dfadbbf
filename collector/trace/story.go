// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// pastMax is how many transitions are remembered for links and late parts.
const pastMax = 1024

// teller builds spans from events. One goroutine owns it.
type teller struct {
	opt   *Options
	res   *resource.Resource
	scope instrumentation.Scope
	put   func(tracetest.SpanStub)
	now   func() time.Time
	view  *ledger.View

	// open are the transitions that wait for parts, order the same, oldest first.
	open  map[event.Ref]*story
	order []event.Ref
	past  map[event.Ref]*past
	old   []event.Ref
	// exits are exit codes of scripts whose delivery is still to be told.
	exits map[exit]int64
}

// story is a transition whose root span is not out yet.
type story struct {
	root event.Event
	due  time.Time
	end  event.Instant
	// failed is the first part that did not succeed.
	failed event.Event
	// added, removed and announced say which parts are still missing.
	added, removed, announced bool
}

// past is what is remembered of a root span.
type past struct {
	at     event.Instant
	offset int64
	cause  event.Ref
	why    event.Reason
}

type exit struct {
	cause   event.Ref
	subject event.Subject
}

func newTeller(o *Options, res *resource.Resource, put func(tracetest.SpanStub)) *teller {
	return &teller{
		opt: o, res: res, put: put, now: time.Now,
		scope: instrumentation.Scope{Name: "github.com/vigild/vigild/collector/trace", Version: o.Version},
		open:  map[event.Ref]*story{}, past: map[event.Ref]*past{}, exits: map[exit]int64{},
	}
}

// tell takes one event.
func (t *teller) tell(e *event.Event) {
	if e.Snapshot {
		return
	}
	switch e.Kind {
	case event.VRRPState:
		t.transition(e)
	case event.GroupState:
		t.group(e)
	case event.ConfigLoaded, event.ConfigRejected:
		t.remember(e)
		t.put(t.root(e, "config reload", e.At.Add(-e.Took), e.At, subjectAttributes(e, t.view)))
	case event.AddressAdded, event.AddressRemoved:
		t.addresses(e)
	case event.AnnounceSent:
		t.announce(e)
	case event.NotifySent, event.NotifyFailed:
		t.delivery(e)
	case event.CheckOutcome:
		t.outcome(e)
	case event.ServerState:
		t.server(e)
	case event.ServiceQuorum:
		t.quorum(e)
	case event.IPVSApplied:
		t.applied(e)
	case event.ExecDone:
		if e.Subject.Kind == event.SubjectChannel {
			if len(t.exits) >= pastMax {
				clear(t.exits)
			}
			t.exits[exit{e.Cause, e.Subject}] = e.Count
		}
	case event.KindNone, event.VRRPAdvertRejected, event.VRRPPriority, event.VRRPConflict, event.VRRPNearMiss, event.VRRPSuspicion, event.AddressLost, event.RouteLost,
		event.InterfaceChanged, event.TrackChanged, event.WorkerStarted, event.WorkerLost, event.LinkGap, event.PrivilegeDenied,
		event.Stalled, event.ClockStepped, event.ServiceBrake, event.NotifyTest, event.SettingChanged:
	}
}

// transition opens the story of an instance. What led to it is known at once;
// its root span ends when the state is entered and announced.
func (t *teller) transition(e *event.Event) {
	t.remember(e)
	if first, ok := t.silence(e); ok {
		due := e.At
		if d := e.Evidence.Deadline; d > first && d < e.At {
			due = d
		}
		t.put(t.part(e, "vrrp detect", "detect", first, due, detectAttributes(&e.Evidence)))
		t.put(t.part(e, "vrrp decide", "decide", due, e.At, decideAttributes(e)))
	} else {
		t.put(t.part(e, "vrrp decide", "decide", t.began(e), e.At, decideAttributes(e)))
	}
	s := &story{root: *e, end: e.At, due: t.now().Add(t.opt.Hold)}
	if in := find(t.view, e.Subject); in == nil || len(in.Addresses) > 0 {
		s.added, s.announced = e.To == event.Master, e.To == event.Master && e.Reason != event.Resumed
		s.removed = e.From == event.Master
	}
	t.open[e.Ref()] = s
	t.order = append(t.order, e.Ref())
	t.settle(e.Ref(), s)
}

// silence returns when the master was last heard, for the transitions that
// are decided by a timer after that.
func (t *teller) silence(e *event.Event) (event.Instant, bool) {
	switch e.Reason { //nolint:exhaustive // of all reasons these three wait for a timer
	case event.MasterDownTimer, event.PriorityZero, event.Preempt:
	default:
		return 0, false
	}
	v := &e.Evidence
	if h, ok := v.LastHeard(); ok && h.At != 0 && h.At <= e.At {
		return h.At, true
	}
	// Nobody was heard: the timer has run since it was set.
	if v.Deadline != 0 && v.Deadline <= e.At && v.MasterDown > 0 {
		return v.Deadline.Add(-v.MasterDown), true
	}
	return 0, false
}

// began is when a transition that waited for no timer began: when the advert
// that decided it came, or at once.
func (t *teller) began(e *event.Event) event.Instant {
	h, ok := e.Evidence.LastHeard()
	if ok && (e.Reason == event.HigherPriority || e.Reason == event.HigherAddress) && h.At != 0 && h.At <= e.At {
		return h.At
	}
	return e.At
}

// settle lets the root span go when all that it waits for is there.
func (t *teller) settle(ref event.Ref, s *story) {
	if s.added || s.removed || s.announced {
		return
	}
	t.finish(ref, s)
}

func (t *teller) finish(ref event.Ref, s *story) {
	delete(t.open, ref)
	e := &s.root
	first, ok := t.silence(e)
	if !ok {
		first = t.began(e)
	}
	attrs := append(subjectAttributes(e, t.view), changeAttributes(e)...)
	span := t.root(e, "vrrp transition", first, s.end, attrs)
	if s.failed.Kind != event.KindNone {
		span.Status = sdktrace.Status{Code: codes.Error, Description: s.failed.Detail}
		span.Attributes = append(span.Attributes, attribute.String("error.type", s.failed.Reason.String()))
	}
	t.put(span)
}

// expire lets go of the stories that have waited long enough, or of all.
func (t *teller) expire(all bool) {
	now := t.now()
	for len(t.order) > 0 {
		ref := t.order[0]
		s := t.open[ref]
		if s != nil && !all && s.due.After(now) {
			return
		}
		t.order = t.order[1:]
		if s != nil {
			t.finish(ref, s)
		}
	}
}

// next is when expire has something to do.
func (t *teller) next() (time.Time, bool) {
	for len(t.order) > 0 {
		if s := t.open[t.order[0]]; s != nil {
			return s.due, true
		}
		t.order = t.order[1:]
	}
	return time.Time{}, false
}

// group is the root span of a sync group: from the transition that started it
// to its end, linked to that and to the members that it moved.
func (t *teller) group(e *event.Event) {
	first := e.At
	var members []event.Ref
	if starter := t.past[e.Cause]; starter != nil {
		first = min(first, starter.at)
		for _, ref := range t.old {
			if p := t.past[ref]; p != nil && p.cause == e.Cause && p.why == event.SyncGroup {
				members = append(members, ref)
			}
		}
	}
	t.remember(e)
	span := t.root(e, "vrrp sync group", first, e.At, append(subjectAttributes(e, t.view), changeAttributes(e)...))
	for _, m := range members {
		span.Links = append(span.Links, link(m, "member"))
	}
	t.put(span)
}

// addresses is the span of one batch of netlink changes.
func (t *teller) addresses(e *event.Event) {
	name := "vrrp address add"
	if e.Kind == event.AddressRemoved {
		name = "vrrp address remove"
	}
	t.put(t.part(e, name, e.Kind.String(), e.At.Add(-e.Took), e.At, []attribute.KeyValue{
		attribute.Int64("vigil.vrrp.address.count", e.Count),
	}))
	s := t.open[e.Story()]
	if s == nil {
		return
	}
	if e.Kind == event.AddressAdded {
		s.added = false
	} else {
		s.removed = false
	}
	t.joined(s, e)
}

// joined takes a part into account that the root span waits for.
func (t *teller) joined(s *story, e *event.Event) {
	s.end = max(s.end, e.At)
	if e.Failed() && s.failed.Kind == event.KindNone {
		s.failed = *e
	}
	t.settle(e.Story(), s)
}

// announce is the span of one burst. The first belongs to the transition;
// those that come later are traces of their own with a link.
func (t *teller) announce(e *event.Event) {
	attrs := []attribute.KeyValue{attribute.Int64("vigil.vrrp.announce.count", e.Count)}
	s := t.open[e.Story()]
	if e.Reason == event.AnnounceTransition || e.Failed() && s != nil && s.announced {
		t.put(t.part(e, "vrrp announce", "announce", e.At.Add(-e.Took), e.At, attrs))
		if s != nil {
			s.announced = false
			t.joined(s, e)
		}
		return
	}
	attrs = append(attrs, attribute.String("vigil.vrrp.announce.reason", e.Reason.String()))
	span := t.root(e, "vrrp announce repeat", e.At.Add(-e.Took), e.At, append(subjectAttributes(e, t.view), attrs...))
	span.SpanContext = spanContext(e.Ref(), e.Ref().Span("", 0))
	span.Links = nil
	if t.past[e.Story()] != nil {
		span.Links = []sdktrace.Link{link(e.Story(), "transition")}
	}
	t.put(span)
}

// delivery is the span of one attempt to tell somebody.
func (t *teller) delivery(e *event.Event) {
	if e.Count == 0 {
		return // dropped before any attempt: there is nothing that lasted
	}
	name := "notify " + e.Subject.Name
	kind := trace.SpanKindClient
	switch e.Subject.Name {
	case "script":
		name += " " + e.Subject.Sub
	case "webhook":
		name += " POST"
	case "fifo":
		kind = trace.SpanKindProducer
	}
	span := t.part(e, name, "", e.At.Add(-e.Took), e.At, t.opt.deliveryAttributes(e))
	span.SpanKind = kind
	span.SpanContext = spanContext(e.Story(), e.Story().DeliverySpan(e.Cause, e.Subject, e.Count))
	if e.Kind == event.NotifyFailed && !e.Failed() {
		span.Status = sdktrace.Status{Code: codes.Error, Description: e.Detail}
		span.Attributes = append(span.Attributes, attribute.String("error.type", e.Reason.String()))
	}
	key := exit{e.Cause, e.Subject}
	if code, ok := t.exits[key]; ok {
		delete(t.exits, key)
		span.Attributes = append(span.Attributes, attribute.Int64("process.exit.code", code))
	}
	t.put(span)
}

// remember keeps what links and late parts need of a root span.
func (t *teller) remember(e *event.Event) {
	if len(t.old) >= pastMax {
		delete(t.past, t.old[0])
		t.old = t.old[1:]
	}
	t.past[e.Ref()] = &past{at: e.At, offset: e.Wall - int64(e.At), cause: e.Cause, why: e.Reason}
	t.old = append(t.old, e.Ref())
}

// at puts an instant on the wall clock. All instants of a story go by the
// clock as it was at the story's root, so that a step of the wall clock does
// not tear it apart.
func (t *teller) at(e *event.Event, i event.Instant) time.Time {
	offset := e.Wall - int64(e.At)
	if p := t.past[e.Story()]; p != nil {
		offset = p.offset
	}
	return time.Unix(0, int64(i)+offset)
}

// root builds the root span of the story of e.
func (t *teller) root(e *event.Event, name string, start, end event.Instant, attrs []attribute.KeyValue) tracetest.SpanStub {
	s := t.span(e, name, start, end, attrs)
	s.SpanContext = spanContext(e.Story(), e.Story().Span("", 0))
	if t.past[e.Cause] != nil && e.Cause != e.Story() {
		s.Links = []sdktrace.Link{link(e.Cause, "cause")}
	}
	return s
}

// part builds a span within the story of e.
func (t *teller) part(e *event.Event, name, label string, start, end event.Instant, attrs []attribute.KeyValue) tracetest.SpanStub {
	s := t.span(e, name, start, end, attrs)
	n := e.Seq
	if e.Ref() == e.Story() {
		n = 0
	}
	s.SpanContext = spanContext(e.Story(), e.Story().Span(label, n))
	if t.past[e.Story()] != nil {
		s.Parent = spanContext(e.Story(), e.Story().Span("", 0))
	}
	return s
}

func (t *teller) span(e *event.Event, name string, start, end event.Instant, attrs []attribute.KeyValue) tracetest.SpanStub {
	s := tracetest.SpanStub{
		Name: name, SpanKind: trace.SpanKindInternal, StartTime: t.at(e, min(start, end)), EndTime: t.at(e, end),
		Attributes: attrs, Resource: t.res, InstrumentationScope: t.scope,
	}
	if e.Failed() {
		s.Status = sdktrace.Status{Code: codes.Error, Description: e.Detail}
		s.Attributes = append(s.Attributes, attribute.String("error.type", e.Reason.String()))
	}
	return s
}

func spanContext(story event.Ref, span event.SpanID) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(story.ID()), SpanID: trace.SpanID(span), TraceFlags: trace.FlagsSampled,
	})
}

// link points at the root span of another story; role says what that is to this one.
func link(story event.Ref, role string) sdktrace.Link {
	return sdktrace.Link{
		SpanContext: spanContext(story, story.Span("", 0)),
		Attributes:  []attribute.KeyValue{attribute.String("vigil.link", role)},
	}
}
