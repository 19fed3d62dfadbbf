// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import "github.com/vigild/vigild/engine/event"

// Ledger is the fold. It is not safe for concurrent use: one goroutine owns
// it and hands out Views.
type Ledger struct {
	epochs epochs
	// transitions is the place of each legal transition in its list.
	transitions map[event.Transition]int

	// view is the one last handed out; stale says that something changed since.
	view  *View
	stale bool
	// head holds everything of a View that is not a list.
	head View
	// step is wall clock minus monotonic clock, as the newest event has it.
	step int64

	// instances holds all that were heard of, order the ones that a row
	// describes (before the first description: all).
	instances map[string]*instance
	order     []*instance
	described bool
	// stories finds the instance whose last transition an event belongs to.
	stories map[event.Ref]*instance

	groups   section[Group]
	scripts  section[Script]
	objects  section[Object]
	workers  section[Worker]
	channels section[Channel]
	links    section[event.InterfaceRow]
	static   section[Address]
	listed   bool // the list of instances handed out is still right

	router carried[event.RouterTally]
	// bfd are the counters of BFD sessions and of their worker, by subject.
	bfd map[string]*carried[event.BFDTally]
	// pool is virtual and real servers.
	pool pool
}

// SubjectMax is how many subjects that no row describes are remembered until
// the next description.
const SubjectMax = 1024

// New returns an empty ledger.
func New() *Ledger {
	l := &Ledger{
		transitions: map[event.Transition]int{},
		instances:   map[string]*instance{},
		stories:     map[event.Ref]*instance{},
		bfd:         map[string]*carried[event.BFDTally]{},
		pool:        newPool(),
		stale:       true,
	}
	for i, t := range append(event.Transitions(), event.ShadowTransitions()...) {
		l.transitions[t] = i
	}
	return l
}

// Apply folds one edge. An edge that was folded before, which a replay after a
// restart brings again, changes nothing.
func (l *Ledger) Apply(e *event.Event) {
	ep := l.epochs.of(e.Epoch, e.Origin)
	if e.Seq != 0 && !ep.first(e.Seq) {
		return
	}
	l.clock(e.At, e.Wall)
	l.epochSeen(ep)
	at := place{e.At, ep.order, e.Seq}
	switch e.Kind {
	case event.VRRPState:
		l.transition(e, at)
	case event.VRRPAdvertRejected:
		l.rejected(e)
	case event.VRRPPriority:
		l.priority(e)
	case event.VRRPConflict:
		l.conflict(e)
	case event.VRRPNearMiss:
		l.nearMiss(e)
	case event.VRRPSuspicion:
		l.suspicion(e)
	case event.GroupState:
		l.group(e, at)
	case event.AddressAdded, event.AddressRemoved, event.AddressLost:
		l.addresses(e)
	case event.RouteLost:
		// A route has no state here; the event is for the story and the log.
	case event.AnnounceSent:
		l.announced(e)
	case event.InterfaceChanged:
		l.link(e)
	case event.TrackChanged:
		l.track(e)
	case event.ExecDone:
		l.ran(e)
	case event.NotifySent, event.NotifyFailed:
		l.notified(e)
	case event.ConfigLoaded, event.ConfigRejected:
		l.config(e)
	case event.WorkerStarted, event.WorkerLost:
		l.worker(e)
	case event.LinkGap:
		if !e.Snapshot && e.Count > 0 {
			l.head.Gaps += uint64(e.Count)
		}
	case event.PrivilegeDenied:
		l.denied(e)
	case event.Stalled:
		if e.Subject.Kind != event.SubjectWorker { // who does not answer is another matter
			l.head.Stall = *e
		}
	case event.ClockStepped:
		// The tally counts them; the event is for the log.
	case event.SettingChanged:
		l.set(e)
	case event.NotifyTest:
		// What comes of it is told by the channel.
	case event.CheckOutcome, event.ServerState, event.ServiceQuorum, event.ServiceBrake, event.IPVSApplied:
		l.pool.apply(e)
	case event.KindNone:
		l.head.Unexpected++
	}
	if !e.Snapshot {
		l.tell(e)
		l.pool.tell(e)
	}
}

// clock moves the time of the picture forward.
func (l *Ledger) clock(at event.Instant, wall int64) {
	l.stale = true
	if wall != 0 {
		l.step = wall - int64(at)
	}
	if at > l.head.At {
		l.head.At = at
	}
	if w := int64(at) + l.step; l.step != 0 && w > l.head.Wall || wall > l.head.Wall {
		l.head.Wall = max(w, wall)
	}
}

// wall brings an instant to the wall clock, 0 if no event told how.
func (l *Ledger) wall(at event.Instant) int64 {
	if l.step == 0 || at == 0 {
		return 0
	}
	return int64(at) + l.step
}

// epochSeen counts the restarts of the vrrp worker.
func (l *Ledger) epochSeen(ep *epoch) {
	if ep.role != event.RoleVRRP || ep.known {
		return
	}
	ep.known = true
	if l.epochs.vrrp++; l.epochs.vrrp > 1 {
		l.head.Discontinuities++
	}
}

// View returns the present picture; unchanged parts are shared with earlier ones.
func (l *Ledger) View() *View {
	if !l.stale && l.view != nil {
		return l.view
	}
	v := l.head
	if l.listed && l.view != nil {
		v.Instances = l.view.Instances
	} else {
		v.Instances = make([]*Instance, len(l.order))
		for i, in := range l.order {
			v.Instances[i] = in.live.share()
		}
	}
	l.listed = true
	v.Groups = l.groups.share()
	v.Scripts = l.scripts.share()
	v.Objects = l.objects.share()
	v.Workers = l.workers.share()
	v.Channels = l.channels.share()
	v.Interfaces = l.links.share()
	v.Static = l.static.share()
	v.Pool = l.pool.share()
	l.view, l.stale = &v, false
	return l.view
}
