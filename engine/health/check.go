// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// The first attempt of a check comes not before that (compat).
const bootDelay = time.Second

// check is one checker of one server.
//
//	            passes
//	UP ◀──────────────────── DOWN
//	 │ ▲                      ▲ │ fails: again after Delay
//	 │ └── fails, retries     │ └─┘
//	 │     left: again after  │
//	 │     RetryDelay         │
//	 └────────────────────────┘
//	   fails, no retries left
//
// It begins UP without retries left, so that the first failure counts at once;
// with alpha it begins DOWN (compat).
type check struct {
	server *server // nil for a free slot
	set    *CheckSettings
	share  *share
	serial uint32
	place  uint32 // in the heap of timers, plus one
	index  uint8  // among the checkers of the server, from 1
	// up is the verdict, run says whether there was one, busy whether a probe goes on.
	up, run, busy bool

	// Of the present run of failures: how many retries were begun, how many
	// failures there were, when the first ended, and how the last one was.
	retry   uint32
	failing uint32
	// passes counts the passes in a row of a check that is DOWN.
	passes uint32
	since  event.Instant
	reason event.Reason
	phase  event.Phase
	status int32
	detail string

	// delta is what the check adds to the weight of the server.
	delta int64
	// due is when the last attempt was to begin.
	due event.Instant
	// told is when a failure of the same kind, or a slow success, was last told;
	// last is the last event told.
	told event.Instant
	last event.Ref

	attempts, failures, retries uint64
	lastRun                     event.Instant
	lastTook                    time.Duration
	expiry                      int64
}

// probed says whether the check is run by probes; else its verdict comes from a
// file or session.
func (c *check) probed() bool {
	return c.set.Kind != event.CheckerFile && c.set.Kind != event.CheckerBFD
}

// why is the reason for which the check is DOWN; one that has not run yet is so
// from the start.
func (c *check) why() event.Reason {
	if c.reason == event.ReasonNone {
		return event.Initial
	}
	return c.reason
}

// begin asks for one attempt.
func (p *Pool) begin(id CheckID) {
	c := &p.checks[id]
	c.serial++
	c.busy = true
	p.tally.InFlight[c.set.Kind]++
	p.out.Probes = append(p.out.Probes, Probe{Check: id, Serial: c.serial, Attempt: c.failing + 1})
}

// drop ends a probe whose outcome is of no interest any more.
func (p *Pool) drop(id CheckID) {
	c := &p.checks[id]
	p.timers.remove(p.checks, id)
	if c.busy {
		c.busy = false
		c.serial++
		p.tally.InFlight[c.set.Kind]--
		p.act(Action{Kind: Forget, Check: id})
	}
}

// outcome judges what a probe brought.
func (p *Pool) outcome(o *Outcome) {
	if int(o.Check) >= len(p.checks) || p.stopping {
		p.tally.Stray++
		return
	}
	c := &p.checks[o.Check]
	if c.server == nil || !c.busy || o.Serial != c.serial {
		p.tally.Stray++
		return
	}
	c.busy = false
	p.tally.InFlight[c.set.Kind]--
	observe(&p.tally.Whole[c.set.Kind], o.Total)
	if c.share != nil {
		p.shared(o)
		return
	}
	p.again(o.Check, p.even(o, p.judge(o.Check, o)))
}

// even takes off a pause what we were late ourselves with the attempt before it: else all that became due while this
// host stood still would be due together from then on. What does not go into half of the pause is left to chance, which
// spreads them again.
func (p *Pool) even(o *Outcome, pause time.Duration) time.Duration {
	late := p.now.Sub(p.checks[o.Check].due) - o.Total
	switch {
	case !o.Pass || late <= 0:
		return pause
	case late <= pause/2:
		return pause - late
	}
	return pause/2 + p.part(o.Check, pause/2)
}

// again sets when the next attempt is due.
func (p *Pool) again(id CheckID, in time.Duration) {
	p.timers.set(p.checks, id, p.round(p.now.Add(max(in, time.Millisecond))))
}

// Where there are many checks, they are begun together every so often: to wake up
// for each of them costs more than the check.
const (
	manyPerSecond = 200
	grid          = event.Instant(5 * time.Millisecond)
)

// round moves a deadline to the grid, if there are many.
func (p *Pool) round(at event.Instant) event.Instant {
	if p.perSecond <= manyPerSecond {
		return at
	}
	return (at + grid - 1) / grid * grid
}

// judge gives a check one outcome and returns when the next attempt is due.
func (p *Pool) judge(id CheckID, o *Outcome) time.Duration {
	c := &p.checks[id]
	c.attempts++
	p.tally.Judged++
	c.lastRun, c.lastTook = o.At, o.Total
	if o.At == 0 {
		c.lastRun = p.now
	}
	if o.Expiry != 0 {
		c.expiry = o.Expiry
	}
	c.server.service.count(c.set.Kind, o)
	if o.Pass {
		p.pass(id, o)
		return c.set.Delay
	}
	return p.fail(id, o)
}

// pass is an attempt that succeeded.
func (p *Pool) pass(id CheckID, o *Outcome) {
	c := &p.checks[id]
	if !c.up && c.probed() && !c.rises() {
		if c.passes == 1 {
			p.limited(id, o, event.KeptFailure, event.Recovered, c.failing, c.since)
		}
		return
	}
	was, ran := c.up, c.failing
	first := c.since
	c.up, c.run, c.retry, c.passes, c.failing, c.since = true, true, 0, 0, 0, 0
	c.reason, c.phase, c.status, c.detail = event.ReasonNone, event.PhaseNone, o.Status, ""
	switch {
	case !was:
		c.last = p.tell(id, o, event.KeptChange, event.Down, event.Recovered, ran, first)
	case ran > 0:
		c.last = p.limited(id, o, event.KeptFailure, event.Recovered, ran, first)
	case c.set.Timeout > 0 && o.Total > c.set.Timeout/2:
		if c.told == 0 || p.now.Sub(c.told) >= tellAgain {
			c.told = p.now
			p.limited(id, o, event.KeptSlow, event.Slow, 0, 0)
		}
	default:
		if n := p.settings.SampleEvery; n > 0 && p.keep.sampled(n) {
			p.limited(id, o, event.KeptSample, event.Sampled, 0, 0)
		}
	}
	if c.set.Dynamic {
		p.dynamic(id, o)
	}
	if !was {
		c.server.failed--
	}
	c.server.proven = c.server.proven || c.server.failed == 0
	if !was || c.server.held {
		p.consider(c.server, id, c.last, event.Recovered)
	}
}

// rises says whether one more pass is enough for a check that is DOWN.
func (c *check) rises() bool {
	c.passes++
	if !c.run {
		c.passes++
	}
	c.run = true
	return c.passes >= c.set.Rise
}

// dynamic lets a pass set the weight of the server.
func (p *Pool) dynamic(id CheckID, o *Outcome) {
	c := &p.checks[id]
	delta := int64(0)
	if o.HasWeight {
		delta = int64(o.Weight) - int64(c.server.set.Weight)
	}
	if c.delta == delta {
		return
	}
	c.delta = delta
	p.reweigh(c.server, id, event.WeightChanged, o.Cause)
}

// fail is an attempt that failed.
func (p *Pool) fail(id CheckID, o *Outcome) time.Duration {
	c := &p.checks[id]
	c.failures++
	if o.Reason == event.FailLocalResource {
		return p.ourFault(id, o)
	}
	c.failing++
	c.passes = 0
	if c.failing == 1 {
		c.since = p.now
	}
	other := c.failing == 1 || c.reason != o.Reason
	c.reason, c.phase, c.status, c.detail = o.Reason, o.Phase, o.Status, o.Detail
	// compat: the first outcome ever has no retries.
	more := c.up && c.run && c.retry < c.set.Retry && c.probed()
	c.run = true
	if c.up && !more {
		c.up, c.retry, c.told = false, 0, p.now
		c.last = p.tell(id, o, event.KeptChange, event.Up, o.Reason, c.failing, c.since)
		c.server.failed++
		p.consider(c.server, id, c.last, o.Reason)
		return c.set.Delay
	}
	switch {
	case c.set.LogAll:
		c.last, c.told = p.tell(id, o, event.KeptFailure, verdict(c.up), o.Reason, c.failing, c.since), p.now
	case other:
		c.last, c.told = p.limited(id, o, event.KeptFailure, o.Reason, c.failing, c.since), p.now
	case p.now.Sub(c.told) >= tellAgain:
		c.last, c.told = p.limited(id, o, event.KeptRepeat, o.Reason, c.failing, c.since), p.now
	}
	if !more {
		p.sayDown(c.server, id, c.last, o.Reason)
		return c.set.Delay
	}
	c.retry++
	c.retries++
	return c.set.RetryDelay
}

// ourFault is an attempt that failed for want of something on this host: that
// says nothing about the server, and its state stays (compat).
func (p *Pool) ourFault(id CheckID, o *Outcome) time.Duration {
	c := &p.checks[id]
	if c.told == 0 || p.now.Sub(c.told) >= tellAgain {
		c.told = p.now
		p.limited(id, o, event.KeptFailure, o.Reason, c.failing, c.since)
	}
	return c.set.Delay
}

func verdict(up bool) event.State {
	if up {
		return event.Up
	}
	return event.Down
}

// start sets the first deadline of a check: a second, and a random part of the
// time over which the checks are spread.
func (p *Pool) start(id CheckID, least, spread time.Duration) {
	c := &p.checks[id]
	if !c.probed() || c.server.service.suspended || !p.leads(id) {
		return
	}
	p.again(id, least+p.part(id, spread))
}

// part is a random part of a duration.
func (p *Pool) part(id CheckID, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(p.random(id, p.checks[id].serial) % uint64(d))
}

// bounds is event.CheckBounds as durations.
var bounds = func() (out [event.CheckBuckets - 1]time.Duration) {
	for i, b := range event.CheckBounds() {
		out[i] = time.Duration(b * float64(time.Second))
	}
	return out
}()

// observe counts a duration.
func observe(h *event.Histogram, d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.Buckets[i]++
	h.Sum += d
}

// tellAgain is how often more of the same is told of one check.
const tellAgain = time.Minute

// The bounds of what is told that changes nothing, unless the settings say else.
const (
	keepPerSecond = 100
	keepBurst     = 1000
)

// keeper decides how much is told.
type keeper struct {
	// count counts passes for sampling.
	count uint32
	// tokens are how many events may still be told, in billionths; at is when that
	// was reckoned.
	tokens int64
	at     event.Instant
}

// sampled says whether this pass is the one in n.
func (k *keeper) sampled(n uint32) bool {
	k.count++
	if k.count < n {
		return false
	}
	k.count = 0
	return true
}

// take takes a token; ok is false if there is none.
func (k *keeper) take(now event.Instant, perSecond, burst uint32) (ok bool) {
	if perSecond == 0 {
		perSecond = keepPerSecond
	}
	if burst == 0 {
		burst = keepBurst
	}
	full := int64(burst) * int64(time.Second)
	passed := int64(now.Sub(k.at))
	if k.at == 0 || passed >= full/int64(perSecond) {
		k.tokens = full
	} else {
		k.tokens = min(full, k.tokens+passed*int64(perSecond))
	}
	k.at = now
	if k.tokens < int64(time.Second) {
		return false
	}
	k.tokens -= int64(time.Second)
	return true
}

// limited tells of an outcome that changes nothing, if that is not too much.
// It returns the last event told.
func (p *Pool) limited(id CheckID, o *Outcome, why event.Kept, reason event.Reason, failures uint32, since event.Instant) event.Ref {
	c := &p.checks[id]
	if !p.keep.take(p.now, p.settings.KeepPerSecond, p.settings.KeepBurst) {
		p.tally.Limited++
		return c.last
	}
	return p.tell(id, o, why, verdict(c.up), reason, failures, since)
}

// tell publishes an outcome. from is the verdict before; the one after is that
// of the check.
func (p *Pool) tell(id CheckID, o *Outcome, why event.Kept, from event.State, reason event.Reason, failures uint32, since event.Instant) event.Ref {
	c := &p.checks[id]
	p.tally.Kept[why]++
	e := event.Event{
		Kind: event.CheckOutcome, Subject: c.server.subject, From: from, To: verdict(c.up), Reason: reason,
		At: c.lastRun, Took: o.Total, Detail: o.Detail, Cause: o.Cause,
	}
	v := &e.Evidence.Check
	c.evidence(v)
	v.Attempt, v.Failures, v.Since = failures, failures, since
	if o.Pass {
		v.Attempt, v.Phase, v.Status = failures+1, event.PhaseNone, o.Status
	}
	v.Phases, v.Total = o.Phases, o.Total
	if o.Target.IsValid() {
		v.Target = o.Target
	}
	w := int64(c.server.weight)
	v.Weight, v.WeightNow = w, w
	return p.emit(e)
}

// evidence says which check it is and how it stands.
func (c *check) evidence(v *event.CheckEvidence) {
	v.Checker, v.Index, v.Up, v.Retries, v.Target = c.set.Kind, c.index, c.up, c.set.Retry, c.set.Target
	v.Phase, v.Status = c.phase, c.status
	v.Attempt, v.Failures, v.Since = c.failing, c.failing, c.since
	v.Total = c.lastTook
}
