// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"maps"
	"strings"
)

func goFile(name, text string) map[string]string { return map[string]string{name: text} }

func manyFiles(dir string, n, bodyLines int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprintf("%s/f%02d.go", dir, i)] = "package p\n" + strings.Repeat("\n", bodyLines-1)
	}
	return out
}

func with(m map[string]string, name, text string) map[string]string {
	out := maps.Clone(m)
	out[name] = text
	return out
}

const (
	goodDoc = spdx + "// Package a is an example.\n//\n// Nobody may import it.\n//\n// It must never do anything.\npackage a\n"

	goodDecision = "# 1. Something\n\nDate: 2026-01-02\n\n## Status quo\n\n## Choice\n\n## Cost\n\n## What would change our mind\n"
)

// samples by rule.
var samples = map[string][]sample{
	"tiers": {
		{name: "a leaf imports", graph: graph("./engine/event fmt ./engine/vrrp"), want: []string{"engine/event: imports engine/vrrp: a leaf"}},
		{name: "a leaf uses a module", graph: graph("./engine/vrrp/wire golang.org/x/net/ipv4"), want: []string{"engine/vrrp/wire: imports golang.org/x/net/ipv4: a leaf"}},
		{name: "pure knows a shell", graph: graph("./engine/vrrp ./engine/event ./engine/vrrp/wire ./engine/sys/raw"), want: []string{"engine/vrrp: imports engine/sys/raw: what decides"}},
		{name: "explain knows the ledger", graph: graph("./engine/explain ./engine/event ./engine/ledger"), want: []string{"engine/explain: imports engine/ledger"}},
		{name: "a reader reaches in", graph: graph("./collector ./engine/ledger ./engine/vrrp"), want: []string{"collector: imports engine/vrrp: readers"}},
		{name: "a shell knows another", graph: graph("./engine/notify ./engine/event ./engine/probe"), want: []string{"engine/notify: imports engine/probe"}},
		{name: "config drives", graph: graph("./config ./engine/run"), want: []string{"config: imports engine/run"}},
		{name: "a command uses a test", graph: graph("./cmd/vigild ./test/sim"), want: []string{"cmd/vigild: imports test/sim"}},
		{name: "a package of no tier", graph: graph("./engine/newthing fmt"), want: []string{"engine/newthing: is in no tier"}},
		{name: "a package that does not load", graph: `{"ImportPath":"` + Module + `/engine/vrrp","Error":{"Err":"no such package"}}`, want: []string{"engine/vrrp: does not load"}},
		{name: "the intended tree", graph: graph(
			"./engine/event fmt", "./engine/vrrp/wire net/netip", "./engine/vrrp ./engine/event ./engine/vrrp/wire",
			"./engine/sys/link golang.org/x/sys/unix github.com/vishvananda/netlink",
			"./engine/run ./config ./engine/vrrp ./engine/sys/link ./engine/ipc",
			"./collector ./engine/event ./engine/ledger github.com/prometheus/client_golang/prometheus",
			"./collector/trace ./engine/event go.opentelemetry.io/otel/trace",
			"./cmd/vigild ./engine/run ./collector github.com/spf13/pflag", "./test/netns ./engine/run ./test/sim",
			"golang.org/x/sys/unix unsafe",
		)},
	},
	"bans": {
		{name: "a reader linked with the engine", graph: graph("./collector/trace ./engine/ledger ./engine/vrrp"), want: []string{"collector/trace: ends up importing engine/vrrp: readers"}},
		{name: "snmp linked with config", graph: graph("./snmp ./mib ./config"), want: []string{"snmp: ends up importing config"}},
		{name: "the engine linked with otel", graph: graph("./engine/run ./config go.opentelemetry.io/otel/sdk/trace"), want: []string{"engine/run: ends up importing go.opentelemetry.io/otel/sdk/trace"}},
		{name: "test code that ships", graph: graph("./cmd/vigild ./engine/run testing"), want: []string{"cmd/vigild: ends up importing testing"}},
		{name: "a test that is used", graph: graph("./engine/run ./test/sim"), want: []string{"engine/run: ends up importing test/sim"}},
		{name: "none of it", graph: graph("./collector ./engine/ledger", "./engine/run ./config", "./cmd/vigild go.opentelemetry.io/otel", "./test/netns ./test/sim testing")},
	},
	"pure": {
		{name: "the network", files: goFile("engine/vrrp/a.go", "package vrrp\nimport \"net\"\nvar _ net.IP"), want: []string{"engine/vrrp/a.go:2: imports net in"}},
		{name: "the network below", files: goFile("engine/health/a.go", "package health\nimport _ \"net/http\""), want: []string{"imports net/http"}},
		{name: "files", files: goFile("engine/ledger/a.go", "package ledger\nimport \"os\"\nvar _ = os.Args"), want: []string{"imports os in"}},
		{name: "contexts", files: goFile("engine/event/a.go", "package event\nimport \"context\"\nvar _ context.Context"), want: []string{"imports context"}},
		{name: "locks", files: goFile("engine/ledger/a.go", "package ledger\nimport \"sync/atomic\"\nvar _ atomic.Int64"), want: []string{"imports sync/atomic"}},
		{name: "logs", files: goFile("engine/explain/a.go", "package explain\nimport \"log/slog\"\nvar _ slog.Level"), want: []string{"imports log/slog"}},
		{name: "dice", files: goFile("engine/vrrp/a.go", "package vrrp\nimport \"math/rand/v2\"\nvar _ = rand.Int()"), want: []string{"imports math/rand/v2"}},
		{name: "dice of another make", files: goFile("engine/vrrp/a.go", "package vrrp\nimport \"crypto/rand\"\nvar _ = rand.Reader"), want: []string{"imports crypto/rand"}},
		{name: "the clock", files: goFile("engine/vrrp/wire/a.go", "package wire\nimport \"time\"\nvar _ = time.Now()"), want: []string{"engine/vrrp/wire/a.go:3: uses time.Now"}},
		{name: "the clock as a value under another name", files: goFile("engine/vrrp/a.go", "package vrrp\nimport tm \"time\"\nvar now = tm.Now\nvar _ = tm.NewTimer(tm.Second)"), want: []string{"uses time.Now", "uses time.NewTimer"}},
		{name: "the clock under no name", files: goFile("engine/vrrp/a.go", "package vrrp\nimport . \"time\"\nvar _ = Since(Time{})"), want: []string{"uses time.Since"}},
		{name: "a goroutine", files: goFile("engine/vrrp/a.go", "package vrrp\nfunc f() {\n\tgo f()\n}"), want: []string{"engine/vrrp/a.go:3: starts a goroutine"}},
		{name: "a second file that opens files", files: map[string]string{
			"config/syntax/a.go": "package syntax\nimport \"os\"\nvar _ = os.Open",
			"config/syntax/b.go": "package syntax\nimport \"os\"\nvar _ = os.Open",
		}, want: []string{"config/syntax/b.go:2: imports os"}},
		{name: "data about the network and about time", files: goFile("engine/vrrp/a.go", "package vrrp\nimport (\n\"net/netip\"\n\"time\"\n)\nvar _ netip.Addr\nvar _ = time.Second")},
		{name: "the one file that opens files", files: goFile("config/syntax/a.go", "package syntax\nimport \"os\"\nvar _ = os.Open")},
		{name: "a test", files: goFile("engine/vrrp/a_test.go", "package vrrp\nimport \"os\"\nvar _ = os.Args")},
		{name: "a shell", files: goFile("engine/run/a.go", "package run\nimport \"time\"\nvar _ = time.Now()\nfunc f() { go f() }")},
	},
	"exec": {
		{name: "a probe", files: goFile("engine/probe/misc.go", "package probe\nimport \"os/exec\"\nvar _ exec.Cmd"), want: []string{"engine/probe/misc.go:2: imports os/exec"}},
		{name: "by another door", files: goFile("cmd/vigild/main.go", "package main\nimport \"os\"\nvar _ = os.StartProcess"), want: []string{"uses os.StartProcess"}},
		{name: "by the kernel's door", files: goFile("engine/run/a.go", "package run\nimport \"golang.org/x/sys/unix\"\nvar _ = unix.Exec"), want: []string{"uses unix.Exec"}},
		{name: "the one place", files: goFile("engine/sys/proc/proc.go", "package proc\nimport \"os/exec\"\nvar _ exec.Cmd")},
		{name: "tests", files: map[string]string{
			"engine/a_test.go":  "package engine\nimport \"os/exec\"\nvar _ exec.Cmd",
			"test/netns/lab.go": "package netns\nimport \"os/exec\"\nvar _ exec.Cmd",
		}},
	},
	"parses": {
		{name: "it does not", files: goFile("engine/a.go", "package"), want: []string{"engine/a.go: does not parse"}},
		{name: "it does", files: goFile("engine/a.go", "package engine\n")},
	},
	"gofmt": {
		{name: "spaces", files: goFile("engine/a.go", "package engine\n\nvar  a = 1\n"), want: []string{"engine/a.go: is not gofmt'ed"}},
		{name: "a test", files: goFile("engine/a_test.go", "package engine\nvar a=1\n"), want: []string{"engine/a_test.go"}},
		{name: "as it should be", files: goFile("engine/a.go", "package engine\n\nvar a = 1\n")},
	},
	"file size": {
		{name: "one line too many", files: goFile("engine/a.go", "package engine\n"+strings.Repeat("\n", MaxFileLines)), want: []string{"engine/a.go: has 601 lines"}},
		{name: "the wall", files: goFile("engine/a.go", "package engine\n"+strings.Repeat("\n", MaxFileLines-1))},
		{name: "a test", files: goFile("engine/a_test.go", "package engine\n"+strings.Repeat("\n", MaxFileLines))},
	},
	"function size": {
		{name: "one line too many", files: goFile("engine/a.go", "package engine\nfunc (s *S[T]) F() {\n"+lines(MaxFuncLines-1)+"}\n"), want: []string{"engine/a.go:2: S.F has 81 lines"}},
		{name: "the wall", files: goFile("engine/a.go", "package engine\nfunc F() {\n"+lines(MaxFuncLines-2)+"}\n")},
	},
	"package size": {
		{name: "one file too many", files: manyFiles("engine/vrrp", MaxPackage+1, 1), want: []string{"engine/vrrp: has 16 files"}},
		{name: "the wall", files: manyFiles("engine/vrrp", MaxPackage, 1)},
		{name: "one kind, one file", files: manyFiles("engine/probe", MaxPackage+5, 1)},
	},
	"size spread": {
		{name: "three long ones in twenty", files: func() map[string]string {
			m := manyFiles("engine/a", 20, 100)
			maps.Copy(m, manyFiles("engine/a", 3, MaxNinthDecile+1))
			return m
		}(), want: []string{"ninth decile 401"}},
		{name: "one in twenty", files: with(manyFiles("engine/a", 20, 100), "engine/a/f00.go", "package p\n"+strings.Repeat("\n", 500))},
	},
	"spdx": {
		{name: "missing", files: goFile("engine/a.go", "package engine\n"), want: []string{"engine/a.go: does not open"}},
		{name: "too late", files: goFile("engine/a.go", "//go:build linux\n\n"+spdx+"package engine\n"), want: []string{"does not open"}},
		{name: "there", files: goFile("engine/a.go", spdx+"package engine\n")},
	},
	"doc.go": {
		{name: "no file", files: goFile("engine/a/a.go", "// Package a is.\npackage a\n"), want: []string{"engine/a: has no doc.go"}},
		{name: "no comment", files: goFile("engine/a/doc.go", "package a\n"), want: []string{"engine/a: has no doc.go with a package comment"}},
		{name: "no contract", files: goFile("engine/a/doc.go", "// Package a is an example.\npackage a\n"), want: []string{`does not say "import"`, `does not say "never"`}},
		{name: "no name", files: goFile("engine/a/doc.go", strings.Replace(goodDoc, "Package a is", "It is", 1)), want: []string{"does not begin"}},
		{name: "a folder of tests alone", files: goFile("test/netns/a_test.go", "package netns\n"), want: []string{"test/netns: has no doc.go"}},
		{name: "a contract", files: goFile("engine/a/doc.go", goodDoc)},
		{name: "a command", files: goFile("cmd/a/doc.go", "// Command a does.\npackage main\n")},
	},
	"names": {
		{name: "a drawer", files: goFile("engine/x/a.go", "package util\n"), want: []string{"engine/x: package util says nothing"}},
		{name: "two words", files: goFile("engine/x/a.go", "package my_thing\n"), want: []string{"not one lower-case noun"}},
		{name: "a noun and its test", files: map[string]string{"engine/x/a.go": "package ledger\n", "engine/x/a_test.go": "package ledger_test\n"}},
	},
	"explicit lists": {
		{name: "init", files: goFile("engine/a.go", "package engine\nfunc init() {}\n"), want: []string{"engine/a.go:2: has an init function"}},
		{name: "a side effect", files: goFile("engine/a.go", "package engine\nimport _ \"image/png\"\n"), want: []string{"imported for its side effects"}},
		{name: "neither", files: goFile("engine/a.go", "package engine\nimport _ \"embed\"\ntype T int\nfunc (T) init() {}\n")},
	},
	"no sleeping": {
		{name: "a sleep", files: goFile("engine/a_test.go", "package engine\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"), want: []string{"engine/a_test.go:3: sleeps in a test"}},
		{name: "a sleep in disguise", files: goFile("engine/a_test.go", "package engine\nimport \"time\"\nfunc f() {\n<-time.After(1)\n}\n"), want: []string{"waits for time.After alone"}},
		{name: "in what tests use", files: goFile("test/netns/lab.go", "package netns\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"), want: []string{"sleeps in a test"}},
		{name: "in a fake", files: goFile("engine/sys/link/linktest/a.go", "package linktest\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"), want: []string{"sleeps in a test"}},
		{name: "a deadline", files: goFile("engine/a_test.go", "package engine\nimport \"time\"\nfunc f() {\nselect {\ncase <-time.After(1):\n}\n}\n")},
		{name: "a bubble", files: goFile("engine/a_test.go", "package engine\nimport (\n\"testing\"\n\"testing/synctest\"\n\"time\"\n)\nfunc TestF(t *testing.T) {\nsynctest.Test(t, func(t *testing.T) {\ntime.Sleep(1)\n<-time.After(1)\n})\n}\n")},
		{name: "not a test", files: goFile("engine/a.go", "package engine\nimport \"time\"\nfunc f() { time.Sleep(1) }\n")},
	},
	"no skipping": {
		{name: "a skip", files: goFile("engine/a_test.go", "package engine\nimport \"testing\"\nfunc TestF(t *testing.T) { t.Skip(\"not root\") }\n"), want: []string{"engine/a_test.go:3: skips"}},
		{name: "a skip by any name", files: goFile("test/netns/lab.go", "package netns\nimport \"testing\"\nfunc need(tb testing.TB) { tb.SkipNow() }\nfunc also(b *testing.B) { b.Skipf(\"\") }\n"), want: []string{"skips", "skips"}},
		{name: "short", files: goFile("engine/a_test.go", "package engine\nimport \"testing\"\nvar _ = testing.Short()\n"), want: []string{"testing.Short"}},
		{name: "ci", files: goFile("engine/a_test.go", "package engine\nimport \"os\"\nvar _ = os.Getenv(\"CI\")\n"), want: []string{"whether this is CI"}},
		{name: "something else that skips", files: goFile("engine/a_test.go", "package engine\nimport \"testing\"\nfunc TestF(t *testing.T) { s := scanner{}; s.Skip(); t.Fatal() }\n")},
	},
	"no markers": {
		{name: "in code", files: goFile("engine/a.go", "package engine\n\n// TO"+"DO: more\n"), want: []string{"engine/a.go:3: leaves work"}},
		{name: "in text", files: goFile("README.md", "FIX"+"ME\nXX"+"X\n"), want: []string{"README.md:1", "README.md:2"}},
		{name: "part of a word, and what was found", files: map[string]string{"Makefile": "mktemp x.XXXX" + "XX\n", "config/testdata/corpus/a.conf": "# TO" + "DO\n"}},
	},
	"no machine paths": {
		{name: "a checkout", files: goFile("Makefile", "a:\n\tcd /wo"+"rk/main\n"), want: []string{"Makefile:2: names a path"}},
		{name: "a home", files: goFile("config/dist/a.yaml", "file: \"/ho"+"me/me/x\"\nother: /ro"+"ot/x\n"), want: []string{":1:", ":2:"}},
		{name: "neither", files: goFile("README.md", "https://example.org/wo"+"rk/x ~/ho"+"me/x /etc/keepalived/keepalived.conf test/wo"+"rk/x\n")},
	},
	"no registries": {
		{name: "of Go", files: goFile("Makefile", "GOPROXY=https://pro"+"xy.golang.org\n"), want: []string{"Makefile:1: names a package registry"}},
		{name: "of a company", files: goFile(".ci/run", "curl https://artifact"+"ory.corp.example/x\n"), want: []string{"names a package registry"}},
		{name: "of another language", files: goFile("README.md", "pip from py"+"pi.org\n"), want: []string{"names a package registry"}},
		{name: "none", files: goFile("README.md", "see pkg.go.dev and golang.org/x/sys, a nexus of things\n")},
	},
	"top level": {
		{name: "a stray", files: map[string]string{"docs/a.md": "x", "pkg/a.txt": "x"}, want: []string{"docs: has no place", "pkg: has no place"}},
		{name: "as agreed", files: map[string]string{"cmd/a.txt": "x", "go.mod": "x", ".golangci.yml": "x", "bin/x": "x", "cpu.prof": "x"}},
	},
	"decisions": {
		{name: "a hole", files: map[string]string{"engine/decisions/0001-a.md": goodDecision, "engine/decisions/0003-b.md": goodDecision}, want: []string{"0003-b.md: is not called 0002-"}},
		{name: "a name", files: goFile("engine/decisions/1_a.md", goodDecision), want: []string{"is not called 0001-"}},
		{name: "no cost", files: goFile("engine/decisions/0001-a.md", strings.Replace(goodDecision, "## Cost", "## Price", 1)), want: []string{`has no "## Cost"`}},
		{name: "two pages", files: goFile("engine/decisions/0001-a.md", goodDecision+strings.Repeat("more\n", 80)), want: []string{"longer than a page"}},
		{name: "a page", files: goFile("engine/decisions/0001-a.md", goodDecision)},
	},
}
