// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line string
		want func(o *Options)
	}{
		{"", func(*Options) {}},
		{"-f x.conf", func(o *Options) { o.File = "x.conf" }},
		{"-fx.conf", func(o *Options) { o.File = "x.conf" }},
		{"--use-file=x.conf", func(o *Options) { o.File = "x.conf" }},
		{"--use-file x.conf", func(o *Options) { o.File = "x.conf" }},
		{"--use x.conf", func(o *Options) { o.File = "x.conf" }},
		{"-nlD", func(o *Options) { o.NoFork, o.LogConsole, o.LogDetail = true, true, true }},
		{"-nlDf x.conf -P", func(o *Options) {
			o.NoFork, o.LogConsole, o.LogDetail, o.File, o.VRRP = true, true, true, "x.conf", true
		}},
		{"-t", func(o *Options) { o.ConfigTest = true }},
		{"-t/tmp/log", func(o *Options) { o.ConfigTest, o.TestLog = true, "/tmp/log" }},
		{"--config-test=/tmp/log", func(o *Options) { o.ConfigTest, o.TestLog = true, "/tmp/log" }},
		{"--config-test", func(o *Options) { o.ConfigTest = true }},
		{"--all", func(o *Options) { o.All = true }},
		{"-C -P", func(o *Options) { o.Check, o.VRRP = true, true }},
		{"-S 7", func(o *Options) { o.Facility = "local7" }},
		{"-S local0", func(o *Options) { o.Facility = "local0" }},
		{"-S user", func(o *Options) { o.Facility = "user" }},
		{"-S 9", func(o *Options) { o.Invalid = []string{"Invalid log facility '9'"} }},
		{"-u 022", func(o *Options) { o.Umask = 0o22 }},
		{"-u 0x1f", func(o *Options) { o.Umask = 0x1f }},
		{"-u 1000", func(o *Options) { o.Noted = []string{"Invalid --umask option 1000"} }},
		{"-g", func(o *Options) { o.LogToFile, o.LogFile = true, "/tmp/keepalived.log" }},
		{"-g/x", func(o *Options) { o.LogToFile, o.LogFile = true, "/x" }},
		{"-X -V -I -R", func(o *Options) { o.ReleaseVIPs, o.KeepVRRP, o.KeepIPVS, o.NoRespawn = true, true, true, true }},
		{"-p a -r b -c c -b d", func(o *Options) { o.PID, o.VRRPPID, o.CheckersPID, o.BFDPID = "a", "b", "c", "d" }},
		{"-x -A /s", func(o *Options) { o.SNMP, o.SNMPSocket = true, "/s" }},
		{"-s ns -i id", func(o *Options) { o.Namespace, o.ConfigID = "ns", "id" }},
		{"-m", func(o *Options) { o.Core = true }},
		{"-M", func(o *Options) { o.Core, o.CorePattern = true, "core" }},
		{"--core-dump-pattern=/c", func(o *Options) { o.Core, o.CorePattern = true, "/c" }},
		{"--signum=STOP", func(o *Options) { o.Signum = "STOP" }},
		{"--ignore-sigint -G --flush-log-file -d", func(o *Options) { o.IgnoreSigint, o.NoSyslog, o.FlushLog, o.DumpConf = true, true, true, true }},
		{"--debug=N", func(o *Options) { o.Debug, o.LogDetail = "N+", true }},
		{"--perf --no-mem-check -L", func(*Options) {}},
		{"-t --format=sarif", func(o *Options) { o.ConfigTest, o.TestFormat = true, "sarif" }},
		{"--single --settings y --control-socket z --dataplane dry-run", func(o *Options) {
			o.Single, o.Settings, o.ControlSocket, o.Dataplane = true, "y", "z", "dry-run"
		}},
	} {
		want := &Options{File: "/etc/keepalived/keepalived.conf", Umask: -1, Dataplane: "kernel", TestFormat: "text"}
		c.want(want)
		got, words, err := Parse(strings.Fields(c.line))
		if err != nil || len(words) > 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, words %q, %v\nwant %+v", c.line, got, words, err, want)
		}
	}
}

func TestParseWords(t *testing.T) {
	for line, want := range map[string][]string{
		"-n word -l other": {"word", "other"},
		"-n -- -l":         {"-l"},
		"-":                {"-"},
	} {
		o, words, err := Parse(strings.Fields(line))
		if err != nil || !slices.Equal(words, want) {
			t.Errorf("%q: words %q, %v", line, words, err)
		}
		if strings.HasPrefix(line, "-n word") && (!o.NoFork || !o.LogConsole) {
			t.Errorf("%q: options behind a word are lost", line)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"-Z":             "invalid option -- 'Z'",
		"-nZ":            "invalid option -- 'Z'",
		"--nonsense":     "unrecognized option '--nonsense'",
		"--":             "",
		"--co":           "option '--co' is ambiguous",
		"-f":             "option requires an argument -- 'f'",
		"--use-file":     "option '--use-file' requires an argument",
		"--vrrp=yes":     "option '--vrrp' doesn't allow an argument",
		"--dataplane=x":  "kernel or dry-run",
		"--format=xml":   "text, json or sarif",
		"--=":            "unrecognized option",
		"--no-such=-n x": "unrecognized option",
	} {
		_, _, err := Parse(strings.Fields(line))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// TestOptionsAreKeepalived holds the table against keepalived's own list: a
// unit or script that uses any of them starts vigild unchanged.
func TestOptionsAreKeepalived(t *testing.T) {
	short := map[byte]string{
		'f': "use-file", 'P': "vrrp", 'C': "check", 'B': "no_bfd", 'l': "log-console", 'D': "log-detail",
		'S': "log-facility", 'g': "log-file", 'G': "no-syslog", 'u': "umask", 'X': "release-vips",
		'V': "dont-release-vrrp", 'I': "dont-release-ipvs", 'R': "dont-respawn", 'n': "dont-fork", 'd': "dump-conf",
		'p': "pid", 'r': "vrrp_pid", 'T': "genhash", 'c': "checkers_pid", 'a': "address-monitoring", 'b': "bfd_pid",
		'x': "snmp", 'A': "snmp-agent-socket", 's': "namespace", 'm': "core-dump", 'M': "core-dump-pattern",
		'e': "all-config", 'i': "config-id", 't': "config-test", 'v': "version", 'h': "help",
	}
	seen := map[string]bool{}
	for _, opt := range commandLine() {
		if seen[opt.long] {
			t.Errorf("--%s stands twice", opt.long)
		}
		seen[opt.long] = true
		if want, ok := short[opt.short]; ok && want != opt.long {
			t.Errorf("-%c is --%s, want --%s", opt.short, opt.long, want)
		}
		delete(short, opt.short)
	}
	for c, long := range short {
		t.Errorf("-%c, --%s is missing", c, long)
	}
	for _, long := range []string{"all", "flush-log-file", "ignore-sigint", "signum", "debug", "perf", "no-mem-check"} {
		if !seen[long] {
			t.Errorf("--%s is missing", long)
		}
	}
}

func TestUsageNamesEveryOptionWithHelp(t *testing.T) {
	text := Usage()
	for _, opt := range commandLine() {
		if shown := strings.Contains(text, "--"+opt.long); shown != (opt.help != "") {
			t.Errorf("--%s: shown %v", opt.long, shown)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 120 {
			t.Errorf("a line of %d characters: %q", len(line), line)
		}
	}
}

func TestSignums(t *testing.T) {
	// What keepalived 2.2.7 prints on Linux with the C library of Debian.
	for name, want := range map[string]int{"STOP": 15, "RELOAD": 1, "DATA": 10, "STATS": 12, "STATS_CLEAR": 63, "JSON": 36} {
		if got := Signums()[name]; got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"-n -l -f x", "--use-file=x", "-nlDt/x", "--", "-", "--co", "-S 9 -u 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		o, words, err := Parse(args)
		if o == nil || len(words) > len(args) {
			t.Errorf("%q: %v, %q, %v", line, o, words, err)
		}
	})
}
