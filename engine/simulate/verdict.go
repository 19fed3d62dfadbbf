// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// findings are what should not be, after the last failure and before the repair.
func (x *run) findings(o *Outcome) []Finding {
	var out []Finding
	add := func(rule, subject, format string, args ...any) {
		out = append(out, Finding{rule, subject, fmt.Sprintf(format, args...)})
	}
	if x.w.Stuck {
		add(Endless, "cluster", "the routers answer each other without end")
	}
	for i := range o.Addresses {
		a := &o.Addresses[i]
		name := a.Address.String()
		able := x.able(a)
		switch {
		case len(a.After) == 0 && len(able) > 0:
			add(NoMaster, name, "nobody has it, although %s could", strings.Join(able, ", "))
		case len(a.After) > 1:
			why := ""
			if len(x.w.Wires.Cut) > 0 {
				why = ", which do not hear each other"
			}
			add(TwoMasters, name, "%s have it%s", strings.Join(a.After, " and "), why)
		}
		if a.Moves >= flaps {
			add(Flapping, name, "it moved %d times", a.Moves)
		}
	}
	for i, r := range x.c.Routers {
		out = append(out, x.torn(x.w.Nodes[i], r.Settings)...)
	}
	return out
}

// able are the routers that run and have an instance with an address which is
// not at fault.
func (x *run) able(a *Address) (out []string) {
	for i, r := range x.c.Routers {
		n := x.w.Nodes[i]
		for k := range r.Settings.Instances {
			in := &r.Settings.Instances[k]
			has := func(v vrrp.Address) bool { return v.Prefix.Addr() == a.Address }
			if !slices.ContainsFunc(in.Addresses, has) && !slices.ContainsFunc(in.Excluded, has) {
				continue
			}
			if s := n.state(in.Name); s == event.Master || s == event.Backup {
				out = append(out, r.Name)
			}
		}
	}
	return out
}

// torn finds masters that lack an address, and sync groups in several minds.
func (x *run) torn(n *Node, s *vrrp.Settings) (out []Finding) {
	if n.Router == nil || n.Frozen != 0 {
		return nil
	}
	for i := range s.Instances {
		in := &s.Instances[i]
		if n.state(in.Name) != event.Master {
			continue
		}
		for _, a := range slices.Concat(in.Addresses, in.Excluded) {
			if !n.Kernel.Has(a.Prefix.Addr()) {
				out = append(out, Finding{NotMoved, a.Prefix.Addr().String(), fmt.Sprintf("%s is master of %s and does not have it", n.Name, in.Name)})
			}
		}
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		masters := 0
		for _, m := range g.Members {
			if n.state(m) == event.Master {
				masters++
			}
		}
		if masters > 0 && masters < len(g.Members) {
			out = append(out, Finding{GroupSplit, g.Name, fmt.Sprintf("%s is master of %d of its %d members", n.Name, masters, len(g.Members))})
		}
	}
	return out
}

// unrepaired finds what is not as before when all is well again.
func (x *run) unrepaired(o *Outcome) (out []Finding) {
	for i := range o.Addresses {
		a := &o.Addresses[i]
		switch {
		case len(x.able(a)) == 0:
			// Nobody could from the beginning: the configuration itself is at fault.
			out = append(out, Finding{NotRepaired, a.Address.String(), "nobody can have it although nothing is wrong"})
		case len(a.Repaired) == 0:
			out = append(out, Finding{NotRepaired, a.Address.String(), "nobody has it after the repair"})
		case len(a.Repaired) > 1:
			out = append(out, Finding{NotRepaired, a.Address.String(), strings.Join(a.Repaired, " and ") + " have it after the repair"})
		}
	}
	return out
}
