// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"net/netip"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/ipvs/rules"
)

// ipvs takes the services of ipvsadm's rules, which nobody checks, unless they
// are there already.
func (m *model) ipvs(f File) {
	list, errs := rules.Parse(f.Text, m.names)
	table, more := rules.After(ipvs.Table{}, list)
	for _, e := range append(errs, more...) {
		m.note(f.Name, e.Line, "a rule", e.What, "")
	}
	lines := map[ipvs.Key]int{}
	for _, r := range list {
		if r.Verb == rules.AddService {
			lines[r.Service.Key] = r.Line
		}
	}
	for _, e := range table.Services {
		s := &service{name: keyName(e.Key)}
		if m.has(s.name, protocolOf(e.Key)) {
			continue
		}
		m.services = append(m.services, s)
		m.note(f.Name, lines[e.Key], "virtual server "+s.name, "rules check no server", "add a checker to each real_server")
		m.fill(&s.body, &e)
	}
}

// has says whether there is such a service.
func (m *model) has(name, protocol string) bool {
	for _, s := range m.services {
		if s.name != name {
			continue
		}
		for _, i := range s.body.items {
			if i.line == "protocol "+protocol {
				return true
			}
		}
		if protocol == "" {
			return true
		}
	}
	return false
}

func keyName(k ipvs.Key) string {
	if k.Mark != 0 {
		return fmt.Sprintf("fwmark %d", k.Mark)
	}
	return place{k.Addr, k.Port}.name()
}

func protocolOf(k ipvs.Key) string {
	if k.Mark != 0 {
		return ""
	}
	return map[ipvs.Protocol]string{ipvs.TCP: "TCP", ipvs.UDP: "UDP", ipvs.SCTP: "SCTP"}[k.Protocol]
}

// fill writes one service of a table.
func (m *model) fill(b *block, e *ipvs.Entry) {
	if e.Mark != 0 && e.Family == ipvs.IPv6 {
		b.add("ip_family inet6")
	}
	b.add("lb_algo %s", e.Scheduler)
	kind := ipvs.NAT
	if len(e.Destinations) > 0 {
		kind = e.Destinations[0].Method
	}
	b.add("lb_kind %s", kind)
	if p := protocolOf(e.Key); p != "" {
		b.add("protocol %s", p)
	}
	if e.Persistent() {
		b.add("persistence_timeout %d", int(e.Timeout.Seconds()))
		switch n := e.Netmask; {
		case n == 0:
		case e.Family == ipvs.IPv6:
			b.add("persistence_granularity %d", n)
		default:
			b.add("persistence_granularity %s", netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}))
		}
	}
	if e.Engine != "" {
		b.add("persistence_engine %s", e.Engine)
	}
	if e.Flags&ipvs.OnePacket != 0 {
		b.add("ops")
	}
	for i, flag := range []ipvs.Flags{ipvs.SchedFlag1, ipvs.SchedFlag2, ipvs.SchedFlag3} {
		if e.Flags&flag != 0 {
			b.add("flag-%d", i+1)
		}
	}
	for _, d := range e.Destinations {
		r := b.open("real_server %s", place{d.Addr, d.Port}.name())
		r.add("weight %d", d.Weight)
		if d.Method != kind || d.TunnelType != ipvs.IPIP {
			r.add("lvs_method %s%s", d.Method, tunnel(&d.Destination))
		}
		if d.Upper > 0 {
			r.add("uthreshold %d", d.Upper)
		}
		if d.Lower > 0 {
			r.add("lthreshold %d", d.Lower)
		}
	}
}

// tunnel is what follows TUN.
func tunnel(d *ipvs.Destination) string {
	if d.Method != ipvs.Tunnel || d.TunnelType == ipvs.IPIP {
		return ""
	}
	out := " type " + d.TunnelType.String()
	if d.TunnelType == ipvs.GUE {
		out += fmt.Sprintf(" port %d", d.TunnelPort)
	}
	switch {
	case d.TunnelFlags&ipvs.Checksum != 0:
		out += " csum"
	case d.TunnelFlags&ipvs.RemoteChecksum != 0:
		out += " remcsum"
	default:
		out += " nocsum"
	}
	return out
}
