// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// Segment is a TCP segment over IPv4 that begins or resets a connection.
type Segment struct {
	At       time.Time // of the kernel, when it came in or went out
	Src, Dst netip.AddrPort
	Reset    bool // else it is a SYN without ACK
	// Refusal says that a reset answers a SYN (RFC 9293 section 3.10.7.1: its
	// sequence number is 0), and does not end a connection.
	Refusal bool
}

// Segments are those that an interface has seen.
type Segments struct {
	file *os.File
	done chan struct{}
	mu   sync.Mutex
	seen []Segment
}

// beginnings lets pass IPv4 packets of TCP, no fragments, that have RST, or SYN
// without ACK.
var beginnings = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 10, K: unix.ETH_P_IP},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 23},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 8, K: unix.IPPROTO_TCP},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 20},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: 6, K: 0x1fff},
	{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 14},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: 14 + 13},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: 2, K: 4},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 2 | 16},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: 2},
	{Code: unix.BPF_RET | unix.BPF_K, K: 128},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// Watch notes the segments of an interface of a host until the test ends.
func (f *Farm) Watch(r *lab.Router, dev string) *Segments {
	f.t.Helper()
	s := &Segments{done: make(chan struct{})}
	r.Do(func() error {
		link, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("packet socket: %w", err)
		}
		s.file = os.NewFile(uintptr(fd), "segments")
		all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
		return errors.Join(
			unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(beginnings)), Filter: &beginnings[0]}),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}),
		)
	})
	go func() { defer close(s.done); s.run() }()
	f.t.Cleanup(func() { s.file.Close(); <-s.done })
	return s
}

func (s *Segments) run() {
	conn, err := s.file.SyscallConn()
	b, oob := make([]byte, 256), make([]byte, 128)
	for err == nil {
		err = conn.Read(func(fd uintptr) bool {
			for {
				n, oobn, _, _, err := unix.Recvmsg(int(fd), b, oob, 0)
				if err != nil {
					return false // nothing more now
				}
				s.note(b[:n], oob[:oobn])
			}
		})
	}
}

func (s *Segments) note(b, oob []byte) {
	head := 14 + int(b[14]&15)*4
	at := func(ip, port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[ip:ip+4])), binary.BigEndian.Uint16(b[port:]))
	}
	g := Segment{Src: at(26, head), Dst: at(30, head+2), Reset: b[head+13]&4 != 0}
	g.Refusal = g.Reset && binary.BigEndian.Uint32(b[head+4:]) == 0
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			g.At = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, g)
}

// Times are when the segments between two times were seen that are wanted.
func (s *Segments) Times(from, to time.Time, wanted func(*Segment) bool) (out []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.seen {
		if g := &s.seen[i]; !g.At.Before(from) && g.At.Before(to) && wanted(g) {
			out = append(out, g.At)
		}
	}
	return out
}

// Count is how many segments between two times are wanted.
func (s *Segments) Count(from, to time.Time, wanted func(*Segment) bool) int {
	return len(s.Times(from, to, wanted))
}
