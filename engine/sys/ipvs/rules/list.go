// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// Columns are what List shows of each destination.
type Columns uint8

// The columns, as ipvsadm's options call them.
const (
	Plain      Columns = iota
	Stats              // --stats
	Rate               // --rate
	Thresholds         // --thresholds
)

// List writes a table as ipvsadm -Ln does. With exact, large numbers are not cut
// to K, M, G and T.
func List(t ipvs.Table, info ipvs.Info, c Columns, exact bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "IP Virtual Server version %s (size=%d)\n", info.Version, info.TableSize)
	b.WriteString(map[Columns]string{
		Plain:      "Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
		Stats:      "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  -> RemoteAddress:Port\n",
		Rate:       "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n  -> RemoteAddress:Port\n",
		Thresholds: "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n  -> RemoteAddress:Port\n",
	}[c])
	for _, e := range sorted(t) {
		name := listed(e.Key)
		switch c {
		case Stats, Rate:
			fmt.Fprintf(&b, "%-33s%s\n", name, counters(&e.Stats, c, exact))
		case Plain, Thresholds:
			b.WriteString(name + " " + e.Scheduler + properties(&e.Service) + "\n")
		}
		for i := range e.Destinations {
			d := &e.Destinations[i]
			at := d.At().String()
			switch c {
			case Plain:
				fmt.Fprintf(&b, "  -> %-28s %-7s %-6d %-10d %-10d\n", at, forward[d.Method], d.Weight, d.Active, d.Inactive)
			case Thresholds:
				fmt.Fprintf(&b, "  -> %-28s %-10d %-10d %-10d %-10d\n", at, d.Upper, d.Lower, d.Active, d.Inactive)
			case Stats, Rate:
				fmt.Fprintf(&b, "  -> %-28s%s\n", at, counters(&d.Stats, c, exact))
			}
		}
	}
	return b.String()
}

var forward = map[ipvs.Method]string{ipvs.NAT: "Masq", ipvs.Tunnel: "Tunnel", ipvs.Direct: "Route", ipvs.Local: "Local", ipvs.Bypass: "Bypass"}

// listed is how a list names a service.
func listed(k ipvs.Key) string {
	if k.Mark != 0 {
		name := "FWM  " + strconv.FormatUint(uint64(k.Mark), 10)
		if k.Family == ipvs.IPv6 {
			name += " IPv6"
		}
		return name
	}
	return fmt.Sprintf("%-4s %s", strings.ToUpper(k.Protocol.String()), netip.AddrPortFrom(k.Addr, k.Port))
}

func properties(s *ipvs.Service) string {
	out := ""
	if f := flags(s); f != "" {
		out += " (" + f + ")"
	}
	if s.Persistent() {
		out += fmt.Sprintf(" persistent %d", int(s.Timeout.Seconds()))
		if m := mask(s); m != "" {
			out += " mask " + m
		}
		if s.Engine != "" {
			out += " pe " + s.Engine
		}
	}
	if s.Flags&ipvs.OnePacket != 0 {
		out += " ops"
	}
	return out
}

func counters(s *ipvs.Stats, c Columns, exact bool) string {
	list := [...]uint64{s.Conns, s.InPkts, s.OutPkts, s.InBytes, s.OutBytes}
	if c == Rate {
		list = [...]uint64{s.CPS, s.InPPS, s.OutPPS, s.InBPS, s.OutBPS}
	}
	var out strings.Builder
	for _, n := range list {
		switch {
		case exact && n >= 100_000_000:
			fmt.Fprintf(&out, " %d", n)
		case exact || n < 100_000_000:
			fmt.Fprintf(&out, "%9d", n)
		case n < 1_000_000_000:
			fmt.Fprintf(&out, "%8dK", n/1000)
		case n < 100_000_000_000:
			fmt.Fprintf(&out, "%8dM", n/1_000_000)
		case n < 100_000_000_000_000:
			fmt.Fprintf(&out, "%8dG", n/1_000_000_000)
		default:
			fmt.Fprintf(&out, "%8dT", n/1_000_000_000_000)
		}
	}
	return out.String()
}
