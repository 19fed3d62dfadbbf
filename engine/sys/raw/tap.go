// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Tap hears the VRRP packets that pass an interface in either direction, those
// of other programs of this host too. It joins no group and changes nothing of
// the interface: what the host does not receive anyway is not heard.
type Tap struct {
	file   *os.File
	conn   syscall.RawConn
	buffer []byte
	oob    [128]byte
}

// Tapped is one packet that a Tap heard. Payload is valid until the next.
type Tapped struct {
	IfIndex      int
	Family       uint8
	Source, Dest netip.Addr
	TTL          int
	// Wall is when the kernel saw it, in nanoseconds since the Unix epoch.
	Wall int64
	// Own says that this host sent it.
	Own bool
	// Payload is what follows the IP header, and the authentication header.
	Payload []byte
}

// tapRoom is the longest packet that is heard.
const tapRoom = 9216

// tapFilter lets in IPv4 of the protocols VRRP and AH, and IPv6 of VRRP.
var tapFilter = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf0},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: 0x40},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 5, K: 112},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 4, Jf: 3, K: unix.IPPROTO_AH},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 2, K: 0x60},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 6},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: 112},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: tapRoom},
}

// OpenTap opens a Tap on an interface, 0 for all. It needs CAP_NET_RAW.
func OpenTap(ifindex int) (*Tap, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("tap interface %d: %w", ifindex, err)
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(tapFilter)), Filter: &tapFilter[0]})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	if err == nil {
		// All protocols: only those who ask for all see what this host sends.
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap16(unix.ETH_P_ALL), Ifindex: ifindex})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tap interface %d: %w", ifindex, err), unix.Close(fd))
	}
	t := &Tap{file: os.NewFile(uintptr(fd), "tap"), buffer: make([]byte, tapRoom)}
	if t.conn, err = t.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, t.file.Close())
	}
	return t, nil
}

// Next waits for a packet. It returns os.ErrClosed after Close.
func (t *Tap) Next(p *Tapped) error {
	for {
		var n, oobn int
		var from unix.Sockaddr
		var errno error
		err := t.conn.Read(func(fd uintptr) bool {
			n, oobn, _, from, errno = unix.Recvmsg(int(fd), t.buffer, t.oob[:], 0)
			return !errors.Is(errno, unix.EAGAIN)
		})
		switch {
		case errors.Is(err, os.ErrClosed):
			return os.ErrClosed
		case err != nil:
			return fmt.Errorf("wait for packets: %w", err)
		case errors.Is(errno, unix.ENETDOWN), errors.Is(errno, unix.EINTR):
			continue // said once by an interface that went down
		case errno != nil:
			return fmt.Errorf("read a packet: %w", errno)
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if !ok || !p.decode(t.buffer[:n]) {
			continue
		}
		p.IfIndex, p.Own = ll.Ifindex, ll.Pkttype == unix.PACKET_OUTGOING
		p.Wall = tapStamp(t.oob[:oobn])
		return nil
	}
}

// Close closes the socket and ends Next.
func (t *Tap) Close() error { return t.file.Close() }

// lenAH is the length of the authentication header of VRRP (RFC 2402 with 96
// bits of digest).
const lenAH = 24

// decode reads the headers in front of a VRRP packet.
func (p *Tapped) decode(b []byte) bool {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		head := int(b[0]&15) * 4
		total := int(binary.BigEndian.Uint16(b[2:]))
		if head < 20 || total < head || total > len(b) || b[6]&0x3f != 0 || b[7] != 0 {
			return false // not whole
		}
		p.Family, p.TTL = 4, int(b[8])
		p.Source, p.Dest = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		p.Payload = b[head:total]
		if b[9] == unix.IPPROTO_AH {
			if len(p.Payload) < lenAH || p.Payload[0] != 112 {
				return false
			}
			p.Payload = p.Payload[lenAH:]
		}
		return true
	case len(b) >= 40 && b[0]>>4 == 6:
		total := 40 + int(binary.BigEndian.Uint16(b[4:]))
		if total > len(b) {
			return false
		}
		p.Family, p.TTL = 6, int(b[7])
		p.Source, p.Dest = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		p.Payload = b[40:total]
		return true
	}
	return false
}

// tapStamp is the kernel's time of a packet, the present if it gave none.
func tapStamp(oob []byte) int64 {
	list, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range list {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				return int64(binary.NativeEndian.Uint64(m.Data))*1e9 + int64(binary.NativeEndian.Uint64(m.Data[8:]))
			}
		}
	}
	return time.Now().UnixNano()
}
