// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// How the value of a word of an encapsulation is sent.
type encapValue uint8

const (
	encapID encapValue = iota // 64 bits, big endian
	encapAddress
	encapByte
	encapFlags // 16 bits
)

// encapWord is one word of an encapsulation: LWTUNNEL_IP_ or LWTUNNEL_IP6_.
type encapWord struct {
	kind  int
	value encapValue
}

var (
	encapIP = map[string]encapWord{
		"id": {1, encapID}, "dst": {2, encapAddress}, "src": {3, encapAddress}, "ttl": {4, encapByte}, "tos": {5, encapByte},
		"flags": {6, encapFlags},
	}
	encapIP6 = map[string]encapWord{
		"id": {1, encapID}, "dst": {2, encapAddress}, "src": {3, encapAddress}, "hoplimit": {4, encapByte}, "tc": {5, encapByte},
		"flags": {6, encapFlags},
	}
)

const (
	mplsDestination = 1 // MPLS_IPTUNNEL_DST
	ilaLocator      = 1 // ILA_ATTR_LOCATOR
	// labelsMost is how many labels the kernel takes (MAX_NEW_LABELS).
	labelsMost = 30
)

// encap reads what follows the word encap, and gives the kind of tunnel and its
// attributes.
func (w *words) encap() (string, []*nl.RtAttr) {
	kind := w.value("encap")
	inner := nl.NewRtAttr(unix.RTA_ENCAP, nil)
	var number uint16
	switch kind {
	case "ip":
		number = unix.LWTUNNEL_ENCAP_IP
		w.encapWords(encapIP, 4, inner)
	case "ip6":
		number = unix.LWTUNNEL_ENCAP_IP6
		w.encapWords(encapIP6, 16, inner)
	case "mpls":
		number = unix.LWTUNNEL_ENCAP_MPLS
		w.skip("labels")
		inner.AddRtAttr(mplsDestination, w.labels(w.value("encap mpls")))
	case "ila":
		number = unix.LWTUNNEL_ENCAP_ILA
		w.skip("locator")
		inner.AddRtAttr(ilaLocator, w.locator(w.value("encap ila")))
	default:
		w.fail("encap", kind, "ip, ip6, mpls or ila")
	}
	return kind, []*nl.RtAttr{nl.NewRtAttr(unix.RTA_ENCAP_TYPE, nl.Uint16Attr(number)), inner}
}

func (w *words) skip(word string) {
	if len(w.list) > 0 && w.list[0] == word {
		w.list = w.list[1:]
	}
}

// encapWords reads pairs of a word and its value, as long as there are any.
func (w *words) encapWords(known map[string]encapWord, length int, into *nl.RtAttr) {
	for len(w.list) > 0 && w.err == nil {
		key := w.list[0]
		k, ok := known[key]
		if !ok {
			return
		}
		w.list = w.list[1:]
		switch k.value {
		case encapID:
			into.AddRtAttr(k.kind, binary.BigEndian.AppendUint64(nil, uint64(w.number(key, 63))))
		case encapAddress:
			a := w.addr(key)
			if w.err == nil && len(a) != length {
				w.fail("encap "+key, a.String(), "of another family")
			}
			into.AddRtAttr(k.kind, a)
		case encapByte:
			into.AddRtAttr(k.kind, []byte{uint8(w.number(key, 8))})
		case encapFlags:
			into.AddRtAttr(k.kind, nl.Uint16Attr(uint16(w.number(key, 16))))
		}
	}
}

// labels encodes MPLS labels, written A/B/..., as a label stack (RFC 3032
// section 2.1).
func (w *words) labels(s string) (stack []byte) {
	parts := strings.Split(s, "/")
	if len(parts) > labelsMost {
		w.fail("encap mpls", s, "at most 30 labels")
		return nil
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 0, 20)
		if err != nil {
			w.fail("encap mpls", s, "not labels")
			return nil
		}
		entry := uint32(v) << 12
		if i == len(parts)-1 {
			entry |= 1 << 8 // bottom of stack
		}
		stack = binary.BigEndian.AppendUint32(stack, entry)
	}
	return stack
}

// locator encodes an ILA locator: 64 bits in four groups.
func (w *words) locator(s string) []byte {
	if strings.Count(s, ":") == 3 {
		if a, err := netip.ParseAddr(s + "::"); err == nil {
			return a.AsSlice()[:8]
		}
	}
	w.fail("encap ila", s, "not a locator")
	return nil
}

// encapsulate reads the encapsulation of the route.
func (p *routeParser) encapsulate() {
	kind, attrs := p.encap()
	p.tunnel = kind
	p.attrs = append(p.attrs, attrs...)
}

// viaAttr is the attribute of a gateway, which may be of another family than
// the route (RFC 5549).
func viaAttr(family uint8, gateway []byte) *nl.RtAttr {
	if want := familySize(family); len(gateway) == want || len(gateway) == 0 {
		return nl.NewRtAttr(unix.RTA_GATEWAY, gateway)
	}
	other := uint16(unix.AF_INET)
	if len(gateway) == 16 {
		other = unix.AF_INET6
	}
	return nl.NewRtAttr(unix.RTA_VIA, append(binary.NativeEndian.AppendUint16(nil, other), gateway...))
}

func familySize(family uint8) int {
	if family == unix.AF_INET6 {
		return 16
	}
	return 4
}

// either makes the two hops of a route with "via A or B".
func (p *routeParser) either() {
	first, second := nl.RtNexthop{}, nl.RtNexthop{}
	p.attrs = slices.DeleteFunc(p.attrs, func(a *nl.RtAttr) bool {
		switch a.Type {
		case unix.RTA_GATEWAY, unix.RTA_VIA:
			first.Children = append(first.Children, a)
		case unix.RTA_OIF:
			first.Ifindex = int32(nl.NativeEndian().Uint32(a.Data))
		default:
			return false
		}
		return true
	})
	second.Ifindex = first.Ifindex
	second.Children = append(second.Children, viaAttr(p.Family, p.or))
	p.hops = append(append(p.hops, first.Serialize()...), second.Serialize()...)
}
