// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify/document"
)

// StopLimit is how long a script about STOP may take, and how much longer one
// that is still running then may (compat: keepalived waits 1 s).
const StopLimit = time.Second

// Command is a program to be run to its end.
type Command struct {
	// Argv is the program and its arguments; never empty.
	Argv []string
	// Env is the whole environment.
	Env []string
	// User and Group are the account; empty means the default one for scripts.
	User, Group string
	// Started is to be called once the program was started, or could not be.
	Started func()
}

// Result is how a program ended.
type Result struct {
	// Status is the exit status, -1 if it did not exit by itself.
	Status int
	// Reason is ReasonNone for status 0, else FailExit, FailSignal,
	// FailTimeout, FailSpawn or FailPermission.
	Reason event.Reason
	Took   time.Duration
	Detail string
}

// Runner runs a program in a process group of its own and waits for its end.
// When limit has passed (0: none) or ctx is done, it ends the program.
type Runner func(ctx context.Context, c Command, limit time.Duration) Result

// Options is what notifiers are given by those who wire them.
type Options struct {
	// Run runs a program; needed by Scripts and FIFOs.
	Run Runner
	// Publish takes an event about a delivery; it stamps Epoch, Seq, At, Wall
	// and Origin, and must not block. Nil means nobody listens.
	Publish func(event.Event)
	// Environ is the environment that scripts inherit.
	Environ []string
	// Sentence explains an event in one line; nil leaves it out.
	Sentence func(*event.Event) string
	// Jitter returns numbers from 0 to below 1; nil means random ones.
	Jitter func() float64
	// Version is the version of vigild.
	Version string
}

// Scripts runs notify scripts: for each subject in the order of its events, the
// specific one and then, without waiting for its end (compat), the generic one;
// those about one event end before those about the next begin. Scripts of
// different subjects begin in the order of the events. A script that takes long
// delays only its subject.
type Scripts struct {
	book *book
	opt  Options
	env  []string
	q    *queue
}

// NewScripts returns a notifier that runs scripts; settings without a script
// cost nothing.
func NewScripts(s *Settings, o Options) *Scripts {
	return &Scripts{
		book: newBook(s), opt: o, env: inherited(o.Environ),
		q: newQueue(limits{workers: 128, total: 4096, perLane: 64, tries: 1, stopGrace: StopLimit, inTurn: true}),
	}
}

// Configure puts other settings into force; what is queued runs as it was.
func (s *Scripts) Configure(set *Settings) { s.book.configure(set) }

// Events takes edges in order. It never blocks.
func (s *Scripts) Events(es []event.Event) {
	for i := range es {
		n, ok := s.book.read(&es[i])
		if !ok {
			continue
		}
		keyword, script := n.script()
		var first *job
		if script.Set() {
			first = s.push(&n, keyword, script, nil, nil)
		}
		if n.to.Generic.Set() && n.matter == aboutState {
			args := []string{n.scope, n.subject.Name, n.word, strconv.Itoa(int(n.priority))}
			s.push(&n, "notify", n.to.Generic, args, first)
		}
	}
}

// script is the specific script for a notice, with its keyword. compat: for an
// instance that was removed it is notify_deleted or none, also where it is told
// to be in FAULT.
func (n *notice) script() (string, Script) {
	switch n.matter {
	case aboutLower:
		return "notify_master_rx_lower_pri", n.to.MasterRxLowerPri
	case aboutPriority, aboutCheck, aboutTest:
		return "", Script{}
	case aboutState:
	}
	if n.pooled() {
		return n.keyword, n.only
	}
	state := n.state
	if n.ev.To == event.Deleted {
		state = event.Deleted
	}
	switch state {
	case event.Master:
		return "notify_master", n.to.Master
	case event.Backup:
		return "notify_backup", n.to.Backup
	case event.Fault:
		return "notify_fault", n.to.Fault
	case event.Stop:
		return "notify_stop", n.to.Stop
	case event.Deleted:
		return "notify_deleted", n.to.Deleted
	case event.StateNone, event.Init, event.Up, event.Down, event.Disabled, event.Unknown:
	}
	return "", Script{}
}

// push queues a script; with is that about the same event, nil if it is the first.
func (s *Scripts) push(n *notice, keyword string, script Script, args []string, with *job) *job {
	about, story := n.ev.Ref(), n.ev.Story()
	channel := event.Subject{Kind: event.SubjectChannel, Name: "script", Sub: keyword}
	c := Command{
		Argv: append(slices.Clone(script.Argv), args...),
		Env:  append(slices.Clone(s.env), n.environment(story.DeliverySpan(about, channel, 1))...),
		User: script.User, Group: script.Group,
	}
	limit := time.Duration(0)
	if n.state == event.Stop || n.pooled() && n.ev.Reason == event.Shutdown {
		limit = StopLimit
	}
	queued := time.Now()
	j := &job{
		lane: n.subject.String(), key: n.subject, final: n.matter == aboutState, last: n.state == event.Stop && with == nil, with: with,
	}
	c.Started = j.began
	j.do = func(ctx context.Context, _ int) outcome {
		r := s.opt.Run(ctx, c, limit)
		s.opt.tell(event.Event{
			Kind: event.ExecDone, Cause: about, Root: story, Subject: channel,
			Count: int64(r.Status), Reason: r.Reason, Took: r.Took, Detail: clip(join(c.Argv[0], r.Detail)),
		})
		return outcome{reason: r.Reason, detail: join(c.Argv[0], r.Detail)}
	}
	j.done = func(try int, _ time.Duration, o outcome, over bool) {
		s.opt.report(&n.ev, channel, try, time.Since(queued), o, over)
	}
	s.q.push(j)
	return j
}

// Close waits for what is queued, STOP scripts at most StopLimit each, until
// ctx is done; then it ends what runs and drops what waits.
func (s *Scripts) Close(ctx context.Context) { s.q.close(ctx) }

// Stats returns the counters of the channel.
func (s *Scripts) Stats() Stats {
	out := s.q.snapshot()
	out.Channel = "script"
	return out
}

// tell publishes an event, if somebody listens.
func (o *Options) tell(e event.Event) {
	if o.Publish != nil {
		o.Publish(e)
	}
}

// report publishes the outcome of an attempt to tell e through a channel. Took
// is the time of the attempt, for scripts that since the event came.
func (o *Options) report(e *event.Event, channel event.Subject, try int, took time.Duration, out outcome, over bool) {
	n := event.Event{
		Kind: event.NotifySent, Cause: e.Ref(), Root: e.Story(), Subject: channel,
		Count: int64(try), Took: took, Reason: out.reason, Detail: clip(out.detail), From: e.From, To: e.To,
	}
	if out.reason != event.ReasonNone {
		n.Kind = event.NotifyFailed
		if over && !out.kept && channel.Name != "script" {
			n.Detail = clip(join(out.detail, "given up"))
		}
	}
	o.tell(n)
}

// environment is what a script is told beyond keepalived's arguments.
func (n *notice) environment(span event.SpanID) []string {
	e := &n.ev
	out := []string{
		"VIGIL_EVENT_ID=" + e.ID().String(),
		"TRACEPARENT=" + e.Story().Traceparent(span),
		"VIGIL_KIND=" + e.Kind.String(),
		"VIGIL_SUBJECT=" + e.Subject.Name,
		"VIGIL_FROM=" + e.From.String(),
		"VIGIL_TO=" + e.To.String(),
		"VIGIL_REASON=" + e.Reason.String(),
		"VIGIL_PRIORITY=" + strconv.Itoa(int(e.Priority)),
		"VIGIL_TIME=" + document.Stamp(e),
	}
	if e.Subject.Sub != "" {
		out = append(out, "VIGIL_SERVER="+e.Subject.Sub)
	}
	if e.Subject.VRID != 0 {
		out = append(out, "VIGIL_VRID="+strconv.Itoa(int(e.Subject.VRID)))
	}
	return out
}

// inherited is an environment without what a script must not get: what changes
// how it is executed (compat), the trace of whoever started us, and our own
// settings, which may hold passwords.
func inherited(environ []string) []string {
	var out []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH", "TRACEPARENT", "TRACESTATE":
			continue
		}
		if !strings.HasPrefix(name, "VIGIL_") && !strings.HasPrefix(name, "OTEL_") {
			out = append(out, kv)
		}
	}
	return out
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}

// clip shortens a text to what an event may carry, without cutting a rune.
func clip(s string) string {
	if len(s) <= event.DetailMax {
		return s
	}
	return strings.ToValidUTF8(s[:event.DetailMax], "")
}
