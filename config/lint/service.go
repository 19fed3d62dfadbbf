// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"net/netip"
	"slices"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/vrrp"
)

// services compares the virtual servers of routers, and each router's with its
// virtual addresses.
func (l *linter) services() {
	var first *Router
	for i := range l.routers {
		r := &l.routers[i]
		if len(r.Conf.Health.Services) == 0 {
			continue
		}
		l.unowned(r)
		if first == nil {
			first = r
		} else {
			l.compare(first, r)
			l.lacking(r, first)
		}
	}
	for i := range l.routers {
		if r := &l.routers[i]; first != nil && len(r.Conf.Health.Services) == 0 && len(r.Conf.VRRP.Instances) > 0 {
			l.add(l.serviceAt(first, 0), syntax.Warning, RuleService, "", "%s has no virtual servers, and %s has %d: a failover leaves them behind",
				r.Name, first.Name, len(first.Conf.Health.Services))
		}
	}
}

// serviceAt is the place of a virtual server.
func (l *linter) serviceAt(r *Router, i int) syntax.Pos {
	if i < len(r.Conf.Services) {
		return r.Conf.Services[i].Pos
	}
	return syntax.Pos{}
}

// unowned finds virtual servers on addresses that no instance brings.
func (l *linter) unowned(r *Router) {
	if len(r.Conf.VRRP.Instances) == 0 {
		return
	}
	has := map[netip.Addr]bool{}
	add := func(list []vrrp.Address) {
		for i := range list {
			has[list[i].Prefix.Addr()] = true
		}
	}
	for i := range r.Conf.VRRP.Instances {
		add(r.Conf.VRRP.Instances[i].Addresses)
		add(r.Conf.VRRP.Instances[i].Excluded)
	}
	add(r.Conf.VRRP.StaticAddresses)
	for i := range r.Conf.Health.Services {
		s := &r.Conf.Health.Services[i]
		if a := s.Addr.Addr(); a.IsValid() && !has[a] {
			l.add(l.serviceAt(r, i), syntax.Note, RuleServiceSelf, "", "virtual server %s is on an address that no vrrp_instance of this router brings", s.Subject().Name)
		}
	}
}

// lacking finds virtual servers of b that a has and b has not.
func (l *linter) lacking(b, a *Router) {
	for i := range a.Conf.Health.Services {
		s := &a.Conf.Health.Services[i]
		if find(b, s) == nil {
			l.add(l.serviceAt(a, i), syntax.Warning, RuleService, "", "virtual server %s is not on %s", s.Subject().Name, b.Name)
		}
	}
}

func find(r *Router, s *health.ServiceSettings) *health.ServiceSettings {
	list := r.Conf.Health.Services
	i := slices.IndexFunc(list, func(x health.ServiceSettings) bool { return x.VirtualServer == s.VirtualServer })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// compare compares the virtual servers of b with those of a.
func (l *linter) compare(a, b *Router) {
	for i := range b.Conf.Health.Services {
		y := &b.Conf.Health.Services[i]
		at := l.serviceAt(b, i)
		name := y.Subject().Name
		x := find(a, y)
		if x == nil {
			l.add(at, syntax.Warning, RuleService, "", "virtual server %s is not on %s", name, a.Name)
			continue
		}
		if x.Scheduler != y.Scheduler {
			l.add(at, syntax.Warning, RuleService, "", "virtual server %s has lvs_sched %s, and %s on %s", name, y.Scheduler, x.Scheduler, a.Name)
		}
		if x.Persistence != y.Persistence {
			l.add(at, syntax.Warning, RuleService, "", "virtual server %s has persistence_timeout %v, and %v on %s", name, y.Persistence, x.Persistence, a.Name)
		}
		l.servers(a, b, x, y, at)
	}
}

// servers compares the real servers of one virtual server.
func (l *linter) servers(a, b *Router, x, y *health.ServiceSettings, at syntax.Pos) {
	name := y.Subject().Name
	was := map[netip.AddrPort]*health.ServerSettings{}
	for i := range x.Servers {
		was[x.Servers[i].Addr] = &x.Servers[i]
	}
	for i := range y.Servers {
		s := &y.Servers[i]
		o := was[s.Addr]
		delete(was, s.Addr)
		switch {
		case o == nil:
			l.add(at, syntax.Warning, RuleService, "", "real server %v of %s is not on %s", s.Addr, name, a.Name)
		case o.Weight != s.Weight:
			l.add(at, syntax.Warning, RuleService, "", "real server %v of %s has weight %d, and %d on %s", s.Addr, name, s.Weight, o.Weight, a.Name)
		case o.Method != s.Method:
			l.add(at, syntax.Warning, RuleService, "", "real server %v of %s is reached by another lvs_method than on %s", s.Addr, name, a.Name)
		}
	}
	for i := range x.Servers {
		if s := &x.Servers[i]; was[s.Addr] != nil {
			l.add(at, syntax.Warning, RuleService, "", "real server %v of %s is on %s and not on %s", s.Addr, name, a.Name, b.Name)
		}
	}
}
