// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Case is what is known about an instance when somebody asks why.
type Case struct {
	Name  string
	State event.State
	// SinceWall is when the state was entered, Now the present, both in
	// nanoseconds since the Unix epoch; 0 if unknown.
	SinceWall, Now int64
	// Last is the transition to be explained, Previous the one before.
	Last, Previous event.Event
	// Story are the events that Last led to, oldest first; More of them were
	// not kept.
	Story []event.Event
	More  int
	// Base, Terms and Priority are the priority arithmetic in force now.
	Base, Priority uint8
	Terms          []event.Term
	// Conflict is the newest vrrp.conflict, Conflicting whether it goes on.
	Conflict    event.Event
	Conflicting bool
	// Suspicion is the newest vrrp.suspicion.
	Suspicion event.Event
	// Rejected are the refused adverts, one for each source and reason.
	Rejected []Rejected
}

// Rejected is what one source sent that is refused.
type Rejected struct {
	// Runs counts the times it began.
	Runs      uint64
	FirstWall int64
	Last      event.Event
}

// Answer is an explanation, in pieces; Text puts them together.
type Answer struct {
	Instance string      `json:"instance"`
	State    event.State `json:"state"`
	// ID is the identity of the story in every exit, empty before the first transition.
	ID     string       `json:"id,omitempty"`
	From   event.State  `json:"from,omitempty"`
	To     event.State  `json:"to,omitempty"`
	Reason event.Reason `json:"reason,omitempty"`
	Wall   int64        `json:"wall,omitempty"`
	// What and When say what happened, Cause why, in whole sentences.
	What  string `json:"what"`
	Cause string `json:"cause"`
	// Doubts are what speaks against the obvious reading, LookAt what to check next.
	Doubts []string `json:"doubts,omitempty"`
	LookAt []string `json:"look_at,omitempty"`
	// Evidence are the facts that the cause rests on.
	Evidence []Fact `json:"evidence"`
	// Done are the steps that followed.
	Done []Step `json:"done,omitempty"`
	// Timeline is all of it in order of time.
	Timeline []Moment `json:"timeline"`
}

// Fact is one piece of evidence: what it is about, and what it says.
type Fact struct {
	About string `json:"about"`
	Says  string `json:"says"`
}

// Step is one thing that was done because of the transition.
type Step struct {
	// After is how long after the transition it was finished.
	After time.Duration `json:"after"`
	Says  string        `json:"says"`
	OK    bool          `json:"ok"`
}

// Why explains the last transition of an instance.
func Why(c *Case) Answer {
	a := Answer{Instance: c.Name, State: c.State}
	e := &c.Last
	if e.Kind == event.KindNone {
		a.What = fmt.Sprintf("%s is %s and has made no transition yet.", c.Name, c.State)
		a.Cause = "Nothing has happened that would need a reason."
		a.Evidence = c.present(nil)
		return a
	}
	a.ID, a.From, a.To, a.Reason, a.Wall = e.ID().String(), e.From, e.To, e.Reason, e.Wall
	a.What = c.what()
	a.Cause = c.cause()
	a.Doubts = c.doubts()
	a.LookAt = c.lookAt()
	a.Evidence = c.present(c.evidence())
	a.Done = c.done()
	a.Timeline = c.timeline()
	return a
}

// cause says why, with what is known of the transition before.
func (c *Case) cause() string {
	e, before := &c.Last, &c.Previous
	h, heard := e.Evidence.LastHeard()
	switch {
	case before.Kind == event.KindNone:
	case e.Reason == event.MasterDownTimer && removed(before.Reason) && (!heard || h.At < before.At):
		return fmt.Sprintf("This router had given the master role up %s before, because somebody removed %s; nobody else took it.",
			Duration(e.At.Sub(before.At)), removedThing(before))
	case e.Reason == event.Startup && e.From == event.Init && e.To == event.Backup && before.To == event.Master:
		return "The vrrp worker was started anew, too late to go on as MASTER, and starts over by listening for a master."
	case e.Reason == event.Startup && e.From == event.Init && e.To == event.Backup && before.To != event.Stop:
		return "The vrrp worker was started anew and starts over by listening for a master."
	}
	return Cause(e)
}

// what says which transition it was and how long ago.
func (c *Case) what() string {
	e := &c.Last
	s := fmt.Sprintf("%s went from %s to %s at %s", c.Name, e.From, e.To, Time(e.Wall))
	if e.From == event.StateNone {
		s = fmt.Sprintf("%s went to %s at %s", c.Name, e.To, Time(e.Wall))
	}
	if c.Now > e.Wall && e.Wall != 0 {
		s += ", " + Duration(time.Duration(c.Now-e.Wall)) + " ago"
	}
	if c.State != e.To {
		s += fmt.Sprintf("; it is %s now", c.State)
	}
	return s + "."
}

// doubts say what speaks against the obvious reading.
func (c *Case) doubts() []string {
	var out []string
	if d := doubt(&c.Last); d != "" {
		out = append(out, d)
	}
	if c.Conflicting {
		out = append(out, c.splitBrain())
	}
	if c.Last.Snapshot {
		out = append(out, "Events were lost around this transition, so some of what followed may be missing here.")
	}
	return out
}

// splitBrain says who else is master and since when.
func (c *Case) splitBrain() string {
	ev := &c.Conflict.Evidence
	switch c.Conflict.Reason { //nolint:exhaustive // the rest are other masters, heard while master
	case event.ConflictMasters:
		return fmt.Sprintf("Split brain: two routers are heard as master at once since %s; the one that should not be is %s.",
			Time(c.Conflict.Wall), who(ev.Peer, ev.PeerPriority))
	case event.ConflictClaim:
		return fmt.Sprintf("Split brain: %s speaks for %s since %s (ARP or neighbour advertisement), although this router is master.",
			named(ev.Got, "another host"), named(ev.ObjectName, "an address of this instance"), Time(c.Conflict.Wall))
	}
	s := fmt.Sprintf("Split brain: %s is heard as another master since %s, with a priority %s.",
		who(ev.Peer, ev.PeerPriority), Time(c.Conflict.Wall), named(precedences[c.Conflict.Reason], "of its own"))
	if ev.Stall > 0 && ev.Stall >= ev.Interval {
		s += fmt.Sprintf(" This process itself had stood still for %s, which may be why the other one took over.", Duration(ev.Stall))
	}
	return s
}

// lookAt says what to check next.
func (c *Case) lookAt() []string {
	e := &c.Last
	peer, _ := peerOf(&e.Evidence)
	var out []string
	switch e.Reason { //nolint:exhaustive // most causes speak for themselves
	case event.MasterDownTimer:
		out = append(out, lookAtSilence(c, peer)...)
	case event.PriorityZero:
		out = append(out, fmt.Sprintf("the log of %s: who stopped it, or what it tracks that went down", routerName(peer)))
	case event.Tracking, event.Interface, event.AddressMissing:
		if e.To == event.Fault {
			out = append(out, object(e.Evidence.Object, e.Evidence.ObjectName)+" on this host")
		}
	case event.AddressDuplicate:
		if e.To == event.Fault {
			out = append(out, "which other node on the link has the same address or the same MAC address")
		}
	case event.AddressGone:
		out = append(out, "what else manages addresses on this host (systemd-networkd, NetworkManager, a script)")
	case event.RouteGone, event.RuleGone:
		out = append(out, "what else manages routes and rules on this host (systemd-networkd, NetworkManager, a routing daemon, a script)")
	case event.SyncGroup:
		if e.Evidence.ObjectName != "" {
			out = append(out, fmt.Sprintf("why %s went to %s", member(e), memberState(e)))
		}
	case event.Startup:
		if c.Previous.Kind != event.KindNone && c.Previous.To != event.Stop {
			out = append(out, "the log of this host: why the vrrp worker was lost")
		}
	case event.Resumed:
		out = append(out, "the log of this host: why the vrrp worker was lost")
	}
	switch {
	case c.Conflicting && c.Conflict.Reason == event.ConflictClaim:
		out = append(out, fmt.Sprintf("which host has the hardware address %s, and who gave it %s", named(c.Conflict.Evidence.Got, "that answers"), named(c.Conflict.Evidence.ObjectName, "the address")))
	case c.Conflicting:
		out = append(out, "whether this host and the other master hear each other: multicast, VLAN, a firewall that drops IP protocol 112, authentication")
	}
	return out
}

func lookAtSilence(c *Case, peer netip.Addr) []string {
	if c.Last.Evidence.Refused != event.ReasonNone {
		return []string{"the configurations of the two routers, which differ in what is named above"}
	}
	var out []string
	if doubt(&c.Last) != "" {
		out = append(out, "what kept this host busy or stopped: a snapshot or migration of the machine, disk, stolen CPU time")
	}
	other := "the other router"
	if peer.IsValid() {
		other = peer.String()
	}
	return append(out, fmt.Sprintf("whether %s is running, and whether its adverts reach this interface (IP protocol 112)", other))
}

func routerName(a netip.Addr) string {
	if !a.IsValid() {
		return "the former master"
	}
	return a.String()
}
