// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
)

// A trial is a kind before a server that passes, one that fails, and one that keeps silent.
type trial struct {
	text                   string // the checker, with a short connect_timeout
	pass, fail, mute       func(t *testing.T) netip.AddrPort
	failReason, muteReason event.Reason
}

// unprobed are the checkers that talk to no server.
var unprobed = []event.Checker{event.CheckerMisc, event.CheckerFile, event.CheckerBFD}

// TestEveryKind is the recipe for a new kind: a name of its own in the closed list, declared reasons, a trial, a
// configuration that is good and one that is bad, and, if it reads what a server says, a fuzz test.
func TestEveryKind(t *testing.T) {
	seen := map[event.Checker]bool{}
	word := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	fuzzers := fuzzTests(t)
	for _, k := range Kinds {
		name := k.Checker.String()
		if seen[k.Checker] || k.parse == nil || name == "" || name == "unknown" {
			t.Errorf("kind %q stands here twice or is not whole", name)
		}
		seen[k.Checker] = true
		if len(k.Reasons) == 0 {
			t.Errorf("%s declares no reasons", name)
		}
		for _, r := range k.Reasons {
			if _, ok := r.CheckFailureIndex(); !ok || !word.MatchString(r.String()) {
				t.Errorf("%s declares %q, which is no failure of a check", name, r)
			}
		}
		if _, ok := trials[k.Checker]; !ok {
			t.Errorf("%s has no trial", name)
		}
		examples(t, k)
		if fuzz := "Fuzz" + strings.ReplaceAll(name, "_", ""); k.Checker != event.CheckerTCP && !slices.Contains(fuzzers, fuzz) {
			t.Errorf("%s has no %s", name, fuzz)
		}
	}
	for _, c := range event.Checkers() {
		if seen[c] == slices.Contains(unprobed, c) {
			t.Errorf("%s is in the closed list and not here, or the reverse", c)
		}
	}
	if Find(event.CheckerNone) != nil {
		t.Error("there is a kind for no checker")
	}
}

// checkers gives the blocks of a kind in a configuration.
func checkers(t *testing.T, name string, k *Kind) []*syntax.Node {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tree, found := syntax.Parse(name, text, syntax.Options{})
	if len(found) > 0 {
		t.Fatal(found)
	}
	word := strings.Replace(k.Checker.String(), "EXPECT_", "TCP_", 1) // it shares the keyword
	var out []*syntax.Node
	var walk func([]*syntax.Node)
	walk = func(nodes []*syntax.Node) {
		for _, n := range nodes {
			if n.Keyword == word {
				out = append(out, n)
			}
			walk(n.Children)
		}
	}
	walk(tree.Nodes)
	return out
}

// examples wants a file with every keyword of the kind, in which nothing is wrong, and files in which something is;
// which message belongs to which line is held by the tests of package config.
func examples(t *testing.T, k *Kind) {
	t.Helper()
	name := strings.ToLower(k.Checker.String())
	d := Defaults{Server: someServer, Timeout: time.Second, Test: true}
	good := checkers(t, "../../config/testdata/good/"+name+".conf", k)
	if len(good) == 0 {
		t.Errorf("%s has no good example", name)
	}
	for _, n := range good {
		c, found := Parse(k.Checker, n, d)
		if c == nil || c.Kind != k.Checker || c.Prober == nil || slices.ContainsFunc(found, func(p syntax.Problem) bool { return p.Level != syntax.Note }) {
			t.Errorf("%s: %+v, %v", n.Pos, c, found)
		}
	}
	bad, err := filepath.Glob("../../config/testdata/bad/*-" + name + ".conf")
	if err != nil || len(bad) == 0 {
		t.Errorf("%s has no bad example, %v", name, err)
	}
	for _, file := range bad {
		wrong := 0
		for _, n := range checkers(t, file, k) {
			_, found := Parse(k.Checker, n, d)
			wrong += len(found)
		}
		if wrong == 0 {
			t.Errorf("%s: nothing is wrong in it", file)
		}
	}
}

// fuzzTests lists the fuzz tests of this package.
func fuzzTests(t *testing.T) []string {
	t.Helper()
	file, err := goparser.ParseFile(token.NewFileSet(), "fuzz_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Fuzz") {
			out = append(out, fn.Name.Name)
		}
	}
	return out
}

var shortTimeout = regexp.MustCompile(`connect_timeout [0-9.]+`)

// TestTrials: each kind passes, fails and gives up in time.
func TestTrials(t *testing.T) {
	for kind, x := range trials {
		t.Run(kind.String(), func(t *testing.T) {
			for _, c := range []struct {
				name   string
				server func(*testing.T) netip.AddrPort
				reason event.Reason
			}{{"pass", x.pass, event.ReasonNone}, {"fail", x.fail, x.failReason}, {"timeout", x.mute, x.muteReason}} {
				t.Run(c.name, func(t *testing.T) {
					text := x.text
					if c.name != "timeout" { // which no server reaches, on however slow a machine
						text = shortTimeout.ReplaceAllString(text, "connect_timeout 20")
					}
					k := check(t, text, c.server(t))
					if k.Kind != kind {
						t.Fatalf("it is a %s", k.Kind)
					}
					o := run(t, k)
					wants(t, o, c.reason)
					if c.name == "timeout" && o.Total < k.Timeout {
						t.Errorf("gave up after %s of %s", o.Total, k.Timeout)
					}
				})
			}
		})
	}
}

var trials = map[event.Checker]trial{
	event.CheckerTCP: {
		text: "TCP_CHECK {\n connect_timeout 0.3\n}",
		pass: server(silent), fail: refusing, mute: unanswering,
		failReason: event.FailConnectRefused, muteReason: event.FailConnectTimeout,
	},
	event.CheckerExpect: {
		text: "TCP_CHECK {\n connect_timeout 0.3\n send \"PING\\r\\n\"\n expect \"+PONG\"\n}",
		pass: server(says("+PONG\r\n")), fail: server(retorts("-ERR\r\n")), mute: server(silent),
		failReason: event.FailBody, muteReason: event.FailReadTimeout,
	},
	event.CheckerHTTP: {
		text: "HTTP_GET {\n connect_timeout 0.3\n url {\n path /\n }\n}",
		pass: server(replies(&heard{}, "HTTP/1.0 200 OK\r\n\r\nok")), fail: server(replies(&heard{}, "HTTP/1.0 503 no\r\n\r\n")), mute: server(silent),
		failReason: event.FailHTTPStatus, muteReason: event.FailReadTimeout,
	},
	event.CheckerSSL: {
		text: "SSL_GET {\n connect_timeout 1\n url {\n path /\n }\n}",
		pass: server(overTLS(plainCertificate, replies(&heard{}, "HTTP/1.0 200 OK\r\n\r\nok"))),
		fail: server(says("SSH-2.0-x\r\n")), mute: server(silent),
		failReason: event.FailTLSHandshake, muteReason: event.FailReadTimeout,
	},
	event.CheckerSMTP: {
		text: "SMTP_CHECK {\n connect_timeout 0.3\n}",
		pass: server(mailServer(&heard{}, "220 hi\r\n", "250 ok\r\n", "221 bye\r\n")), fail: server(says("554 no\r\n")), mute: server(silent),
		failReason: event.FailSMTPReply, muteReason: event.FailReadTimeout,
	},
	event.CheckerDNS: {
		text: "DNS_CHECK {\n connect_timeout 0.3\n}",
		pass: named(0), fail: named(2), mute: muteUDP,
		failReason: event.FailDNSRcode, muteReason: event.FailReadTimeout,
	},
	event.CheckerUDP: {
		text: "UDP_CHECK {\n connect_timeout 0.3\n require_reply 6F6b\n}",
		pass: sendsBack("ok"), fail: sendsBack("no"), mute: muteUDP,
		failReason: event.FailBody, muteReason: event.FailReadTimeout,
	},
	event.CheckerPing: {
		text: "PING_CHECK {\n connect_timeout 0.3\n bind_if lo\n}",
		pass: func(t *testing.T) netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:1") },
		// A socket must ask before it may speak to everybody.
		fail: func(t *testing.T) netip.AddrPort { return netip.MustParseAddrPort("255.255.255.255:1") },
		// The kernel does not answer echo requests to a group.
		mute:       func(t *testing.T) netip.AddrPort { return netip.MustParseAddrPort("239.1.2.3:1") },
		failReason: event.FailLocalResource, muteReason: event.FailReadTimeout,
	},
}
