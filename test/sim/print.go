// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

// log collects the lines of what happened.
type log struct {
	lines []string
	// trace shows adverts and actions, off shows nothing at all.
	trace, off bool
}

func (l *log) line(w *simulate.World, n *simulate.Node, format string, args ...any) {
	at := w.Now.Sub(simulate.Epoch)
	l.lines = append(l.lines, fmt.Sprintf("%06.3f %s ", at.Seconds(), n.Name)+fmt.Sprintf(format, args...))
}

var actionWords = [...]string{
	vrrp.Send: "send", vrrp.Own: "own", vrrp.Disown: "disown", vrrp.Announce: "announce", vrrp.Admit: "admit", vrrp.Evict: "evict",
}

// action shows what a router wants done.
func (l *log) action(w *simulate.World, n *simulate.Node, a *vrrp.Action) {
	if l.off || !l.trace {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "> %s", actionWords[a.Kind])
	if v, ok := n.Router.View(a.ID); ok {
		b.WriteString(" " + v.Settings.Name)
	} else {
		b.WriteString(" static")
	}
	if a.Kind == vrrp.Send {
		fmt.Fprintf(&b, " prio=%d", a.Priority)
	} else {
		fmt.Fprintf(&b, " reason=%v", a.Reason)
	}
	if a.Repeat > 0 {
		fmt.Fprintf(&b, " repeat=%d", a.Repeat)
	}
	if a.Part {
		b.WriteString(" only")
		for i := range a.Only {
			b.WriteString(" " + a.Only[i].Prefix.Addr().String())
		}
		for _, r := range a.OnlyRoutes {
			fmt.Fprintf(&b, " %q", strings.Join(r.Words, " "))
		}
		for _, r := range a.OnlyRules {
			fmt.Fprintf(&b, " %q", strings.Join(r.Words, " "))
		}
	}
	l.line(w, n, "%s", b.String())
}

// event shows what happened.
func (l *log) event(w *simulate.World, n *simulate.Node, e *event.Event) {
	if !l.off {
		l.line(w, n, "%s", eventText(e))
	}
}

// text is an event in one line: number, kind, subject, states, reason, and then
// only what is not empty.
func eventText(e *event.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %v", e.Seq, e.Kind)
	if s := e.Subject; s.Kind != event.SubjectInstance || s.Name != "V" {
		b.WriteString(" " + s.Name)
	}
	if s := e.Subject.Sub; s != "" {
		b.WriteString(" " + s)
	}
	if e.From != event.StateNone || e.To != event.StateNone {
		fmt.Fprintf(&b, " %v->%v", e.From, e.To)
	}
	if e.Reason != event.ReasonNone {
		fmt.Fprintf(&b, " reason=%v", e.Reason)
	}
	if e.Priority != 0 {
		fmt.Fprintf(&b, " prio=%d", e.Priority)
	}
	if e.Count != 0 {
		fmt.Fprintf(&b, " count=%d", e.Count)
	}
	if e.Took != 0 {
		fmt.Fprintf(&b, " took=%v", e.Took)
	}
	reference(&b, "cause", e.Cause, event.Ref{})
	reference(&b, "root", e.Root, e.Cause)
	if e.Snapshot {
		fmt.Fprintf(&b, " snapshot at=%.3f", e.At.Sub(simulate.Epoch).Seconds())
	}
	evidenceText(&b, e)
	if e.Detail != "" {
		fmt.Fprintf(&b, " detail=%q", e.Detail)
	}
	return b.String()
}

// reference shows which event another one names; implied is left out.
func reference(b *strings.Builder, what string, r, implied event.Ref) {
	switch {
	case r == event.Ref{} || r == implied:
	case r.Epoch == simulate.ParentEpoch:
		fmt.Fprintf(b, " %s=parent#%d", what, r.Seq)
	default:
		fmt.Fprintf(b, " %s=#%d", what, r.Seq)
	}
}

// evidenceText shows the evidence, times relative to the event.
func evidenceText(b *strings.Builder, e *event.Event) {
	v := &e.Evidence
	if v.Peer.IsValid() {
		fmt.Fprintf(b, " peer=%v/%d", v.Peer, v.PeerPriority)
	}
	if h, ok := v.LastHeard(); ok {
		fmt.Fprintf(b, " heard=%d last=%v/%d%+.3fs", v.N, h.Source, h.Priority, h.At.Sub(e.At).Seconds())
	}
	if v.Deadline != 0 {
		fmt.Fprintf(b, " due=%.3f", v.Deadline.Sub(simulate.Epoch).Seconds())
	}
	for _, x := range []struct {
		name string
		d    time.Duration
	}{{"late", v.Lateness}, {"margin", v.Margin}, {"stall", v.Stall}, {"held", v.Held}} {
		if x.d != 0 {
			fmt.Fprintf(b, " %s=%v", x.name, x.d)
		}
	}
	if v.ObjectName != "" {
		fmt.Fprintf(b, " object=%v/%s:%v", v.Object, v.ObjectName, v.ObjectState)
	}
	if v.NTerm > 0 {
		fmt.Fprintf(b, " base=%d", v.Base)
	}
	for _, t := range v.Terms[:v.NTerm] {
		fmt.Fprintf(b, " %v/%s:%+d", t.Kind, t.Name, t.Delta)
	}
	if v.More > 0 {
		fmt.Fprintf(b, " more=%d", v.More)
	}
	if v.Want != "" || v.Got != "" {
		fmt.Fprintf(b, " want=%q got=%q", v.Want, v.Got)
	}
	if v.Refused != event.ReasonNone {
		fmt.Fprintf(b, " refused=%v", v.Refused)
	}
	if v.Lost != 0 {
		fmt.Fprintf(b, " lost=%d/%d", v.Lost, v.Due)
	}
}

// owners shows who has the virtual addresses of a router's settings.
func owners(n *simulate.Node) string {
	if n.Router == nil {
		return "not running"
	}
	var out []string
	for _, id := range n.Router.Instances(nil) {
		v, _ := n.Router.View(id)
		have, all := 0, 0
		for _, list := range [][]vrrp.Address{v.Settings.Addresses, v.Settings.Excluded} {
			for _, a := range list {
				all++
				if n.Kernel.Has(a.Prefix.Addr()) {
					have++
				}
			}
		}
		out = append(out, fmt.Sprintf("%s %v %d/%d", v.Settings.Name, v.State, have, all))
	}
	return strings.Join(out, ", ")
}

// tallyText shows the counters that are not zero.
func tallyText(t *event.Tally) string {
	var b strings.Builder
	show := func(name string, v uint64) {
		if v != 0 {
			fmt.Fprintf(&b, " %s=%d", name, v)
		}
	}
	show("sent", t.Sent)
	show("received", t.Received)
	show("zero_sent", t.ZeroSent)
	show("zero_received", t.ZeroReceived)
	for i, v := range t.Rejects {
		show("reject_"+event.RejectAt(i).String(), v)
	}
	for i, v := range t.Conflicts {
		show("conflict_"+(event.ConflictLower+event.Reason(i)).String(), v)
	}
	show("suspicions", t.Suspicions)
	show("averted", t.Averted)
	show("two_masters", t.TwoMasters)
	show("claims", t.Claims)
	show("restored", t.Restored)
	show("promotions", t.Promotions)
	show("demotions", t.Demotions)
	show("missed", t.Missed)
	show("near_misses", t.NearMisses)
	show("garps", t.GratuitousARPs)
	show("nas", t.UnsolicitedNAs)
	show("announce_errors", t.AnnounceErrors)
	var gaps uint64
	for _, v := range t.Gaps {
		gaps += v
	}
	show("gaps", gaps)
	fmt.Fprintf(&b, " gap_sum=%.3f", t.GapSum)
	for i, s := range event.VRRPStates() {
		if t.InState[i] != 0 {
			fmt.Fprintf(&b, " %v=%v", s, t.InState[i])
		}
	}
	fmt.Fprintf(&b, " prio=%d master=%s/%d interval=%v down=%v", t.Priority, t.Master, t.MasterPriority, t.MasterInterval, t.MasterDown)
	if t.Margin != 0 {
		fmt.Fprintf(&b, " margin=%v", t.Margin)
	}
	if t.SplitBrain {
		b.WriteString(" split_brain")
	}
	return b.String()[1:]
}

func routerText(t *event.RouterTally) string {
	var lags uint64
	for _, v := range t.Lag {
		lags += v
	}
	return fmt.Sprintf("checksum=%d version=%d vrid=%d length=%d timers=%d lag_sum=%v lag_max=%v stalls=%d",
		t.Checksum, t.Version, t.VRID, t.Length, lags, t.LagSum, t.LagMax, t.Stalls)
}
