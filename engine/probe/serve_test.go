// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// parse reads the text of one checker as it would stand in a real_server of the given address.
func parse(t testing.TB, text string, d Defaults) (*Check, []syntax.Problem) {
	t.Helper()
	tree, found := syntax.Parse("t", []byte(text), syntax.Options{})
	if len(found) > 0 || len(tree.Nodes) != 1 {
		t.Fatalf("%q: %v", text, found)
	}
	var kind event.Checker
	if err := kind.UnmarshalText([]byte(tree.Nodes[0].Keyword)); err != nil {
		t.Fatal(err)
	}
	return Parse(kind, tree.Nodes[0], d)
}

// check is parse for what has nothing wrong.
func check(t testing.TB, text string, server netip.AddrPort) *Check {
	t.Helper()
	return checkWith(t, text, Defaults{Server: server, Timeout: 5 * time.Second})
}

func checkWith(t testing.TB, text string, d Defaults) *Check {
	t.Helper()
	c, found := parse(t, text, d)
	for _, p := range found {
		if p.Level != syntax.Note {
			t.Fatalf("%q: %v", text, found)
		}
	}
	return c
}

// run tries a check once.
func run(t testing.TB, c *Check) health.Outcome {
	t.Helper()
	began := time.Now()
	o := c.Prober.Probe(t.Context(), &c.Target)
	lawful(t, c, o)
	if o.Total <= 0 || o.Total > time.Since(began) {
		t.Errorf("%s: total %s of %s", c.Kind, o.Total, time.Since(began))
	}
	return o
}

// lawful holds what every outcome must keep to.
func lawful(t testing.TB, c *Check, o health.Outcome) {
	t.Helper()
	var sum time.Duration
	for _, d := range o.Phases {
		sum += d
		if d < 0 {
			t.Errorf("%s: phases %v", c.Kind, o.Phases)
		}
	}
	if sum > o.Total {
		t.Errorf("%s: phases %v are more than the total %s", c.Kind, o.Phases, o.Total)
	}
	if o.Pass != (o.Reason == event.ReasonNone) || o.Pass != (o.Phase == event.PhaseNone) || o.Pass && o.Detail != "" {
		t.Errorf("%s: outcome %+v", c.Kind, o)
	}
	if !o.Pass && (o.Detail == "" || len(o.Detail) > 200) {
		t.Errorf("%s: detail %q", c.Kind, o.Detail)
	}
	if !o.Pass && !declared(c.Kind, o.Reason) {
		t.Errorf("%s does not declare the reason %s", c.Kind, o.Reason)
	}
}

func declared(kind event.Checker, r event.Reason) bool {
	return slices.Contains(Find(kind).Reasons, r)
}

// wants tells what an outcome should be.
func wants(t testing.TB, o health.Outcome, reason event.Reason) {
	t.Helper()
	if o.Reason != reason || o.Pass != (reason == event.ReasonNone) {
		t.Errorf("outcome %+v, want reason %q", o, reason)
	}
}

// heard is what a server was told.
type heard struct {
	mu   sync.Mutex
	text []string
}

func (h *heard) add(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, s)
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.text...)
}

// serve answers each connection with a function; the connection is closed when it returns.
func serve(t testing.TB, answer func(c net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				answer(c)
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// silent accepts and says nothing until it is hung up on.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// endless sends the same for as long as it is listened to.
func endless(first, again string) func(net.Conn) {
	return func(c net.Conn) {
		go silent(c)
		_, err := io.WriteString(c, first)
		for again = strings.Repeat(again, 1+4096/len(again)); err == nil; {
			_, err = io.WriteString(c, again)
		}
	}
}

// dripping sends one byte at a time, for as long as it is listened to.
func dripping(c net.Conn) {
	for {
		if _, err := c.Write([]byte("x")); err != nil {
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := io.Copy(io.Discard, c); err == nil { // hung up on
			return
		}
	}
}

// replies reads a request up to its empty line, notes it, and sends an answer.
func replies(h *heard, answer string) func(net.Conn) {
	return func(c net.Conn) {
		var request strings.Builder
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			request.WriteString(line)
			if err != nil || line == "\r\n" {
				break
			}
		}
		h.add(request.String())
		_, _ = io.WriteString(c, answer)
	}
}

// nobody gives an address where nobody listens.
func nobody(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := l.Addr().(*net.TCPAddr).AddrPort()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

// deaf gives an address that answers no SYN: a listener whose queue is full.
func deaf(t testing.TB) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	a, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.(*syscall.SockaddrInet4).Port))
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

// answerUDP answers each datagram with what a function makes of it; nil is silence.
func answerUDP(t testing.TB, answer func(request []byte) [][]byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, m := range answer(append([]byte(nil), buf[:n]...)) {
				_, _ = c.WriteToUDPAddrPort(m, from)
			}
		}
	})
	t.Cleanup(func() { _ = c.Close(); wg.Wait() })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}
