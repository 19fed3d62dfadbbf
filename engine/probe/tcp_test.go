// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/dial"
)

func server(answer func(net.Conn)) func(*testing.T) netip.AddrPort {
	return func(t *testing.T) netip.AddrPort { return serve(t, answer) }
}

func refusing(t *testing.T) netip.AddrPort    { return nobody(t) }
func unanswering(t *testing.T) netip.AddrPort { return deaf(t) }

// says speaks first, then listens.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		silent(c)
	}
}

// retorts listens first, says its answer, and hangs up.
func retorts(text string) func(net.Conn) {
	return func(c net.Conn) {
		var b [64]byte
		_, _ = c.Read(b[:])
		_, _ = io.WriteString(c, text)
	}
}

// TestConnected: what the engine of connections found becomes an outcome.
func TestConnected(t *testing.T) {
	c := check(t, "TCP_CHECK {\n}", netip.MustParseAddrPort("192.0.2.1:80"))
	if !c.Fast() {
		t.Error("a TCP_CHECK is not fast")
	}
	for _, x := range []struct {
		r      dial.Result
		reason event.Reason
	}{
		{dial.Result{Took: 3 * time.Millisecond}, event.ReasonNone},
		{dial.Result{Took: time.Second, Errno: syscall.ETIMEDOUT}, event.FailConnectTimeout},
		{dial.Result{Took: 1, Errno: syscall.ECONNREFUSED}, event.FailConnectRefused},
		{dial.Result{Took: 1, Errno: syscall.ECONNRESET}, event.FailConnectionClosed},
		{dial.Result{Took: 1, Errno: syscall.EHOSTUNREACH}, event.FailConnectUnreachable},
		{dial.Result{Errno: syscall.ENETUNREACH, Local: true}, event.FailConnectUnreachable},
		{dial.Result{Took: 1, Errno: syscall.EPROTO}, event.FailConnectUnreachable},
		{dial.Result{Errno: syscall.EADDRNOTAVAIL, Local: true}, event.FailLocalResource},
		{dial.Result{Errno: syscall.EPERM, Local: true}, event.FailLocalResource},
		{dial.Result{Errno: syscall.EMFILE, Local: true}, event.FailLocalResource},
	} {
		o := Connected(x.r)
		lawful(t, c, o)
		wants(t, o, x.reason)
		if o.Total != x.r.Took || o.Phases[1] != x.r.Took {
			t.Errorf("%+v: times %v of %s", x.r, o.Phases, o.Total)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Connected(dial.Result{Took: 1}) }); n != 0 {
		t.Errorf("%v allocations for a success", n)
	}
}

// TestSource: source address, source port, mark and interface are as configured.
func TestSource(t *testing.T) {
	from := make(chan string, 1)
	to := serve(t, func(c net.Conn) { from <- c.RemoteAddr().String() })
	port := nobody(t).Port()
	c := check(t, fmt.Sprintf("TCP_CHECK {\n bindto 127.0.0.7\n bind_port %d\n bind_if lo\n fwmark 9\n connect_ip 127.0.0.1\n connect_port %d\n}",
		port, to.Port()), netip.MustParseAddrPort("192.0.2.1:1"))
	wants(t, run(t, c), event.ReasonNone)
	if got, want := <-from, fmt.Sprintf("127.0.0.7:%d", port); got != want {
		t.Errorf("came from %s, want %s", got, want)
	}
	want := dial.Spec{
		To: to, From: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.7"), port), Interface: "lo", Mark: 9,
	}
	if c.Target != want {
		t.Errorf("target %+v, want %+v", c.Target, want)
	}
	c.Target.From = netip.MustParseAddrPort("192.0.2.7:0")
	wants(t, run(t, c), event.FailLocalResource)
	c.Target.From, c.Target.Interface = netip.AddrPort{}, "none0"
	wants(t, run(t, c), event.FailLocalResource)
}

// TestCancelled: an attempt that is not wanted any more ends at once.
func TestCancelled(t *testing.T) {
	for _, text := range []string{
		"TCP_CHECK {\n expect x\n}", "HTTP_GET {\n url {\n path /\n }\n}", "SMTP_CHECK {\n}", "SSL_GET {\n url {\n path /\n }\n}",
	} {
		came := make(chan struct{}, 1)
		c := check(t, strings.Replace(text, "{\n", "{\n connect_timeout 100\n", 1), serve(t, func(c net.Conn) {
			came <- struct{}{}
			silent(c)
		}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-came
			cancel()
		}()
		if o := c.Prober.Probe(ctx, &c.Target); o.Pass || o.Total > 50*time.Second {
			t.Errorf("%s: outcome %+v", c.Kind, o)
		}
	}
}

// TestExpect: what comes in which pieces, before what end.
func TestExpect(t *testing.T) {
	pieces := func(parts ...string) func(net.Conn) {
		return func(c net.Conn) {
			for _, p := range parts {
				if _, err := io.WriteString(c, p); err != nil {
					return
				}
			}
		}
	}
	echo := func(c net.Conn) {
		var b [64]byte
		n, _ := c.Read(b[:])
		_, _ = c.Write(b[:n])
		silent(c)
	}
	for _, x := range []struct {
		name, text string
		answer     func(net.Conn)
		reason     event.Reason
	}{
		{"spoken to first", `expect "SSH-2.0"`, pieces("SSH-2.0-OpenSSH\r\n"), event.ReasonNone},
		{"in pieces", `expect "abc def"`, pieces("ab", "c d", "ef"), event.ReasonNone},
		{"in the middle", `expect "b"`, pieces("abc"), event.ReasonNone},
		{"anything", `expect "*"`, pieces("zzz"), event.ReasonNone},
		{"nothing but an end", `expect "*"`, pieces(), event.FailConnectionClosed},
		{"something else and an end", `expect "x"`, pieces("abc"), event.FailBody},
		{"sent only", `send "x"`, silent, event.ReasonNone},
		{"escapes", "send \"a\\r\\n\\x41\"\n expect \"a\\r\\nA\"", echo, event.ReasonNone},
		{"by pattern", `expect_regex "^2\\d\\d "`, pieces("250 ok\r\n"), event.ReasonNone},
		{"by another pattern", `expect_regex "^2\\d\\d "`, pieces("550 no\r\n"), event.FailBody},
		{"both", "expect \"ok\"\n expect_regex \"^2\"", pieces("250 ok"), event.ReasonNone},
		{"endless", `expect "y"`, endless("", "x"), event.FailReplyTooLong},
		{"endless, by pattern", `expect_regex "y$"`, endless("", "x"), event.FailReplyTooLong},
		{"a pattern that never ends", `expect_regex "^(x+x+)+y"`, says(strings.Repeat("x", 60)), event.FailBody},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, _ := parse(t, "TCP_CHECK {\n connect_timeout 20\n "+x.text+"\n}", Defaults{Server: serve(t, x.answer)})
			o := run(t, c)
			wants(t, o, x.reason)
		})
	}
}

// TestDripping: a server that says a byte now and then does not hold a check for ever.
func TestDripping(t *testing.T) {
	for _, text := range []string{
		"TCP_CHECK {\n connect_timeout 0.05\n expect y\n}",
		"HTTP_GET {\n connect_timeout 0.05\n url {\n path /\n }\n}",
		"HTTP_GET {\n connect_timeout 0.05\n http_protocol 2\n url {\n path /\n }\n}",
		"SMTP_CHECK {\n connect_timeout 0.05\n}",
	} {
		c := check(t, text, serve(t, dripping))
		o := run(t, c)
		if o.Pass || o.Total > 20*time.Second {
			t.Errorf("%s: %+v", text, o)
		}
	}
}

// TestIOReason: errors of reading and writing.
func TestIOReason(t *testing.T) {
	for err, want := range map[error]event.Reason{
		io.EOF:                               event.FailConnectionClosed,
		syscall.ECONNRESET:                   event.FailConnectionClosed,
		syscall.EPIPE:                        event.FailConnectionClosed,
		syscall.ECONNREFUSED:                 event.FailConnectRefused,
		syscall.ETIMEDOUT:                    event.FailReadTimeout,
		syscall.ENOBUFS:                      event.FailLocalResource,
		fmt.Errorf("x: %w", errTooLong):      event.FailReplyTooLong,
		context.DeadlineExceeded:             event.FailReadTimeout,
		errors.New("malformed"):              event.FailProtocol,
		&net.OpError{Err: net.ErrClosed}:     event.FailConnectionClosed,
		&net.OpError{Err: io.ErrNoProgress}:  event.FailProtocol,
		&net.OpError{Err: syscall.ENETDOWN}:  event.FailConnectUnreachable,
		&net.OpError{Err: io.ErrShortBuffer}: event.FailProtocol,
	} {
		if got := ioReason(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
