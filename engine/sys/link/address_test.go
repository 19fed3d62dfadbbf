// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// reference builds the same message with the netlink library.
func reference(kind, flags int, seq uint32, a Address, attrs ...*nl.RtAttr) []byte {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Seq = seq
	family := unix.AF_INET
	if a.Prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	msg := nl.NewIfAddrmsg(family)
	msg.Index, msg.Scope, msg.Flags = uint32(a.IfIndex), a.Scope, uint8(a.Flags)
	msg.Prefixlen = uint8(a.Prefix.Bits())
	if a.Peer.IsValid() {
		msg.Prefixlen = uint8(a.Peer.Bits())
	}
	req.AddData(msg)
	for _, attr := range attrs {
		req.AddData(attr)
	}
	return req.Serialize()
}

func TestAddressMessages(t *testing.T) {
	ip := func(s string) []byte { return netip.MustParseAddr(s).AsSlice() }
	proto := nl.NewRtAttr(ifaProto, []byte{Protocol})
	lifetimes := binary.NativeEndian.AppendUint32(nil, 30)
	lifetimes = binary.NativeEndian.AppendUint32(lifetimes, Forever)
	lifetimes = append(lifetimes, make([]byte, 8)...)
	for _, tt := range []struct {
		name string
		kind int
		addr Address
		want []*nl.RtAttr
	}{
		{
			"plain", unix.RTM_NEWADDR,
			Address{IfIndex: 7, Prefix: netip.MustParsePrefix("192.0.2.1/24"), PreferredLft: Forever},
			[]*nl.RtAttr{nl.NewRtAttr(unix.IFA_LOCAL, ip("192.0.2.1")), nl.NewRtAttr(unix.IFA_ADDRESS, ip("192.0.2.1")), proto},
		},
		{
			"every option", unix.RTM_NEWADDR,
			Address{
				IfIndex: 7, Prefix: netip.MustParsePrefix("192.0.2.1/32"), Peer: netip.MustParsePrefix("192.0.2.9/30"),
				Broadcast: netip.MustParseAddr("192.0.2.255"), Label: "eth0:1", Scope: 253,
				Flags: unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE, PreferredLft: 30,
			},
			[]*nl.RtAttr{
				nl.NewRtAttr(unix.IFA_LOCAL, ip("192.0.2.1")), nl.NewRtAttr(unix.IFA_ADDRESS, ip("192.0.2.9")),
				nl.NewRtAttr(unix.IFA_BROADCAST, ip("192.0.2.255")), nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated("eth0:1")),
				nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)),
				nl.NewRtAttr(unix.IFA_CACHEINFO, lifetimes), proto,
			},
		},
		{
			"IPv6", unix.RTM_NEWADDR,
			Address{IfIndex: 7, Prefix: netip.MustParsePrefix("2001:db8::1/64"), Flags: unix.IFA_F_NODAD, PreferredLft: Forever},
			[]*nl.RtAttr{nl.NewRtAttr(unix.IFA_LOCAL, ip("2001:db8::1")), nl.NewRtAttr(unix.IFA_ADDRESS, ip("2001:db8::1")), proto},
		},
		{
			"removal names the address and nothing else", unix.RTM_DELADDR,
			Address{IfIndex: 7, Prefix: netip.MustParsePrefix("192.0.2.1/24"), Broadcast: netip.MustParseAddr("192.0.2.255"), PreferredLft: 30},
			[]*nl.RtAttr{nl.NewRtAttr(unix.IFA_LOCAL, ip("192.0.2.1")), nl.NewRtAttr(unix.IFA_ADDRESS, ip("192.0.2.1"))},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const flags = unix.NLM_F_REQUEST | unix.NLM_F_ACK
			got := appendAddress(nil, uint16(tt.kind), flags, 42, tt.addr)
			if want := reference(tt.kind, flags, 42, tt.addr, tt.want...); !bytes.Equal(got, want) {
				t.Errorf("got\n%x\nwant\n%x", got, want)
			}
		})
	}
}

// What is written can be read: the message of an addition is also how the
// kernel tells of an address.
func TestAssignedIsRead(t *testing.T) {
	for _, p := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
		want := Assigned{IfIndex: 3, Prefix: netip.MustParsePrefix(p), Tentative: true, Duplicate: true, Secondary: true, Protocol: Protocol}
		b := appendAddress(nil, unix.RTM_NEWADDR, 0, 1, Address{
			IfIndex: 3, Prefix: want.Prefix, PreferredLft: Forever,
			Flags: unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_SECONDARY,
		})
		got, ok := parseAssigned(b[unix.SizeofNlMsghdr:])
		if !ok || got != want {
			t.Errorf("got %+v, %v", got, ok)
		}
	}
}

func linkNews(kind uint16, index int, flags uint32, attrs ...*nl.RtAttr) message {
	req := nl.NewNetlinkRequest(int(kind), 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Type, msg.Index, msg.Flags = unix.ARPHRD_ETHER, int32(index), flags
	req.AddData(msg)
	for _, a := range attrs {
		req.AddData(a)
	}
	return message{kind: kind, body: req.Serialize()[unix.SizeofNlMsghdr:]}
}

func name(s string) *nl.RtAttr { return nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(s)) }

func TestMonitorTellsWhatChanged(t *testing.T) {
	m := &Monitor{links: map[int]Interface{}, addrs: map[addressKey]Assigned{}}
	const up = unix.IFF_UP | unix.IFF_RUNNING
	hw := nl.NewRtAttr(unix.IFLA_ADDRESS, net.HardwareAddr{2, 0, 0, 0, 0, 1})
	eth0 := Interface{Index: 2, Name: "eth0", Up: true, MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 0, 1}, Ethernet: true}
	mtu := nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(1500))

	got := m.news(nil, linkNews(unix.RTM_NEWLINK, 2, up, name("eth0"), mtu, hw))
	if len(got) != 1 || *got[0].Interface != eth0 || !got[0].Present {
		t.Fatalf("a new interface: %+v", got)
	}
	if got := m.news(nil, linkNews(unix.RTM_NEWLINK, 2, up, name("eth0"), mtu, hw)); len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
	for _, flags := range []uint32{unix.IFF_UP, unix.IFF_RUNNING} {
		got = m.news(nil, linkNews(unix.RTM_NEWLINK, 2, flags, name("eth0"), mtu, hw))
		if got = append(got, m.news(nil, linkNews(unix.RTM_NEWLINK, 2, up, name("eth0"), mtu, hw))...); len(got) != 2 ||
			got[0].Interface.Up || !got[1].Interface.Up {
			t.Errorf("flags %#x: %+v", flags, got)
		}
	}
	got = m.news(nil, linkNews(unix.RTM_NEWLINK, 2, up, name("lan0"), mtu, hw))
	if len(got) != 2 || got[0].Present || got[0].Interface.Name != "eth0" || !got[1].Present || got[1].Interface.Name != "lan0" {
		t.Errorf("a new name: %+v", got)
	}
	address := appendAddress(nil, unix.RTM_NEWADDR, 0, 1, Address{IfIndex: 2, Prefix: netip.MustParsePrefix("192.0.2.1/24"), PreferredLft: Forever})
	if got = m.news(nil, message{kind: unix.RTM_NEWADDR, body: address[16:]}); len(got) != 1 || got[0].Address == nil || !got[0].Present {
		t.Errorf("a new address: %+v", got)
	}
	got = m.news(nil, linkNews(unix.RTM_DELLINK, 2, 0, name("lan0")))
	if len(got) != 2 || got[0].Address == nil || got[0].Present || got[1].Interface == nil || got[1].Present || got[1].Interface.Up {
		t.Errorf("an interface that vanished: %+v", got)
	}
	if got = m.news(nil, linkNews(unix.RTM_DELLINK, 2, 0, name("lan0"))); len(got) != 0 {
		t.Errorf("vanished twice: %+v", got)
	}
}

func TestBrokenMessagesAreRefused(t *testing.T) {
	whole := appendAddress(nil, unix.RTM_NEWADDR, 0, 1, Address{IfIndex: 3, Prefix: netip.MustParsePrefix("192.0.2.1/24")})
	for n := range whole {
		parseAssigned(whole[:n])
		parseInterface(whole[:n])
		err := eachMessage(whole[:n], func(message) error { return nil })
		if n >= unix.SizeofNlMsghdr && err == nil {
			t.Errorf("%d of %d bytes pass for a message", n, len(whole))
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(appendAddress(nil, unix.RTM_NEWADDR, 0, 1, Address{IfIndex: 3, Prefix: netip.MustParsePrefix("192.0.2.1/24")}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		m := &Monitor{links: map[int]Interface{}, addrs: map[addressKey]Assigned{}}
		eachMessage(b, func(msg message) error {
			m.news(nil, msg)
			return nil
		})
	})
}

func BenchmarkAppendAddress(b *testing.B) {
	a := Address{IfIndex: 7, Prefix: netip.MustParsePrefix("192.0.2.1/24"), PreferredLft: Forever}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendAddress(buf[:0], unix.RTM_NEWADDR, 0, 1, a)
	}
}
