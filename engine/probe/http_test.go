// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// TestRequestBytes: what keepalived 2.2.7 sends, as it was captured.
func TestRequestBytes(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("127.0.0.1:8002"), netip.MustParseAddrPort("[::1]:80")
	for _, c := range []struct {
		text   string
		server netip.AddrPort
		vhost  string
		want   string
	}{
		{"url {\n path /a\n }", v4, "vs.example", "GET /a HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: vs.example\r\n\r\n"},
		{
			"http_protocol 1.1\n virtualhost host.example\n url {\n path /b\n }", v4, "vs.example",
			"GET /b HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: host.example\r\n\r\n",
		},
		{
			"http_protocol 1.0C\n url {\n path /c\n virtualhost u.example:99\n }", v4, "",
			"GET /c HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: u.example:99\r\n\r\n",
		},
		{"url {\n path /d\n }", v4, "", "GET /d HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:8002\r\n\r\n"},
		{"url {\n path /six80\n }", v6, "", "GET /six80 HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: [::1]:80\r\n\r\n"},
	} {
		k := checkWith(t, "HTTP_GET {\n "+c.text+"\n}", Defaults{Server: c.server, VirtualHost: c.vhost, Timeout: time.Second})
		g := k.Prober.(*getter)
		r := Request{Path: g.pages[0].path, Host: g.pages[0].host, Protocol: g.protocol}
		if got := r.text(&k.Target); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

// TestReplies: what a server may answer, and what becomes of it.
func TestReplies(t *testing.T) {
	sum := fmt.Sprintf("%x", md5.Sum([]byte("hello")))
	for _, c := range []struct {
		name, url, answer string
		reason            event.Reason
		status            int32
	}{
		{"plain", "", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello", event.ReasonNone, 200},
		{"no body", "", "HTTP/1.1 204 No Content\r\n\r\n", event.ReasonNone, 204},
		{"bare line ends", "", "HTTP/1.0 200 OK\n\nhello", event.FailProtocol, 0},
		{"empty phrase", "", "HTTP/1.0 299 \r\n\r\n", event.ReasonNone, 299},
		{"no phrase", "", "HTTP/1.0 299\r\n\r\n", event.FailProtocol, 0},
		{"another name", "", "ICY 200 OK\r\n\r\n", event.ReasonNone, 200},
		{"redirect", "", "HTTP/1.0 301 Moved\r\nLocation: /\r\n\r\n", event.FailHTTPStatus, 301},
		{"redirect, wanted", "status_code 301-302 404", "HTTP/1.0 301 Moved\r\n\r\n", event.ReasonNone, 301},
		{"range", "status_code 301-302 404", "HTTP/1.0 404 No\r\n\r\n", event.ReasonNone, 404},
		{"200 unwanted", "status_code 301-302 404", "HTTP/1.0 200 OK\r\n\r\n", event.FailHTTPStatus, 200},
		{"status out of any range", "", "HTTP/1.0 999 ?\r\n\r\n", event.FailHTTPStatus, 999},
		{"digest", "digest " + sum, "HTTP/1.0 200 OK\r\n\r\nhello", event.ReasonNone, 200},
		{"digest of what was promised", "digest " + sum, "HTTP/1.0 200 OK\r\ncontent-length:  5 \r\n\r\nhello and more", event.ReasonNone, 200},
		{"digest of less than was promised", "digest " + sum, "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhello", event.ReasonNone, 200},
		{"other digest", "digest " + sum, "HTTP/1.0 200 OK\r\n\r\nhellO", event.FailDigest, 200},
		{"digest of nothing", "digest " + sum, "HTTP/1.0 200 OK\r\n\r\n", event.FailDigest, 200},
		{"status before digest", "digest " + sum, "HTTP/1.0 500 Oh\r\n\r\n", event.FailHTTPStatus, 500},
		{"text", "regex h.l+o", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.ReasonNone, 200},
		{"text only in the header", "regex OK", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.FailBody, 200},
		{"unwanted text", "regex error\n regex_no_match", "HTTP/1.0 200 OK\r\n\r\nan error", event.FailBody, 200},
		{"no unwanted text", "regex error\n regex_no_match", "HTTP/1.0 200 OK\r\n\r\nfine", event.ReasonNone, 200},
		{"text behind the offset", "regex hello\n regex_min_offset 4", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.ReasonNone, 200},
		{"text before the offset", "regex hello\n regex_min_offset 5", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.FailBody, 200},
		{"text before the other offset", "regex hello\n regex_max_offset 4", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.ReasonNone, 200},
		{"text behind the other offset", "regex hello\n regex_max_offset 3", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.FailBody, 200},
		{"text, option", "regex HELLO\n regex_options caseless", "HTTP/1.0 200 OK\r\n\r\nsay hello", event.ReasonNone, 200},
		{"nothing", "", "", event.FailConnectionClosed, 0},
		{"half a header", "", "HTTP/1.0 200 OK\r\nX: y", event.FailProtocol, 0},
		{"garbage", "", "\x00\x01\x02 2\x000 \r\n\r\n", event.FailProtocol, 0},
		{"no number", "", "HTTP/1.0 2x0 OK\r\n\r\n", event.FailProtocol, 0},
		{"another protocol", "", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", event.FailProtocol, 0},
		{"length that is none", "", "HTTP/1.0 200 OK\r\nContent-Length: -5\r\n\r\nhello", event.ReasonNone, 200},
		{"length of nothing", "", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", event.ReasonNone, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := check(t, "HTTP_GET {\n url {\n path /x\n "+c.url+"\n }\n}", serve(t, replies(&heard{}, c.answer)))
			o := run(t, k)
			wants(t, o, c.reason)
			if o.Status != c.status {
				t.Errorf("status %d, want %d", o.Status, c.status)
			}
			if !o.Pass && !strings.HasPrefix(o.Detail, "/x: ") {
				t.Errorf("detail %q", o.Detail)
			}
		})
	}
}

// TestKeptOpen: a server that sends what it promised need not close.
func TestKeptOpen(t *testing.T) {
	k := check(t, "HTTP_GET {\n connect_timeout 100\n url {\n path /\n }\n}", serve(t, func(c net.Conn) {
		replies(&heard{}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(c)
		silent(c)
	}))
	wants(t, run(t, k), event.ReasonNone)
}

// TestTurns: one page in each attempt, in turn; one that failed until it is good; then all from the first on.
func TestTurns(t *testing.T) {
	for _, fast := range []bool{false, true} {
		var h heard
		var bad sync.Map
		to := serve(t, func(c net.Conn) {
			r := bufio.NewReader(c)
			line, _ := r.ReadString('\n')
			path := strings.Fields(line)[1]
			h.add(path)
			status := "200 OK"
			if _, ok := bad.Load(path); ok {
				status = "500 Oh"
			}
			_, _ = io.WriteString(c, "HTTP/1.0 "+status+"\r\n\r\n")
			_ = c.(*net.TCPConn).CloseWrite()
			silent(c)
		})
		text := map[bool]string{true: "fast_recovery\n "}[fast]
		k := check(t, "HTTP_GET {\n "+text+"url {\n path /0\n }\n url {\n path /1\n }\n url {\n path /2\n }\n}", to)
		if want := map[bool]uint32{false: 4, true: 2}[fast]; k.Rise != want {
			t.Errorf("it rises after %d, want %d", k.Rise, want)
		}
		if want := "http://" + to.String() + "/0 and 2 more"; k.Detail != want {
			t.Errorf("it is called %q, want %q", k.Detail, want)
		}
		expect := func(paths string, reason event.Reason) {
			t.Helper()
			before := len(h.all())
			wants(t, run(t, k), reason)
			if got := strings.Join(h.all()[before:], " "); got != paths {
				t.Errorf("asked for %s, want %s", got, paths)
			}
		}
		if fast {
			expect("/0 /1 /2", event.ReasonNone)
		}
		expect("/0", event.ReasonNone)
		expect("/1", event.ReasonNone)
		bad.Store("/2", true)
		expect("/2", event.FailHTTPStatus)
		expect("/2", event.FailHTTPStatus)
		bad.Delete("/2")
		bad.Store("/1", true)
		expect("/2", event.ReasonNone)
		if fast {
			expect("/0 /1", event.FailHTTPStatus)
		} else {
			expect("/0", event.ReasonNone)
			expect("/1", event.FailHTTPStatus)
		}
		bad.Delete("/1")
		expect("/1", event.ReasonNone)
		if fast {
			expect("/0 /1 /2", event.ReasonNone)
			expect("/0", event.ReasonNone)
			continue
		}
		for _, path := range []string{"/0", "/1", "/2", "/0"} {
			expect(path, event.ReasonNone)
		}
	}
}

// TestPhases: each phase has its time.
func TestPhases(t *testing.T) {
	k := check(t, "HTTP_GET {\n url {\n path /\n }\n}", serve(t, func(c net.Conn) {
		replies(&heard{}, "")(c)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Millisecond)) // that long the answer takes
		_, _ = io.Copy(io.Discard, c)
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // and that long its end
		_, _ = io.Copy(io.Discard, c)
	}))
	o := run(t, k)
	wants(t, o, event.ReasonNone)
	if o.Phases[1] <= 0 || o.Phases[2] != 0 || o.Phases[3] < 30*time.Millisecond || o.Phases[4] <= 0 {
		t.Errorf("phases %v", o.Phases)
	}
}

// TestHugeReplies: whatever comes, memory and time are bounded.
func TestHugeReplies(t *testing.T) {
	for _, c := range []struct {
		name, text string
		answer     func(net.Conn)
	}{
		{"header", "url {\n path /\n }", endless("HTTP/1.0 200 OK\r\n", "X: y\r\n")},
		{"line", "url {\n path /\n }", endless("", "HTTP/1.0 ")},
		{"body", "url {\n path /\n }", endless("HTTP/1.0 200 OK\r\n\r\n", "x")},
		{"body to hash", "url {\n path /\n digest 00000000000000000000000000000000\n }", endless("HTTP/1.0 200 OK\r\n\r\n", "x")},
		{"body to search", "url {\n path /\n regex y\n }", endless("HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n", "x")},
		{"frames", "http_protocol 2\n url {\n path /\n }", endless("", "\x00\x00\x00\x04\x00\x00\x00\x00\x00")},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := check(t, "HTTP_GET {\n connect_timeout 10\n "+c.text+"\n}", serve(t, c.answer))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			o := run(t, k)
			runtime.ReadMemStats(&after)
			want := event.FailReplyTooLong
			if c.name == "frames" {
				want = event.FailProtocol
			}
			wants(t, o, want)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 40<<20 {
				t.Errorf("%d bytes were allocated", grown)
			}
		})
	}
}

// h2 serves HTTP/2 in the clear by the standard library.
func h2(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).AddrPort()
}

// TestHTTP2 against the standard library's server.
func TestHTTP2(t *testing.T) {
	big := strings.Repeat("0123456789", 300_000) // more than any window
	to := h2(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.ProtoMajor != 2 || r.Header.Get("User-Agent") != "KeepAliveClient" || r.Host != "www.example":
			http.Error(w, "strange request", http.StatusTeapot)
		case r.URL.Path == "/big":
			_, _ = io.WriteString(w, big)
		case r.URL.Path == "/early":
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "hello")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	sum := fmt.Sprintf("%x", md5.Sum([]byte(big)))
	for _, c := range []struct {
		url    string
		reason event.Reason
		status int32
	}{
		{"path /big\n digest " + sum, event.ReasonNone, 200},
		{"path /early\n regex ^hello$", event.ReasonNone, 200},
		{"path /none", event.FailHTTPStatus, 404},
		{"path /none\n status_code 404", event.ReasonNone, 404},
	} {
		k := check(t, "HTTP_GET {\n http_protocol 2\n virtualhost www.example\n url {\n "+c.url+"\n }\n}", to)
		o := run(t, k)
		wants(t, o, c.reason)
		if o.Status != c.status {
			t.Errorf("%s: status %d, want %d", c.url, o.Status, c.status)
		}
	}
	for name, answer := range map[string]string{
		"HTTP/1": "HTTP/1.1 400 Bad Request\r\n\r\n", "garbage": "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"reset":   "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07",
		"go away": "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02",
	} {
		k := check(t, "HTTP_GET {\n http_protocol 2\n url {\n path /\n }\n}", serve(t, func(c net.Conn) {
			_, _ = io.WriteString(c, answer)
			silent(c)
		}))
		k.Timeout = time.Second
		k.Prober.(*getter).step = time.Second
		if o := run(t, k); o.Reason != event.FailProtocol && o.Reason != event.FailReplyTooLong {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestFetch: what genhash prints.
func TestFetch(t *testing.T) {
	var h heard
	to := serve(t, replies(&h, "HTTP/1.0 404 No\r\nA: b\r\n\r\nhello"))
	r, o := Fetch(t.Context(), &Target{To: to}, Request{Path: "/p", Digest: true, Keep: 3}, false, time.Second)
	if !o.Pass || r.Status != 404 || string(r.Body) != "hel" || r.Size != 5 || r.Digest != md5.Sum([]byte("hello")) ||
		string(r.Header) != "HTTP/1.0 404 No\r\nA: b\r\n\r\n" {
		t.Errorf("reply %+v, outcome %+v", r, o)
	}
	secure := serve(t, overTLS(plainCertificate, replies(&h, "HTTP/1.0 200 OK\r\n\r\nhi")))
	r, o = Fetch(t.Context(), &Target{To: secure}, Request{Path: "/p", SNI: "a.example"}, true, 5*time.Second)
	if !o.Pass || r.Status != 200 || r.Size != 2 || o.Expiry == 0 {
		t.Errorf("reply %+v, outcome %+v", r, o)
	}
	if _, o = Fetch(t.Context(), &Target{To: nobody(t)}, Request{Path: "/"}, false, time.Second); o.Reason != event.FailConnectRefused {
		t.Errorf("outcome %+v", o)
	}
}
