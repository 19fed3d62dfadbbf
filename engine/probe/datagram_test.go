// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

// named answers every query with this response code.
func named(rcode byte) func(*testing.T) netip.AddrPort {
	return func(t *testing.T) netip.AddrPort {
		return answerUDP(t, func(q []byte) [][]byte { return [][]byte{dnsAnswer(q, rcode)} })
	}
}

func dnsAnswer(q []byte, rcode byte) []byte {
	q[2] |= 0x80
	q[3] = 0x80 | rcode
	return q
}

func sendsBack(text string) func(*testing.T) netip.AddrPort {
	return func(t *testing.T) netip.AddrPort {
		return answerUDP(t, func([]byte) [][]byte { return [][]byte{[]byte(text)} })
	}
}

func muteUDP(t *testing.T) netip.AddrPort { return answerUDP(t, func([]byte) [][]byte { return nil }) }

// nobodyUDP gives an address at which nobody listens, so that the kernel says so.
func nobodyUDP(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	to := c.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = c.Close()
	return to
}

// TestQueryBytes: what keepalived 2.2.7 sends behind its random id, as it was captured.
func TestQueryBytes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "010000010000000000000000060001",
		"type MX\n name www.example.com":  "0100000100000000000003777777076578616d706c6503636f6d00000f0001",
		"type A\n name example.org.":      "01000001000000000000076578616d706c65036f72670000010001",
		"type aaaa\n name example.org":    "01000001000000000000076578616d706c65036f726700001c0001",
		"type DNSKEY\n name .":            "010000010000000000000000300001",
		"name example.org.\n type RRSIG ": "01000001000000000000076578616d706c65036f726700002e0001",
	} {
		query := make(chan []byte, 1)
		k := check(t, "DNS_CHECK {\n "+text+"\n}", answerUDP(t, func(q []byte) [][]byte {
			query <- bytes.Clone(q)
			return [][]byte{dnsAnswer(q, 0)}
		}))
		wants(t, run(t, k), event.ReasonNone)
		if got := <-query; hex.EncodeToString(got[2:]) != want {
			t.Errorf("%q: asked %x, want %s", text, got[2:], want)
		}
	}
}

// TestDNSAnswers: only an answer to our query counts, and its response code decides.
func TestDNSAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(q []byte) [][]byte
		reason event.Reason
		status int32
	}{
		{"no error", func(q []byte) [][]byte { return [][]byte{dnsAnswer(q, 0)} }, event.ReasonNone, 0},
		{"header only", func(q []byte) [][]byte { return [][]byte{dnsAnswer(q, 0)[:12]} }, event.ReasonNone, 0},
		{"NXDOMAIN", func(q []byte) [][]byte { return [][]byte{dnsAnswer(q, 3)} }, event.FailDNSRcode, 3},
		{"strange code", func(q []byte) [][]byte { return [][]byte{dnsAnswer(q, 15)} }, event.FailDNSRcode, 15},
		{"the query itself", func(q []byte) [][]byte { return [][]byte{q} }, event.FailProtocol, 0},
		{"another id", func(q []byte) [][]byte { q[0]++; return [][]byte{dnsAnswer(q, 0)} }, event.FailProtocol, 0},
		{"too short", func(q []byte) [][]byte { return [][]byte{dnsAnswer(q, 0)[:11]} }, event.FailProtocol, 0},
		{"empty", func([]byte) [][]byte { return [][]byte{{}} }, event.FailProtocol, 0},
		{"garbage first", func(q []byte) [][]byte { return [][]byte{{1, 2}, bytes.Repeat([]byte{7}, 9000), dnsAnswer(q, 0)} }, event.ReasonNone, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := "20"
			if c.reason == event.FailProtocol { // it waits for a better answer
				timeout = "0.3"
			}
			k := check(t, "DNS_CHECK {\n connect_timeout "+timeout+"\n}", answerUDP(t, c.answer))
			o := run(t, k)
			wants(t, o, c.reason)
			if o.Status != c.status {
				t.Errorf("status %d", o.Status)
			}
		})
	}
	k := check(t, "DNS_CHECK {\n}", nobodyUDP(t))
	wants(t, run(t, k), event.FailConnectRefused)
}

// TestDatagrams: silence, errors, and replies of every kind.
func TestDatagrams(t *testing.T) {
	for _, c := range []struct {
		name, text string
		server     func(*testing.T) netip.AddrPort
		reason     event.Reason
	}{
		{"silence", "", muteUDP, event.ReasonNone},
		{"any reply", "", sendsBack("whatever"), event.ReasonNone},
		{"nobody there", "", nobodyUDP, event.FailConnectRefused},
		{"nobody there, reply required", "require_reply", nobodyUDP, event.FailConnectRefused},
		{"required", "require_reply", sendsBack("x"), event.ReasonNone},
		{"required, empty", "require_reply", sendsBack(""), event.ReasonNone},
		{"required, silence", "require_reply", muteUDP, event.FailReadTimeout},
		{"beginning", "require_reply 61 62", sendsBack("abc"), event.ReasonNone},
		{"shorter", "require_reply 616263", sendsBack("ab"), event.ReasonNone},
		{"other", "require_reply 61 62", sendsBack("acb"), event.FailBody},
		{"wild", "require_reply 6X x2 63", sendsBack("oRc"), event.ReasonNone},
		{"wild, other", "require_reply 6X x2 63", sendsBack("zRc"), event.FailBody},
		{"too short", "require_reply\n min_reply_length 4", sendsBack("abc"), event.FailBody},
		{"long enough", "require_reply\n min_reply_length 3", sendsBack("abc"), event.ReasonNone},
		{"too long", "require_reply\n max_reply_length 2", sendsBack("abc"), event.FailReplyTooLong},
		{"as long as may be", "require_reply\n max_reply_length 3", sendsBack("abc"), event.ReasonNone},
		{"longer than the manual says", "require_reply", sendsBack(strings.Repeat("x", 256)), event.ReasonNone},
		{"longer than matters", "max_reply_length 9", sendsBack(strings.Repeat("x", 256)), event.ReasonNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := "20"
			if c.reason == event.FailReadTimeout || c.name == "silence" {
				timeout = "0.3"
			}
			wants(t, run(t, check(t, "UDP_CHECK {\n connect_timeout "+timeout+"\n "+c.text+"\n}", c.server(t))), c.reason)
		})
	}
}

// TestPayload: what is sent, by default as keepalived 2.2.7.
func TestPayload(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "keepalived check - keepalived ch",
		"payload Ab12f 3 456 546443123":       "\xab\x12\x0f\x03\x45\x06\x54\x64\x43\x12\x03",
		"payload \"0001\"\n require_reply xX": "\x00\x01",
	} {
		sent := make(chan string, 1)
		k := check(t, "UDP_CHECK {\n "+text+"\n}", answerUDP(t, func(q []byte) [][]byte {
			sent <- string(q)
			return [][]byte{q}
		}))
		wants(t, run(t, k), event.ReasonNone)
		if got := <-sent; got != want {
			t.Errorf("%q: sent %q, want %q", text, got, want)
		}
	}
}

// TestPing: both families, both kinds of socket; an answer to somebody else is none.
func TestPing(t *testing.T) {
	for _, to := range []string{"127.0.0.1:0", "[::1]:0"} {
		k := check(t, "PING_CHECK {\n bindto "+netip.MustParseAddrPort(to).Addr().String()+"\n fwmark 3\n}", netip.MustParseAddrPort(to))
		o := run(t, k)
		wants(t, o, event.ReasonNone)
		if o.Phases[3] <= 0 {
			t.Errorf("phases %v", o.Phases)
		}
	}
	for _, six := range []bool{false, true} {
		e := &echo{try: &try{}, six: six, raw: true, id: 0x1234}
		m := e.request(0x0102)
		if len(m) != 8+pingSize || string(m[8:40]) != "keepalived check - keepalived ch" {
			t.Errorf("request %x", m)
		}
		if !six && checksum(m) != 0 {
			t.Errorf("checksum of %x is %x", m, checksum(m))
		}
		reply := bytes.Clone(m)
		reply[0] = 0
		var header []byte
		if six {
			reply[0] = 129
		} else {
			header = append([]byte{0x46}, make([]byte, 23)...)
		}
		good := append(header, reply...)
		if !e.answers(m, good) {
			t.Errorf("%x is no answer", good)
		}
		for i := range 8 {
			bad := bytes.Clone(good)
			bad[len(header)+i] ^= 1
			if i != 1 && i != 2 && i != 3 && e.answers(m, bad) {
				t.Errorf("%x is taken for an answer", bad)
			}
		}
		for n := range len(header) + 8 {
			if e.answers(m, good[:n]) {
				t.Errorf("%d bytes are taken for an answer", n)
			}
		}
	}
}
