// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Protocol is the number by which the kernel's tables name us as the owner of
// an address, route or rule (RTPROT_KEEPALIVED).
const Protocol = 18

// Forever is an infinite lifetime.
const Forever = ^uint32(0)

// Address is one address of an interface.
type Address struct {
	IfIndex int
	// Prefix is the address and the length of its network.
	Prefix netip.Prefix
	// Peer is the far end of a point-to-point address, else zero.
	Peer      netip.Prefix
	Broadcast netip.Addr
	Label     string
	// Scope is an RT_SCOPE number.
	Scope uint8
	// Flags are IFA_F_ flags.
	Flags uint32
	// PreferredLft is in seconds; Forever is infinite.
	PreferredLft uint32
}

// Failure is one entry of a batch that the kernel refused.
type Failure struct {
	Index int
	Err   error
}

const (
	ifaProto = 11 // IFA_PROTO, since Linux 5.18; older kernels ignore it
	// answerTime bounds the wait for an answer that the kernel gives at once.
	answerTime = 10 * time.Second
	// batchMost is how many messages go into one system call: their errors must
	// fit into the receive buffer.
	batchMost = 128
)

// appendAddress appends one RTM_NEWADDR or RTM_DELADDR message.
func appendAddress(b []byte, kind, flags uint16, seq uint32, a Address) []byte {
	start := len(b)
	e := binary.NativeEndian
	b = e.AppendUint32(b, 0) // length, below
	b = e.AppendUint16(b, kind)
	b = e.AppendUint16(b, flags)
	b = e.AppendUint32(b, seq)
	b = e.AppendUint32(b, 0) // the kernel knows who we are
	family, bits := byte(unix.AF_INET), a.Prefix.Bits()
	if a.Prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	if a.Peer.IsValid() {
		bits = a.Peer.Bits()
	}
	b = append(b, family, byte(bits), byte(a.Flags), a.Scope)
	b = e.AppendUint32(b, uint32(a.IfIndex))
	local, far := a.Prefix.Addr(), a.Prefix.Addr()
	if a.Peer.IsValid() {
		far = a.Peer.Addr()
	}
	b = appendAttr(b, unix.IFA_LOCAL, local.AsSlice())
	b = appendAttr(b, unix.IFA_ADDRESS, far.AsSlice())
	if kind == unix.RTM_NEWADDR {
		b = appendNew(b, a)
	} else if a.Label != "" {
		b = appendAttr(b, unix.IFA_LABEL, append([]byte(a.Label), 0))
	}
	e.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendNew appends the attributes that only an addition has.
func appendNew(b []byte, a Address) []byte {
	e := binary.NativeEndian
	if a.Broadcast.IsValid() {
		b = appendAttr(b, unix.IFA_BROADCAST, a.Broadcast.AsSlice())
	}
	if a.Label != "" {
		b = appendAttr(b, unix.IFA_LABEL, append([]byte(a.Label), 0))
	}
	if a.Flags > 0xff {
		b = appendAttr(b, unix.IFA_FLAGS, e.AppendUint32(nil, a.Flags))
	}
	if a.PreferredLft != Forever {
		var info []byte
		for _, v := range [4]uint32{a.PreferredLft, Forever, 0, 0} { // preferred, valid, created, updated
			info = e.AppendUint32(info, v)
		}
		b = appendAttr(b, unix.IFA_CACHEINFO, info)
	}
	return appendAttr(b, ifaProto, []byte{Protocol})
}

func appendAttr(b []byte, kind uint16, v []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(v)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// Addresses changes addresses in batches. It belongs to one goroutine.
type Addresses struct {
	fd   int
	seq  uint32
	out  []byte
	in   []byte
	fail []Failure
	same int
}

// OpenAddresses opens an Addresses in the network namespace of the calling
// thread.
func OpenAddresses() (*Addresses, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	tv := unix.NsecToTimeval(int64(answerTime))
	if err := errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		// An error without the message it is about: many fit into the buffer.
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
	); err != nil {
		return nil, errors.Join(fmt.Errorf("set up netlink socket: %w", err), unix.Close(fd))
	}
	return &Addresses{fd: fd, in: make([]byte, 32<<10)}, nil
}

// Add adds addresses, in order. One that is there already is no failure. same
// is how many needed no change. The failures are valid until the next call;
// err means that the outcome of the rest is unknown.
func (c *Addresses) Add(list []Address) (same int, failed []Failure, err error) {
	return c.run(unix.RTM_NEWADDR, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL, unix.EEXIST, list)
}

// Delete removes addresses, in order. One that is gone already, or whose
// interface is, is no failure. The results are those of Add.
func (c *Addresses) Delete(list []Address) (same int, failed []Failure, err error) {
	return c.run(unix.RTM_DELADDR, unix.NLM_F_REQUEST, unix.EADDRNOTAVAIL, list)
}

func (c *Addresses) run(kind, flags uint16, fine unix.Errno, list []Address) (int, []Failure, error) {
	c.fail, c.same = c.fail[:0], 0
	for from := 0; from < len(list); from += batchMost {
		part := list[from:min(from+batchMost, len(list))]
		if err := c.batch(kind, flags, fine, part, from); err != nil {
			return c.same, c.fail, err
		}
	}
	return c.same, c.fail, nil
}

// batch sends one batch and reads its answers. Only the last message asks for
// an acknowledgement; an error of any other is answered all the same, with
// that message's sequence number.
func (c *Addresses) batch(kind, flags uint16, fine unix.Errno, part []Address, from int) error {
	first := c.seq + 1
	c.out = c.out[:0]
	for i, a := range part {
		f := flags
		if i == len(part)-1 {
			f |= unix.NLM_F_ACK
		}
		c.seq++
		c.out = appendAddress(c.out, kind, f, c.seq, a)
	}
	if err := unix.Sendto(c.fd, c.out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send %d addresses to the kernel: %w", len(part), err)
	}
	for {
		n, _, err := unix.Recvfrom(c.fd, c.in, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the kernel's answer on %d addresses: %w", len(part), err)
		}
		done := false
		err = eachMessage(c.in[:n], func(m message) error {
			i := int(m.seq - first)
			if m.kind != unix.NLMSG_ERROR || i < 0 || i >= len(part) || len(m.body) < 4 {
				return nil // an answer of before a timeout
			}
			errno := unix.Errno(-int32(binary.NativeEndian.Uint32(m.body)))
			switch {
			case errno == 0:
			case errno == fine, kind == unix.RTM_DELADDR && errno == unix.ENODEV:
				c.same++
			default:
				c.fail = append(c.fail, Failure{from + i, errno})
			}
			done = done || i == len(part)-1
			return nil
		})
		if err != nil || done {
			return err
		}
	}
}

// Close closes the socket.
func (c *Addresses) Close() error { return unix.Close(c.fd) }

// message is one netlink message.
type message struct {
	kind, flags uint16
	seq         uint32
	// port is the socket that asked for it, 0 for none.
	port uint32
	body []byte
}

// eachMessage calls f with every message of a datagram.
func eachMessage(b []byte, f func(message) error) error {
	e := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(e.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return fmt.Errorf("netlink message of %d bytes in %d", n, len(b))
		}
		if err := f(message{e.Uint16(b[4:]), e.Uint16(b[6:]), e.Uint32(b[8:]), e.Uint32(b[12:]), b[unix.SizeofNlMsghdr:n]}); err != nil {
			return err
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return nil
}

// eachAttr calls f with every attribute of a message.
func eachAttr(b []byte, f func(kind uint16, v []byte)) {
	e := binary.NativeEndian
	for len(b) >= unix.SizeofRtAttr {
		n := int(e.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		f(e.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}
