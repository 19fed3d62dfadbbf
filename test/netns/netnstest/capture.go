// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netnstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Heard is one frame on a wire.
type Heard struct {
	// At is the kernel's receive time, wall clock.
	At    time.Time
	Frame []byte
}

// IP returns what follows the Ethernet header.
func (h *Heard) IP() []byte { return h.Frame[14:] }

// EtherType is the type of the frame.
func (h *Heard) EtherType() uint16 { return binary.BigEndian.Uint16(h.Frame[12:]) }

// VRRP returns the VRRP packet in the frame, nil if there is none.
func (h *Heard) VRRP() []byte {
	ip := h.IP()
	switch {
	case h.EtherType() == 0x0800 && len(ip) >= 20 && ip[9] == 112:
		return ip[int(ip[0]&15)*4 : binary.BigEndian.Uint16(ip[2:])]
	case h.EtherType() == 0x86dd && len(ip) >= 40 && ip[6] == 112:
		return ip[40 : 40+int(binary.BigEndian.Uint16(ip[4:]))]
	}
	return nil
}

// Source is the source address of an IP packet.
func (h *Heard) Source() netip.Addr {
	ip := h.IP()
	if h.EtherType() == 0x0800 {
		return netip.AddrFrom4([4]byte(ip[12:16]))
	}
	return netip.AddrFrom16([16]byte(ip[8:24]))
}

// Announced returns the address that the frame announces (gratuitous ARP or
// neighbour advertisement), zero if it is neither.
func (h *Heard) Announced() netip.Addr {
	f := h.Frame
	switch {
	case h.EtherType() == 0x0806 && len(f) >= 42 && [4]byte(f[28:32]) == [4]byte(f[38:42]):
		return netip.AddrFrom4([4]byte(f[28:32]))
	case h.EtherType() == 0x86dd && len(f) >= 78 && f[20] == unix.IPPROTO_ICMPV6 && f[54] == 136:
		return netip.AddrFrom16([16]byte(f[62:78]))
	}
	return netip.Addr{}
}

// Capture is everything that arrives at an interface: VRRP, ARP and neighbour
// advertisements.
type Capture struct {
	mu    sync.Mutex
	heard []Heard
	err   error
	file  *os.File
}

// Capture listens at an interface of the namespace, from now on. Frames that
// the interface sends are not heard, so listen at the other end.
func (n *Namespace) Capture(dev string) *Capture {
	tb := n.lab.tb
	tb.Helper()
	c := &Capture{}
	n.Inside(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		c.file = os.NewFile(uintptr(fd), "capture")
		ifi, err := interfaceIndex(fd, dev)
		if err != nil {
			return err
		}
		filter := unix.SockFprog{Len: uint16(len(wanted)), Filter: &wanted[0]}
		return errors.Join(
			unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: ifi}), // ETH_P_ALL in network order
		)
	})
	tb.Cleanup(func() { c.file.Close() })
	go c.run()
	return c
}

// wanted accepts ARP, VRRP over IPv4 and IPv6, and neighbour advertisements.
var wanted = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 8, K: 0x0806},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 2, K: 0x86dd},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 23},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 5, Jf: 6, K: 112},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 20},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 3, K: 112},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: unix.IPPROTO_ICMPV6},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 54},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: 136},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

func interfaceIndex(fd int, dev string) (int, error) {
	req, err := unix.NewIfreq(dev)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, fmt.Errorf("interface %s: %w", dev, err)
	}
	return int(req.Uint32()), nil
}

func (c *Capture) run() {
	conn, err := c.file.SyscallConn()
	buf, oob := make([]byte, 2048), make([]byte, 128)
	for err == nil {
		var n, oobn int
		var rerr error
		err = conn.Read(func(fd uintptr) bool {
			n, oobn, _, _, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
			return !errors.Is(rerr, unix.EAGAIN) && !errors.Is(rerr, unix.EINTR)
		})
		if err == nil {
			err = rerr
		}
		if err == nil && n >= 14 {
			c.mu.Lock()
			c.heard = append(c.heard, Heard{stamp(oob[:oobn]), slices.Clone(buf[:n])})
			c.mu.Unlock()
		}
	}
	if !errors.Is(err, os.ErrClosed) {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
	}
}

func stamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS {
				ts := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
				return time.Unix(ts.Unix())
			}
		}
	}
	return time.Time{}
}

// All returns what was heard so far.
func (c *Capture) All() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// Adverts returns the VRRP packets that were heard so far from a source (zero:
// any).
func (c *Capture) Adverts(from netip.Addr) []Heard {
	return slices.DeleteFunc(c.All(), func(h Heard) bool {
		return h.VRRP() == nil || from.IsValid() && h.Source() != from
	})
}

// Reset forgets what was heard.
func (c *Capture) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = nil
}
