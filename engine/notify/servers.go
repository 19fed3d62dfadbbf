// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/netip"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// Scopes of notices as FIFOs spell them.
const (
	scopeService = "VS"
	scopeServer  = "RS"
	scopeTest    = "TEST"
)

// pool is the settings of virtual servers, by the name of their subjects.
type pool map[string]*served

// served is one virtual server.
type served struct {
	set *ServiceSettings
	// at finds the real servers; it is made when one of them is first told of.
	at map[netip.AddrPort]*ServerSettings
}

func newPool(list []ServiceSettings) pool {
	p := make(pool, len(list))
	for i := range list {
		p[list[i].Subject().Name] = &served{set: &list[i]}
	}
	return p
}

// find returns the settings of a subject; server is nil for a virtual server.
func (p pool) find(s event.Subject) (service *ServiceSettings, server *ServerSettings, ok bool) {
	v := p[s.Name]
	if v == nil {
		return nil, nil, false
	}
	if s.Kind == event.SubjectVirtualServer {
		return v.set, nil, true
	}
	at, err := netip.ParseAddrPort(s.Sub)
	if err != nil {
		return nil, nil, false // a sorry server: keepalived is silent about it
	}
	if v.at == nil {
		v.at = make(map[netip.AddrPort]*ServerSettings, len(v.set.Servers))
		for i := range v.set.Servers {
			v.at[v.set.Servers[i].Addr] = &v.set.Servers[i]
		}
	}
	server = v.at[at]
	return v.set, server, server != nil
}

// readPool returns what an event about a virtual or real server gives to tell.
// The caller holds the lock.
func (b *book) readPool(e *event.Event) (n notice, ok bool) {
	switch {
	case e.Kind == event.CheckOutcome && e.From != e.To && b.checks && b.checkerMails:
	case e.Kind != event.ServiceQuorum && e.Kind != event.ServerState, e.Reason == event.HASuspend, e.Reason == event.Resumed:
		return n, false
	}
	service, server, known := b.services.find(e.Subject)
	if !known {
		service, server, known = b.parted.find(e.Subject)
	}
	if !known {
		return n, false
	}
	n = notice{ev: *e, matter: aboutState, subject: e.Subject, scope: scopeService, title: service.CompatName()}
	n.to = SubjectSettings{Name: e.Subject.Name, SMTPAlert: service.SMTPAlert}
	n.state, ok = b.turn(e)
	n.word = n.state.String()
	n.keyword, n.only = "quorum_up", service.QuorumUp
	if n.state == event.Down {
		n.keyword, n.only = "quorum_down", service.QuorumDown
	}
	if server != nil {
		n.scope, n.server = scopeServer, event.CompatServerName(server.Addr, service.Protocol)
		n.to.SMTPAlert = server.SMTPAlert
		n.keyword, n.only = "notify_up", server.Up
		if n.state == event.Down {
			n.keyword, n.only = "notify_down", server.Down
		}
	}
	if e.Kind == event.CheckOutcome {
		n.matter, n.state, n.word = aboutCheck, e.To, e.To.String()
		return n, server != nil
	}
	n.checked = server != nil && b.checkerMails && e.Evidence.Check.Checker != event.CheckerNone && e.To != event.Deleted
	return n, ok
}

// turn is the state that is told, and whether it is news. compat: keepalived
// takes a real server for up at the start, so it says so only with
// rs_init_notifies, but it does say that one is down, and which quorum is there;
// what a reload removes while it is up goes down.
func (b *book) turn(e *event.Event) (event.State, bool) {
	switch e.To {
	case event.Up:
		first := e.From == event.StateNone
		return event.Up, e.From == event.Down || first && (e.Kind == event.ServiceQuorum || b.initNotifies)
	case event.Down:
		return event.Down, e.From == event.Up || e.From == event.StateNone
	case event.Deleted:
		return event.Down, e.From == event.Up
	case event.StateNone, event.Init, event.Backup, event.Master, event.Fault, event.Stop, event.Disabled, event.Unknown:
	}
	return event.StateNone, false
}

// pooled says whether the notice is about a virtual or real server.
func (n *notice) pooled() bool { return n.scope == scopeService || n.scope == scopeServer }

// full is what a real or virtual server is called in a line of a FIFO.
func (n *notice) full() string { return strings.TrimSpace(n.server + " " + n.title) }

// takes says whether a FIFO gets a notice: vrrp_notify_fifo and lvs_notify_fifo
// are for one half of the daemon each.
func (s *FIFOSettings) takes(n *notice) bool {
	switch s.Keyword {
	case "vrrp_notify_fifo":
		return !n.pooled()
	case "lvs_notify_fifo":
		return n.pooled()
	}
	return true
}
