// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// Save writes a table as ipvsadm -Sn does. A mark of 2^31 or more, which ipvsadm
// writes as a negative number that it does not read back, is written as it is.
func Save(t ipvs.Table) string {
	var b strings.Builder
	for _, e := range sorted(t) {
		name := serviceOption(e.Key)
		fmt.Fprintf(&b, "-A %s -s %s", name, e.Scheduler)
		if e.Persistent() {
			fmt.Fprintf(&b, " -p %d", int(e.Timeout.Seconds()))
			if m := mask(&e.Service); m != "" {
				b.WriteString(" -M " + m)
			}
		}
		if e.Engine != "" {
			b.WriteString(" --pe " + e.Engine)
		}
		if e.Flags&ipvs.OnePacket != 0 {
			b.WriteString(" -o")
		}
		if f := flags(&e.Service); f != "" {
			b.WriteString(" -b " + f)
		}
		b.WriteByte('\n')
		for i := range e.Destinations {
			fmt.Fprintf(&b, "-a %s%s\n", name, destination(&e.Destinations[i].Destination))
		}
	}
	return b.String()
}

// serviceOption is the option that names a service.
func serviceOption(k ipvs.Key) string {
	at := netip.AddrPortFrom(k.Addr, k.Port)
	switch {
	case k.Mark != 0 && k.Family == ipvs.IPv6:
		return fmt.Sprintf("-f %d -6", k.Mark)
	case k.Mark != 0:
		return fmt.Sprintf("-f %d", k.Mark)
	case k.Protocol == ipvs.TCP:
		return "-t " + at.String()
	case k.Protocol == ipvs.UDP:
		return "-u " + at.String()
	case k.Protocol == ipvs.SCTP:
	}
	return "--sctp-service " + at.String()
}

// mask is the netmask of persistence, empty for each client by itself.
func mask(s *ipvs.Service) string {
	switch m := s.Netmask; {
	case m == 0 || s.Family == ipvs.IPv4 && m == 1<<32-1 || s.Family == ipvs.IPv6 && m == 128:
		return ""
	case s.Family == ipvs.IPv6:
		return fmt.Sprint(m)
	default:
		return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
	}
}

// flags are written with the names that the scheduler gives them.
func flags(s *ipvs.Service) string {
	names := []string{"flag-1", "flag-2", "flag-3"}
	if s.Scheduler == "sh" || s.Scheduler == "mh" {
		names[0], names[1] = s.Scheduler+"-fallback", s.Scheduler+"-port"
	}
	var set []string
	for i, name := range names {
		if s.Flags&(ipvs.SchedFlag1<<i) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ",")
}

var letters = map[ipvs.Method]string{ipvs.NAT: "-m", ipvs.Tunnel: "-i", ipvs.Direct: "-g", ipvs.Local: "-l", ipvs.Bypass: "-b"}

func destination(d *ipvs.Destination) string {
	out := fmt.Sprintf(" -r %s %s -w %d", d.At(), letters[d.Method], d.Weight)
	if d.Method != ipvs.Tunnel {
		return out
	}
	out += " --tun-type " + d.TunnelType.String()
	if d.TunnelType == ipvs.GUE {
		out += fmt.Sprintf(" --tun-port %d", d.TunnelPort)
	}
	switch {
	case d.TunnelType == ipvs.IPIP:
	case d.TunnelFlags&ipvs.Checksum != 0:
		out += " --tun-csum"
	case d.TunnelFlags&ipvs.RemoteChecksum != 0:
		out += " --tun-remcsum"
	default:
		out += " --tun-nocsum"
	}
	return out
}

// sorted is the services in ipvsadm's order, which takes numbers for signed ones,
// with their destinations in it.
func sorted(t ipvs.Table) []ipvs.Entry {
	out := slices.Clone(t.Services)
	slices.SortStableFunc(out, func(a, b ipvs.Entry) int {
		if a.Mark != b.Mark {
			return less(a.Mark, b.Mark)
		}
		if a.Family != b.Family {
			return int(a.Family) - int(b.Family)
		}
		if a.Protocol != b.Protocol {
			return int(a.Protocol) - int(b.Protocol)
		}
		return places(netip.AddrPortFrom(a.Addr, a.Port), netip.AddrPortFrom(b.Addr, b.Port))
	})
	for i := range out {
		out[i].Destinations = slices.Clone(out[i].Destinations)
		slices.SortStableFunc(out[i].Destinations, func(a, b ipvs.Server) int { return places(a.At(), b.At()) })
	}
	return out
}

// less compares as the difference of two 32-bit numbers does, if it is signed.
func less(a, b uint32) int { return int(int32(a - b)) }

func places(a, b netip.AddrPort) int {
	x, y := words(a.Addr()), words(b.Addr())
	for i := range x {
		if x[i] != y[i] {
			return less(x[i], y[i])
		}
	}
	return int(a.Port()) - int(b.Port())
}

// words are an address in four parts, an IPv4 address in the first.
func words(a netip.Addr) (out [4]uint32) {
	for i, b := range a.AsSlice() {
		out[i/4] = out[i/4]<<8 | uint32(b)
	}
	return out
}
