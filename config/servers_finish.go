// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/notify"
)

// label names a service as keepalived's messages do.
func (d *serviceDraft) label() string {
	switch {
	case d.fwmark.set:
		return fmt.Sprintf("virtual server FWM %d", d.fwmark.v)
	case d.group != "":
		return "virtual server of group '" + clip(d.group) + "'"
	}
	return "virtual server [" + d.addr.Addr().String() + "]:" + strconv.Itoa(int(d.addr.Port()))
}

func (d *serverDraft) label() string {
	return "real server [" + d.addr.Addr().String() + "]:" + strconv.Itoa(int(d.addr.Port()))
}

// settleServices settles every service, and joins those that are the same one.
func (b *builder) settleServices() {
	first := map[serviceID]*serviceDraft{}
	kept := b.lvs.services[:0]
	for _, d := range b.lvs.services {
		if !b.settleService(d) {
			continue
		}
		id := d.id()
		if other := first[id]; other != nil {
			b.note(d.node.Pos, RuleDuplicateAddress, d.label()+" exists already; the real servers of this one are joined to it", "the first is at "+other.node.Pos.String())
			b.join(other, d)
			continue
		}
		first[id] = d
		kept = append(kept, d)
	}
	b.lvs.services = kept
	for _, d := range kept {
		b.settleQuorum(d)
	}
}

// serviceID is what no two services share.
type serviceID struct {
	addr     netip.AddrPort
	group    string
	mark     int64
	family   int64
	protocol uint8
}

func (d *serviceDraft) id() serviceID {
	if d.fwmark.set {
		return serviceID{mark: d.fwmark.v, family: d.family.v}
	}
	return serviceID{addr: d.addr, group: d.group, mark: -1, protocol: d.protocol.v}
}

// join gives a service the real servers of another block of the same service; one that both have gets the checkers of
// both, for it is one server to the kernel.
func (b *builder) join(to, from *serviceDraft) {
	for _, rs := range from.servers {
		rs.timing = rs.timing.or(from.timing)
		k := slices.IndexFunc(to.servers, func(o *serverDraft) bool { return o.addr == rs.addr })
		if k < 0 {
			inherit(&rs.weight, from.weight)
			inherit(&rs.forward, from.forward)
			to.servers = append(to.servers, rs)
			continue
		}
		for _, c := range rs.checks {
			c.timing = c.timing.or(rs.timing)
			to.servers[k].checks = append(to.servers[k].checks, c)
		}
	}
}

// settleService settles what does not go together in one service. It tells whether the service can be used.
func (b *builder) settleService(d *serviceDraft) bool {
	at := d.node.Pos
	if d.group != "" && b.lvs.groups[d.group] == nil {
		b.note(at, RuleUnknownReference, "virtual_server_group '"+clip(d.group)+"' does not exist; the virtual server is ignored", "")
		return false
	}
	b.settleFamily(d)
	b.settleServers(d)
	if len(d.servers) == 0 {
		b.warn(at, RuleMissingAddress, d.label()+" has no real servers; it is ignored", "real_server ADDRESS PORT { ... }")
		return false
	}
	if !b.settleGroup(d) {
		return false
	}
	b.settleProtocol(d)
	if !d.scheduler.set {
		b.warn(at, RuleMissingValue, d.label()+": there is no scheduler; wlc is used", "lb_algo wlc")
		d.scheduler = opt[string]{"wlc", true, at}
	}
	if !d.forward.set {
		b.warn(at, RuleMissingValue, d.label()+": nothing says how packets are forwarded; NAT is used", "lb_kind NAT")
		d.forward = maybe[forwarding]{forwarding{method: "NAT"}, true}
	}
	b.settleFlags(d)
	b.settlePorts(d)
	b.settleSorry(d)
	return true
}

// settleFamily finds the family. compat: where neither an address nor a word says it, that of the first real server is
// taken; and a real server of another family must be reached through a tunnel.
func (b *builder) settleFamily(d *serviceDraft) {
	switch {
	case d.addr.IsValid():
		d.family.v = int64(family(d.addr.Addr()))
	case !d.family.set && len(d.servers) > 0:
		d.family.v = int64(family(d.servers[0].addr.Addr()))
	case !d.family.set:
		d.family.v = 4
	}
	d.servers = slices.DeleteFunc(d.servers, func(rs *serverDraft) bool {
		if int64(family(rs.addr.Addr())) == d.family.v || rs.forward.or(d.forward.v).method == "TUN" {
			return false
		}
		b.err(rs.node.Pos, RuleAddressFamily, rs.label()+" is of another family than its virtual server; it is ignored", "lb_kind TUN reaches it")
		return true
	})
}

// settleServers takes out the second of two real servers that are the same.
func (b *builder) settleServers(d *serviceDraft) {
	seen := make(map[netip.AddrPort]bool, len(d.servers))
	d.servers = slices.DeleteFunc(d.servers, func(rs *serverDraft) bool {
		if seen[rs.addr] {
			b.warn(rs.node.Pos, RuleDuplicateAddress, d.label()+" has the "+rs.label()+" already; this one is ignored", "")
			return true
		}
		seen[rs.addr] = true
		return false
	})
}

// settleGroup checks a group against the service that uses it. compat: addresses of both families and marks do not go
// together in one group, for the family of a mark would be anybody's guess.
func (b *builder) settleGroup(d *serviceDraft) bool {
	g := b.lvs.groups[d.group]
	if g == nil {
		return true
	}
	four, six, marks := false, false, false
	for i := range g.entries {
		e := &g.entries[i]
		marks = marks || !e.first.IsValid()
		four = four || e.first.IsValid() && e.first.Addr().Is4()
		six = six || e.first.IsValid() && e.first.Addr().Is6()
	}
	if four && six && marks {
		b.err(g.node.Pos, RuleAddressFamily, "virtual_server_group '"+clip(g.name)+"' has IPv4 and IPv6 addresses, and marks of no family; it is ignored", "")
		return false
	}
	return true
}

// addresses tells whether a service answers at addresses, and not at marks alone.
func (b *builder) addresses(d *serviceDraft) bool {
	if g := b.lvs.groups[d.group]; g != nil {
		return slices.ContainsFunc(g.entries, func(e groupEntry) bool { return e.first.IsValid() })
	}
	return !d.fwmark.set
}

func (b *builder) settleProtocol(d *serviceDraft) {
	if !b.addresses(d) {
		if d.protocol.set && d.fwmark.set {
			b.warn(d.protocol.pos, RuleNoEffect, d.label()+": a service by fwmark has no protocol; it is ignored", "")
		}
		d.protocol = opt[uint8]{}
		return
	}
	if !d.protocol.set {
		b.warn(d.node.Pos, RuleMissingValue, d.label()+": there is no protocol; UDP is used", "protocol TCP")
		d.protocol = opt[uint8]{17, true, d.node.Pos}
	}
}

// settleFlags settles the flags of the scheduler and one-packet scheduling.
func (b *builder) settleFlags(d *serviceDraft) {
	if d.ops.set && b.addresses(d) && d.protocol.v != 17 {
		b.warn(d.ops.pos, RuleIncompatible, d.label()+": one packet scheduling is for UDP alone; it is ignored", "")
		d.ops = opt[bool]{}
	}
	// The kernel: the first flag is the fallback, the second the port.
	for _, s := range []struct {
		name  string
		flags *[2]opt[bool]
	}{{"sh", &d.shFlags}, {"mh", &d.mhFlags}} {
		for i, f := range s.flags {
			switch {
			case !f.set:
			case d.scheduler.v != s.name:
				b.warn(f.pos, RuleIncompatible, d.label()+": this flag is for the scheduler "+s.name+" alone; it is ignored", "")
			default:
				d.flags[1-i] = true
			}
		}
	}
	if d.hashed.set && d.scheduler.v != "sh" {
		b.warn(d.hashed.pos, RuleIncompatible, d.label()+": 'hashed' is for the scheduler sh alone; it is ignored", "")
	}
}

// settlePorts settles ports and persistence. compat: a service without a port must keep clients at their servers; a
// packet that is not rewritten goes to the port that it came for.
func (b *builder) settlePorts(d *serviceDraft) {
	portless := d.addr.IsValid() && d.addr.Port() == 0
	if g := b.lvs.groups[d.group]; g != nil {
		portless = slices.ContainsFunc(g.entries, func(e groupEntry) bool { return e.first.IsValid() && e.first.Port() == 0 })
	}
	if d.granularity.set && !d.persistence.set {
		d.persistence = opt[time.Duration]{persistDefault * second, true, d.granularity.pos}
	}
	if portless && !d.persistence.set {
		b.warn(d.node.Pos, RuleMissingValue, d.label()+": without a port clients must stay with their servers; persistence_timeout 360 is used", "persistence_timeout SECONDS")
		d.persistence = opt[time.Duration]{persistDefault * second, true, d.node.Pos}
	}
	for _, rs := range d.servers {
		port := rs.addr.Port()
		switch {
		case d.group != "":
			b.groupPort(d, rs)
		case d.fwmark.set:
			if port != 0 {
				b.warn(rs.node.Pos, RuleNoEffect, d.label()+": the port of the "+rs.label()+" is ignored, for a service by fwmark has none", "")
			}
		case rs.forward.or(d.forward.v).method != "NAT" && port != 0 && port != d.addr.Port():
			b.warn(rs.node.Pos, RuleIncompatible, d.label()+": the "+rs.label()+" cannot have a port of its own without NAT; that of the service is used", "")
			rs.addr = netip.AddrPortFrom(rs.addr.Addr(), d.addr.Port())
		case port == 0:
			rs.addr = netip.AddrPortFrom(rs.addr.Addr(), d.addr.Port())
		}
	}
}

// groupPort checks the port of a real server against those of a group.
func (b *builder) groupPort(d *serviceDraft, rs *serverDraft) {
	if !b.addresses(d) && rs.addr.Port() != 0 {
		b.warn(rs.node.Pos, RuleNoEffect, d.label()+": the port of the "+rs.label()+" is ignored, for a service by fwmark has none", "")
		return
	}
	if rs.addr.Port() == 0 || rs.forward.or(d.forward.v).method == "NAT" {
		return
	}
	for _, e := range b.lvs.groups[d.group].entries {
		if e.first.IsValid() && e.first.Port() != rs.addr.Port() {
			b.warn(rs.node.Pos, RuleIncompatible, fmt.Sprintf("%s: the %s cannot have a port of its own without NAT; at %s that of the service is used", d.label(), rs.label(), e.first), "")
			return
		}
	}
}

func (b *builder) settleSorry(d *serviceDraft) {
	if !d.sorry.set {
		if d.sorryInhibit || d.sorryForward.set {
			b.note(d.node.Pos, RuleNoEffect, d.label()+": what is said of the sorry server has no effect without one", "sorry_server ADDRESS PORT")
		}
		return
	}
	forward := d.sorryForward.or(d.forward.v)
	if int64(family(d.sorry.v.Addr())) != d.family.v && forward.method != "TUN" {
		b.err(d.sorry.pos, RuleAddressFamily, "the sorry server "+d.sorry.v.Addr().String()+" is of another family than its virtual server; it is ignored", "sorry_server_lvs_method TUN reaches it")
		d.sorry = opt[netip.AddrPort]{}
		return
	}
	if d.sorry.v.Port() == 0 && d.addr.IsValid() {
		d.sorry.v = netip.AddrPortFrom(d.sorry.v.Addr(), d.addr.Port())
	}
}

// settleQuorum settles quorum and hysteresis. compat: the quorum is no more than all real servers together weigh, and
// the hysteresis less than the quorum.
func (b *builder) settleQuorum(d *serviceDraft) {
	total := int64(0)
	for _, rs := range d.servers {
		total += rs.weight.or(d.weight.or(1))
	}
	quorum := d.quorum.or(1)
	if quorum > total {
		b.warn(cmp.Or(d.quorum.pos, d.node.Pos), RuleOutOfRange, fmt.Sprintf("%s: the quorum %d is more than all real servers weigh; %d is used", d.label(), quorum, total), "")
		quorum = total
	}
	least := int64(0)
	if d.hysteresis.v >= quorum && (d.hysteresis.v > 0 || quorum == 0) {
		least = max(quorum-1, 0)
		b.warn(cmp.Or(d.hysteresis.pos, d.node.Pos), RuleOutOfRange, fmt.Sprintf("%s: the hysteresis %d is not less than the quorum %d; %d is used", d.label(), d.hysteresis.v, quorum, least), "")
		d.hysteresis.v = least
	}
	d.quorum = opt[int64]{min(quorum, math.MaxUint32), true, d.quorum.pos}
}

// Service is what health.ServiceSettings and notify.ServiceSettings do not hold of a virtual_server.
type Service struct {
	Pos                   syntax.Pos
	VirtualHost, SNMPName string
	InhibitOnFailure      bool
	Weight                int32
	Timing                Timing
	Servers               []Server
}

// Server is the same of a real_server.
type Server struct {
	VirtualHost, SNMPName string
	Alpha                 bool
	Timing                Timing
}

// Timing is when checks are made that say nothing of their own. 0 leaves it to the kind of checker; Retry is -1 then.
type Timing struct {
	Delay, RetryDelay, Warmup, Connect time.Duration
	Retry                              int64
}

func (t *timing) shown() Timing {
	return Timing{Delay: t.delay.or(checkDelay), RetryDelay: t.retryDelay.v, Warmup: t.warmup.v, Connect: t.delayConnect.v, Retry: t.retry.or(-1)}
}

// finishServices makes settings of the virtual servers.
func (b *builder) finishServices() {
	h, g := &b.c.Health, &b.c.Global
	h.Flush = g.LVSFlush
	switch g.LVSFlushEnd {
	case "all":
		h.FlushOnStop = health.FlushAll
	case "VS":
		h.FlushOnStop = health.FlushVS
	}
	h.Timeouts = health.Timeouts{TCP: g.LVSTimeouts.TCP, TCPFin: g.LVSTimeouts.FIN, UDP: g.LVSTimeouts.UDP}
	b.finishSync()
	for i, g := range b.lvs.order {
		b.c.ServiceGroups = append(b.c.ServiceGroups, event.ServiceGroupRow{Name: g.name, Index: i + 1, Entries: g.expanded(4)})
	}
	n := len(b.lvs.services)
	if n == 0 {
		return
	}
	b.c.Notify.CheckerMails, b.c.Notify.InitNotifies = !g.NoCheckerEmails, g.InitNotifies
	h.Services = make([]health.ServiceSettings, 0, n)
	b.c.Services = make([]Service, 0, n)
	b.c.Notify.Services = make([]notify.ServiceSettings, 0, n)
	for _, d := range b.lvs.services {
		b.finishService(d)
	}
}

// finishSync settles lvs_sync_daemon.
func (b *builder) finishSync() {
	d := &b.c.Global.LVSSyncDaemon
	if d.Interface == "" {
		return
	}
	s := &health.SyncSettings{Interface: d.Interface, Instance: d.Instance, MaxLen: uint16(d.MaxLen), Port: uint16(d.Port), TTL: uint8(d.TTL), ID: uint8(max(d.ID, 0))}
	if a, err := netip.ParseAddr(d.Group); err == nil {
		s.Group = a
	}
	for i := range b.c.VRRP.Instances {
		// compat: unless it is given, the daemon's id is that of the instance.
		if b.c.VRRP.Instances[i].Name == d.Instance && d.ID < 0 {
			s.ID = b.c.VRRP.Instances[i].VRID
		}
	}
	b.c.Health.Sync = s
}

// finishService makes settings of one service.
func (b *builder) finishService(d *serviceDraft) {
	s := health.ServiceSettings{
		VirtualServer: *d.known(),
		Entries:       b.entries(d), Scheduler: d.scheduler.v, Flags: d.kernelFlags(), Persistence: d.persistence.v, Granularity: d.prefix(),
		Engine: d.engine, Method: d.forward.v.way(), Quorum: d.quorum.v, Hysteresis: d.hysteresis.v,
		Alpha: d.alpha.v, Omega: d.omega, HASuspend: d.suspend,
	}
	if d.sorry.set {
		s.Sorry = &health.SorrySettings{Addr: d.sorry.v, Method: d.sorryForward.or(d.forward.v).way(), Inhibit: d.sorryInhibit}
	}
	told := notify.ServiceSettings{
		VirtualServer: s.VirtualServer, QuorumUp: d.up, QuorumDown: d.down, Omega: d.omega, SMTPAlert: b.checkerAlert(d.alert, false),
		Servers: make([]notify.ServerSettings, 0, len(d.servers)),
	}
	rest := Service{
		Pos: d.node.Pos, VirtualHost: d.virtualHost, SNMPName: d.snmpName, InhibitOnFailure: d.inhibit, Weight: int32(d.weight.or(1)),
		Timing: d.shown(), Servers: make([]Server, 0, len(d.servers)),
	}
	s.Servers = make([]health.ServerSettings, 0, len(d.servers))
	for _, rs := range d.servers {
		own := rs.timing.or(d.timing)
		server := health.ServerSettings{
			Addr: rs.addr, Weight: int32(rs.weight.or(d.weight.or(1))), Method: rs.forward.or(d.forward.v).way(),
			Upper: uint32(rs.upper.v), Lower: uint32(rs.lower.v), InhibitOnFailure: rs.inhibit.or(d.inhibit),
		}
		if len(rs.checks) > 0 {
			server.Checks = make([]health.CheckSettings, 0, len(rs.checks))
		}
		for _, c := range rs.checks {
			server.Checks = b.finishCheck(server.Checks, d, rs, c, own)
		}
		s.Servers = append(s.Servers, server)
		told.Servers = append(told.Servers, notify.ServerSettings{Addr: rs.addr, Up: rs.up, Down: rs.down, SMTPAlert: b.checkerAlert(rs.alert, true)})
		rest.Servers = append(rest.Servers, Server{
			VirtualHost: rs.virtualHost, SNMPName: rs.snmpName, Alpha: own.alpha.v, Timing: own.shown(),
		})
	}
	b.c.Health.Services = append(b.c.Health.Services, s)
	b.c.Notify.Services = append(b.c.Notify.Services, told)
	b.c.Services = append(b.c.Services, rest)
}

// checkerAlert settles smtp_alert: the nearest word counts; without any, real servers are mailed about (compat).
func (b *builder) checkerAlert(own maybe[bool], otherwise bool) bool {
	for _, t := range []event.Tri{b.c.Global.SMTPAlertChecker, b.c.Global.SMTPAlert} {
		if !own.set && t != event.TriUnset {
			return t == event.TriOn
		}
	}
	return own.or(otherwise)
}

// entries are what the kernel gets for a service.
func (b *builder) entries(d *serviceDraft) []event.ServiceEntry {
	switch {
	case d.addr.IsValid():
		return []event.ServiceEntry{{Family: family(d.addr.Addr()), First: d.addr.Addr(), Last: d.addr.Addr(), Port: d.addr.Port()}}
	case d.fwmark.set:
		return []event.ServiceEntry{{Mark: uint32(d.fwmark.v), Family: uint8(d.family.v)}}
	}
	return b.lvs.groups[d.group].expanded(uint8(d.family.v))
}

// expanded are the members of a group; marks that say no family are of the one given.
func (g *serviceGroup) expanded(family4or6 uint8) (out []event.ServiceEntry) {
	for i := range g.entries {
		e := &g.entries[i]
		switch {
		case !e.first.IsValid() && e.six:
			out = append(out, event.ServiceEntry{Mark: uint32(e.mark), Family: 6})
		case !e.first.IsValid():
			out = append(out, event.ServiceEntry{Mark: uint32(e.mark), Family: family4or6})
		default:
			first := e.first.Addr()
			out = append(out, event.ServiceEntry{Family: family(first), First: first, Last: beyond(first, e.count-1), Port: e.first.Port()})
		}
	}
	return out
}

// beyond gives the address n after another one; n is at most 65535.
func beyond(a netip.Addr, n int) netip.Addr {
	raw := a.AsSlice()
	for i := len(raw) - 1; i >= 0 && n > 0; i-- {
		n += int(raw[i])
		raw[i] = byte(n)
		n >>= 8
	}
	out, _ := netip.AddrFromSlice(raw)
	return out
}

func (d *serviceDraft) kernelFlags() (flags uint32) {
	for i, bit := range []uint32{health.FlagSched1, health.FlagSched2, health.FlagSched3} {
		if d.flags[i] {
			flags |= bit
		}
	}
	if d.ops.v {
		flags |= health.FlagOnePacket
	}
	return flags
}

// prefix is the granularity as a prefix length, 0 for single clients.
func (d *serviceDraft) prefix() uint8 {
	if !d.granularity.set {
		return 0
	}
	if d.family.v == 4 {
		return uint8(bits.LeadingZeros32(^uint32(d.granularity.v)))
	}
	return uint8(d.granularity.v)
}

// way is the way of forwarding in the engine's words.
func (f forwarding) way() event.Method {
	m := event.Method{Port: f.port}
	switch f.method {
	case "DR":
		m.Forward = event.ForwardDR
	case "TUN":
		m.Forward = event.ForwardTUN
	}
	switch f.tunnel {
	case "gue":
		m.Tunnel = event.TunnelGUE
	case "gre":
		m.Tunnel = event.TunnelGRE
	}
	switch f.checksum {
	case "csum":
		m.Sum = event.TunnelSumOn
	case "remcsum":
		m.Sum = event.TunnelRemoteSum
	}
	return m
}

// Describe fills in what only the configuration knows of a virtual or real server. place finds the service by its name.
func (c *Config) Describe(rows []event.Row) {
	place := make(map[string]int, len(c.Services))
	for i := range c.Health.Services {
		place[c.Health.Services[i].Subject().Name] = i
	}
	for i := range rows {
		switch {
		case rows[i].Service != nil:
			if k, ok := place[rows[i].Service.Subject.Name]; ok {
				c.describeService(rows[i].Service, k)
			}
		case rows[i].Server != nil:
			if k, ok := place[rows[i].Server.Subject.Name]; ok {
				c.describeServer(rows[i].Server, k)
			}
		}
	}
}

func (c *Config) describeService(row *event.ServiceRow, k int) {
	s, n, r := &c.Services[k], &c.Notify.Services[k], &rowWriter{c: c}
	row.VirtualHost, row.SNMPName, row.InhibitOnFailure, row.Weight = s.VirtualHost, s.SNMPName, s.InhibitOnFailure, s.Weight
	row.QuorumUp, row.QuorumDown, row.SMTPAlert = r.line(n.QuorumUp), r.line(n.QuorumDown), n.SMTPAlert
	row.Delay, row.Retry, row.RetryDelay, row.Warmup, row.ConnectTimeout = s.Timing.Delay, uint32(max(s.Timing.Retry, 0)), s.Timing.RetryDelay, s.Timing.Warmup, s.Timing.Connect
}

func (c *Config) describeServer(row *event.ServerRow, k int) {
	i := row.Index - 1
	if i < 0 || i >= len(c.Services[k].Servers) {
		return // the sorry server
	}
	s, n, r := &c.Services[k].Servers[i], &c.Notify.Services[k].Servers[i], &rowWriter{c: c}
	row.VirtualHost, row.SNMPName, row.Alpha = s.VirtualHost, s.SNMPName, s.Alpha
	row.NotifyUp, row.NotifyDown, row.SMTPAlert = r.line(n.Up), r.line(n.Down), n.SMTPAlert
	row.Delay, row.Retry, row.RetryDelay, row.Warmup, row.ConnectTimeout = s.Timing.Delay, uint32(max(s.Timing.Retry, 0)), s.Timing.RetryDelay, s.Timing.Warmup, s.Timing.Connect
}

// virtualHost is what a checker asks for unless it says otherwise.
func (d *serviceDraft) host(rs *serverDraft) string { return cmp.Or(rs.virtualHost, d.virtualHost) }
