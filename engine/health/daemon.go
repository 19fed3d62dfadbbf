// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// daemon is the sync daemons of the kernel: with an instance the one that its
// state asks for, without one both (compat).
type daemon struct {
	// asked is what was last asked for; busy says that the answer is outstanding,
	// again that it is to be asked anew then.
	asked       Daemon
	busy, again bool
	cause       event.Ref
	retryAt     event.Instant
	backoff     time.Duration
}

// sameSync says whether two settings ask for the same.
func sameSync(a, b *SyncSettings) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// master notes the state of an instance.
func (p *Pool) master(in Master) {
	p.masters[in.Instance] = in
	if p.settings != nil {
		p.follow(false, in.Cause)
	}
}

// wantedDaemon is which daemons are to run.
func (p *Pool) wantedDaemon() Daemon {
	set := p.settings.Sync
	if set == nil || p.stopping {
		return Daemon{Settings: p.daemon.asked.Settings}
	}
	if set.Instance == "" {
		return Daemon{Settings: set, Master: true, Backup: true}
	}
	master := p.masters[set.Instance].State == event.Master
	return Daemon{Settings: set, Master: master, Backup: !master}
}

// follow asks for the daemons that are to run, if that is not what was asked
// for, or in any case.
func (p *Pool) follow(anyway bool, cause event.Ref) {
	y := &p.daemon
	want := p.wantedDaemon()
	if want.Settings == nil || !p.kernel.available {
		return
	}
	changed := want.Master != y.asked.Master || want.Backup != y.asked.Backup
	if !changed && !anyway {
		return
	}
	if y.cause = cause; y.busy {
		y.again = true
		return
	}
	y.asked, y.busy, y.again = want, true, false
	p.tally.Ops[event.IPVSSync]++
	p.act(Action{Kind: Sync, Daemon: want, Reason: event.SyncDaemon, Cause: cause})
}

// syncDone notes which daemons run.
func (p *Pool) syncDone(in *SyncDone) {
	y := &p.daemon
	y.busy = false
	p.tally.SyncMaster, p.tally.SyncBackup = in.Master, in.Backup
	e := event.Event{
		Kind: event.IPVSApplied, Subject: ipvsSubject, To: event.Backup, Reason: event.SyncDaemon, Cause: y.cause, Root: y.cause,
		At: in.End, Took: in.End.Sub(in.Start), Detail: in.Detail,
	}
	switch {
	case in.Master:
		e.To = event.Master
	case !in.Backup:
		e.To = event.Stop
	}
	if in.Reason != event.ReasonNone {
		e.Reason = event.FailKernel
		p.tally.Errors[event.IPVSSync]++
		y.backoff = min(max(2*y.backoff, leastBackoff), mostBackoff)
		if !p.stopping {
			y.retryAt = p.now.Add(y.backoff)
		}
	} else {
		y.backoff, y.retryAt = 0, 0
	}
	p.emit(e)
	if y.again {
		p.follow(true, y.cause)
	}
}

// stop ends everything: what has omega goes down, and the services go.
func (p *Pool) stop() {
	if p.stopping {
		return
	}
	for _, s := range p.services {
		p.stopService(s)
	}
	p.stopping = true
	p.clean()
	k := &p.kernel
	if k.read && k.available && p.settings != nil {
		var ops []Op
		if p.settings.FlushOnStop == FlushAll {
			ops = append(ops, Op{Kind: event.IPVSFlush})
		} else {
			for _, s := range p.services {
				for _, e := range s.entries {
					ops = append(ops, Op{Kind: event.IPVSDelService, Service: e.kernel})
				}
			}
		}
		p.send(ops, event.Shutdown, event.Ref{}, ipvsSubject)
	}
	k.read = false
	if p.settings != nil && (p.daemon.asked.Master || p.daemon.asked.Backup) {
		p.follow(false, event.Ref{})
	}
}

// stopService takes a virtual server with omega down, so that whoever is to be
// told is told (compat). Of the others it is said that they end.
func (p *Pool) stopService(s *service) {
	if !s.set.Omega {
		s.since, s.reason = p.now, event.Shutdown
		p.sayQuorum(s, nil, s.state(), s.alive, event.Ref{})
		return
	}
	s.hush = true
	alive := s.alive
	for _, v := range s.servers {
		if v.up {
			p.become(v, false, noCheck, event.Ref{}, event.Shutdown)
		}
	}
	if s.met {
		s.met, s.since, s.reason = false, p.now, event.Shutdown
		s.lost++
		p.sayQuorum(s, nil, event.Up, alive, event.Ref{})
	}
}

// limits is what became of the timeouts of connections (lvs_timeouts).
type limits struct {
	cause   event.Ref
	refused bool
	backoff time.Duration
	retryAt event.Instant
}

// setTimeouts asks for the timeouts of the settings.
func (p *Pool) setTimeouts(cause event.Ref) {
	l := &p.limits
	l.cause, l.retryAt = cause, 0
	p.tally.Ops[event.IPVSTimeouts]++
	p.act(Action{Kind: SetTimeouts, Timeouts: p.settings.Timeouts, Cause: cause})
}

// timeoutsDone notes whether the timeouts were set. What was refused is told once
// and asked for again; a kernel that has no IPVS yet is asked as often as for its
// table.
func (p *Pool) timeoutsDone(in *TimeoutsDone) {
	l := &p.limits
	e := event.Event{
		Kind: event.IPVSApplied, Subject: ipvsSubject, Cause: l.cause, Root: l.cause,
		At: in.End, Took: in.End.Sub(in.Start),
	}
	if in.Reason == event.ReasonNone {
		if l.refused {
			e.Reason, e.Count, e.Detail = event.Recovered, 1, "timeouts of connections"
			p.emit(e)
		}
		l.refused, l.backoff = false, 0
		return
	}
	p.tally.Errors[event.IPVSTimeouts]++
	if !l.refused {
		e.Reason, e.Detail = event.FailKernel, "timeouts of connections: "+in.Detail
		p.emit(e)
	}
	l.refused = true
	l.backoff = min(max(2*l.backoff, leastBackoff), mostBackoff)
	if !p.stopping && p.settings != nil && p.settings.Timeouts != (Timeouts{}) {
		l.retryAt = p.now.Add(l.backoff)
	}
}
