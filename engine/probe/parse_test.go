// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
)

var someServer = netip.MustParseAddrPort("192.0.2.1:80")

// TestProblems: what is wrong is said, with its place and its rule, and the rest is used.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ text, rule, at string }{
		{"TCP_CHECK {\n connect_port x\n}", ruleBadNumber, "t:2:15"},
		{"TCP_CHECK {\n connect_port 65536\n}", ruleOutOfRange, "t:2:15"},
		{"TCP_CHECK {\n connect_port\n}", ruleMissingValue, "t:2:2"},
		{"TCP_CHECK {\n connect_ip 1.2.3\n}", ruleBadAddress, "t:2:13"},
		{"TCP_CHECK {\n bindto fe80::1%eth0\n}", ruleBadAddress, "t:2:9"},
		{"TCP_CHECK {\n bindto 2001:db8::1\n}", ruleFamily, "t:2:9"},
		{"TCP_CHECK {\n bindto 192.0.2.9\n connect_ip 2001:db8::1\n}", ruleFamily, "t:3:13"},
		{"TCP_CHECK {\n connect_ip fe80::1\n}", ruleMissingValue, "t:1:1"},
		{"TCP_CHECK {\n bind_if an-interface-of-too-long-a-name\n}", ruleOutOfRange, "t:2:10"},
		{"TCP_CHECK {\n connect_timeout 1.0000001\n}", ruleBadNumber, "t:2:18"},
		{"TCP_CHECK {\n connect_timeout -1\n}", ruleBadNumber, "t:2:18"},
		{"TCP_CHECK {\n connect_timeout 0\n}", ruleOutOfRange, "t:2:18"},
		{"TCP_CHECK {\n connect_timeout 1e400\n}", ruleBadNumber, "t:2:18"},
		{"TCP_CHECK {\n fwmark 4294967296\n}", ruleOutOfRange, "t:2:9"},
		{"TCP_CHECK {\n half_open maybe\n}", ruleBadBoolean, "t:2:12"},
		{"TCP_CHECK {\n half_open\n expect x\n}", ruleIncompatible, "t:1:1"},
		{"TCP_CHECK {\n expect_regex (\n}", ruleBadWord, "t:2:15"},
		{"TCP_CHECK {\n send \"x\\\"\n}", ruleBadWord, "t:2:7"},
		{"HTTP_GET {\n http_protocol 3\n url {\n path /\n }\n}", ruleBadWord, "t:2:16"},
		{"HTTP_GET {\n tls_verify\n url {\n path /\n }\n}", ruleNoEffect, "t:2:2"},
		{"HTTP_GET {\n url {\n digest 12\n path /\n }\n}", ruleBadWord, "t:3:9"},
		{"HTTP_GET {\n url {\n digest 0000000000000000000000000000000g\n path /\n }\n}", ruleBadWord, "t:3:9"},
		{"HTTP_GET {\n url {\n digest 00000000000000000000000000000000\n digest 00000000000000000000000000000001\n path /\n }\n}", ruleDuplicate, "t:4:2"},
		{"HTTP_GET {\n url {\n path /\n status_code 200 99\n }\n}", ruleBadWord, "t:4:18"},
		{"HTTP_GET {\n url {\n path /\n status_code 300-200\n }\n}", ruleBadWord, "t:4:14"},
		{"HTTP_GET {\n url {\n path /\n status_code 600\n }\n}", ruleBadWord, "t:4:14"},
		{"HTTP_GET {\n url {\n path /\n status_code\n }\n}", ruleMissingValue, "t:4:2"},
		{"HTTP_GET {\n url {\n path /\n regex (\n }\n}", ruleBadWord, "t:4:8"},
		{"HTTP_GET {\n url {\n path /\n regex_no_match\n }\n}", ruleMissingValue, "t:4:2"},
		{"HTTP_GET {\n url {\n path /\n regex_options caseless\n regex_no_match\n }\n}", ruleMissingValue, "t:4:2"},
		{"HTTP_GET {\n url {\n path /\n regex x\n regex_options wrong\n }\n}", ruleBadWord, "t:5:16"},
		{"HTTP_GET {\n url {\n path /\n regex x\n regex_options caseless ucp\n }\n}", ruleNoEffect, "t:5:25"},
		{"HTTP_GET {\n url {\n path /\n regex x\n regex_min_offset 9\n regex_max_offset 8\n }\n}", ruleOutOfRange, "t:4:2"},
		{"HTTP_GET {\n url {\n path /\n }\n url {\n status_code 200\n }\n}", ruleMissingValue, "t:5:2"},
		{"SMTP_CHECK {\n helo_name\n}", ruleMissingValue, "t:2:2"},
		{"SMTP_CHECK {\n helo_name " + strings.Repeat("x", 256) + "\n}", ruleBadWord, "t:2:12"},
		{"DNS_CHECK {\n type HINFO\n}", ruleBadWord, "t:2:7"},
		{"DNS_CHECK {\n name a..b\n}", ruleBadWord, "t:2:7"},
		{"DNS_CHECK {\n name a\n name b\n}", ruleDuplicate, "t:3:2"},
		{"DNS_CHECK {\n name " + strings.Repeat("abcdefg.", 40) + "\n}", ruleOutOfRange, "t:2:7"},
		{"UDP_CHECK {\n payload\n}", ruleMissingValue, "t:2:2"},
		{"UDP_CHECK {\n payload 12 zz\n}", ruleBadWord, "t:2:13"},
		{"UDP_CHECK {\n payload 1x\n}", ruleBadWord, "t:2:10"},
		{"UDP_CHECK {\n min_reply_length 256\n max_reply_length 255\n}", ruleIncompatible, "t:1:1"},
		{"UDP_CHECK {\n max_reply_length 65536\n}", ruleOutOfRange, "t:2:19"},
	} {
		k, found := parse(t, c.text, Defaults{Server: someServer, Timeout: time.Second, Test: true})
		if k == nil {
			t.Errorf("%q cannot be used: %v", c.text, found)
			continue
		}
		class := syntax.Faulty
		if strings.Contains(c.text, "regex_no_match") {
			class = syntax.Harmless // compat: keepalived passes it over
		}
		if len(found) != 1 || found[0].Rule != c.rule || found[0].Pos.String() != c.at || found[0].Class != class || found[0].Message == "" {
			t.Errorf("%q: %v, want %s at %s", c.text, found, c.rule, c.at)
		}
	}
}

// TestUseless: a checker without what it is about is not used.
func TestUseless(t *testing.T) {
	for _, text := range []string{
		"HTTP_GET {\n}", "SSL_GET {\n url {\n }\n}", "HTTP_GET {\n url {\n path \"/\rX: y\"\n }\n}",
	} {
		tree, _ := syntax.Parse("t", []byte(text), syntax.Options{})
		var kind event.Checker
		if err := kind.UnmarshalText([]byte(tree.Nodes[0].Keyword)); err != nil {
			t.Fatal(err)
		}
		if k, found := Parse(kind, tree.Nodes[0], Defaults{}); k != nil || len(found) == 0 {
			t.Errorf("%q gives %+v, %v", text, k, found)
		}
	}
	if k, found := Parse(event.CheckerNone, &syntax.Node{}, Defaults{}); k != nil || len(found) != 1 {
		t.Errorf("no checker gives %+v, %v", k, found)
	}
}

// TestMilder: at run time what can be read of a number is used.
func TestMilder(t *testing.T) {
	k, found := parse(t, "TCP_CHECK {\n connect_port 80x\n}", Defaults{Server: someServer})
	if len(found) != 1 || found[0].Level != syntax.Warning || k.Target.To.Port() != 80 {
		t.Errorf("%+v, %v", k, found)
	}
	k, found = parse(t, "TCP_CHECK {\n connect_port 81x\n}", Defaults{Server: someServer, Test: true})
	if len(found) != 1 || found[0].Level != syntax.Error || k.Target.To.Port() != 80 {
		t.Errorf("%+v, %v", k, found)
	}
}

// TestKey: two checks have one key exactly if they do the same.
func TestKey(t *testing.T) {
	base := Defaults{Server: someServer, Timeout: time.Second, VirtualHost: "v"}
	texts := []string{
		"TCP_CHECK {\n}", "TCP_CHECK {\n connect_port 81\n}", "TCP_CHECK {\n connect_timeout 2\n}", "TCP_CHECK {\n half_open\n}",
		"TCP_CHECK {\n bindto 192.0.2.9\n}", "TCP_CHECK {\n bind_port 9\n}", "TCP_CHECK {\n bind_if lo\n}", "TCP_CHECK {\n fwmark 1\n}",
		"TCP_CHECK {\n send a\n}", "TCP_CHECK {\n expect a\n}", "TCP_CHECK {\n expect \"*\"\n}", "TCP_CHECK {\n expect_regex a\n}",
		"PING_CHECK {\n}", "SMTP_CHECK {\n}", "SMTP_CHECK {\n helo_name x\n}", "DNS_CHECK {\n}", "DNS_CHECK {\n type A\n}", "DNS_CHECK {\n name x\n}",
		"UDP_CHECK {\n}", "UDP_CHECK {\n payload 1\n}", "UDP_CHECK {\n require_reply\n}", "UDP_CHECK {\n require_reply 01\n}", "UDP_CHECK {\n require_reply x1\n}",
		"UDP_CHECK {\n min_reply_length 1\n}", "UDP_CHECK {\n max_reply_length 1\n}",
	}
	for _, kind := range []string{"HTTP_GET", "SSL_GET"} {
		for _, url := range []string{
			"path /", "path /a", "path /\n status_code 201", "path /\n virtualhost x", "path /\n digest 00000000000000000000000000000000",
			"path /\n regex x", "path /\n regex x\n regex_no_match", "path /\n regex x\n regex_options caseless", "path /\n regex x\n regex_min_offset 1",
		} {
			texts = append(texts, kind+" {\n url {\n "+url+"\n }\n}")
		}
		texts = append(texts, kind+" {\n http_protocol 1.1\n url {\n path /\n }\n}", kind+" {\n url {\n path /\n }\n url {\n path /\n }\n}")
	}
	texts = append(texts, "SSL_GET {\n enable_sni\n url {\n path /\n }\n}", "SSL_GET {\n tls_verify\n url {\n path /\n }\n}", "SSL_GET {\n tls_compliant\n url {\n path /\n }\n}")
	keys := map[string]string{}
	for _, text := range texts {
		k := checkWith(t, text, base)
		if other, ok := keys[k.Key()]; ok {
			t.Errorf("%q has the key of %q: %s", text, other, k.Key())
		}
		keys[k.Key()] = text
		again := checkWith(t, strings.ReplaceAll(text, "\n ", "\n  "), base)
		if again.Key() != k.Key() {
			t.Errorf("%q has the keys %s and %s", text, k.Key(), again.Key())
		}
	}
	ssl := "SSL_GET {\n url {\n path /\n }\n}"
	for _, x := range []*TLS{{}, {CA: "a"}, {Certificate: "a"}, {Key: "a"}, {Password: "a"}} {
		d := base
		d.TLS = x
		key := checkWith(t, ssl, d).Key()
		if _, ok := keys[key]; ok {
			t.Errorf("another SSL block makes no difference: %s", key)
		}
		keys[key] = ssl
	}
}
