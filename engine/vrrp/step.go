// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Input is one thing that can happen to a Router: a closed set.
//
//sumtype:decl
type Input interface{ input() }

// Tick says that time has come to the Router's Deadline (or that it may have).
// The loop drains its sockets before a Tick, so that an advert which the kernel
// received before a deadline is seen before the deadline is acted upon.
type Tick struct{}

// Packet is a received VRRP packet, not yet parsed. The Router parses and
// judges it; the loop that received it decides nothing. Payload is only valid
// during Step.
type Packet struct {
	IfIndex      int
	Family       uint8
	Source, Dest netip.Addr
	// TTL is the time to live or hop limit, -1 if the kernel did not say.
	TTL int
	// At is the kernel's receive time on the monotonic clock, Wall the same in
	// nanoseconds since the Unix epoch.
	At   event.Instant
	Wall int64
	// AH is the authentication header in front of the payload, nil if none; Head
	// is the IPv4 header before that, nil if it is not known or not needed.
	AH, Head []byte
	Payload  []byte
}

// Link is the present condition of an interface.
type Link struct {
	IfIndex int
	Name    string
	// Present is false for an interface that was deleted.
	Present bool
	// Up means administratively up and running.
	Up  bool
	MTU int
	// MAC is the hardware address, zero if there is none of Ethernet.
	MAC [6]byte
}

// IfAddr is an address that appeared on, or vanished from, an interface.
type IfAddr struct {
	IfIndex int
	Prefix  netip.Prefix
	// Present is false for an address that was removed.
	Present bool
	// Tentative is an IPv6 address whose duplicate address detection has not
	// ended; Duplicate one for which it found a duplicate.
	Tentative, Duplicate bool
	Secondary            bool
	// Ours is an address that a VRRP router added, by the mark that the kernel keeps.
	Ours bool
}

// Entry is a route or rule of the configuration that appeared, by whomever, or
// that somebody else removed.
type Entry struct {
	Rule   bool
	Family uint8
	// Text is the words of its line, with one blank between two.
	Text    string
	Present bool
}

// Claim is a frame from another host that says where an address of a Stake is:
// an ARP packet with it as sender, or a neighbour advertisement for it.
type Claim struct {
	IfIndex int
	Addr    netip.Addr
	// MAC is the hardware address that it names.
	MAC [6]byte
	// At is the kernel's receive time on the monotonic clock.
	At event.Instant
}

// ScriptResult is the end of one run of a vrrp_script.
type ScriptResult struct {
	Name string
	// OK is exit status 0.
	OK bool
	// Status is the exit status, or the signal number if Reason is FailSignal.
	Status int
	Reason event.Reason
	Took   time.Duration
	// Cause is the exec.done event of the run.
	Cause event.Ref
}

// FileValue is what a track_file holds.
type FileValue struct {
	Name  string
	Value int64
}

// ProcessCount is how many processes match a vrrp_track_process.
type ProcessCount struct {
	Name  string
	Count int
}

// BFDState is the state of a BFD session. Before the first Configure it says
// what is known already; without that a session begins down (compat).
type BFDState struct {
	Name string
	Up   bool
	// Cause is the track.changed event by which somebody else has reported the
	// change; zero if nobody has.
	Cause event.Ref
}

// ServiceState says whether a virtual server has its quorum. One that nothing
// was said of has it, as its servers count as up before they are checked.
type ServiceState struct {
	Name string
	Up   bool
	// Cause is the service.quorum event of the check role.
	Cause event.Ref
}

// Reannounce asks an instance to announce its addresses once more; one that is not
// MASTER does not.
type Reannounce struct{ Name string }

// Configure is a configuration: the first one starts the Router, later ones
// reload it by difference. Before the first one the loop gives every Link and
// IfAddr there is. Resume, on the first one, is what a predecessor of
// this worker was doing less than one advertisement interval ago.
type Configure struct {
	Settings *Settings
	// Cause is the config.loaded event.
	Cause  event.Ref
	Resume []Resumed
	// Wall is the present time in nanoseconds since the Unix epoch, for Resume.
	Wall int64
	// Ears says that the loop tells with Ears what it can listen to; without, a
	// Watch counts as open from the moment on in which it is wanted.
	Ears bool
}

// Ears says that a Watch is open, or no longer. The silence of a master counts
// from when it could have been heard.
type Ears struct {
	Watch Watch
	Open  bool
}

// Resumed is the state in which a predecessor left an instance.
type Resumed struct {
	Name  string
	State event.State
	// Within says that the predecessor was lost less than one advertisement
	// interval ago, so that the peer has noticed nothing.
	Within bool
}

// Set changes a setting of an instance until the next Configure: what SNMP asks
// for.
type Set struct {
	Name string
	// What is one of event.SettingPriority (Value is 1 to 254), SettingPreempt and
	// SettingAccept (0 or 1).
	What  string
	Value int64
	// Cause is the setting.changed event.
	Cause event.Ref
}

// Done is the outcome of an Action of kind Own, Disown or Announce. The loop
// gives the IfAddrs that the kernel has reported by then before it gives a
// Done, so that our own removals are told from those of others.
type Done struct {
	// ID is the instance's, 0 for static things.
	ID   int
	Kind ActionKind
	// Why is the Action's Reason.
	Why event.Reason
	// Cause and Root are the Action's.
	Cause, Root event.Ref
	// Count things were done, Failed were not; Detail is the first failure's text.
	Count, Failed int
	Detail        string
	// Refused are the addresses that could not be added, as far as they are known.
	Refused []netip.Addr
	// Frames4 and Frames6 count the announcements that were sent.
	Frames4, Frames6 int
	Start, End       event.Instant
}

// SendFailed says that n adverts of an instance could not be sent.
type SendFailed struct {
	ID     int
	N      int
	Detail string
}

// Stop asks the Router to give everything up.
type Stop struct{}

func (Tick) input()         {}
func (*Packet) input()      {}
func (Link) input()         {}
func (IfAddr) input()       {}
func (Entry) input()        {}
func (*Claim) input()       {}
func (ScriptResult) input() {}
func (FileValue) input()    {}
func (ProcessCount) input() {}
func (BFDState) input()     {}
func (ServiceState) input() {}
func (Reannounce) input()   {}
func (*Configure) input()   {}
func (*Done) input()        {}
func (SendFailed) input()   {}
func (Stop) input()         {}
func (Set) input()          {}
func (Ears) input()         {}

// ActionKind is what is to be done.
type ActionKind uint8

// The kinds of action, in no order of importance.
const (
	// Send: send one advert of the instance with Priority.
	Send ActionKind = iota
	// Own: add the addresses, routes and rules of the instance (or only Only).
	Own
	// Disown: remove them.
	Disown
	// Announce: send one burst of gratuitous ARPs and unsolicited NAs, Repeat
	// frames for each address.
	Announce
	// Admit: install what lets packets to the addresses in (or the drop rules
	// of no_accept); Evict removes it.
	Admit
	Evict
)

// Action is one thing that the shell must do, in the order given. Own, Disown
// and Announce of one instance are done in order; their outcome comes back as
// Done. The loop never waits for them.
type Action struct {
	Kind ActionKind
	// ID is the instance's handle (Router.Instance), 0 for static things. The
	// handle of a removed instance stays valid until the last Done for it.
	ID       int
	Priority uint8
	Repeat   int
	// Reason is why, for Announce the moment.
	Reason event.Reason
	// Cause and Root are the events that led here, echoed in Done.
	Cause, Root event.Ref
	// Only limits Own, Disown and Announce to these addresses; nil means all.
	Only []Address
	// Part says that Own or Disown is limited to Only, OnlyRoutes and
	// OnlyRules, of which some may be empty; it is what a reload changed.
	Part       bool
	OnlyRoutes []Route
	OnlyRules  []Rule
}

// Output is what one Step wants done and says happened. The caller owns it
// and reuses it; Step appends. The Actions are to be started before the Events
// are published, so that an advert never waits for a reader.
type Output struct {
	Actions []Action
	Events  []event.Event
}

// Reset empties the Output and keeps its memory.
func (o *Output) Reset() {
	o.Actions = o.Actions[:0]
	o.Events = o.Events[:0]
}
