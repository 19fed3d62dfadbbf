// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vm_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
)

// director is a namespace with an IPVS of its own, and a connection to it.
func director(t *testing.T) (*lab.Router, *ipvs.Conn) {
	t.Helper()
	modprobe(t, "ip_vs")
	r := lab.New(t).Router("director")
	return r, open(t, r)
}

func open(t *testing.T, r *lab.Router) *ipvs.Conn {
	t.Helper()
	ns, err := os.Open("/run/netns/" + r.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	c, err := ipvs.OpenIn(int(ns.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func modprobe(t *testing.T, modules ...string) {
	t.Helper()
	for _, m := range modules {
		if out, err := exec.Command("modprobe", m).CombinedOutput(); err != nil {
			t.Fatalf("modprobe %s: %v: %s", m, err, out)
		}
	}
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func tcp(s string) ipvs.Key  { return ipvs.AddrKey(ipvs.TCP, at(s)) }
func udp(s string) ipvs.Key  { return ipvs.AddrKey(ipvs.UDP, at(s)) }
func sctp(s string) ipvs.Key { return ipvs.AddrKey(ipvs.SCTP, at(s)) }

// to is a destination with weight 1, changed by how.
func to(s string, how func(*ipvs.Destination)) ipvs.Destination {
	d := ipvs.Destination{Addr: at(s).Addr(), Port: at(s).Port(), Weight: 1}
	if how != nil {
		how(&d)
	}
	return d
}

// row is a service as we say it, and as ipvsadm -Sn does.
type row struct {
	service      ipvs.Service
	destinations []ipvs.Destination
	said         []string
}

func tunnel(typ ipvs.TunnelType, port uint16, flags ipvs.TunnelFlags) func(*ipvs.Destination) {
	return func(d *ipvs.Destination) {
		d.Method, d.TunnelType, d.TunnelPort, d.TunnelFlags = ipvs.Tunnel, typ, port, flags
	}
}

func method(m ipvs.Method) func(*ipvs.Destination) {
	return func(d *ipvs.Destination) { d.Method = m }
}

// rows has everything that a service and a destination can be.
func rows() []row {
	out := []row{
		{
			ipvs.Service{Key: tcp("10.0.0.1:80"), Scheduler: "rr"},
			[]ipvs.Destination{
				to("192.0.2.1:80", nil),
				to("192.0.2.2:8080", func(d *ipvs.Destination) { d.Weight = 2147483647 }),
				to("192.0.2.3:80", func(d *ipvs.Destination) { d.Weight = 0 }),
				to("192.0.2.4:80", func(d *ipvs.Destination) { d.Upper, d.Lower = 1000, 300 }),
				to("192.0.2.5:80", func(d *ipvs.Destination) { d.Upper = 7 }),
			},
			[]string{
				"-A -t 10.0.0.1:80 -s rr",
				"-a -t 10.0.0.1:80 -r 192.0.2.1:80 -m -w 1",
				"-a -t 10.0.0.1:80 -r 192.0.2.2:8080 -m -w 2147483647",
				"-a -t 10.0.0.1:80 -r 192.0.2.3:80 -m -w 0",
				"-a -t 10.0.0.1:80 -r 192.0.2.4:80 -m -w 1",
				"-a -t 10.0.0.1:80 -r 192.0.2.5:80 -m -w 1",
			},
		},
		{
			ipvs.Service{Key: udp("10.0.0.1:53"), Scheduler: "wlc", Flags: ipvs.OnePacket},
			[]ipvs.Destination{to("192.0.2.1:53", method(ipvs.Direct)), to("127.0.0.1:53", method(ipvs.Direct))},
			[]string{
				"-A -u 10.0.0.1:53 -s wlc -o",
				"-a -u 10.0.0.1:53 -r 192.0.2.1:53 -g -w 1",
				"-a -u 10.0.0.1:53 -r 127.0.0.1:53 -g -w 1",
			},
		},
		{
			ipvs.Service{Key: sctp("10.0.0.1:3868"), Scheduler: "sh", Flags: ipvs.SHFallback | ipvs.SHPort},
			[]ipvs.Destination{to("192.0.2.1:3868", nil)},
			[]string{
				"-A --sctp-service 10.0.0.1:3868 -s sh -b sh-fallback,sh-port",
				"-a --sctp-service 10.0.0.1:3868 -r 192.0.2.1:3868 -m -w 1",
			},
		},
		{
			ipvs.Service{Key: ipvs.MarkKey(5, ipvs.IPv4), Scheduler: "mh", Flags: ipvs.MHPort, Timeout: 360 * time.Second},
			[]ipvs.Destination{
				to("192.0.2.1:0", method(ipvs.Direct)), to("192.0.2.2:0", tunnel(ipvs.IPIP, 0, 0)),
				to("192.0.2.3:0", tunnel(ipvs.GUE, 6080, 0)), to("192.0.2.4:0", tunnel(ipvs.GUE, 6081, ipvs.Checksum)),
				to("192.0.2.5:0", tunnel(ipvs.GUE, 6082, ipvs.RemoteChecksum)), to("192.0.2.6:0", tunnel(ipvs.GRE, 0, ipvs.Checksum)),
				to("192.0.2.7:0", tunnel(ipvs.GRE, 0, 0)),
			},
			[]string{
				"-A -f 5 -s mh -p 360 -b mh-port",
				"-a -f 5 -r 192.0.2.1:0 -g -w 1",
				"-a -f 5 -r 192.0.2.2:0 -i -w 1 --tun-type ipip",
				"-a -f 5 -r 192.0.2.3:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
				"-a -f 5 -r 192.0.2.4:0 -i -w 1 --tun-type gue --tun-port 6081 --tun-csum",
				"-a -f 5 -r 192.0.2.5:0 -i -w 1 --tun-type gue --tun-port 6082 --tun-remcsum",
				"-a -f 5 -r 192.0.2.6:0 -i -w 1 --tun-type gre --tun-csum",
				"-a -f 5 -r 192.0.2.7:0 -i -w 1 --tun-type gre --tun-nocsum",
			},
		},
		{
			ipvs.Service{Key: ipvs.MarkKey(5, ipvs.IPv6), Scheduler: "wrr", Timeout: 50 * time.Second, Netmask: 64},
			[]ipvs.Destination{to("[2001:db8::1]:0", method(ipvs.Direct))},
			[]string{
				"-A -f 5 -6 -s wrr -p 50 -M 64",
				"-a -f 5 -6 -r [2001:db8::1]:0 -g -w 1",
			},
		},
		{
			ipvs.Service{Key: tcp("[2001:db8::80]:443"), Scheduler: "sed"},
			[]ipvs.Destination{to("[2001:db8::1]:443", nil), to("192.0.2.1:443", tunnel(ipvs.IPIP, 0, 0))},
			[]string{
				"-A -t [2001:db8::80]:443 -s sed",
				"-a -t [2001:db8::80]:443 -r [2001:db8::1]:443 -m -w 1",
				"-a -t [2001:db8::80]:443 -r 192.0.2.1:443 -i -w 1 --tun-type ipip",
			},
		},
		{
			ipvs.Service{Key: tcp("10.0.0.1:0"), Scheduler: "lc", Timeout: time.Hour, Netmask: 0xffffff00},
			nil,
			[]string{"-A -t 10.0.0.1:0 -s lc -p 3600 -M 255.255.255.0"},
		},
		{
			ipvs.Service{Key: udp("10.0.0.1:5060"), Scheduler: "rr", Timeout: 60 * time.Second, Engine: "sip"},
			nil,
			[]string{"-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip"},
		},
		{
			ipvs.Service{Key: tcp("10.0.0.4:80"), Scheduler: "wrr", Flags: ipvs.SchedFlag3 | ipvs.SchedFlag1},
			nil,
			[]string{"-A -t 10.0.0.4:80 -s wrr -b flag-1,flag-3"},
		},
	}
	for i, s := range []string{"wrr", "lblc", "lblcr", "dh", "nq", "fo", "ovf"} {
		key := tcp(fmt.Sprintf("10.0.1.%d:80", i))
		out = append(out, row{ipvs.Service{Key: key, Scheduler: s}, nil, []string{fmt.Sprintf("-A -t 10.0.1.%d:80 -s %s", i, s)}})
	}
	return out
}

// adds are the changes that make a row.
func (r row) adds() []ipvs.Op {
	out := []ipvs.Op{{Verb: ipvs.AddService, Service: r.service}}
	for _, d := range r.destinations {
		out = append(out, ipvs.Op{Verb: ipvs.AddDestination, Service: r.service, Destination: d})
	}
	return out
}

// lines are the sorted lines of a text.
func lines(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(l), " "))
	}
	slices.Sort(out)
	return out
}

// bare is a table without its counters, in one order.
func bare(t ipvs.Table) []string {
	var out []string
	for _, e := range t.Services {
		out = append(out, fmt.Sprintf("%v %s %#x %v %#x %q", e.Key, e.Scheduler, e.Flags, e.Timeout, e.Netmask, e.Engine))
		for _, d := range e.Destinations {
			out = append(out, fmt.Sprintf("%v %+v", e.Key, d.Destination))
		}
	}
	slices.Sort(out)
	return out
}

// TestTable says everything there is to say, each way: what we add is what
// ipvsadm prints and what we read, and what ipvsadm adds is what we read.
func TestTable(t *testing.T) {
	d, c := director(t)
	var ops []ipvs.Op
	var want []string
	var wanted ipvs.Table
	for _, r := range rows() {
		ops = append(ops, r.adds()...)
		want = append(want, r.said...)
		e := ipvs.Entry{Service: r.service}
		for _, d := range r.destinations {
			e.Destinations = append(e.Destinations, ipvs.Server{Destination: d})
		}
		wanted.Services = append(wanted.Services, e)
	}
	slices.Sort(want)
	for i, err := range c.Apply(ops) {
		if err != nil {
			t.Errorf("%v: %v", ops[i].String(), err)
		}
	}
	if got := lines(d.Run("ipvsadm", "-Sn")); !slices.Equal(got, want) {
		t.Errorf("ipvsadm -Sn says\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	read := func(who string) {
		t.Helper()
		table, err := c.Table()
		if err != nil {
			t.Fatal(err)
		}
		if !table.Wide {
			t.Error("no 64-bit counters")
		}
		if got, want := bare(table), bare(wanted); !slices.Equal(got, want) {
			t.Errorf("after %s we read\n%s\nnot\n%s", who, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	read("our changes")
	// What ipvsadm -S leaves out.
	limits := d.Run("ipvsadm", "-Ln", "--thresholds")
	for _, want := range []string{"192.0.2.4:80 1000 300 0 0", "192.0.2.5:80 7 0 0 0"} {
		if !slices.ContainsFunc(lines(limits), func(l string) bool { return strings.HasSuffix(l, want) }) {
			t.Errorf("ipvsadm -L --thresholds has no %s:\n%s", want, limits)
		}
	}
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
	if table, err := c.Table(); err != nil || len(table.Services) > 0 {
		t.Errorf("after a flush: %v, %v", table.Services, err)
	}
	limited := strings.NewReplacer("192.0.2.4:80 -m -w 1\n", "192.0.2.4:80 -m -w 1 -x 1000 -y 300\n", "192.0.2.5:80 -m -w 1\n", "192.0.2.5:80 -m -w 1 -x 7\n")
	var commands strings.Builder
	for _, r := range rows() {
		for _, line := range r.said {
			commands.WriteString(line + "\n")
		}
	}
	d.Run("sh", "-c", "ipvsadm -R <<'END'\n"+limited.Replace(commands.String())+"END")
	read("those of ipvsadm")
}
