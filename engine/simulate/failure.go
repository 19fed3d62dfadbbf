// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// FailureKind is what can go wrong: a closed list.
type FailureKind uint8

// The kinds of failure.
const (
	// Dies: the power of a router is cut.
	Dies FailureKind = iota
	// Stops: its daemon is told to end.
	Stops
	// Freezes: its daemon does not run for two master-down intervals.
	Freezes
	// Restarts: its daemon is killed, and started again a second later.
	Restarts
	// LinkDown: an interface loses its link.
	LinkDown
	// ObjectFails: a tracked object goes bad.
	ObjectFails
	// OneWay: nothing from one router reaches another one; Apart: nor back.
	OneWay
	Apart
)

// Failure is one thing that goes wrong. It is comparable.
type Failure struct {
	Kind   FailureKind
	Router string
	// Name is the interface, the object, or the other router.
	Name string
	// Object is what sort of object it is.
	Object event.SubjectKind
}

// String is what happens, for people.
func (f Failure) String() string {
	switch f.Kind {
	case Dies:
		return f.Router + " dies"
	case Stops:
		return f.Router + " is stopped"
	case Freezes:
		return f.Router + " freezes"
	case Restarts:
		return f.Router + " crashes and restarts"
	case LinkDown:
		return fmt.Sprintf("link %s of %s goes down", f.Name, f.Router)
	case ObjectFails:
		return fmt.Sprintf("%v %s of %s fails", f.Object, f.Name, f.Router)
	case OneWay:
		return fmt.Sprintf("%s does not reach %s", f.Router, f.Name)
	case Apart:
		return fmt.Sprintf("%s and %s do not reach each other", f.Router, f.Name)
	}
	return "nothing"
}

// MarshalText implements encoding.TextMarshaler.
func (f Failure) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Failures are all single ones of a cluster.
func (c *Cluster) Failures() []Failure {
	var out []Failure
	for i, r := range c.Routers {
		for _, kind := range []FailureKind{Dies, Stops, Freezes, Restarts} {
			out = append(out, Failure{Kind: kind, Router: r.Name})
		}
		for _, name := range realInterfaces(r.Settings) {
			out = append(out, Failure{Kind: LinkDown, Router: r.Name, Name: name})
		}
		for _, kind := range []event.SubjectKind{
			event.SubjectScript, event.SubjectFile, event.SubjectProcess, event.SubjectBFD, event.SubjectVirtualServer,
		} {
			for _, name := range Followed(r.Settings, kind) {
				out = append(out, Failure{ObjectFails, r.Name, name, kind})
			}
		}
		for j, o := range c.Routers {
			if j != i {
				out = append(out, Failure{Kind: OneWay, Router: r.Name, Name: o.Name})
			}
			if j > i {
				out = append(out, Failure{Kind: Apart, Router: r.Name, Name: o.Name})
			}
		}
	}
	return out
}

// Pairs are all double failures: two things that go wrong one after the other.
// What goes wrong on a dead router is not counted.
func Pairs(list []Failure) [][2]Failure {
	var out [][2]Failure
	for i, a := range list {
		for _, b := range list[i+1:] {
			gone := func(x, y Failure) bool {
				return x.Kind == Dies && (y.Router == x.Router || (y.Kind == OneWay || y.Kind == Apart) && y.Name == x.Router)
			}
			if !gone(a, b) && !gone(b, a) {
				out = append(out, [2]Failure{a, b})
			}
		}
	}
	return out
}

// fail makes a failure happen.
func (x *run) fail(f Failure) {
	n := x.w.Node(f.Router)
	i := n.Number
	switch f.Kind {
	case Dies:
		x.dead[i] = true
		n.Router = nil
		for _, name := range slices.Clone(n.Kernel.names) {
			n.Kernel.Links[name].Up = false
		}
		x.look()
	case Stops:
		n.Tell(vrrp.Stop{})
		x.w.Flush()
		n.Router, x.ended[i] = nil, true
		x.look()
	case Freezes:
		d := x.c.down()
		n.Frozen = x.w.Now.Add(d)
		x.w.After(d, n.Thaw)
	case Restarts:
		n.Router = nil
		x.w.After(time.Second, func() {
			if !x.dead[i] && !x.ended[i] && n.Router == nil {
				x.start(i)
			}
		})
	case LinkDown:
		x.link(i, f.Name, "down")
	case ObjectFails:
		x.bad[f] = true
		x.verdict(i, f.Object, f.Name, false)
	case OneWay:
		x.w.Wires.Cut[Path{f.Router, f.Name}] = true
	case Apart:
		x.w.Wires.Cut[Path{f.Router, f.Name}] = true
		x.w.Wires.Cut[Path{f.Name, f.Router}] = true
	}
}

// down is two of the longest master-down intervals.
func (c *Cluster) down() time.Duration {
	out := time.Second
	for _, r := range c.Routers {
		for i := range r.Settings.Instances {
			in := &r.Settings.Instances[i]
			out = max(out, 2*(time.Duration(in.DownTimerAdverts)*in.AdvertInterval+max(in.AdvertInterval, time.Second)))
		}
	}
	return min(out, horizonMost/4)
}

// link changes a link and the VMACs on it.
func (x *run) link(i int, name, to string) {
	n := x.w.Nodes[i]
	list := []string{name}
	set := x.c.Routers[i].Settings
	for k := range set.VMACs {
		if set.VMACs[k].Base == name {
			list = append(list, set.VMACs[k].Name)
		}
	}
	for _, name := range list {
		if n.Kernel.Links[name] != nil {
			_ = n.SetLink(name, to) // the words are known
		}
	}
	x.look()
}

// repair makes everything well again.
func (x *run) repair(list []Failure) {
	x.w.Wires = NewWires()
	for i := range x.c.Routers {
		n := x.w.Nodes[i]
		if x.dead[i] {
			for _, name := range n.Kernel.names {
				l := n.Kernel.Links[name]
				l.Up, l.Addrs = true, n.Home(name)
			}
		}
		if x.dead[i] || x.ended[i] {
			x.dead[i], x.ended[i] = false, false
			x.start(i)
		}
	}
	for _, f := range list {
		i := x.w.Node(f.Router).Number
		switch f.Kind {
		case LinkDown:
			x.link(i, f.Name, "up")
		case ObjectFails:
			delete(x.bad, f)
			x.verdict(i, f.Object, f.Name, true)
		case Dies, Stops, Freezes, Restarts, OneWay, Apart:
		}
	}
	x.look()
}

// verdict tells a router about one of its tracked objects.
func (x *run) verdict(i int, kind event.SubjectKind, name string, ok bool) {
	n, set := x.w.Nodes[i], x.c.Routers[i].Settings
	switch kind { //nolint:exhaustive // the objects that are tracked
	case event.SubjectScript:
		for k := range set.Scripts {
			if s := &set.Scripts[k]; s.Name == name {
				for range max(s.Rise, s.Fall, 1) {
					n.Tell(vrrp.ScriptResult{Name: name, OK: ok, Status: map[bool]int{false: 1}[ok]})
				}
			}
		}
	case event.SubjectFile:
		n.Tell(vrrp.FileValue{Name: name, Value: x.c.fileValue(set, name, ok)})
	case event.SubjectProcess:
		for k := range set.Processes {
			if p := &set.Processes[k]; p.Name == name {
				n.Tell(vrrp.ProcessCount{Name: name, Count: map[bool]int{true: max(p.Quorum, 1)}[ok]})
			}
		}
	case event.SubjectBFD:
		n.Tell(vrrp.BFDState{Name: name, Up: ok})
	case event.SubjectVirtualServer:
		n.Tell(vrrp.ServiceState{Name: name, Up: ok})
	}
}

// fileValue is what a tracked file says: well is 0, and bad what takes most.
func (c *Cluster) fileValue(set *vrrp.Settings, name string, ok bool) int64 {
	if ok {
		return 0
	}
	weight := 0
	for i := range set.Instances {
		for _, t := range set.Instances[i].Tracks {
			if t.Kind == event.SubjectFile && t.Name == name {
				weight = t.Weight
				if t.Reverse {
					weight = -weight
				}
			}
		}
	}
	switch {
	case weight > 0:
		return -254
	default:
		return 254 // times a weight below zero, or a fault by itself
	}
}
