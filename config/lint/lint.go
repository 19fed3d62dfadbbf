// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/vrrp"
)

// Router is one router of the cluster.
type Router struct {
	Name string
	Conf *config.Config
}

// The rules, with which problems are named.
const (
	RuleVRID          = "vrid_mismatch"
	RuleVersion       = "version_mismatch"
	RuleInterval      = "interval_mismatch"
	RuleAuth          = "auth_mismatch"
	RuleAddresses     = "address_mismatch"
	RuleAddressOrder  = "address_order"
	RuleAddressPrefix = "prefix_mismatch"
	RuleExcluded      = "excluded_mismatch"
	RuleTransport     = "transport_mismatch"
	RulePeer          = "peer_mismatch"
	RuleSource        = "source_duplicate"
	RuleChecksum      = "checksum_mismatch"
	RuleVMAC          = "vmac_mismatch"
	RulePreempt       = "preempt_mismatch"
	RulePriority      = "priority_duplicate"
	RuleOwners        = "several_owners"
	RuleMasters       = "several_masters"
	RuleAlone         = "instance_alone"
	RuleGroup         = "group_mismatch"
	RuleWeightNever   = "weight_never"
	RuleWeightAlways  = "weight_always"
	RuleWeightClamped = "weight_clamped"
	RuleRouterID      = "router_id_duplicate"
	RuleServiceSelf   = "service_address"
	RuleService       = "service_mismatch"
	RuleSync          = "sync_id_mismatch"
)

// member is one instance of one router.
type member struct {
	router *Router
	set    *vrrp.InstanceSettings
	conf   *config.Instance
	node   *syntax.Node // its block, nil if it is not found
}

// at is the place of a keyword in the block of the instance, or of the block.
func (m *member) at(path ...string) syntax.Pos {
	if m.node == nil {
		return m.conf.Pos
	}
	n := m.node
	for _, word := range path {
		i := slices.IndexFunc(n.Children, func(c *syntax.Node) bool { return c.Keyword == word })
		if i < 0 {
			break
		}
		n = n.Children[i]
	}
	return n.Pos
}

// linter collects problems.
type linter struct {
	routers []Router
	members []*member
	// virtual are the virtual routers: members that belong together, at most one of each router.
	virtual [][]*member
	found   []syntax.Problem
}

// most bounds how many problems are kept.
const most = 1000

// add notes a problem.
func (l *linter) add(at syntax.Pos, level syntax.Level, rule, hint, format string, args ...any) {
	if len(l.found) >= most {
		return
	}
	p := syntax.Problem{Pos: at, Level: level, Rule: rule, Message: fmt.Sprintf(format, args...), Hint: hint}
	if level > syntax.Note {
		p.Class = syntax.Faulty
	}
	l.found = append(l.found, p)
}

// Check finds what is wrong between routers; the problems of each alone are
// not repeated. They come in the order of the routers.
func Check(routers []Router) []syntax.Problem {
	l := &linter{routers: routers}
	for i := range routers {
		r := &routers[i]
		for k := range r.Conf.VRRP.Instances {
			m := &member{router: r, set: &r.Conf.VRRP.Instances[k], conf: &config.Instance{}}
			if k < len(r.Conf.Instances) {
				m.conf = &r.Conf.Instances[k]
			}
			m.node = blockOf(r.Conf, "vrrp_instance", m.set.Name)
			l.members = append(l.members, m)
		}
	}
	l.match()
	for _, v := range l.virtual {
		for i := range v {
			for j := range i {
				l.pair(v[j], v[i])
			}
		}
		l.whole(v)
		l.weights(v)
	}
	l.groups()
	l.services()
	l.globals()
	return l.found
}

// blockOf finds a block by its keyword and first word.
func blockOf(c *config.Config, keyword, name string) *syntax.Node {
	for _, n := range c.Statements() {
		if n.Keyword == keyword && n.Arg(0) == name {
			return n
		}
	}
	return nil
}

// shares says whether two instances have an address in common.
func shares(a, b *vrrp.InstanceSettings) bool {
	for i := range a.Addresses {
		if slices.ContainsFunc(b.Addresses, func(x vrrp.Address) bool { return x.Prefix.Addr() == a.Addresses[i].Prefix.Addr() }) {
			return true
		}
	}
	return false
}

// likeness is how much two instances look like one virtual router, 0 not at all.
func likeness(a, b *vrrp.InstanceSettings) int {
	if a.Family != b.Family {
		return 0
	}
	score := 0
	if shares(a, b) {
		score += 4
	}
	if a.VRID == b.VRID {
		score += 2
		if a.Interface == b.Interface {
			score++
		}
	}
	if a.Name == b.Name {
		score++
	}
	if score < 3 {
		return 0 // a name, or an id on other interfaces, is not enough
	}
	return score
}

// match finds the virtual routers: the instance of each router that looks most
// like those that are found already.
func (l *linter) match() {
	taken := map[*member]bool{}
	for _, m := range l.members {
		if taken[m] {
			continue
		}
		taken[m] = true
		v := []*member{m}
		for i := range l.routers {
			r := &l.routers[i]
			if r == m.router {
				continue
			}
			var best *member
			for _, o := range l.members {
				if o.router != r || taken[o] {
					continue
				}
				if s := likeness(m.set, o.set); s > 0 && (best == nil || s > likeness(m.set, best.set)) {
					best = o
				}
			}
			if best != nil {
				taken[best] = true
				v = append(v, best)
			}
		}
		l.virtual = append(l.virtual, v)
	}
}
