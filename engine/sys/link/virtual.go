// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Virtual is an interface on top of another.
type Virtual struct {
	Index  int
	Name   string
	Parent int
	// Kind is macvlan or ipvlan; MAC only matters for macvlan.
	Kind string
	MAC  [6]byte
	// Mode is the macvlan's MACVLAN_MODE_ or the ipvlan's IPVLAN_MODE_ number,
	// Flags the ipvlan's IPVLAN_F_ flags.
	Mode  uint32
	Flags uint16
	Group uint32
	Up    bool
	// Local lets the kernel give it a link-local address of its own.
	Local bool
	// Alias is a text for people, at most 255 bytes; it outlives whoever set it.
	Alias string
}

// The kinds of Virtual.
const (
	Macvlan = "macvlan"
	IPvlan  = "ipvlan"
)

// What we need of linux/if_link.h.
const (
	// MacvlanPrivate is the mode in which macvlans of one parent do not hear each other.
	MacvlanPrivate = 1
	// IPvlanL2 is the mode in which an ipvlan resolves neighbours by itself.
	IPvlanL2 = 0

	iflaMacvlanMode = 1
	iflaIPvlanMode  = 1
	iflaIPvlanFlags = 2
	// addrGenNone makes no link-local address when the interface comes up.
	addrGenNone = 1
	iflaGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE
	aliasMost   = 255
)

// Same says whether w is the interface that v asks for, whatever its name,
// index, group or alias.
func (v *Virtual) Same(w *Virtual) bool {
	return v.Kind == w.Kind && v.Parent == w.Parent && v.Mode == w.Mode && (v.Kind == IPvlan || v.MAC == w.MAC) &&
		v.Flags == w.Flags
}

// linkMessage appends the head of a message about one interface.
func linkMessage(b []byte, kind, flags uint16, seq uint32, index int, state, change uint32) []byte {
	e := binary.NativeEndian
	b = e.AppendUint32(b, 0) // length, by finish
	b = e.AppendUint16(b, kind)
	b = e.AppendUint16(b, flags)
	b = e.AppendUint32(b, seq)
	b = e.AppendUint32(b, 0)
	b = append(b, unix.AF_UNSPEC, 0, 0, 0)
	b = e.AppendUint32(b, uint32(index))
	b = e.AppendUint32(b, state)
	return e.AppendUint32(b, change)
}

// finish writes the length of the only message of b.
func finish(b []byte) []byte {
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// create is the message that makes v.
func (v *Virtual) create(seq uint32) []byte {
	b := linkMessage(nil, unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, seq, 0, 0, 0)
	b = appendAttr(b, unix.IFLA_IFNAME, append([]byte(v.Name), 0))
	b = appendAttr(b, unix.IFLA_LINK, u32(uint32(v.Parent)))
	if v.Group != 0 {
		b = appendAttr(b, unix.IFLA_GROUP, u32(v.Group))
	}
	var data []byte
	if v.Kind == IPvlan {
		data = appendAttr(data, iflaIPvlanMode, u16(uint16(v.Mode)))
		data = appendAttr(data, iflaIPvlanFlags, u16(v.Flags))
	} else {
		b = appendAttr(b, unix.IFLA_ADDRESS, v.MAC[:])
		data = appendAttr(data, iflaMacvlanMode, u32(v.Mode))
	}
	info := appendAttr(nil, unix.IFLA_INFO_KIND, append([]byte(v.Kind), 0))
	info = appendAttr(info, unix.IFLA_INFO_DATA, data)
	return finish(appendAttr(b, unix.IFLA_LINKINFO, info))
}

// quiet is the message that keeps the kernel from making a link-local address,
// which would name the virtual MAC address.
func quiet(seq uint32, index int) []byte {
	b := linkMessage(nil, unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK, seq, index, 0, 0)
	six := appendAttr(nil, unix.AF_INET6|unix.NLA_F_NESTED, appendAttr(nil, iflaGenMode, []byte{addrGenNone}))
	return finish(appendAttr(b, unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, six))
}

// request sends one message and waits for the kernel's verdict.
func (c *Addresses) request(b []byte) error {
	if err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to the kernel: %w", err)
	}
	for {
		n, _, err := unix.Recvfrom(c.fd, c.in, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the kernel's answer: %w", err)
		}
		done := false
		err = eachMessage(c.in[:n], func(m message) error {
			if m.kind != unix.NLMSG_ERROR || m.seq != c.seq || len(m.body) < 4 {
				return nil // an answer of before a timeout
			}
			done = true
			if errno := unix.Errno(-int32(binary.NativeEndian.Uint32(m.body))); errno != 0 {
				return errno
			}
			return nil
		})
		if err != nil || done {
			return err
		}
	}
}

// Create makes v, down and without a link-local address unless it is Local. Setting it up and its
// sysctls are the caller's. It returns the kernel's error, EOPNOTSUPP for a
// kernel without such interfaces and EEXIST for a name that is taken.
func (n *Network) Create(v Virtual) (index int, err error) {
	n.seq++
	if err := n.request(v.create(n.seq)); err != nil {
		return 0, fmt.Errorf("make %s %s: %w", v.Kind, v.Name, err)
	}
	if index, err = n.index(v.Name); err != nil {
		return 0, err
	}
	if v.Local {
		return index, nil
	}
	n.seq++
	// A kernel without IPv6 makes no such address anyhow.
	if err := n.request(quiet(n.seq, index)); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return index, fmt.Errorf("keep %s without link-local address: %w", v.Name, err)
	}
	return index, nil
}

// SetAlias writes the alias of an interface.
func (n *Network) SetAlias(index int, text string) error {
	n.seq++
	b := linkMessage(nil, unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK, n.seq, index, 0, 0)
	if err := n.request(finish(appendAttr(b, unix.IFLA_IFALIAS, []byte(text[:min(len(text), aliasMost)])))); err != nil {
		return fmt.Errorf("set alias of interface %d: %w", index, err)
	}
	return nil
}

// SetUp sets an interface up.
func (n *Network) SetUp(index int) error {
	n.seq++
	b := linkMessage(nil, unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK, n.seq, index, unix.IFF_UP, unix.IFF_UP)
	if err := n.request(finish(b)); err != nil {
		return fmt.Errorf("set up interface %d: %w", index, err)
	}
	return nil
}

// Remove removes an interface. One that is gone is no error.
func (n *Network) Remove(index int) error {
	n.seq++
	b := linkMessage(nil, unix.RTM_DELLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK, n.seq, index, 0, 0)
	if err := unless(unix.ENODEV, n.request(finish(b))); err != nil {
		return fmt.Errorf("remove interface %d: %w", index, err)
	}
	return nil
}

// Virtuals returns the macvlans and ipvlans that there are.
func (n *Network) Virtuals() ([]Virtual, error) {
	m := &Monitor{dump: n.fd, seq: n.seq, buf: n.in}
	defer func() { n.seq = m.seq }()
	for range 10 {
		var out []Virtual
		whole, err := m.ask(unix.RTM_GETLINK, func(msg message) {
			if v, ok := parseVirtual(msg.body); ok && msg.kind == unix.RTM_NEWLINK {
				out = append(out, v)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("list virtual interfaces: %w", err)
		}
		if whole {
			return out, nil
		}
	}
	return nil, errors.New("list virtual interfaces: the table changed during each of 10 dumps")
}

// parseVirtual reads a message about a macvlan or ipvlan.
func parseVirtual(b []byte) (v Virtual, ok bool) {
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC {
		return v, false
	}
	e := binary.NativeEndian
	v.Index = int(int32(e.Uint32(b[4:])))
	v.Up = e.Uint32(b[8:])&unix.IFF_UP != 0
	var data []byte
	eachAttr(b[unix.SizeofIfInfomsg:], func(kind uint16, a []byte) {
		switch {
		case kind == unix.IFLA_IFNAME:
			v.Name = unix.ByteSliceToString(a)
		case kind == unix.IFLA_IFALIAS:
			v.Alias = unix.ByteSliceToString(a)
		case kind == unix.IFLA_ADDRESS && len(a) == 6:
			copy(v.MAC[:], a)
		case kind == unix.IFLA_LINK && len(a) >= 4:
			v.Parent = int(int32(e.Uint32(a)))
		case kind == unix.IFLA_GROUP && len(a) >= 4:
			v.Group = e.Uint32(a)
		case kind == unix.IFLA_LINKINFO:
			eachAttr(a, func(kind uint16, a []byte) {
				switch kind {
				case unix.IFLA_INFO_KIND:
					v.Kind = unix.ByteSliceToString(a)
				case unix.IFLA_INFO_DATA:
					data = a
				}
			})
		}
	})
	eachAttr(data, func(kind uint16, a []byte) {
		switch {
		case v.Kind == Macvlan && kind == iflaMacvlanMode && len(a) >= 4:
			v.Mode = e.Uint32(a)
		case v.Kind == IPvlan && kind == iflaIPvlanMode && len(a) >= 2:
			v.Mode = uint32(e.Uint16(a))
		case v.Kind == IPvlan && kind == iflaIPvlanFlags && len(a) >= 2:
			v.Flags = e.Uint16(a)
		}
	})
	return v, v.Kind == Macvlan || v.Kind == IPvlan
}
