// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// names know two services and one host.
var names = Names{
	Port: func(_, name string) (uint16, error) {
		if n, ok := map[string]uint16{"http": 80, "telnet": 23}[name]; ok {
			return n, nil
		}
		return 0, errors.New("not in the list")
	},
	Host: func(name string) (netip.Addr, error) {
		if name == "www" {
			return netip.MustParseAddr("192.0.2.80"), nil
		}
		return netip.Addr{}, errors.New("not in the list")
	},
}

// table is what the rules make of nothing.
func tableOf(t *testing.T, text string) ipvs.Table {
	t.Helper()
	list, errs := Parse(text, names)
	out, more := After(ipvs.Table{}, list)
	for _, e := range append(errs, more...) {
		t.Error(e.Error())
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRealTables: the files are what ipvsadm 1.31 said of one kernel's table. Of
// test/vm, TestRules compares live.
func TestRealTables(t *testing.T) {
	text := read(t, "table.save")
	table := tableOf(t, text)
	if got := Save(table); got != text {
		t.Errorf("saved:\n%s\nnot\n%s", got, text)
	}
	list, _ := Parse("-e -t 10.0.0.1:80 -r 10.0.0.8:8080 -m -w 100000 -x 10 -y 5", Names{})
	table, _ = After(table, list)
	info := ipvs.Info{Version: "1.2.1", TableSize: 4096}
	for name, c := range map[string]Columns{"list": Plain, "stats": Stats, "thresholds": Thresholds} {
		if got, want := List(table, info, c, false), read(t, "table."+name); got != want {
			t.Errorf("%s:\n%s\nnot\n%s", name, got, want)
		}
	}
}

func TestSpellings(t *testing.T) {
	for text, want := range map[string]string{
		"-A -t 10.0.0.1:http\n-a -t 10.0.0.1:http -r 10.0.0.2":                        "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1\n",
		"ipvsadm --add-service --tcp-service=www:telnet --scheduler=rr # why":         "-A -t 192.0.2.80:23 -s rr\n",
		"\n# nothing\n  -At'10.0.0.1':80 -s\"rr\"\r\n":                                "-A -t 10.0.0.1:80 -s rr\n",
		"-A -u 10.0.0.1:53 -p -o -s rr":                                               "-A -u 10.0.0.1:53 -s rr -p 360 -o\n",
		"-A -t 10.0.0.1 -p 5 -M 255.255.255.255":                                      "-A -t 10.0.0.1:0 -s wlc -p 5\n",
		"-A -f 4294967295 -s lc\n-a -f 4294967295 -r 10.0.0.2 -m":                     "-A -f 4294967295 -s lc\n-a -f 4294967295 -r 10.0.0.2:0 -m -w 1\n",
		"-A -t 10.0.0.1:80\n-E -t 10.0.0.1:80 -s sh -b sh-port":                       "-A -t 10.0.0.1:80 -s sh -b sh-port\n",
		"-A -t 10.0.0.1:80\n-D -t 10.0.0.1:80\n-A -t 10.0.0.1:80 -s rr":               "-A -t 10.0.0.1:80 -s rr\n",
		"-A -t 10.0.0.1:80\n-C\n-A -t 2001:db8::1 -s rr -p 9 -M 64":                   "-A -t [2001:db8::1]:0 -s rr -p 9 -M 64\n",
		"-A -f 1 -s rr\n-a -f 1 -r 10.0.0.2\n-e -f 1 -r 10.0.0.2 -w 7":                "-A -f 1 -s rr\n-a -f 1 -r 10.0.0.2:0 -g -w 7\n",
		"-A -f 1 -s rr\n-a -f 1 -r 10.0.0.2\n-a -f 1 -r 10.0.0.3\n-d -f1 -r 10.0.0.2": "-A -f 1 -s rr\n-a -f 1 -r 10.0.0.3:0 -g -w 1\n",
		"": "",
	} {
		if got := Save(tableOf(t, text)); got != want {
			t.Errorf("%q is\n%s\nnot\n%s", text, got, want)
		}
	}
}

// TestMistakes: each line has exactly this to say.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"-A -t 10.0.0.1:80 -t 10.0.0.1:81":              "line 1: it has more than one service",
		"-A -D -t 10.0.0.1:80":                          "line 1: it has more than one command",
		"\n\n-A -t 10.0.0.1:80 -s rr -s wrr":            "line 3: it has more than one scheduler",
		"-t 10.0.0.1:80":                                "line 1: it has none of -A, -E, -D, -C, -a, -e, -d",
		"-A -s rr":                                      "line 1: it names no service: -t, -u, --sctp-service or -f",
		"-A -t 10.0.0.1":                                "line 1: port 0, which is every port, needs -p",
		"-A -t 10.0.0.1:bad":                            `line 1: service "bad" of tcp is unknown: not in the list`,
		"-A -t nowhere:80":                              `line 1: host "nowhere" is unknown: not in the list`,
		"-A -t 10.0.0.1:65536":                          `line 1: "65536" is no port`,
		"-A -t [2001:db8::1:80":                         `line 1: "[2001:db8::1:80" is not [ADDRESS]:PORT`,
		"-A -f 0":                                       `line 1: firewall mark "0" is not a number from 1 to 4294967295`,
		"-A -t 10.0.0.1:80 -o":                          "line 1: -o is for datagrams only",
		"-A -t 10.0.0.1:80 -p 0":                        `line 1: timeout "0" is not a number of seconds from 1 to 2678400`,
		"-A -t 10.0.0.1:80 -M 255.0.0.0":                "line 1: -M needs -p",
		"-A -t 10.0.0.1:80 -p -M 0.0.0.0":               `line 1: netmask "0.0.0.0" is not like 255.255.255.0`,
		"-A -t [2001:db8::1]:80 -p 5 -M 129":            `line 1: netmask "129" is not the length of a prefix from 1 to 128`,
		"-A -t 10.0.0.1:80 -s rr -b sh-port":            `line 1: scheduler rr has no flag "sh-port"`,
		"-A -t 10.0.0.1:80 -w 1":                        "line 1: weight does not go with this command",
		"-a -t 10.0.0.1:80 -s rr":                       "line 1: scheduler does not go with this command",
		"-a -t 10.0.0.1:80":                             "line 1: it names no real server: -r",
		"-C -t 10.0.0.1:80":                             "line 1: service does not go with this command",
		"-A -t 10.0.0.1:80 -r 10.0.0.2":                 "line 1: real-server does not go with this command",
		"-A -t 10.0.0.1:80 x":                           `line 1: "x" is no option of ipvsadm`,
		"-Z":                                            "line 1: -Z cannot be restored",
		"--set 1 2 3":                                   "line 1: --set cannot be restored",
		"-A -t":                                         "line 1: --tcp-service has no value",
		"-A -t 10.0.0.1:80 --ops=1":                     "line 1: --ops takes no value",
		"-A -t '10.0.0.1:80":                            "line 1: ' is not closed",
		"-a -f 1 -r 2001:db8::1 -g":                     "line 1: the real server is of another family, which needs -i",
		"-a -f 1 -r 10.0.0.1 -g -i":                     "line 1: it has more than one forwarding method",
		"-a -f 1 -r 10.0.0.1 -w -1":                     `line 1: weight "-1" is not a number from 0 to 2147483647`,
		"-a -f 1 -r 10.0.0.1 -i --tun-type gue":         "line 1: --tun-type gue needs --tun-port",
		"-a -f 1 -r 10.0.0.1 -i --tun-port 5":           "line 1: --tun-port is for --tun-type gue",
		"-a -f 1 -r 10.0.0.1 -m --tun-type gre":         "line 1: tunnels need -i",
		"-a -f 1 -r 10.0.0.1 -i --tun-type vxlan":       `line 1: tun-type "vxlan" is not ipip, gue or gre`,
		"-A -6 -t 10.0.0.1:80":                          "line 1: -6 goes with -f only",
		"-a -f 1 -r 10.0.0.1":                           "line 1: no such service",
		"-E -f 1 -s rr":                                 "line 1: no such service",
		"-A -f 1\n-A -f 1":                              "line 2: there is such a service",
		"-A -f 1\n-a -f 1 -r 10.0.0.1\n-af1 -r10.0.0.1": "line 3: the service has such a server",
		"-A -f 1\n-d -f 1 -r 10.0.0.1":                  "line 2: no such server",
		"-A -f 1\n-e -f 1 -r 10.0.0.1 -w 2":             "line 2: no such server",
		"-A -f x\n-A -f 1\n-A -f y":                     "line 1: firewall mark \"x\" is not a number from 1 to 4294967295\nline 3: firewall mark \"y\" is not a number from 1 to 4294967295",
	} {
		list, errs := Parse(text, names)
		if _, more := After(ipvs.Table{}, list); len(errs) == 0 {
			errs = more
		}
		var said []string
		for _, e := range errs {
			said = append(said, e.Error())
		}
		if got := strings.Join(said, "\n"); got != want {
			t.Errorf("%q: %s\nnot %s", text, got, want)
		}
	}
	if _, errs := Parse("-A -t www:80\n-A -t 10.0.0.1:http", Names{}); len(errs) != 2 {
		t.Errorf("without names: %v", errs)
	}
}

// TestDiff: only what differs is changed, and what is new comes before what goes.
func TestDiff(t *testing.T) {
	from := tableOf(t, `-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.0.0.2 -g
-a -t 10.0.0.1:80 -r 10.0.0.3 -g
-a -t 10.0.0.1:80 -r 10.0.0.4 -g
-A -f 1 -s rr
-A -f 2 -s rr
-a -f 2 -r 10.0.0.2
`)
	// What the kernel counts is no difference.
	from.Services[0].Stats.Conns, from.Services[0].Destinations[0].Active = 7, 3
	text := `-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.0.2 -g
-a -t 10.0.0.1:80 -r 10.0.0.3 -g -w 2
-a -t 10.0.0.1:80 -r 10.0.0.5 -g
-A -f 2 -s rr
-a -f 2 -r 10.0.0.2
-A -f 3 -s rr
`
	list, _ := Parse(text, Names{})
	for _, clear := range []bool{false, true} {
		start := from
		if clear {
			start = Without(from, list)
		}
		to, errs := After(start, list)
		if len(errs) > 0 {
			t.Error(errs)
		}
		var got []string
		for _, op := range Diff(from, to) {
			got = append(got, op.String())
		}
		want := []string{
			"edit service tcp/10.0.0.1:80", "edit destination tcp/10.0.0.1:80 -> 10.0.0.3:80", "add destination tcp/10.0.0.1:80 -> 10.0.0.5:80",
			"add service fwmark:3", "delete destination tcp/10.0.0.1:80 -> 10.0.0.4:80",
		}
		if clear {
			want = append(want, "delete service fwmark:1")
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("clear %v:\n%s\nnot\n%s", clear, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if ops := Diff(to, to); len(ops) > 0 {
			t.Errorf("a table differs from itself: %v", ops)
		}
	}
	if len(from.Services[0].Destinations) != 3 {
		t.Error("the table of before was changed")
	}
}

// TestLargeNumbers: as ipvsadm shortens them, and with --exact does not.
func TestLargeNumbers(t *testing.T) {
	s := &ipvs.Stats{Conns: 99_999_999, InPkts: 100_000_000, OutPkts: 1_000_000_000, InBytes: 123_456_789_012, OutBytes: 123_456_789_012_345}
	if got := counters(s, Stats, false); got != " 99999999  100000K    1000M     123G     123T" {
		t.Errorf("%q", got)
	}
	if got := counters(s, Stats, true); got != " 99999999 100000000 1000000000 123456789012 123456789012345" {
		t.Errorf("%q", got)
	}
}

// FuzzParse: no text makes it panic, and what is understood is written and
// understood again.
func FuzzParse(f *testing.F) {
	f.Add("-A -t 10.0.0.1:80 -s rr -p 5 -M 255.0.0.0\n-a -t 10.0.0.1:80 -r [2001:db8::1]:80 -i --tun-type gue --tun-port 6080 --tun-csum\n")
	f.Add("-A -f 5 -6 -s mh -b mh-port,flag-3 -o")
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := Parse(text, Names{})
		table, errs := After(ipvs.Table{}, list)
		saved := Save(table)
		if len(errs) > 0 {
			return
		}
		again, more := Parse(saved, Names{})
		if len(more) > 0 && !strings.ContainsAny(text, "\"'\\#") { // names of schedulers may hold anything
			t.Fatalf("%q is saved as %q: %v", text, saved, more)
		}
		if table, _ := After(ipvs.Table{}, again); len(more) == 0 && Save(table) != saved {
			t.Fatalf("%q is saved as %q, then as %q", text, saved, Save(table))
		}
	})
}
