// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

type command func(p *player, args []string) error

// before are the commands that may come before the process is started; the
// others start it.
var before = map[string]command{
	"trace":   (*player).trace,
	"fail":    (*player).fail,
	"ok":      (*player).pass,
	"slow":    (*player).slow,
	"file":    (*player).file,
	"bfd":     (*player).bfd,
	"addr":    (*player).addr,
	"master":  (*player).master,
	"else":    (*player).somebody,
	"kernel":  (*player).presence,
	"refuse":  (*player).refuse,
	"allow":   (*player).allow,
	"netlink": (*player).slowness,
	"start":   (*player).again,
}

var commands = map[string]command{
	"run":    (*player).run,
	"weight": (*player).weight,
	"reload": (*player).reload,
	"kill":   (*player).kill,
	"stop":   (*player).stop,
	"show":   (*player).show,
}

func (p *player) run(args []string) error {
	d, err := time.ParseDuration(args[0])
	p.world.run(d)
	return err
}

func (p *player) trace([]string) error {
	p.world.log.trace = !p.world.log.trace
	return nil
}

// spot reads r1 or r1/2.
func (p *player) spot(text string) (spot, error) {
	name, index, several := strings.Cut(text, "/")
	s := spot{index: 1}
	var err error
	if several {
		if s.index, err = strconv.Atoi(index); err != nil {
			return s, err
		}
	}
	s.server, err = address(name)
	return s, err
}

// change changes what the probes of a check say.
func (p *player) change(text string, do func(*condition)) error {
	s, err := p.spot(text)
	c := p.world.spots[s]
	do(&c)
	p.world.spots[s] = c
	return err
}

func (p *player) fail(args []string) error {
	var r event.Reason
	if err := r.UnmarshalText([]byte(args[1])); err != nil {
		return err
	}
	status, _ := strconv.Atoi(args[2])
	return p.change(args[0], func(c *condition) { c.reason, c.status = r, int32(status) })
}

func (p *player) pass(args []string) error {
	return p.change(args[0], func(c *condition) {
		c.reason, c.status, c.hasWeight = event.ReasonNone, 0, args[1] != ""
		w, _ := strconv.Atoi(args[1])
		c.weight = int32(w)
	})
}

func (p *player) slow(args []string) error {
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	return p.change(args[0], func(c *condition) { c.took = d })
}

func (p *player) file(args []string) error {
	v := health.Value{Object: args[0], Known: args[1] != "none", Cause: p.world.outside()}
	v.Value, _ = strconv.ParseInt(args[1], 10, 64)
	p.world.values = append(p.world.values, v)
	p.world.step(v)
	return nil
}

func (p *player) bfd(args []string) error {
	s := health.Session{Object: args[0], Up: args[1] == "up", Cause: p.world.outside()}
	p.world.session = append(p.world.session, s)
	p.world.step(s)
	return nil
}

func (p *player) addr(args []string) error {
	a, err := netip.ParseAddr(args[1])
	if args[0] == "add" {
		p.world.present = append(p.world.present, a)
	} else {
		p.world.present = slices.DeleteFunc(p.world.present, func(x netip.Addr) bool { return x == a })
	}
	p.world.step(&health.Addresses{Present: p.world.present, Cause: p.world.outside()})
	return err
}

func (p *player) master(args []string) error {
	m := health.Master{Instance: args[0], Cause: p.world.outside()}
	err := m.State.UnmarshalText([]byte(args[1]))
	p.world.masters = append(p.world.masters, m)
	p.world.step(m)
	return err
}

// serverNamed finds a server by its short name, in the virtual server named last.
func (p *player) serverNamed(name string) (event.Subject, error) {
	a, err := address(name)
	if err != nil {
		return event.Subject{}, err
	}
	v, err := identity(p.plan.current)
	return event.ServerSubject(v.Subject().Name, a, false), err
}

func (p *player) weight(args []string) error {
	s, err := p.serverNamed(args[0])
	in := health.SetWeight{Server: s, Clear: args[1] == "clear", Cause: p.world.outside()}
	w, _ := strconv.Atoi(args[1])
	in.Weight = int32(w)
	p.world.weights = append(p.world.weights, in)
	p.world.step(in)
	return err
}

// somebody changes the kernel's table behind our back.
func (p *player) somebody(args []string) error {
	k := &p.world.kernel
	if args[0] == "flush" {
		k.table = nil
		return nil
	}
	v, err := identity(args[1])
	if err != nil {
		return err
	}
	o := health.Op{Service: health.Service{Scheduler: "wlc", Granularity: 32}}
	o.Service.ServiceKey = health.ServiceKey{Family: 4, Mark: v.Mark, HasMark: true}
	if a := v.Addr; a.IsValid() {
		o.Service.ServiceKey = health.ServiceKey{Family: familyOf(a.Addr()), Protocol: v.Protocol, Addr: a.Addr(), Port: a.Port()}
	}
	kinds := map[string]event.IPVSOp{"add": event.IPVSAddDest, "edit": event.IPVSEditDest, "del": event.IPVSDelDest}
	if args[2] == "" {
		kinds = map[string]event.IPVSOp{"add": event.IPVSAddService, "edit": event.IPVSEditService, "del": event.IPVSDelService}
		if args[0] == "edit" {
			o.Service.Scheduler = "rr"
		}
	} else {
		if o.Dest.Addr, err = address(args[2]); err != nil {
			return err
		}
		w, _ := strconv.Atoi(args[3])
		o.Dest.Weight = int32(w)
	}
	o.Kind = kinds[args[0]]
	return k.do(&o)
}

func (p *player) presence(args []string) error {
	k := &p.world.kernel
	k.absent = args[0] == "none"
	if k.absent {
		k.table = nil
	}
	return nil
}

func (p *player) refuse(args []string) error {
	var o event.IPVSOp
	err := o.UnmarshalText([]byte(args[0]))
	k := &p.world.kernel
	if k.refused == nil {
		k.refused = map[event.IPVSOp]map[string]bool{}
	}
	if k.refused[o] == nil {
		k.refused[o] = map[string]bool{}
	}
	name := ""
	if args[1] != "" {
		a, e := address(args[1])
		name, err = a.String(), e
	}
	k.refused[o][name] = true
	return err
}

func (p *player) allow([]string) error {
	p.world.kernel.refused = nil
	return nil
}

func (p *player) slowness(args []string) (err error) {
	p.world.netlink, err = time.ParseDuration(args[0])
	return err
}

func (p *player) reload([]string) error {
	set, err := p.plan.settings()
	if err != nil {
		return err
	}
	p.world.step(&health.Configure{Settings: set, Cause: p.world.outside(), Entropy: 2})
	return nil
}

func (p *player) kill([]string) error {
	w := p.world
	if w.pool == nil {
		return fmt.Errorf("it does not run")
	}
	w.last, w.lost = w.states(), w.lost || w.busy
	w.pool = nil
	w.log.line(w, "killed")
	return nil
}

func (p *player) again(args []string) error {
	if args[0] == "resume" {
		return p.start(p.world.last)
	}
	return p.start(nil)
}

func (p *player) stop([]string) error {
	w := p.world
	w.step(health.Stop{})
	w.run(time.Second)
	if w.pool != nil && !w.pool.Stopped() {
		return fmt.Errorf("it has not stopped")
	}
	w.pool = nil
	w.log.line(w, "stopped")
	return nil
}

func (p *player) show(args []string) error {
	w := p.world
	switch args[0] {
	case "table":
		w.showTable(w.kernel.table)
		return nil
	case "wanted":
		w.showTable(w.pool.Wanted())
		return nil
	}
	if w.pool == nil {
		return fmt.Errorf("it does not run")
	}
	switch args[0] {
	case "counters":
		w.showCounters()
	case "snapshot":
		w.snapshot()
	case "rows":
		w.showRows()
	default:
		return fmt.Errorf("there is no %s to show", args[0])
	}
	return nil
}

// snapshot has the present said anew.
func (w *World) snapshot() {
	var out health.Output
	for from, more := 0, true; more; {
		from, more = w.pool.Snapshot(w.now, from, 2, &out)
	}
	w.publish(out.Events)
}
