// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Line is a route or rule as it is configured.
type Line struct {
	Rule   bool
	Family uint8
	Words  []string
}

// EntryChange says that the entry of the kernel that belongs to a Line appeared
// or vanished. Line is its place in what Want was given.
type EntryChange struct {
	Line    int
	Present bool
}

// Entries follows what happens to routes and rules that are configured and have
// our protocol, but not what its own process removes. The kernel says nothing
// about the IPv4 routes that go with an address or with an interface.
type Entries struct {
	file *os.File
	dump int // a second socket, for dumps
	own  uint32
	seq  uint32
	buf  []byte
	// lines are what is followed, index finds interfaces by name, and found
	// holds the lines by what their entries look like; nil before it is made.
	lines []Line
	names Names
	found map[place][]wanted
	there []bool
	// Resyncs counts how often news were lost and made up for.
	Resyncs int
	closed  atomic.Bool
}

// Names finds what lines name.
type Names struct {
	// Index is the index of an interface, VRF the table of one that is a VRF.
	Index func(name string) (int, error)
	VRF   func(name string) (uint32, error)
}

// place is where an entry is.
type place struct {
	rule   bool
	family uint8
	bits   uint8
	table  uint32
	to     [16]byte
}

// wanted is a line in the kernel's words.
type wanted struct {
	*route
	line int
}

// WatchEntries opens an Entries in the network namespace of the calling thread.
// own is the port of the Network whose removals are not told.
func WatchEntries(own uint32) (*Entries, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	e := &Entries{file: os.NewFile(uintptr(fd), "rtnetlink"), dump: -1, own: own, buf: make([]byte, 64<<10)}
	groups := uint32(1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) | 1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1))
	// The filter first: a router may have a million routes of others.
	err = filterOurs(fd)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	}
	if err == nil && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	}
	if err == nil {
		e.dump, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	}
	if err == nil {
		// Linux 4.20: a dump of one protocol alone. Without it the others are read and passed over.
		_ = unix.SetsockoptInt(e.dump, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
		return e, nil
	}
	return nil, errors.Join(fmt.Errorf("follow routes: %w", err), e.Close())
}

// Offsets in a message: its type, and of one about a route the protocol.
const (
	typeOffset     = 4
	protocolOffset = unix.SizeofNlMsghdr + 5
)

// filterOurs lets through the messages about rules, and about routes of our protocol.
func filterOurs(fd int) error {
	const (
		load16  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		load8   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		ifEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		give    = unix.BPF_RET | unix.BPF_K
	)
	// A load is in the order of the network, the message in that of the host.
	kind := func(k uint16) uint32 {
		return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, k)))
	}
	filter := []unix.SockFilter{
		{Code: load16, K: typeOffset},
		{Code: ifEqual, K: kind(unix.RTM_NEWRULE), Jt: 3},
		{Code: ifEqual, K: kind(unix.RTM_DELRULE), Jt: 2},
		{Code: load8, K: protocolOffset},
		{Code: ifEqual, K: Protocol, Jf: 1},
		{Code: give, K: 1 << 18},
		{Code: give, K: 0},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// Want follows these lines from now on, and no others. Lines that cannot be
// read, or whose interface does not exist, are followed once Renew was called
// and they can.
func (e *Entries) Want(lines []Line, names Names) {
	e.lines, e.names, e.found, e.there = lines, names, nil, make([]bool, len(lines))
}

// Renew says that the interfaces have changed.
func (e *Entries) Renew() { e.found = nil }

// Drain appends the news that have come since the last call, without waiting.
func (e *Entries) Drain(into []EntryChange) ([]EntryChange, error) {
	conn, err := e.file.SyscallConn()
	if err != nil {
		return into, err
	}
	var derr error
	if err := conn.Control(func(fd uintptr) { into, derr = e.drain(int(fd), into) }); err != nil {
		return into, err
	}
	return into, derr
}

// Wait is that of Monitor.
func (e *Entries) Wait(each func() error) error { return wait(e.file, &e.closed, each) }

func (e *Entries) drain(fd int, into []EntryChange) ([]EntryChange, error) {
	lost := false
	for {
		n, _, err := unix.Recvfrom(fd, e.buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			lost = true
			e.Resyncs++
		case errors.Is(err, unix.EAGAIN):
			if !lost {
				return into, nil
			}
			lost = false
			if into, err = e.compare(into); err != nil {
				return into, err
			}
		case err != nil:
			return into, fmt.Errorf("read news of routes: %w", err)
		default:
			if err := eachMessage(e.buf[:n], func(m message) error {
				into = e.news(into, m)
				return nil
			}); err != nil {
				return into, err
			}
		}
	}
}

// news appends what a message changes.
func (e *Entries) news(out []EntryChange, m message) []EntryChange {
	gone := m.kind == unix.RTM_DELROUTE || m.kind == unix.RTM_DELRULE
	for _, line := range e.linesOf(m) {
		e.there[line] = !gone
		if !gone || m.port != e.own {
			out = append(out, EntryChange{line, !gone})
		}
	}
	return out
}

// linesOf finds the lines that an entry belongs to: those of two instances may
// be the same.
func (e *Entries) linesOf(m message) (out []int) {
	rule := m.kind == unix.RTM_NEWRULE || m.kind == unix.RTM_DELRULE
	x, ok := parseEntry(m.body)
	if !ok || !rule && x.protocol != Protocol { // before Linux 4.20 a dump has the others too
		return nil
	}
	if e.found == nil {
		e.find()
	}
	for _, w := range e.found[x.place(rule)] {
		if w.is(&x, rule) {
			out = append(out, w.line)
		}
	}
	return out
}

// find reads the lines.
func (e *Entries) find() {
	e.found = map[place][]wanted{}
	for i, l := range e.lines {
		var r *route
		var err error
		if l.Rule {
			r, err = parseRule(l.Words, l.Family)
		} else {
			r, err = parseRoute(l.Words, l.Family, e.names)
		}
		if err != nil {
			continue // there is no such entry, then
		}
		x := r.entry()
		at := x.place(l.Rule)
		e.found[at] = append(e.found[at], wanted{r, i})
	}
}

// compare makes up for news that the kernel dropped. Whoever removed what is
// missing cannot be told.
func (e *Entries) compare(into []EntryChange) ([]EntryChange, error) {
	there := make([]bool, len(e.lines))
	m := &Monitor{dump: e.dump, seq: e.seq, buf: e.buf}
	defer func() { e.seq = m.seq }()
	for _, kind := range []uint16{unix.RTM_GETROUTE, unix.RTM_GETRULE} {
		for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
			head := [12]byte{family}
			if kind == unix.RTM_GETROUTE {
				head[5] = Protocol
			}
			// A table that changed meanwhile says so in news that are still to come.
			if _, err := m.askFor(kind, head[:], func(m message) {
				for _, line := range e.linesOf(m) {
					there[line] = true
				}
			}); err != nil {
				return into, err
			}
		}
	}
	for line := range there {
		if there[line] != e.there[line] {
			into = append(into, EntryChange{line, there[line]})
		}
	}
	e.there = there
	return into, nil
}

// Close ends Wait.
func (e *Entries) Close() error {
	e.closed.Store(true)
	err := e.file.Close()
	if e.dump >= 0 {
		err = errors.Join(err, unix.Close(e.dump))
		e.dump = -1
	}
	return err
}

// entry is a route or rule as the kernel tells of it. The heads of both are
// alike; the action of a rule is where the type of a route is.
type entry struct {
	family, to, from, tos, protocol, kind uint8
	flags                                 uint32
	table                                 uint32
	attrs                                 map[uint16][]byte
}

func parseEntry(b []byte) (x entry, ok bool) {
	if len(b) < unix.SizeofRtMsg {
		return x, false
	}
	x = entry{
		family: b[0], to: b[1], from: b[2], tos: b[3], table: uint32(b[4]), protocol: b[5], kind: b[7],
		flags: binary.NativeEndian.Uint32(b[8:]), attrs: map[uint16][]byte{},
	}
	eachAttr(b[unix.SizeofRtMsg:], func(kind uint16, v []byte) { x.attrs[kind] = v })
	x.wide()
	return x, true
}

// entry is how the kernel will tell of a route.
func (r *route) entry() entry {
	x := entry{
		family: r.Family, to: r.Dst_len, from: r.Src_len, tos: r.Tos, table: uint32(r.Table), kind: r.Type, flags: r.Flags,
		attrs: map[uint16][]byte{},
	}
	for _, a := range r.attrs {
		x.attrs[a.Type&^unix.NLA_F_NESTED] = a.Data
	}
	x.wide()
	return x
}

// wide takes the table from its attribute, where it does not fit into the head.
func (x *entry) wide() {
	if v := x.attrs[unix.RTA_TABLE]; len(v) == 4 {
		x.table = binary.NativeEndian.Uint32(v)
	}
}

func (x *entry) place(rule bool) (p place) {
	p = place{rule: rule, family: x.family, bits: x.to, table: x.table}
	copy(p.to[:], x.attrs[unix.RTA_DST])
	return p
}

// What tells entries of one place apart. The numbers of the attributes of rules
// (FRA_*) are others than those of routes (RTA_*).
var (
	routeMarks = []uint16{unix.RTA_SRC, unix.RTA_OIF, unix.RTA_GATEWAY, unix.RTA_VIA, unix.RTA_PRIORITY}
	ruleMarks  = []uint16{
		2, 3, 4, 6, 10, 11, 12, 16, 17, 19, 20, 22, 23, 24, // SRC IIFNAME GOTO PRIORITY FWMARK FLOW TUN_ID FWMASK OIFNAME L3MDEV UID_RANGE IP_PROTO SPORT DPORT
		21, // PROTOCOL
	}
)

const fraFwMask = 16

// is says whether an entry of the right place is that of the line.
func (r *route) is(x *entry, rule bool) bool {
	w := r.entry()
	marks := routeMarks
	if rule {
		marks = ruleMarks
	}
	if w.from != x.from || w.tos != x.tos || w.kind != x.kind || rule && (w.flags^x.flags)&fibInvert != 0 {
		return false
	}
	_, hops := w.attrs[unix.RTA_MULTIPATH]
	for _, kind := range marks {
		a, b := trim(w.attrs[kind]), trim(x.attrs[kind])
		switch {
		case slices.Equal(a, b):
		case !rule && kind == unix.RTA_OIF && a == nil: // the kernel found it
		case !rule && hops && kind != unix.RTA_PRIORITY: // IPv6 tells of each hop
		case !rule && kind == unix.RTA_PRIORITY && a == nil && w.family == unix.AF_INET6 && binary.NativeEndian.Uint32(b) == defaultMetric6:
		case rule && kind == fraFwMask && a == nil: // all of the mark
		default:
			return false
		}
	}
	return true
}

// defaultMetric6 is that of an IPv6 route without one.
const defaultMetric6 = 1024

// trim is nil for a value of zeros, which the kernel does not tell.
func trim(b []byte) []byte {
	if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return nil
	}
	return b
}
