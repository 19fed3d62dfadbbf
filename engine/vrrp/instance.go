// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// The deadlines of an instance; each is a field, nobody arms or cancels
// anything but arm.
const (
	// dueProtocol is the next advert while MASTER, the end of the master-down
	// interval while BACKUP.
	dueProtocol = iota
	// dueRepeat is the second burst of announcements (garp_master_delay).
	dueRepeat
	// dueRefresh is the next burst of garp_master_refresh.
	dueRefresh
	// dueLower is the second burst after an advert of lower priority.
	dueLower
	// dueQuiet is when a conflict is over if nothing more is heard.
	dueQuiet
	// dueExtra is the next burst of garp_extra_if.
	dueExtra
	// dueClaim is when a stranger's claim is judged.
	dueClaim
	// dueRestore is when lost addresses are added again.
	dueRestore
	dueCount
)

// instance is one virtual router.
//
//	            start                    fault
//	INIT ─────────────────▶ BACKUP ◀──────────────▶ FAULT
//	  │ resumed               │ ▲                     ▲
//	  ▼                 timer │ │ higher advert       │ fault
//	MASTER ◀──────────────────┘ │                     │
//	  └─────────────────────────┴─────────────────────┘
//
// INIT and FAULT together are the Initialize of RFC 9568 (compat: keepalived
// tells "not started" from "not able"), MASTER is its Active.
type instance struct {
	id      int
	index   int // place in the configuration, from 1
	set     *InstanceSettings
	subject event.Subject
	group   *group
	follows []follow
	ifc     *iface // nil for a unicast instance without interface
	vmac    *iface // nil unless the instance has one
	ipvlan  bool   // vmac is an ipvlan
	others  []*iface
	removed bool

	// What goes onto the wire, and counts its changes.
	source netip.Addr
	// oldSum says that adverts carry the checksum of expect.Pseudo.
	oldSum  bool
	list    []byte
	expect  wire.Expect
	version uint64

	state event.State
	since event.Instant
	// last is the transition that led to state, owned the last addition.
	last, owned event.Event
	// wants is keepalived's wanted state MASTER: the instance could be master
	// if its group let it.
	wants bool
	// holding says that the addresses are ours to remove.
	holding bool
	pending int // Own and Disown that are not Done
	left    int // addresses that an earlier run left behind
	fault   fault

	// priority is the effective priority.
	priority uint8
	// interval is the advertisement interval of the master, ours until one is heard.
	interval time.Duration
	election election

	due   [dueCount]event.Instant
	timer timer

	heard    heard
	lowerRef event.Ref // the conflict that dueLower belongs to
	rejects  runs
	refusal  refusal
	guard    auth.Guard
	conflict conflict
	claim    claim
	crowd    crowd
	rival    rival
	// deaf says that it entered BACKUP before it could hear anybody.
	deaf bool
	// demoted says that an owner stepped down to 254.
	demoted bool
	torn    torn
	tally   event.Tally
	// masterText caches the text of the master's address for the Tally.
	masterOf   netip.Addr
	masterText string
	// sourceText and macText do the same for the source and its hardware address.
	sourceOf   netip.Addr
	sourceText string
	macOf      [6]byte
	macText    string
	// judged is the last foreign address list, and whether it is ours.
	judged   []byte
	judgedOK bool
}

// arm gives the heap the least deadline of the instance.
func (r *Router) arm(in *instance) {
	var least event.Instant
	for _, d := range in.due {
		if d != 0 && (least == 0 || d < least) {
			least = d
		}
	}
	r.timers.set(&in.timer, least)
}

// expire does what is due of the instance.
func (in *instance) expire(r *Router) {
	if d := in.due[dueProtocol]; d != 0 && d <= r.now {
		r.step(in, stimulus{kind: onTimer, at: r.now, due: d})
	}
	r.bursts(in)
	if d := in.due[dueQuiet]; d != 0 && d <= r.now {
		r.endConflict(in)
	}
	if d := in.due[dueClaim]; d != 0 && d <= r.now {
		r.judgeClaim(in)
	}
	if d := in.due[dueRestore]; d != 0 && d <= r.now {
		r.restore(in)
	}
	r.arm(in)
}

// cause is why an instance makes a transition, and what is known about it.
type cause struct {
	why event.Reason
	// by is the event that led here, zero if the cause is outside.
	by because
	// at is when it happened, which is earlier than now for an advert that
	// waited in the socket; 0 means now.
	at event.Instant
	// due is the deadline that led here.
	due event.Instant
	// peer is the router that won, was lost or gave up.
	peer         netip.Addr
	peerPriority uint8
	// object is what changed.
	object      event.SubjectKind
	objectName  string
	objectState event.State
	objectLast  *event.Event // nil if there is nothing more to say
	// zeros is how many adverts of priority 0 a master sends that leaves.
	zeros int
	// wait is how long a BACKUP waits; 0 means the master-down interval.
	wait time.Duration
	// held is how long the takeover was held for want of trust in ourselves.
	held time.Duration
	// unheard are adverts that came and were not taken.
	unheard refusal
	// resumed says that a predecessor of this process was master.
	resumed bool
}

// become is the single writer of an instance's state; its last act is the event.
func (r *Router) become(in *instance, to event.State, c cause) because {
	if c.at == 0 {
		c.at = r.now
	}
	r.endConflict(in)
	if to == event.Master || to == event.Fault {
		r.reinstate(in)
	}
	from, evidence, me := in.state, r.evidence(in, &c), r.next()
	if from == event.Master {
		r.leave(in, c.zeros, Action{ID: in.id, Reason: c.why, Cause: me, Root: me})
	}
	r.spent(in)
	in.state, in.since = to, r.now
	in.rejects.clear()
	in.due = [dueCount]event.Instant{}
	in.election, in.crowd, in.rival, in.claim = election{}, crowd{}, rival{}, claim{}
	in.torn.list, in.torn.lines = nil, nil
	in.counted(from, to)
	if from == event.Master || to == event.Master {
		r.stakes++
	}
	switch to {
	case event.Master:
		r.enterMaster(in, &c, me)
	case event.Backup:
		r.enterBackup(in, &c)
	case event.Init, event.Fault, event.Stop, event.Deleted:
		in.wants = false
		in.interval = in.set.AdvertInterval
		in.heard.forget()
	case event.StateNone, event.Up, event.Down, event.Unknown, event.Disabled:
	}
	r.arm(in)
	in.last = event.Event{
		Kind: event.VRRPState, Subject: in.subject, From: from, To: to, Reason: c.why,
		Cause: c.by.cause, Priority: in.priority, Evidence: evidence,
	}
	out := r.emit(in.last)
	in.last.At, in.last.Root = r.now, out.root
	return out
}

// leave gives up what a master has: the word of it (zeros adverts of priority
// 0), its addresses, and last the packet filter, so that no packet slips in
// while an address is still here.
func (r *Router) leave(in *instance, zeros int, a Action) {
	if !in.holding {
		return
	}
	in.holding = false
	for range zeros {
		r.send(in, 0)
	}
	a.Kind = Disown
	r.act(a)
	if in.filters() {
		a.Kind = Evict
		r.act(a)
	}
}

// leaveFor is leave at the end of an instance, ahead of its event.
func (r *Router) leaveFor(in *instance, ref event.Ref, why event.Reason) {
	keep := why == event.Shutdown && r.settings.KeepAddresses
	if keep && in.holding {
		r.send(in, 0) // compat: -V keeps the addresses, not the role.
		in.holding = false
	}
	r.leave(in, 1, Action{ID: in.id, Reason: why, Cause: ref, Root: ref})
}

// enterMaster does what RFC 9568 section 6.4.2 says: advert,
// addresses, announcements, timer. compat: in keepalived's order, the advert
// first; and a second burst of announcements follows garp_master_delay later.
func (r *Router) enterMaster(in *instance, c *cause, me event.Ref) {
	in.wants, in.holding = true, true
	in.interval = in.set.AdvertInterval
	in.heard.forget()
	r.send(in, in.priority)
	a := Action{ID: in.id, Reason: c.why, Cause: me, Root: me}
	if in.filters() {
		a.Kind = Admit
		r.act(a)
	}
	a.Kind = Own
	r.act(a)
	moment, repeat := event.AnnounceTransition, in.set.GarpRepeat
	if c.resumed {
		// The addresses never left, but nobody knows how far the predecessor
		// came with its announcements: a small burst, and the late one as usual.
		moment, repeat = event.AnnounceRefresh, in.set.GarpRefreshRepeat
	}
	r.announce(in, moment, repeat, because{me, me})
	in.due[dueProtocol] = r.now.Add(in.set.AdvertInterval)
	in.due[dueRepeat] = after(r.now, in.set.GarpDelay)
	in.due[dueRefresh] = after(r.now, in.set.GarpRefresh)
	in.due[dueExtra] = after(r.now, in.set.GarpExtra)
}

// enterBackup starts the master-down timer (RFC 9568 section 6.4.1).
func (r *Router) enterBackup(in *instance, c *cause) {
	wait := c.wait
	if wait == 0 {
		wait = in.masterDown()
	}
	if in.deaf = r.deaf(in); in.deaf {
		wait += earPatience
	}
	// compat: vrrp_startup_delay: timers start when it is over.
	in.due[dueProtocol] = max(c.at, r.notBefore).Add(wait)
}

// earPatience is how much longer a BACKUP waits for a master that it cannot
// hear yet, because the kernel has not opened its socket. A socket that cannot
// be opened at all must not keep the addresses from having a master.
const earPatience = time.Second

// deaf says that the instance is known not to be listened for.
func (r *Router) deaf(in *instance) bool {
	w, ok := in.watch()
	return ok && r.hearing != nil && !r.hearing[w]
}

// ears takes down what is listened to. BACKUPs that could not hear a master
// until now begin to wait for one: together, when all of them can, because they
// would have begun together, and in the order in which they began.
func (r *Router) ears(e Ears) {
	if r.hearing == nil {
		return
	}
	if !e.Open {
		delete(r.hearing, e.Watch)
		return
	}
	r.hearing[e.Watch] = true
	var late []*instance
	for _, in := range r.instances {
		switch {
		case !in.deaf:
		case in.state != event.Backup:
			in.deaf = false
		case r.deaf(in):
			return
		default:
			late = append(late, in)
		}
	}
	slices.SortFunc(late, func(a, b *instance) int { return cmp.Compare(a.timer.turn, b.timer.turn) })
	for _, in := range late {
		in.deaf = false
		if in.heard.at < in.since && in.due[dueProtocol] != 0 {
			in.due[dueProtocol] = max(r.now, r.notBefore).Add(in.masterDown())
			r.arm(in)
		}
	}
}

// filters says whether packets to the addresses need a rule (RFC 9568 section
// 6.4.3: an Active router that is not the owner and has Accept_Mode off).
func (in *instance) filters() bool { return !in.set.Accept && !in.set.Owner() }

// after is d after t, or never if d is 0.
func after(t event.Instant, d time.Duration) event.Instant {
	if d <= 0 {
		return 0
	}
	return t.Add(d)
}

// send sends one advert, if there is a way to send it.
func (r *Router) send(in *instance, priority uint8) {
	if out := in.sends(); !in.source.IsValid() || out != nil && out.index == 0 {
		return
	}
	in.tally.Sent++
	in.rival.sent(r.now, in.set.AdvertInterval)
	if priority == 0 {
		in.tally.ZeroSent++
	}
	r.act(Action{Kind: Send, ID: in.id, Priority: priority})
}

// announce sends one burst of gratuitous ARPs and unsolicited NAs.
func (r *Router) announce(in *instance, moment event.Reason, repeat int, by because) {
	if repeat > 0 {
		r.act(Action{Kind: Announce, ID: in.id, Repeat: repeat, Reason: moment, Cause: by.cause, Root: by.root})
	}
}

// reannounce sends one announcement of each address of a MASTER because somebody
// asked for it.
func (r *Router) reannounce(name string) {
	for _, in := range r.byID {
		if in.set.Name == name && in.state == event.Master {
			r.announce(in, event.AnnounceRefresh, 1, because{})
		}
	}
}

// bursts sends the announcements that are due.
func (r *Router) bursts(in *instance) {
	due := func(which int) bool { return in.due[which] != 0 && in.due[which] <= r.now }
	story := because{in.last.Root, in.last.Root}
	if due(dueRepeat) {
		in.due[dueRepeat] = 0
		r.announce(in, event.AnnounceRepeat, in.set.GarpRepeat, story)
	}
	if due(dueLower) {
		in.due[dueLower] = 0
		r.announce(in, event.AnnounceLowerPriority, in.set.GarpLowerPrioRepeat, because{in.lowerRef, in.lowerRef})
	}
	if due(dueRefresh) {
		// A refresh belongs to no story: it comes for ever.
		in.due[dueRefresh] = after(r.now, in.set.GarpRefresh)
		r.announce(in, event.AnnounceRefresh, in.set.GarpRefreshRepeat, because{})
	}
	if due(dueExtra) {
		in.due[dueExtra] = after(r.now, in.set.GarpExtra)
		r.announceExtra(in)
	}
}

// counted counts what became of the role.
func (in *instance) counted(from, to event.State) {
	switch {
	case from != event.Master && to == event.Master:
		in.tally.Promotions++
	case from == event.Master && to != event.Master:
		in.tally.Demotions++
	}
}

// spent adds the time in the present state to the Tally.
func (r *Router) spent(in *instance) {
	if i := stateIndex(in.state); i >= 0 && r.now > in.since {
		in.tally.InState[i] += r.now.Sub(in.since)
	}
}

// stateIndex is the place of a state in Tally.InState, -1 for an end.
func stateIndex(s event.State) int {
	for i, x := range [...]event.State{event.Init, event.Backup, event.Master, event.Fault} {
		if x == s {
			return i
		}
	}
	return -1
}

// sends is the interface that adverts leave by: the VMAC, which gives them its
// MAC address (RFC 9568 section 7.3), or the bound one. It is nil for a unicast
// instance without either.
func (in *instance) sends() *iface {
	if in.vmac == nil || in.set.XmitBase || in.set.Unicast {
		return in.ifc
	}
	return in.vmac
}

// home is the interface whose addresses adverts are sent from: the bound one,
// which a VMAC borrows them of; an ipvlan has addresses of its own, or the kernel
// would bring it what is meant for the interface below.
func (in *instance) home() *iface {
	if in.ipvlan && !in.set.XmitBase && !in.set.Unicast {
		return in.vmac
	}
	return in.ifc
}

// hears is the interface that adverts come in by. It must be the VMAC where
// the peer has one too: the kernel gives a frame that comes from a VMAC's own
// address to that VMAC alone. compat: vmac_xmit_base listens below.
func (in *instance) hears() *iface { return in.sends() }

// announceExtra is one round of garp_extra_if: the addresses on other
// interfaces than the instance's own, where no advert of ours keeps the
// switches' tables fresh. compat: VMACs alone, unless all are asked for.
func (r *Router) announceExtra(in *instance) {
	var only []Address
	for _, list := range [][]Address{in.set.Addresses, in.set.Excluded} {
		for k := range list {
			if a := &list[k]; in.extra(a, r.settings.VMACs) {
				only = append(only, *a)
			}
		}
	}
	if len(only) > 0 {
		r.act(Action{Kind: Announce, ID: in.id, Repeat: 1, Reason: event.AnnounceRefresh, Part: true, Only: only})
	}
}

// extra says whether an address is on an interface that no advert leaves by.
func (in *instance) extra(a *Address, vmacs []VMAC) bool {
	on := a.Interface
	if on == "" {
		on = in.set.Interface
	}
	if out := in.sends(); out != nil && out.name == on {
		return false
	}
	return in.set.GarpExtraAll || slices.ContainsFunc(vmacs, func(v VMAC) bool { return v.Name == on })
}
