// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Interface is the present condition of a network interface.
type Interface struct {
	Index int
	Name  string
	// Up means administratively up and running.
	Up  bool
	MTU int
	// MAC is the hardware address, Ethernet whether it is one of Ethernet.
	MAC      [6]byte
	Ethernet bool
	// Group is the interface group.
	Group uint32
}

// Assigned is an address that an interface has.
type Assigned struct {
	IfIndex                         int
	Prefix                          netip.Prefix
	Tentative, Duplicate, Secondary bool
	// Protocol is who added it (IFA_PROTO); 0 if the kernel does not say.
	Protocol uint8
}

// Change is one piece of news: exactly one of the two is set. Present is false
// for what is gone.
type Change struct {
	Interface *Interface
	Address   *Assigned
	Present   bool
}

type addressKey struct {
	ifindex int
	prefix  netip.Prefix
}

// Monitor follows interfaces and addresses. It remembers what it has told, so
// that news which the kernel dropped are made up for by comparison.
type Monitor struct {
	file   *os.File
	dump   int // a second socket, for dumps
	seq    uint32
	links  map[int]Interface
	addrs  map[addressKey]Assigned
	buf    []byte
	closed atomic.Bool
	// Resyncs counts how often news were lost and made up for.
	Resyncs int
}

// Watch opens a Monitor in the network namespace of the calling thread and
// returns what there is.
func Watch() (*Monitor, []Change, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, fmt.Errorf("open netlink socket: %w", err)
	}
	m := &Monitor{
		file: os.NewFile(uintptr(fd), "rtnetlink"), dump: -1, buf: make([]byte, 64<<10),
		links: map[int]Interface{}, addrs: map[addressKey]Assigned{},
	}
	groups := uint32(1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1))
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	if err == nil && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20) // without CAP_NET_ADMIN the system's limit applies
	}
	if err == nil {
		m.dump, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	}
	var now []Change
	if err == nil {
		now, err = m.compare()
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("follow interfaces: %w", err), m.Close())
	}
	return m, now, nil
}

// Drain appends the news that have come since the last call, without waiting.
func (m *Monitor) Drain(into []Change) ([]Change, error) {
	conn, err := m.file.SyscallConn()
	if err != nil {
		return into, err
	}
	var derr error
	if err := conn.Control(func(fd uintptr) { into, derr = m.drain(int(fd), into) }); err != nil {
		return into, err
	}
	return into, derr
}

// Wait blocks until there may be news and calls each, again and again, until
// Close; it then returns os.ErrClosed. each is to call Drain.
func (m *Monitor) Wait(each func() error) error { return wait(m.file, &m.closed, each) }

func wait(file *os.File, closed *atomic.Bool, each func() error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var eerr error
	err = conn.Read(func(uintptr) bool {
		eerr = each()
		return eerr != nil
	})
	if closed.Load() {
		return os.ErrClosed
	}
	return errors.Join(err, eerr)
}

func (m *Monitor) drain(fd int, into []Change) ([]Change, error) {
	lost := false
	for {
		n, _, err := unix.Recvfrom(fd, m.buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			// The kernel dropped news. What is still queued is older than those,
			// so it is taken before a comparison makes up for them.
			lost = true
			m.Resyncs++
		case errors.Is(err, unix.EAGAIN):
			if !lost {
				return into, nil
			}
			lost = false
			more, err := m.compare()
			if err != nil {
				return into, err
			}
			into = append(into, more...)
		case err != nil:
			return into, fmt.Errorf("read news of interfaces: %w", err)
		default:
			err := eachMessage(m.buf[:n], func(msg message) error {
				into = m.news(into, msg)
				return nil
			})
			if err != nil {
				return into, err
			}
		}
	}
}

// news appends what a message changes.
func (m *Monitor) news(out []Change, msg message) []Change {
	switch msg.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, ok := parseInterface(msg.body)
		if !ok {
			return out
		}
		if msg.kind == unix.RTM_DELLINK {
			return m.dropLink(out, l.Index)
		}
		return m.setLink(out, l)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		a, ok := parseAssigned(msg.body)
		if !ok {
			return out
		}
		if msg.kind == unix.RTM_DELADDR {
			return m.dropAddr(out, addressKey{a.IfIndex, a.Prefix})
		}
		return m.setAddr(out, a)
	}
	return out
}

func (m *Monitor) setLink(out []Change, l Interface) []Change {
	old, known := m.links[l.Index]
	if known && old == l {
		return out
	}
	renamed := known && old.Name != l.Name
	if renamed {
		gone := old
		out = append(out, Change{Interface: &gone}) // the old name is an interface that vanished
	}
	m.links[l.Index] = l
	out = append(out, Change{Interface: &l, Present: true})
	if renamed {
		// The new name is an interface that appeared, addresses and all; the
		// kernel says nothing about them.
		out = m.retell(out, l.Index)
	}
	return out
}

// retell appends all addresses of an interface.
func (m *Monitor) retell(out []Change, index int) []Change {
	from := len(out)
	for k, a := range m.addrs {
		if k.ifindex == index {
			out = append(out, Change{Address: &a, Present: true})
		}
	}
	slices.SortFunc(out[from:], func(a, b Change) int {
		if a.Address.Secondary != b.Address.Secondary { // the first of a network comes first
			if a.Address.Secondary {
				return 1
			}
			return -1
		}
		return a.Address.Prefix.Addr().Compare(b.Address.Prefix.Addr())
	})
	return out
}

func (m *Monitor) dropLink(out []Change, index int) []Change {
	l, known := m.links[index]
	if !known {
		return out
	}
	delete(m.links, index)
	for k := range m.addrs {
		if k.ifindex == index {
			out = m.dropAddr(out, k)
		}
	}
	l.Up = false
	return append(out, Change{Interface: &l})
}

func (m *Monitor) setAddr(out []Change, a Assigned) []Change {
	k := addressKey{a.IfIndex, a.Prefix}
	if old, known := m.addrs[k]; known && old == a {
		return out
	}
	m.addrs[k] = a
	return append(out, Change{Address: &a, Present: true})
}

func (m *Monitor) dropAddr(out []Change, k addressKey) []Change {
	a, known := m.addrs[k]
	if !known {
		return out
	}
	delete(m.addrs, k)
	return append(out, Change{Address: &a})
}

// compare asks the kernel for everything and returns what differs from what
// was told before.
func (m *Monitor) compare() ([]Change, error) {
	var out []Change
	for range 10 {
		links, addrs := map[int]bool{}, map[addressKey]bool{}
		whole, err := m.ask(unix.RTM_GETLINK, func(msg message) {
			if l, ok := parseInterface(msg.body); ok && msg.kind == unix.RTM_NEWLINK {
				links[l.Index] = true
				out = m.setLink(out, l)
			}
		})
		if err != nil {
			return nil, err
		}
		wholeAddrs, err := m.ask(unix.RTM_GETADDR, func(msg message) {
			if a, ok := parseAssigned(msg.body); ok && msg.kind == unix.RTM_NEWADDR {
				addrs[addressKey{a.IfIndex, a.Prefix}] = true
				out = m.setAddr(out, a)
			}
		})
		if err != nil {
			return nil, err
		}
		if !whole || !wholeAddrs {
			continue // the table changed meanwhile: something may have been left out
		}
		for k := range m.addrs {
			if !addrs[k] {
				out = m.dropAddr(out, k)
			}
		}
		for index := range m.links {
			if !links[index] {
				out = m.dropLink(out, index)
			}
		}
		return out, nil
	}
	return nil, errors.New("the kernel's tables changed during each of 10 dumps")
}

// ask dumps one table. whole is false if it changed meanwhile.
func (m *Monitor) ask(kind uint16, each func(message)) (whole bool, err error) {
	return m.askFor(kind, make([]byte, unix.SizeofIfInfomsg), each) // all families, all interfaces
}

// askFor dumps the part of a table that head stands for.
func (m *Monitor) askFor(kind uint16, head []byte, each func(message)) (whole bool, err error) {
	m.seq++
	e := binary.NativeEndian
	req := e.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(head)))
	req = e.AppendUint16(req, kind)
	req = e.AppendUint16(req, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	req = e.AppendUint32(req, m.seq)
	req = append(e.AppendUint32(req, 0), head...)
	if err := unix.Sendto(m.dump, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, fmt.Errorf("ask for a dump: %w", err)
	}
	whole = true
	for done := false; !done; {
		n, _, err := unix.Recvfrom(m.dump, m.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read a dump: %w", err)
		}
		err = eachMessage(m.buf[:n], func(msg message) error {
			if msg.seq != m.seq {
				return nil
			}
			if msg.flags&unix.NLM_F_DUMP_INTR != 0 {
				whole = false
			}
			switch {
			case msg.kind == unix.NLMSG_DONE:
				done = true
			case msg.kind == unix.NLMSG_ERROR && len(msg.body) >= 4:
				return fmt.Errorf("dump: %w", unix.Errno(-int32(e.Uint32(msg.body))))
			default:
				each(msg)
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	return whole, nil
}

// Close ends Wait.
func (m *Monitor) Close() error {
	m.closed.Store(true)
	err := m.file.Close()
	if m.dump >= 0 {
		err = errors.Join(err, unix.Close(m.dump))
		m.dump = -1
	}
	return err
}

func parseInterface(b []byte) (l Interface, ok bool) {
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC { // a bridge tells of its ports in another family
		return l, false
	}
	e := binary.NativeEndian
	hardware := e.Uint16(b[2:])
	l.Index = int(int32(e.Uint32(b[4:])))
	const both = unix.IFF_UP | unix.IFF_RUNNING
	l.Up = e.Uint32(b[8:])&both == both
	eachAttr(b[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) {
		switch {
		case kind == unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(v)
		case kind == unix.IFLA_MTU && len(v) >= 4:
			l.MTU = int(e.Uint32(v))
		case kind == unix.IFLA_GROUP && len(v) >= 4:
			l.Group = e.Uint32(v)
		case kind == unix.IFLA_ADDRESS && len(v) == 6:
			copy(l.MAC[:], v)
			l.Ethernet = hardware == unix.ARPHRD_ETHER
		}
	})
	return l, l.Name != ""
}

func parseAssigned(b []byte) (a Assigned, ok bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return a, false
	}
	e := binary.NativeEndian
	bits, flags := int(b[1]), uint32(b[2])
	a.IfIndex = int(e.Uint32(b[4:]))
	var local, address netip.Addr
	eachAttr(b[unix.SizeofIfAddrmsg:], func(kind uint16, v []byte) {
		switch {
		case kind == unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(v)
		case kind == unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(v)
		case kind == unix.IFA_FLAGS && len(v) >= 4:
			flags = e.Uint32(v)
		case kind == ifaProto && len(v) == 1:
			a.Protocol = v[0]
		}
	})
	if !local.IsValid() {
		local = address // IPv6 has IFA_LOCAL only for point-to-point addresses
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	a.Tentative = flags&unix.IFA_F_TENTATIVE != 0
	a.Duplicate = flags&unix.IFA_F_DADFAILED != 0
	a.Secondary = flags&unix.IFA_F_SECONDARY != 0
	return a, a.Prefix.IsValid()
}
