// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// only lists which options a command may have; a service is needed by all but
// Clear.
var (
	ofService = []string{"scheduler", "persistent", "netmask", "pe", "ops", "sched-flags"}
	ofServer  = []string{"forwarding method", "weight", "u-threshold", "l-threshold", "tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum"}
)

// finish understands the line as a whole.
func (p *parser) finish() error {
	service, server := p.out.Verb == AddService || p.out.Verb == EditService, p.out.Verb == AddServer || p.out.Verb == EditServer
	refuse := func(names ...string) error {
		for _, name := range names {
			if p.seen[name] {
				return fmt.Errorf("%s does not go with this command", name)
			}
		}
		return nil
	}
	var err error
	if !service {
		err = refuse(ofService...)
	}
	if !server {
		err = errors.Join(err, refuse(ofServer...))
	}
	if !server && p.out.Verb != DeleteServer {
		err = errors.Join(err, refuse("real-server"))
	}
	if err != nil {
		return err
	}
	if p.out.Verb == Clear {
		return refuse("service")
	}
	if err := p.key(); err != nil {
		return err
	}
	if service {
		return p.service()
	}
	if server || p.out.Verb == DeleteServer {
		return p.server()
	}
	return nil
}

var protocols = map[string]ipvs.Protocol{"tcp": ipvs.TCP, "udp": ipvs.UDP, "sctp": ipvs.SCTP}

// key understands -t, -u, --sctp-service and -f.
func (p *parser) key() error {
	if p.letter == "" {
		return errors.New("it names no service: -t, -u, --sctp-service or -f")
	}
	s := &p.out.Service
	if p.letter == "mark" {
		var mark uint32
		if err := number(&mark, "firewall mark", p.at, 1<<32-1); err != nil || mark == 0 {
			return fmt.Errorf("firewall mark %q is not a number from 1 to 4294967295", p.at)
		}
		family := ipvs.IPv4
		if p.six {
			family = ipvs.IPv6
		}
		s.Key = ipvs.MarkKey(mark, family)
		return nil
	}
	at, _, err := p.address(p.at, p.letter)
	if err != nil {
		return err
	}
	if p.six && at.Addr().Is4() {
		return errors.New("-6 goes with -f only")
	}
	s.Key = ipvs.AddrKey(protocols[p.letter], at)
	return nil
}

// address reads HOST, HOST:PORT, [ADDRESS]:PORT or an IPv6 address.
func (p *parser) address(text, protocol string) (at netip.AddrPort, hasPort bool, err error) {
	host, port := text, ""
	switch i := strings.LastIndexByte(text, ':'); {
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 || end+1 < len(text) && text[end+1] != ':' {
			return at, false, fmt.Errorf("%q is not [ADDRESS]:PORT", text)
		}
		host, port = text[1:end], strings.TrimPrefix(text[end+1:], ":")
		hasPort = end+1 < len(text)
	case i >= 0 && strings.Count(text, ":") == 1:
		host, port, hasPort = text[:i], text[i+1:], true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if p.names.Host == nil || host == "" {
			return at, false, fmt.Errorf("%q is no address", host)
		}
		if addr, err = p.names.Host(host); err != nil {
			return at, false, fmt.Errorf("host %q is unknown: %w", host, err)
		}
	}
	if addr.Zone() != "" {
		return at, false, fmt.Errorf("%q has a zone", host)
	}
	if !hasPort {
		return netip.AddrPortFrom(addr, 0), false, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		if p.names.Port == nil || port == "" || port[0] >= '0' && port[0] <= '9' {
			return at, false, fmt.Errorf("%q is no port", port)
		}
		found, err := p.names.Port(protocol, port)
		if err != nil {
			return at, false, fmt.Errorf("service %q of %s is unknown: %w", port, protocol, err)
		}
		n = uint64(found)
	}
	return netip.AddrPortFrom(addr, uint16(n)), true, nil
}

// service understands what -A and -E have besides.
func (p *parser) service() error {
	s := &p.out.Service
	s.Scheduler = cmp.Or(s.Scheduler, scheduler)
	if s.Mark == 0 && s.Port == 0 && !s.Persistent() {
		return errors.New("port 0, which is every port, needs -p")
	}
	if s.Flags&ipvs.OnePacket != 0 && s.Mark == 0 && s.Protocol != ipvs.UDP {
		return errors.New("-o is for datagrams only")
	}
	if p.mask != "" {
		if err := p.netmask(); err != nil {
			return err
		}
	}
	if p.flags == "" {
		return nil
	}
	for flag := range strings.SplitSeq(p.flags, ",") {
		bit, ok := bits(s.Scheduler)[flag]
		if !ok {
			return fmt.Errorf("scheduler %s has no flag %q", s.Scheduler, flag)
		}
		s.Flags |= bit
	}
	return nil
}

// bits are the names of the flags of a scheduler.
func bits(scheduler string) map[string]ipvs.Flags {
	out := map[string]ipvs.Flags{"flag-1": ipvs.SchedFlag1, "flag-2": ipvs.SchedFlag2, "flag-3": ipvs.SchedFlag3}
	if scheduler == "sh" || scheduler == "mh" {
		out[scheduler+"-fallback"], out[scheduler+"-port"] = ipvs.SchedFlag1, ipvs.SchedFlag2
	}
	return out
}

func (p *parser) netmask() error {
	s := &p.out.Service
	if !s.Persistent() {
		return errors.New("-M needs -p")
	}
	if s.Family == ipvs.IPv6 {
		if err := number(&s.Netmask, "netmask", p.mask, 128); err != nil || s.Netmask == 0 {
			return fmt.Errorf("netmask %q is not the length of a prefix from 1 to 128", p.mask)
		}
		if s.Netmask == 128 {
			s.Netmask = 0
		}
		return nil
	}
	a, err := netip.ParseAddr(p.mask)
	if err != nil || !a.Is4() || a.IsUnspecified() {
		return fmt.Errorf("netmask %q is not like 255.255.255.0", p.mask)
	}
	b := a.As4()
	if s.Netmask = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]); s.Netmask == 1<<32-1 {
		s.Netmask = 0
	}
	return nil
}

// server understands -r and what goes with it.
func (p *parser) server() error {
	d := &p.out.Server
	if p.to == "" {
		return errors.New("it names no real server: -r")
	}
	s := &p.out.Service
	at, hasPort, err := p.address(p.to, map[ipvs.Protocol]string{ipvs.UDP: "udp", ipvs.SCTP: "sctp"}[s.Protocol])
	if err != nil {
		return err
	}
	d.Addr, d.Port = at.Addr(), at.Port()
	if !hasPort {
		d.Port = s.Port
	}
	if !p.seen["forwarding method"] {
		d.Method = ipvs.Direct
	}
	if !p.weight {
		d.Weight = 1
	}
	if d.Method != ipvs.Tunnel {
		if p.seen["tun-type"] || p.seen["tun-port"] {
			return errors.New("tunnels need -i")
		}
		if ipvs.FamilyOf(d.Addr) != s.Family {
			return errors.New("the real server is of another family, which needs -i")
		}
	}
	switch {
	case d.TunnelType == ipvs.GUE && d.TunnelPort == 0:
		return errors.New("--tun-type gue needs --tun-port")
	case d.TunnelType != ipvs.GUE && d.TunnelPort != 0:
		return errors.New("--tun-port is for --tun-type gue")
	}
	return nil
}

// Place reads HOST, HOST:PORT, [ADDRESS]:PORT or an IPv6 address; without a port
// it is 0. Names are looked up for the protocol, tcp, udp or sctp.
func Place(text, protocol string, names Names) (netip.AddrPort, error) {
	at, _, err := (&parser{names: names}).address(text, protocol)
	return at, err
}
