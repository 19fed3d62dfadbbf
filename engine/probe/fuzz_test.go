// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
)

// spoken gives an attempt whose server says these bytes and hangs up.
func spoken(t *testing.T, reply []byte) *try {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		go func() { _, _ = io.Copy(io.Discard, server) }()
		_, _ = server.Write(reply)
		_ = server.Close()
	}()
	x := begin(t.Context(), limits{10 * time.Second}, &Target{To: someServer})
	x.conn = client
	t.Cleanup(func() { _ = client.Close() })
	return x
}

// judged holds an outcome against the laws.
func judged(t *testing.T, kind event.Checker, x *try, ok bool) {
	t.Helper()
	if ok {
		x.pass()
	}
	x.end()
	lawful(t, &Check{Kind: kind}, x.out)
	if x.out.Reason == event.FailReadTimeout {
		t.Errorf("it waits for more: %+v", x.out)
	}
}

func FuzzHTTPGET(f *testing.F) {
	for _, s := range []string{
		"", "HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.1 404\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s), false)
	}
	for _, s := range []string{
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88", // settings, headers with :status 200 and the end
		"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88\x00\x00\x02\x00\x01\x00\x00\x00\x01hi",
		"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07",
	} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, reply []byte, two bool) {
		x := spoken(t, reply)
		var r Reply
		b := &body{reply: &r, keep: 100}
		ok := false
		if two {
			ok = x.exchange2(&Request{Path: "/", Protocol: HTTP2}, b, false)
		} else {
			ok = x.exchange1(&Request{Path: "/"}, b)
		}
		if r.Size > int64(len(reply)) || len(r.Body) > 100 || ok && r.Status == 0 {
			t.Errorf("reply %+v", r)
		}
		judged(t, event.CheckerHTTP, x, ok)
	})
}

// FuzzSSLGET: what is no TLS, in place of a handshake.
func FuzzSSLGET(f *testing.F) {
	f.Add([]byte("HTTP/1.0 400 Bad Request\r\n\r\n"))
	f.Add([]byte("\x15\x03\x01\x00\x02\x02\x28"))
	f.Add([]byte("\x16\x03\x03\x00\x04\x02\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		x := spoken(t, reply)
		judged(t, event.CheckerSSL, x, x.handshake(&secure{}, &Request{}))
	})
}

func FuzzSMTPCHECK(f *testing.F) {
	for _, s := range []string{"220 a\r\n250 b\r\n221 c\r\n", "220-\n220 \n250\n221\n", "554 no\r\n", "220 a\r\n\r\n", "22", "\xff\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		x := spoken(t, reply)
		m := mail{try: x}
		judged(t, event.CheckerSMTP, x, m.reply("220", event.PhaseProcessing) && m.say("HELO x") && m.reply("250", event.PhaseTransfer) && m.say("QUIT") && m.bye())
	})
}

func FuzzEXPECTCHECK(f *testing.F) {
	f.Add([]byte("+PONG\r\n"))
	f.Add([]byte(""))
	f.Add(bytes.Repeat([]byte("x"), 5000))
	re, err := compile("^\\+(PONG|OK)\\R", patternOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		x := spoken(t, reply)
		e := expecter{expect: []byte("O"), regex: re}
		judged(t, event.CheckerExpect, x, e.hear(x))
	})
}

func FuzzDNSCHECK(f *testing.F) {
	query := append([]byte{0x12, 0x34}, question(".", 6)...)
	f.Add(dnsAnswer(bytes.Clone(query), 0))
	f.Add(dnsAnswer(bytes.Clone(query), 3)[:12])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, reply []byte) {
		rcode, wrong := answerTo(query, reply)
		good := len(reply) >= 12 && reply[0] == 0x12 && reply[1] == 0x34 && reply[2] >= 0x80
		if good != (wrong == "") || rcode < 0 || rcode > 15 || rcodeText(rcode) == "" {
			t.Errorf("%x: code %d, %q", reply, rcode, wrong)
		}
	})
}

func FuzzUDPCHECK(f *testing.F) {
	f.Add([]byte("ok"), []byte("ok"), []byte{0xff, 0xf0})
	f.Add([]byte(""), []byte("o"), []byte{0})
	f.Fuzz(func(t *testing.T, reply, want, mask []byte) {
		n := min(len(want), len(mask))
		x := datagram{reply: want[:n], mask: mask[:n]}
		same := true
		for i := range min(n, len(reply)) {
			same = same && reply[i]&mask[i] == want[i]&mask[i]
		}
		if x.matches(reply) != same {
			t.Errorf("%x with %x & %x: %t", reply, want, mask, !same)
		}
	})
}

func FuzzPINGCHECK(f *testing.F) {
	e := &echo{try: &try{}, raw: true, id: 7}
	request := e.request(3)
	reply := bytes.Clone(request)
	reply[0] = 0
	f.Add(append([]byte{0x45, 19: 0}, reply...), false)
	f.Add(reply, true)
	f.Add([]byte{0x4f}, false)
	f.Fuzz(func(t *testing.T, m []byte, six bool) {
		x := echo{try: &try{}, raw: true, six: six, id: 7}
		if x.answers(request, m) && len(m) < 8 {
			t.Errorf("%x is taken for an answer", m)
		}
	})
}

// FuzzTranslate: a pattern is refused or compiled, and a search ends.
func FuzzTranslate(f *testing.F) {
	for _, s := range []string{"a++b", "(?<x>[[:alpha:]]\\h)\\k{x}$", "\\Qa\\E\\x{41}", "(?#", "[^]]", "(?m)^", "a{2,3}+", "(((", "\\g{1}", "(*UTF)."} {
		f.Add(s, "abc 12\n")
	}
	f.Fuzz(func(t *testing.T, text, subject string) {
		if len(text) > 200 || len(subject) > 200 {
			return
		}
		re, err := compile(text, patternOptions{})
		if err != nil {
			return
		}
		re.re.MatchTimeout = 100 * time.Millisecond
		_, _ = re.match([]byte(subject)) // any answer, in time
	})
}

// fuzzed parses a block of a kind.
func fuzzed(t *testing.T, kind event.Checker, text string) (*Check, []syntax.Problem) {
	t.Helper()
	tree, _ := syntax.Parse("t", []byte("X "+text), syntax.Options{})
	if len(tree.Nodes) == 0 {
		return &Check{}, nil
	}
	return Parse(kind, tree.Nodes[0], Defaults{Server: someServer})
}

// FuzzParse: any block of any kind gives a check that can be tried, or problems.
func FuzzParse(f *testing.F) {
	for _, k := range Kinds {
		f.Add(uint8(k.Checker), "{\n connect_port 81\n url {\n path /\n digest x\n }\n payload 1 2\n name a.b\n misc_path \"a b\"\n track_file x\n weight 1 reverse\n expect a\n}")
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		c, found := fuzzed(t, event.Checker(kind%uint8(event.CheckerCount)), text)
		if c == nil && len(found) == 0 {
			t.Error("neither a check nor a problem")
		}
		if c != nil && c.Key() == "" {
			t.Error("a check without a key")
		}
		for _, p := range found {
			if p.Rule == "" || p.Message == "" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}
