// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

// commands are those that make things happen.
var commands = map[string]func(p *player, words []string) error{
	"run": (*player).run,
	"cut": func(p *player, w []string) error {
		return p.each(w, func(x simulate.Path) { p.world.Wires.Cut[x] = true })
	},
	"heal":    (*player).heal,
	"drop":    (*player).drop,
	"dup":     (*player).dup,
	"delay":   (*player).delay,
	"jitter":  (*player).jitter,
	"loss":    (*player).loss,
	"clock":   (*player).clock,
	"link":    (*player).link,
	"addr":    (*player).addr,
	"route":   lineCommand(false),
	"rule":    lineCommand(true),
	"refuse":  (*player).refuse,
	"netlink": (*player).netlink,
	"script":  (*player).script,
	"file":    (*player).file,
	"process": (*player).process,
	"bfd":     (*player).bfd,
	"service": (*player).service,
	"claim":   (*player).claim,
	"freeze":  (*player).freeze,
	"kill":    (*player).kill,
	"start":   (*player).start,
	"stop":    (*player).stop,
	"set":     func(p *player, w []string) error { return p.plan.change(w) },
	"reload":  (*player).reload,
	"inject":  (*player).inject,
	"show":    (*player).show,
}

func (p *player) run(w []string) error {
	d, err := time.ParseDuration(w[0])
	p.world.Run(d)
	return err
}

// each calls do for the directions that a word names: a-b, a>b, or a for all
// that goes to and comes from it.
func (p *player) each(words []string, do func(simulate.Path)) error {
	for _, w := range words {
		if a, b, ok := strings.Cut(w, "-"); ok {
			do(simulate.Path{From: a, To: b})
			do(simulate.Path{From: b, To: a})
		} else if a, b, ok := strings.Cut(w, ">"); ok {
			do(simulate.Path{From: a, To: b})
		} else if p.world.Node(w) != nil {
			for _, n := range p.world.Nodes {
				do(simulate.Path{From: w, To: n.Name})
				do(simulate.Path{From: n.Name, To: w})
			}
		} else {
			return fmt.Errorf("no direction is called %s", w)
		}
	}
	return nil
}

func (p *player) heal(w []string) error {
	if len(w) == 0 {
		p.world.Wires = newWires()
	}
	return p.each(w, func(x simulate.Path) { delete(p.world.Wires.Cut, x) })
}

func (p *player) drop(w []string) error {
	n, err := strconv.Atoi(w[1])
	return firstError(err, p.each(w[:1], func(x simulate.Path) { p.world.Wires.Drop[x] = n }))
}

func (p *player) dup(w []string) error {
	n, err := strconv.Atoi(w[1])
	return firstError(err, p.each(w[:1], func(x simulate.Path) { p.world.Wires.Dup[x] = n }))
}

func (p *player) delay(w []string) error {
	d, err := time.ParseDuration(w[1])
	return firstError(err, p.each(w[:1], func(x simulate.Path) { p.world.Wires.Delay[x] = d }))
}

func (p *player) jitter(w []string) error {
	d, err := time.ParseDuration(w[1])
	return firstError(err, p.each(w[:1], func(x simulate.Path) { p.world.Wires.Jitter[x] = d }))
}

func (p *player) loss(w []string) error {
	n, err := strconv.Atoi(w[1])
	return firstError(err, p.each(w[:1], func(x simulate.Path) { p.world.Wires.Loss[x] = n }))
}

// clock steps the wall clock of a router.
func (p *player) clock(w []string) error {
	n, err := p.on(w, 2)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(w[1])
	n.Stepped += d
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// on finds the router that a command is for.
func (p *player) on(w []string, least int) (*simulate.Node, error) {
	if len(w) < least {
		return nil, fmt.Errorf("%d more words are needed", least-len(w))
	}
	n := p.world.Node(w[0])
	if n == nil {
		return nil, fmt.Errorf("no router is called %s", w[0])
	}
	return n, nil
}

func (p *player) link(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	return n.SetLink(w[1], w[2])
}

func (p *player) addr(w []string) error {
	n, err := p.on(w, 4)
	if err != nil {
		return err
	}
	a, err := prefix(w[3])
	if err != nil {
		return err
	}
	if w[2] == "add" {
		n.AddAddress(w[1], a)
	} else {
		n.RemoveAddress(w[1], a)
	}
	return nil
}

func (p *player) refuse(w []string) error {
	n, err := p.on(w, 2)
	if err != nil {
		return err
	}
	a, err := prefix(w[1])
	n.Kernel.Refused[a.Addr()] = true
	return err
}

func (p *player) netlink(w []string) error {
	n, err := p.on(w, 2)
	if err != nil {
		return err
	}
	n.Kernel.Latency, err = time.ParseDuration(w[1])
	return err
}

func (p *player) script(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	times := 1
	if len(w) > 3 {
		if times, err = strconv.Atoi(w[3]); err != nil {
			return err
		}
	}
	x := vrrp.ScriptResult{Name: w[1], OK: w[2] == "ok", Took: 30 * time.Millisecond}
	if !x.OK {
		x.Status, x.Reason = 1, event.FailExit
	}
	for range times {
		n.Loads++
		x.Cause = event.Ref{Epoch: simulate.ParentEpoch, Seq: n.Loads}
		n.Tell(x)
	}
	return nil
}

func (p *player) file(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	v, err := strconv.ParseInt(w[2], 0, 64)
	n.Tell(vrrp.FileValue{Name: w[1], Value: v})
	return err
}

func (p *player) process(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	v, err := strconv.Atoi(w[2])
	n.Tell(vrrp.ProcessCount{Name: w[1], Count: v})
	return err
}

func (p *player) bfd(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	n.Tell(vrrp.BFDState{Name: w[1], Up: w[2] == "up"})
	return nil
}

func (p *player) service(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	n.Tell(vrrp.ServiceState{Name: w[1], Up: w[2] == "up"})
	return nil
}

// claim is an ARP or a neighbour advertisement of a stranger.
func (p *player) claim(w []string) error {
	n, err := p.on(w, 3)
	if err != nil {
		return err
	}
	l := n.Kernel.Links[w[1]]
	if l == nil {
		return fmt.Errorf("%s has no %s", n.Name, w[1])
	}
	a, err := netip.ParseAddr(w[2])
	x := &vrrp.Claim{IfIndex: l.Index, Addr: a, MAC: [6]byte{2, 0, 0, 0, 0, 0x99}, At: p.world.Now}
	if len(w) > 3 && w[3] == "own" {
		x.MAC = l.Input().MAC
	}
	n.Tell(x)
	return err
}

func (p *player) freeze(w []string) error {
	n, err := p.on(w, 2)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(w[1])
	n.Frozen = p.world.Now.Add(d)
	p.world.After(d, n.Thaw)
	return err
}

func (p *player) kill(w []string) error {
	n, err := p.on(w, 1)
	if err != nil {
		return err
	}
	if n.Router == nil {
		return fmt.Errorf("%s does not run", n.Name)
	}
	n.Kill()
	return nil
}

func (p *player) start(w []string) error {
	n, err := p.on(w, 1)
	if err != nil {
		return err
	}
	s, err := p.plan.settings(n.Name)
	if err != nil {
		return err
	}
	n.Start(s, len(w) > 1 && w[1] == "resume")
	return nil
}

func (p *player) stop(w []string) error {
	n, err := p.on(w, 1)
	if err != nil {
		return err
	}
	n.Tell(vrrp.Stop{})
	p.world.Flush()
	if n.Router == nil || n.Frozen != 0 {
		return nil
	}
	if !n.Router.Stopped() && n.Kernel.Latency == 0 {
		return fmt.Errorf("%s has not stopped", n.Name)
	}
	return nil
}

func (p *player) reload(w []string) error {
	for _, n := range p.world.Nodes {
		if len(w) > 0 && !slices.Contains(w, n.Name) || n.Router == nil {
			continue
		}
		s, err := p.plan.settings(n.Name)
		if err != nil {
			return err
		}
		n.Tell(n.Configuration(s))
	}
	return nil
}

func (p *player) inject(w []string) error {
	n, err := p.on(w, 1)
	if err != nil {
		return err
	}
	return inject(p.world, n, w[1:])
}

func (p *player) show(w []string) error {
	switch w[0] {
	case "owners":
		for _, n := range p.world.Nodes {
			p.log.line(p.world, n, "= %s", owners(n))
		}
		return nil
	case "lines":
		for _, n := range p.world.Nodes {
			for _, l := range n.Kernel.Lines {
				p.log.line(p.world, n, "= %s", l.Text)
			}
		}
		return nil
	case "tally", "router", "snapshot":
	default:
		return fmt.Errorf("nothing to show is called %q", w[0])
	}
	n, err := p.on(w[1:], 1)
	if err != nil {
		return err
	}
	switch w[0] {
	case "tally":
		for _, t := range n.Router.Tallies(p.world.Now, nil) {
			p.log.line(p.world, n, "= %s %s", t.Subject.Name, tallyText(&t))
		}
	case "router":
		t := n.Router.RouterTally(p.world.Now)
		p.log.line(p.world, n, "= %s", routerText(&t))
	case "snapshot":
		var out vrrp.Output
		n.Router.Snapshot(p.world.Now, &out)
		for i := range out.Events {
			n.Events = append(n.Events, out.Events[i])
			p.log.event(p.world, n, &out.Events[i])
		}
	}
	return nil
}
