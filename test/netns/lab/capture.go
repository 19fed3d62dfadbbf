// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture is the adverts, ARP and neighbour discovery packets on a wire since
// it was started. Each is seen once, whoever sent it.
type Capture struct {
	t    T
	file *os.File
	done chan struct{}

	mu     sync.Mutex
	frames []Frame
	err    error
	news   chan struct{} // closed and replaced at each frame
	keep   func(*Frame) bool
}

// Capture listens to the wire until the end of the test.
func (w *Wire) Capture() *Capture { w.t.Helper(); return w.CaptureEach(nil) }

// CaptureEach is Capture that shows each frame to keep, in order, from a
// goroutine of its own, and only remembers those it keeps; so that counting
// many thousands needs no memory.
func (w *Wire) CaptureEach(keep func(*Frame) bool) *Capture {
	w.t.Helper()
	c := &Capture{t: w.t, news: make(chan struct{}), done: make(chan struct{}), keep: keep}
	w.Do(func() error { return c.open("br0") })
	go func() { defer close(c.done); c.run() }()
	w.t.Cleanup(c.Close)
	return c
}

// Close ends the capture when all that was on the wire has been heard; what
// keep wrote may then be read.
func (c *Capture) Close() {
	c.t.Helper()
	if err := c.file.SetReadDeadline(time.Now()); err != nil {
		return // it was closed before
	}
	<-c.done
	if !errors.Is(c.err, os.ErrDeadlineExceeded) {
		c.t.Errorf("lab: a capture ended early: %v", c.err)
	}
	c.file.Close()
}

// open opens the socket in the namespace of the calling thread.
func (c *Capture) open(dev string) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	c.file = os.NewFile(uintptr(fd), "capture")
	req, err := unix.NewIfreq(dev)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return fmt.Errorf("interface %s: %w", dev, err)
	}
	index := int(req.Uint32())
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return errors.Join(
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ALL), Ifindex: index}),
	)
}

func swap(n uint16) uint16 { return n<<8 | n>>8 }

// filter lets pass ARP, and VRRP and ICMPv6 of types 135 and 136 (after at most
// one authentication header, protocol 51).
var filter = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 11, K: unix.ETH_P_ARP},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 4, K: unix.ETH_P_IPV6},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 8, K: unix.ETH_P_IP},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 23},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 7, K: protocolVRRP},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 6, Jf: 5, K: unix.IPPROTO_AH},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 20},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 4, K: protocolVRRP},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 2, K: unix.IPPROTO_ICMPV6},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 54},
	{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jt: 1, K: icmpSolicit},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
}

// run reads until Close, and then what is still queued.
func (c *Capture) run() {
	conn, err := c.file.SyscallConn()
	buf, oob := make([]byte, 9216), make([]byte, 128)
	// read takes one frame; false if there is none.
	read := func(fd uintptr) bool {
		n, oobn, _, _, failed := unix.Recvmsg(int(fd), buf, oob, 0)
		switch {
		case errors.Is(failed, unix.EAGAIN), errors.Is(failed, unix.EINTR):
			return false
		case failed != nil:
			err = failed
			return true
		}
		f := decode(stamp(oob[:oobn]), buf[:n])
		if c.keep == nil || c.keep(&f) {
			c.add(f)
		}
		return true
	}
	for err == nil {
		err = errors.Join(conn.Read(read), err)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		left := conn.Control(func(fd uintptr) {
			for read(fd) {
				continue
			}
		})
		err = errors.Join(err, left)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *Capture) add(f Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Index = len(c.frames)
	c.frames = append(c.frames, f)
	close(c.news)
	c.news = make(chan struct{})
}

// stamp is the kernel's receive time.
func stamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Time{}
}

// Drops is how many frames the kernel had no room for since the last call; a
// test that counts wants zero.
func (c *Capture) Drops() int {
	c.t.Helper()
	conn, err := c.file.SyscallConn()
	if err != nil {
		c.t.Fatalf("lab: capture: %v", err)
	}
	var stats *unix.TpacketStats
	if cerr := conn.Control(func(fd uintptr) {
		stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	}); cerr != nil || err != nil {
		c.t.Fatalf("lab: capture: %v", errors.Join(cerr, err))
	}
	return int(stats.Drops)
}

// Frames is what was heard so far; do not change it.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.frames)
}

// Len is how many frames were heard so far, to be used as from in Next.
func (c *Capture) Len() int { return len(c.Frames()) }

// Next waits for the first frame, beginning with number from, that is wanted;
// the test fails when none came within the limit.
func (c *Capture) Next(from int, limit time.Duration, what string, wanted func(*Frame) bool) *Frame {
	c.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for i := from; ; {
		c.mu.Lock()
		frames, news := c.frames, c.news
		c.mu.Unlock()
		for ; i < len(frames); i++ {
			if wanted(&frames[i]) {
				return &frames[i]
			}
		}
		select {
		case <-news:
		case <-deadline.C:
			c.t.Fatalf("not within %v on the wire: %s; the last of %d frames:\n%s", limit, what, len(frames), last(frames, 12))
		}
	}
}

// Advert waits for the first wanted advert, beginning with frame number from.
func (c *Capture) Advert(from int, limit time.Duration, what string, wanted func(*Advert) bool) *Frame {
	c.t.Helper()
	return c.Next(from, limit, what, func(f *Frame) bool { return f.Advert != nil && wanted(f.Advert) })
}

// Pick is the frames heard so far that are wanted.
func (c *Capture) Pick(wanted func(*Frame) bool) []Frame {
	var out []Frame
	for _, f := range c.Frames() {
		if wanted(&f) {
			out = append(out, f)
		}
	}
	return out
}

// Adverts is the adverts heard so far that are wanted.
func (c *Capture) Adverts(wanted func(*Advert) bool) []Frame {
	return c.Pick(func(f *Frame) bool { return f.Advert != nil && wanted(f.Advert) })
}

func last(frames []Frame, n int) string {
	var out strings.Builder
	for _, f := range frames[max(0, len(frames)-n):] {
		out.WriteString(f.String() + "\n")
	}
	return out.String()
}
