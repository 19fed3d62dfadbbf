// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/fw"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// VRRPOptions is what a VRRP loop needs from outside.
type VRRPOptions struct {
	// Epoch is that of the machine's events.
	Epoch uint64
	// Publish takes events over, in order, and copies what it keeps. It must not
	// block. It is called by several goroutines, by each in order.
	Publish func([]event.Event)
	// Lost counts the events that found no room on their way out; nil if none can.
	Lost func() uint64
	// Locked says whether memory is locked.
	Locked bool
}

// NewVRRP opens everything a VRRP loop needs, in the network namespace of the
// calling thread, and reads what interfaces and addresses there are. It needs
// CAP_NET_RAW and CAP_NET_ADMIN.
func NewVRRP(opts VRRPOptions) (v *VRRP, err error) {
	v = &VRRP{opts: opts}
	v.own = &ownEvents{producer: role.NewProducer(event.RoleVRRP, role.SystemClock()), deliver: opts.Publish}
	v.machine = vrrp.New(opts.Epoch)
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	if v.clock, err = raw.NewClock(); err != nil {
		return nil, err
	}
	theirs, err := raw.NewClock()
	if err != nil {
		return nil, err
	}
	if v.poller, err = raw.NewPoller(); err != nil {
		return nil, err
	}
	undo = append(undo, v.poller.Close)
	v.inbox = &inbox{poller: v.poller}
	sender, err := raw.NewSender()
	if err != nil {
		return nil, err
	}
	undo = append(undo, sender.Close)
	kernel, err := openKernel()
	if err != nil {
		return nil, err
	}
	undo = append(undo, kernel.Close)
	port, err := kernel.Port()
	if err != nil {
		return nil, err
	}
	monitor, now, err := link.Watch()
	if err != nil {
		return nil, err
	}
	faces := newFaces()
	v.beats = newBeats(v.machine, sender)
	v.beats.clock = v.clock
	v.ears = newEars(v.poller, v.own)
	v.claims = newClaims()
	v.news = &news{monitor: monitor, faces: faces, inbox: v.inbox, own: v.own, port: port}
	v.hands = &hands{kernel: kernel, faces: faces, news: v.news, clock: theirs, settings: v.settings}
	v.vmacs = newVMACs(kernel, faces, v.own, v.hands.later)
	v.news.told = v.vmacs.hear
	for _, c := range now {
		v.inbox.put(message{in: v.news.input(c)})
	}
	return v, nil
}

// start starts the goroutines that the loop leaves work to.
func (v *VRRP) start() {
	v.hands.start()
	go v.news.run()
}

// close ends them and closes everything.
func (v *VRRP) close() error {
	v.hands.stop()
	err := v.ears.close() // first, so that the groups are left by way of the VMACs
	v.vmacs.close()
	return errors.Join(err, v.claims.close(), v.news.close(), v.hands.kernel.Close(), v.beats.sender.Close(), v.inbox.close())
}

// settings returns the settings of an instance, nil if there is none.
func (v *VRRP) settings(id int) *vrrp.InstanceSettings {
	view, _ := v.machine.View(id)
	return view.Settings
}

// finished says that Stop was asked for and all was given up.
func (v *VRRP) finished() bool { return v.stopped && v.machine.Stopped() }

// Configure puts a configuration into force.
func (v *VRRP) Configure(c *vrrp.Configure) {
	v.inbox.put(message{do: func() {
		v.hands.static = c.Settings
		v.promote(c.Settings)
		v.hands.later(func() { v.news.follow(c.Settings) })
		c.Wall, c.Ears = v.clock.Wall(v.clock.Now()), true
		v.prepare(c)
		// Reading a configuration leaves more behind than the loop will ever
		// need; memory is locked, so nobody else can take it away.
		v.hands.later(debug.FreeOSMemory)
	}})
}

// promote sets the sysctl of promote_secondaries where it is configured.
func (v *VRRP) promote(s *vrrp.Settings) {
	for i := range s.Instances {
		if in := &s.Instances[i]; in.PromoteSecondaries && in.Interface != "" {
			v.hands.later(func() {
				if err := link.PromoteSecondaries(in.Interface); err != nil {
					v.own.denied("promote_secondaries", err)
				}
			})
		}
	}
}

// Input gives the machine an input: the verdict of a script, the value of a
// file, a count of processes.
func (v *VRRP) Input(in vrrp.Input) { v.inbox.put(message{in: in}) }

// Stop asks the loop to give everything up and to end.
func (v *VRRP) Stop() {
	v.inbox.put(message{do: func() {
		if !v.stopped {
			v.stopped = true
			v.step(v.clock.Now(), vrrp.Stop{})
		}
	}})
}

// Tallies calls reply with all counters, on the loop's goroutine: reply copies
// what it keeps and does not block.
func (v *VRRP) Tallies(reply func([]event.Tally, *event.RouterTally)) {
	v.inbox.put(message{do: func() {
		now := v.clock.Now()
		v.tallies = v.machine.Tallies(now, v.tallies[:0])
		router := v.machine.RouterTally(now)
		router.ClockSteps, _ = v.clock.Steps()
		router.Dropped = v.ears.lost()
		if v.opts.Lost != nil {
			router.EdgesLost = v.opts.Lost()
		}
		router.RealTime, router.Locked = proc.RealTime() > 0, v.opts.Locked
		reply(v.tallies, &router)
	}})
}

// Snapshot calls reply with the present state as events, on the loop's
// goroutine: reply copies what it keeps and does not block.
func (v *VRRP) Snapshot(reply func([]event.Event)) {
	v.inbox.put(message{do: func() {
		v.out.Reset()
		v.machine.Snapshot(v.clock.Now(), &v.out)
		v.complete(v.out.Events)
		reply(v.out.Events)
	}})
}

// Rows calls reply with the description of the configuration in force, on the
// loop's goroutine.
func (v *VRRP) Rows(reply func([]event.Row)) {
	v.inbox.put(message{do: func() { reply(v.machine.Rows(nil)) }})
}

// kernel is the real Kernel.
type kernel struct {
	*link.Network
	announcer *raw.Announcer
	filter    *fw.Filter
}

func openKernel() (*kernel, error) {
	n, err := link.OpenNetwork()
	if err != nil {
		return nil, err
	}
	a, err := raw.NewAnnouncer()
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	f, err := fw.Open()
	if err != nil {
		return nil, errors.Join(err, a.Close(), n.Close())
	}
	return &kernel{n, a, f}, nil
}

func (k *kernel) Announce(list []raw.Announcement) (arps, nas int, err error) {
	return k.announcer.Send(list)
}
func (k *kernel) Block(owner int, addrs []fw.Blocked) error { return k.filter.Block(owner, addrs) }
func (k *kernel) Unblock(owner int, only []fw.Blocked) error {
	return k.filter.Unblock(owner, only)
}
func (k *kernel) Redirect(list []fw.VMAC) error           { return k.filter.Redirect(list) }
func (k *kernel) Filter(o fw.Options) error               { return k.filter.Configure(o) }
func (k *kernel) Get(c link.Conf) (string, error)         { return c.Get() }
func (k *kernel) Set(c link.Conf, value string) error     { return c.Set(value) }
func (k *kernel) Configured() (names []string, err error) { return link.ConfInterfaces() }
func (k *kernel) Close() error {
	return errors.Join(k.filter.Close(), k.announcer.Close(), k.Network.Close())
}

// addressFlags are the kernel's flags for an address. compat: a virtual IPv6
// address is usable at once (nodad), because its duplicate would be the
// former master's, which is on its way out; -nodad asks for the detection.
func addressFlags(a *vrrp.Address) uint32 {
	var f uint32
	for _, o := range [...]struct {
		on   bool
		flag uint32
	}{
		{a.Home, unix.IFA_F_HOMEADDRESS},
		{!a.DAD && a.Prefix.Addr().Is6(), unix.IFA_F_NODAD},
		{a.ManageTempAddr, unix.IFA_F_MANAGETEMPADDR},
		{a.NoPrefixRoute, unix.IFA_F_NOPREFIXROUTE},
		{a.AutoJoin, unix.IFA_F_MCAUTOJOIN},
	} {
		if o.on {
			f |= o.flag
		}
	}
	return f
}
