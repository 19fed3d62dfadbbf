// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func engine(t testing.TB, limit int) *Engine {
	t.Helper()
	e, err := New(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// listener accepts connections and leaves them to the test.
func listener(t testing.TB, address string) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener), l.Addr().(*net.TCPAddr).AddrPort()
}

// deaf gives an address that answers no SYN: a listener whose queue is full.
func deaf(t testing.TB) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	err = errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0))
	if err != nil {
		t.Fatal(err)
	}
	a, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.(*unix.SockaddrInet4).Port))
	for range 10 {
		c, err := net.DialTimeout("tcp", to.String(), 100*time.Millisecond)
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			return to
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue does not fill")
	return to
}

// await collects until n results have come.
func await(t testing.TB, e *Engine, n int) []Result {
	t.Helper()
	var out []Result
	for end := time.Now().Add(20 * time.Second); len(out) < n; {
		if time.Now().After(end) {
			t.Fatalf("%d of %d results came: %+v", len(out), n, out)
		}
		if in, ok := e.Next(); ok && in > 0 {
			p := []unix.PollFd{{Fd: int32(e.Descriptor()), Events: unix.POLLIN}}
			if _, err := unix.Poll(p, int(in.Milliseconds())+1); err != nil && err != unix.EINTR {
				t.Fatal(err)
			}
		}
		out = append(out, e.Collect()...)
	}
	return out
}

func TestOutcomes(t *testing.T) {
	_, open := listener(t, "127.0.0.1:0")
	_, six := listener(t, "[::1]:0")
	l, closed := listener(t, "127.0.0.1:0")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	silent := deaf(t)
	for _, c := range []struct {
		name  string
		spec  Spec
		errno syscall.Errno
		local bool
	}{
		{"accepted", Spec{To: open}, 0, false},
		{"accepted over IPv6", Spec{To: six}, 0, false},
		{"accepted by an IPv4 address in IPv6", Spec{To: netip.AddrPortFrom(netip.AddrFrom16(open.Addr().As16()), open.Port())}, 0, false},
		{"half open", Spec{To: open, HalfOpen: true}, 0, false},
		{"half open over IPv6", Spec{To: six, HalfOpen: true}, 0, false},
		{"marked and bound", Spec{To: open, Mark: 7, Interface: "lo", From: netip.MustParseAddrPort("127.0.0.9:0")}, 0, false},
		{"bound over IPv6", Spec{To: six, From: netip.MustParseAddrPort("[::1]:0")}, 0, false},
		{"refused", Spec{To: closed}, syscall.ECONNREFUSED, false},
		{"no answer", Spec{To: silent}, syscall.ETIMEDOUT, false},
		{"no answer, half open", Spec{To: silent, HalfOpen: true}, syscall.ETIMEDOUT, false},
		{"no such source", Spec{To: open, From: netip.MustParseAddrPort("192.0.2.1:0")}, syscall.EADDRNOTAVAIL, true},
		{"no such interface", Spec{To: open, Interface: "none0"}, syscall.ENODEV, true},
		{"broadcast", Spec{To: netip.MustParseAddrPort("255.255.255.255:80")}, syscall.ENETUNREACH, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, 4)
			e.Start(77, &c.spec, 50*time.Millisecond)
			r := await(t, e, 1)
			if len(r) != 1 || r[0].ID != 77 || r[0].Errno != c.errno || r[0].Local != c.local {
				t.Fatalf("results %+v, want errno %d (%v), local %t", r, c.errno, c.errno, c.local)
			}
			if c.errno == syscall.ETIMEDOUT && r[0].Took < 50*time.Millisecond {
				t.Errorf("gave up after %s", r[0].Took)
			}
			if c.errno == 0 && (r[0].Took <= 0 || r[0].Took > 10*time.Second) {
				t.Errorf("took %s", r[0].Took)
			}
			if _, ok := e.Next(); ok || e.InFlight() != 0 || e.Listen() || len(e.Collect()) != 0 {
				t.Error("something is still under way")
			}
		})
	}
}

// TestHalfOpenIsNotNoticed: the program behind the listener sees the full connection only.
func TestHalfOpenIsNotNoticed(t *testing.T) {
	l, to := listener(t, "127.0.0.1:0")
	e := engine(t, 8)
	for i := range 5 {
		e.Start(uint64(i), &Spec{To: to, HalfOpen: true}, time.Second)
	}
	await(t, e, 5)
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	seen, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	if seen.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("accepted %s, want %s", seen.RemoteAddr(), c.LocalAddr())
	}
}

// TestFullConnectionIsNoticed is the twin: without HalfOpen the program sees it, and that it is closed in good order.
func TestFullConnectionIsNoticed(t *testing.T) {
	l, to := listener(t, "127.0.0.1:0")
	e := engine(t, 1)
	e.Start(1, &Spec{To: to, From: netip.MustParseAddrPort("127.0.0.3:0")}, time.Second)
	await(t, e, 1)
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); from != netip.MustParseAddr("127.0.0.3") {
		t.Errorf("came from %s", from)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || err.Error() != "EOF" {
		t.Errorf("read %d bytes, %v; want the end", n, err)
	}
}

// TestFixedPort: a source port is used again and again without a pause.
func TestFixedPort(t *testing.T) {
	l, to := listener(t, "127.0.0.1:0")
	free, source := listener(t, "127.0.0.4:0")
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	e := engine(t, 1)
	for i := range 3 {
		e.Start(uint64(i), &Spec{To: to, From: source}, time.Second)
		if r := await(t, e, 1); r[0].Errno != 0 {
			t.Fatalf("round %d: %v", i, r[0].Errno)
		}
		c, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().(*net.TCPAddr).AddrPort(); got != source {
			t.Errorf("came from %s, want %s", got, source)
		}
		_ = c.Close()
	}
}

// TestReset: a server that accepts and resets at once was there.
func TestReset(t *testing.T) {
	l, to := listener(t, "127.0.0.1:0")
	e := engine(t, 1)
	e.Start(1, &Spec{To: to}, time.Second)
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
		t.Fatal(err)
	}
	if r := await(t, e, 1); r[0].Errno != syscall.ECONNRESET {
		t.Errorf("result %+v", r)
	}
}

// TestLimit: what is too much is refused at once, and room that becomes free is used.
func TestLimit(t *testing.T) {
	silent := deaf(t)
	e := engine(t, 3)
	for i := range 5 {
		e.Start(uint64(i), &Spec{To: silent}, 30*time.Millisecond)
	}
	if n := e.InFlight(); n != 3 {
		t.Errorf("%d under way", n)
	}
	count := map[syscall.Errno]int{}
	for _, r := range await(t, e, 5) {
		count[r.Errno]++
	}
	if count[syscall.EMFILE] != 2 || count[syscall.ETIMEDOUT] != 3 {
		t.Errorf("results %v", count)
	}
	_, open := listener(t, "127.0.0.1:0")
	e.Start(9, &Spec{To: open}, time.Second)
	if r := await(t, e, 1); r[0].ID != 9 || r[0].Errno != 0 {
		t.Errorf("result %+v", r)
	}
	if _, err := New(0); err == nil {
		t.Error("an engine without room was opened")
	}
}

// TestMany: every connection has exactly one result, whatever its fate, and one that ends does not touch another.
func TestMany(t *testing.T) {
	l, open := listener(t, "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	shut, closed := listener(t, "127.0.0.1:0")
	if err := shut.Close(); err != nil {
		t.Fatal(err)
	}
	specs := []Spec{{To: open}, {To: closed}, {To: deaf(t)}}
	want := []syscall.Errno{0, syscall.ECONNREFUSED, syscall.ETIMEDOUT}
	e := engine(t, 1000)
	const rounds, each = 4, 150
	seen := map[uint64]syscall.Errno{}
	note := func(rs []Result) {
		for _, r := range rs {
			if _, twice := seen[r.ID]; twice {
				t.Fatalf("two results for %d", r.ID)
			}
			seen[r.ID] = r.Errno
		}
	}
	for k := range rounds {
		for i := range each {
			id := uint64(k*each + i)
			e.Start(id, &specs[id%3], time.Duration(20+id%40)*time.Millisecond)
		}
		note(e.Collect())
	}
	note(await(t, e, rounds*each-len(seen)))
	for id, errno := range seen {
		// On a machine that stands still, one that would have been accepted may have taken too long.
		if errno != want[id%3] && errno != syscall.ETIMEDOUT {
			t.Errorf("%d: %v, want %v", id, errno, want[id%3])
		}
	}
}

// TestThick: while many results come, the owner is not to be woken for each, and is told when to look.
func TestThick(t *testing.T) {
	_, open := listener(t, "127.0.0.1:0")
	silent := deaf(t)
	e := engine(t, 10)
	span := func(each int) {
		e.count, e.since = 0, time.Since(e.born)+time.Hour // no span ends while these are made
		for range each {
			e.Start(1, &Spec{To: open, HalfOpen: true}, time.Second)
			await(t, e, 1)
		}
		e.since = time.Since(e.born) - thickSpan
		e.Collect()
	}
	span(thickCount + 1)
	e.Start(1, &Spec{To: silent}, 5*time.Second)
	if in, ok := e.Next(); !ok || in != 0 {
		t.Errorf("the first look is in %s", in)
	}
	e.since = time.Since(e.born) // however long this machine stood still
	if len(e.Collect()) != 0 {
		t.Error("a deaf server answers")
	}
	if in, ok := e.Next(); e.Listen() || !ok || in > hold {
		t.Errorf("listens: %t; next look in %s", e.Listen(), in)
	}
	span(1)
	if in, ok := e.Next(); !e.Listen() || !ok || in < time.Second {
		t.Errorf("listens: %t; next look in %s", e.Listen(), in)
	}
}

// TestNoAllocation: a connection costs no memory that somebody has to collect.
func TestNoAllocation(t *testing.T) {
	l, open := listener(t, "127.0.0.1:0")
	_ = l
	e := engine(t, 16)
	spec := Spec{To: open, HalfOpen: true, From: netip.MustParseAddrPort("127.0.0.1:0"), Mark: 1}
	one := func() {
		e.Start(1, &spec, time.Second)
		for len(e.Collect()) == 0 {
		}
	}
	for range 8 {
		one()
	}
	if n := testing.AllocsPerRun(100, one); n != 0 {
		t.Errorf("%v allocations for each connection", n)
	}
}

// BenchmarkConnect is one connection after the other, as TCP_CHECK makes them and half open.
func BenchmarkConnect(b *testing.B) {
	for name, half := range map[string]bool{"full": false, "half": true} {
		b.Run(name, func(b *testing.B) {
			l, open := listener(b, "127.0.0.1:0")
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
			e := engine(b, 64)
			spec := Spec{To: open, HalfOpen: half}
			b.ReportAllocs()
			for range b.N {
				e.Start(1, &spec, time.Second)
				for len(e.Collect()) == 0 {
				}
			}
		})
	}
}
