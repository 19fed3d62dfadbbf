// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// fibInvert is FIB_RULE_INVERT.
const fibInvert = 2

// actions are the type words of a rule. What the kernel's numbers are called
// there is what ip rule says.
var actions = map[string]uint8{
	"goto": nl.FR_ACT_GOTO, "nop": nl.FR_ACT_NOP, "blackhole": nl.FR_ACT_BLACKHOLE,
	"unreachable": nl.FR_ACT_UNREACHABLE, "prohibit": nl.FR_ACT_PROHIBIT,
}

// rangeAttrs are the keywords whose value is FROM-TO, and their attributes.
var rangeAttrs = map[string]int{"uidrange": nl.FRA_UID_RANGE, "sport": nl.FRA_SPORT_RANGE, "dport": nl.FRA_DPORT_RANGE}

var ipProtocols = map[string]int{
	"icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58,
	"icmpv6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}

// ruleParser builds one rule from words: the same header as a route, with
// attributes of its own.
type ruleParser struct {
	words
	*route
	table, l3mdev bool
}

// parseRule reads a line of virtual_rules.
func parseRule(list []string, family uint8) (*route, error) {
	r := &route{}
	r.Family, r.Type = uint8(familyOf(family)), nl.FR_ACT_TO_TBL
	p := &ruleParser{words: words{list: list}, route: r}
	protocol := uint8(Protocol)
	for {
		key, ok := p.next()
		if !ok {
			break
		}
		if key == "protocol" {
			protocol = uint8(p.named(key, 8, protocols))
			continue
		}
		p.word(key)
	}
	if r.Type == nl.FR_ACT_TO_TBL && !p.table && !p.l3mdev {
		r.Table = unix.RT_TABLE_MAIN
	}
	r.add(nl.FRA_PROTOCOL, []byte{protocol})
	return r, p.err
}

// word reads one keyword and its value.
func (p *ruleParser) word(key string) {
	switch key {
	case "inet", "inet6", "no_track":
	case "track_group":
		p.value(key)
	case "from":
		p.Src_len = p.end(nl.FRA_SRC, key)
	case "to":
		p.Dst_len = p.end(nl.FRA_DST, key)
	case "table", "lookup":
		p.table = true
		if t := p.named(key, 32, tables); t < 256 {
			p.Table = uint8(t)
		} else {
			p.put32(nl.FRA_TABLE, uint32(t))
		}
	case "preference", "order", "priority":
		p.put32(nl.FRA_PRIORITY, uint32(p.number(key, 32)))
	case "not":
		p.Flags |= fibInvert
	case "dev", "iif":
		p.add(nl.FRA_IIFNAME, nl.ZeroTerminated(p.value(key)))
	case "oif":
		p.add(nl.FRA_OIFNAME, nl.ZeroTerminated(p.value(key)))
	case "fwmark":
		p.mark(key)
	case "tos", "dsfield":
		p.Tos = uint8(p.named(key, 8, nil))
	case "realms":
		p.put32(nl.FRA_FLOW, uint32(p.realms(key)))
	case "suppress_prefixlength", "sup_pl":
		p.put32(nl.FRA_SUPPRESS_PREFIXLEN, uint32(p.number(key, 8)))
	case "suppress_ifgroup", "sup_group":
		p.put32(nl.FRA_SUPPRESS_IFGROUP, uint32(p.named(key, 31, nil)))
	case "tunnel-id":
		p.add(nl.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, uint64(p.number(key, 63))))
	case "ipproto":
		if len(p.list) > 0 {
			p.list = append([]string{strings.ToLower(p.list[0])}, p.list[1:]...) // the line is the caller's
		}
		p.add(nl.FRA_IP_PROTO, []byte{uint8(p.named(key, 8, ipProtocols))})
	case "uidrange", "sport", "dport":
		p.between(key)
	case "l3mdev":
		p.l3mdev = true
		p.add(nl.FRA_L3MDEV, []byte{1})
	case "goto":
		p.Type = actions[key]
		p.put32(nl.FRA_GOTO, uint32(p.number(key, 32)))
	case "nop", "blackhole", "unreachable", "prohibit":
		p.Type = actions[key]
	default:
		p.fail("option", key, "not known, or of a kind that is not supported")
	}
}

// end reads the prefix of one end, where everything is no condition at all.
func (p *ruleParser) end(kind int, key string) uint8 {
	n := p.prefix(key, int(p.Family))
	if n == nil {
		return 0
	}
	bits, _ := n.Mask.Size()
	if bits > 0 {
		p.add(kind, n.IP)
	}
	return uint8(bits)
}

func (p *ruleParser) mark(key string) {
	s := p.value(key)
	mark, mask, both := strings.Cut(s, "/")
	v, err := strconv.ParseUint(mark, 0, 32)
	if err != nil {
		p.fail(key, s, "not a mark")
	}
	p.put32(nl.FRA_FWMARK, uint32(v))
	if both {
		m, err := strconv.ParseUint(mask, 0, 32)
		if err != nil {
			p.fail(key, s, "not a mask")
		}
		p.put32(nl.FRA_FWMASK, uint32(m))
	}
}

// between reads FROM-TO, or one number for both.
func (p *ruleParser) between(key string) {
	s := p.value(key)
	from, to, both := strings.Cut(s, "-")
	if !both {
		to = from
	}
	bits := 16
	if key == "uidrange" {
		bits = 32
	}
	a, err := strconv.ParseUint(from, 10, bits)
	b, berr := strconv.ParseUint(to, 10, bits)
	if err != nil || berr != nil || a > b {
		p.fail(key, s, "not a range")
		return
	}
	e := binary.NativeEndian
	var v []byte
	if bits == 16 {
		v = e.AppendUint16(e.AppendUint16(nil, uint16(a)), uint16(b))
	} else {
		v = e.AppendUint32(e.AppendUint32(nil, uint32(a)), uint32(b))
	}
	p.add(rangeAttrs[key], v)
}
