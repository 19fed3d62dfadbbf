// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package fw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tables is an nftables that only knows which sets of which table hold what,
// and how many rules there are. A transaction takes effect as a whole.
type tables struct {
	t     *testing.T
	now   map[string]bool
	fail  error
	count int
}

func newFilter(t *testing.T) (*Filter, *tables) {
	f, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	n := &tables{t: t, now: map[string]bool{}}
	if f.fd >= 0 {
		if err := unix.Close(f.fd); err != nil {
			t.Fatal(err)
		}
	}
	f.fd = 1 << 20 // not the kernel's
	f.commit = n.commit
	return f, n
}

// attrs splits a list of attributes.
func attrs(b []byte) map[uint16][][]byte {
	out := map[uint16][][]byte{}
	e := binary.NativeEndian
	for len(b) >= 4 {
		n := int(e.Uint16(b))
		k := e.Uint16(b[2:]) &^ unix.NLA_F_NESTED
		out[k] = append(out[k], b[4:n])
		b = b[min((n+3)&^3, len(b)):]
	}
	return out
}

func text(list [][]byte) string {
	if len(list) == 0 {
		return ""
	}
	return unix.ByteSliceToString(list[0])
}

func (n *tables) commit(b *batch) error {
	n.count++
	if n.fail != nil {
		return n.fail
	}
	out, first, last := b.finish(1)
	if last-first != uint32(len(b.messages)-2) {
		n.t.Errorf("%d messages are numbered %d to %d", len(b.messages), first, last)
	}
	next := map[string]bool{}
	for k := range n.now {
		next[k] = true
	}
	for len(out) > 0 {
		size := int(binary.NativeEndian.Uint32(out))
		kind, family, a := binary.NativeEndian.Uint16(out[4:]), out[16], attrs(out[20:size])
		name := fmt.Sprintf("ip%d %s", map[byte]int{unix.NFPROTO_IPV4: 4, unix.NFPROTO_IPV6: 6}[family], text(a[1]))
		switch kind {
		case newTable:
			next[name] = true
		case delTable:
			if !next[name] {
				return unix.ENOENT
			}
			for k := range next {
				if k == name || strings.HasPrefix(k, name+" ") {
					delete(next, k)
				}
			}
		case newChain:
			next[name+" chain "+text(a[unix.NFTA_CHAIN_NAME])] = true
		case newRule:
			next[fmt.Sprintf("%s rule %s %x", name, text(a[unix.NFTA_RULE_CHAIN]), a[unix.NFTA_RULE_EXPRESSIONS][0])] = true
		case newSet:
			next[name+" set "+text(a[unix.NFTA_SET_NAME])] = true
		case newSetElem, delSetElem:
			set := name + " set " + text(a[unix.NFTA_SET_ELEM_LIST_SET])
			if !next[set] {
				return unix.ENOENT
			}
			for _, e := range attrs(a[unix.NFTA_SET_ELEM_LIST_ELEMENTS][0])[unix.NFTA_LIST_ELEM] {
				el := fmt.Sprintf("%s has %x", set, attrs(attrs(e)[unix.NFTA_SET_ELEM_KEY][0])[unix.NFTA_DATA_VALUE][0])
				if kind == delSetElem && !next[el] {
					return unix.ENOENT
				}
				if next[el] = true; kind == delSetElem {
					delete(next, el)
				}
			}
		}
		out = out[size:]
	}
	n.now = next
	return nil
}

// elements is what the sets of one name hold.
func (n *tables) elements(set string) (out []string) {
	for k := range n.now {
		if _, el, ok := strings.Cut(k, " "+set+" has "); ok {
			out = append(out, el)
		}
	}
	slices.Sort(out)
	return out
}

func (n *tables) want(set string, want ...string) {
	n.t.Helper()
	if got := n.elements(set); !slices.Equal(got, want) {
		n.t.Errorf("%s holds %q, want %q", set, got, want)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	four  = Blocked{Addr: netip.MustParseAddr("192.0.2.1")}
	other = Blocked{Addr: netip.MustParseAddr("192.0.2.2")}
	six   = Blocked{Addr: netip.MustParseAddr("2001:db8::1")}
	local = Blocked{netip.MustParseAddr("fe80::1"), 3}
)

func TestBlock(t *testing.T) {
	f, n := newFilter(t)
	do(t, f.Configure(Options{Priority: -1}))
	do(t, f.Block(1, []Blocked{four, other}))
	if n.now["ip6 vigild"] {
		t.Error("IPv4 addresses need no table for IPv6")
	}
	do(t, f.Block(2, []Blocked{four, six, local}))
	n.want(setAddrs, "20010db8000000000000000000000001", "c0000201", "c0000202")
	index := fmt.Sprintf("%x", binary.NativeEndian.AppendUint32(nil, 3))
	n.want(setLocal, "fe800000000000000000000000000001"+index)
	before := n.count
	do(t, f.Unblock(1, []Blocked{four}))
	if n.want(setAddrs, "20010db8000000000000000000000001", "c0000201", "c0000202"); n.count != before {
		t.Error("another still wants it dropped, so there was nothing to do")
	}
	do(t, f.Unblock(1, nil))
	do(t, f.Unblock(1, nil)) // nothing is left to end
	n.want(setAddrs, "20010db8000000000000000000000001", "c0000201")
	do(t, f.Unblock(2, nil))
	n.want(setAddrs)
	n.want(setLocal)
}

// TestBlockRefused: what the kernel refuses leaves nothing noted behind.
func TestBlockRefused(t *testing.T) {
	f, n := newFilter(t)
	n.fail = unix.EPERM
	if err := f.Block(1, []Blocked{four}); !errors.Is(err, unix.EPERM) {
		t.Errorf("error %v", err)
	}
	n.fail = nil
	do(t, f.Unblock(1, nil))
	do(t, f.Block(1, []Blocked{four}))
	n.want(setAddrs, "c0000201")
}

func TestRedirect(t *testing.T) {
	f, n := newFilter(t)
	a, b := VMAC{IfIndex: 5, Base: 2, IPv4: true}, VMAC{IfIndex: 6, Base: 2, IPv6: true}
	do(t, f.Redirect([]VMAC{a, b}))
	do(t, f.Redirect([]VMAC{b, a})) // the same
	hex := func(i uint32) string { return fmt.Sprintf("%x", binary.NativeEndian.AppendUint32(nil, i)) }
	n.want(mapBases, hex(5), hex(6))
	n.want(setVMACs, hex(6)) // routers are solicited with IPv6 alone
	if n.count != 1 {
		t.Errorf("%d transactions", n.count)
	}
	b.Base = 9
	do(t, f.Redirect([]VMAC{b}))
	n.want(mapBases, hex(6))
	do(t, f.Redirect(nil))
	n.want(mapBases)
	n.want(setVMACs)
}

// TestConfigure: a stale table goes, and tables made again hold what they held.
func TestConfigure(t *testing.T) {
	f, n := newFilter(t)
	n.now["ip4 vigild"], n.now["ip4 vigild set x"], n.now["ip4 theirs"] = true, true, true
	do(t, f.Configure(Options{}))
	if n.now["ip4 vigild"] || !n.now["ip4 theirs"] {
		t.Errorf("after the start there is %v", n.now)
	}
	do(t, f.Block(1, []Blocked{four, six}))
	do(t, f.Redirect([]VMAC{{IfIndex: 5, Base: 2, IPv4: true, IPv6: true}}))
	addresses, bases := n.elements(setAddrs), n.elements(mapBases)
	do(t, f.Configure(Options{Table: "mine", Counters: true}))
	if n.now["ip4 vigild"] || n.now["ip6 vigild"] || !n.now["ip4 mine"] || !n.now["ip6 mine"] {
		t.Errorf("after the change there is %v", n.now)
	}
	n.want(setAddrs, addresses...)
	n.want(mapBases, bases...)
	count := n.count
	do(t, f.Configure(Options{Table: "mine", Counters: true}))
	if n.count != count {
		t.Error("the same options cost a transaction")
	}
	do(t, f.Unblock(1, nil))
	n.want(setAddrs)
}

// TestNoNFTables: a kernel without it is told once it is needed.
func TestNoNFTables(t *testing.T) {
	f, _ := newFilter(t)
	f.fd = -1
	do(t, f.Configure(Options{}))
	do(t, f.Block(1, nil))
	if err := f.Block(1, []Blocked{four}); err == nil {
		t.Error("an address was blocked without nftables")
	}
	if err := f.Redirect([]VMAC{{IfIndex: 1, Base: 2, IPv4: true}}); err == nil {
		t.Error("reports were redirected without nftables")
	}
	do(t, f.Close())
}

func TestAnswer(t *testing.T) {
	e := binary.NativeEndian
	message := func(seq uint32, errno unix.Errno) []byte {
		b := e.AppendUint32(nil, 36)
		b = e.AppendUint16(b, unix.NLMSG_ERROR)
		b = e.AppendUint16(b, 0)
		b = e.AppendUint32(b, seq)
		b = e.AppendUint32(b, 0)
		b = e.AppendUint32(b, uint32(-int32(errno)))
		return append(b, make([]byte, 16)...)
	}
	if done, err := answer(message(7, 0), 3, 7); !done || err != nil {
		t.Errorf("the last acknowledgement: %v, %v", done, err)
	}
	if done, err := answer(message(2, unix.EPERM), 3, 7); done || err != nil {
		t.Errorf("an answer to something older: %v, %v", done, err)
	}
	if _, err := answer(append(message(4, unix.EBUSY), message(7, 0)...), 3, 7); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a refusal: %v", err)
	}
	if _, err := answer(e.AppendUint32(nil, 4), 3, 7); err != nil {
		t.Errorf("too little: %v", err)
	}
	if _, err := answer(append(e.AppendUint32(nil, 400), make([]byte, 30)...), 3, 7); err == nil {
		t.Error("a length beyond the datagram was taken")
	}
}
