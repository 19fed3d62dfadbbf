// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// The virtual addresses: outside, and inside as gateway of the servers.
var (
	VIP      = netip.MustParseAddr("10.0.0.100")
	VIP6     = netip.MustParseAddr("2001:db8:0::100")
	Gateway  = netip.MustParseAddr("10.1.0.100")
	Gateway6 = netip.MustParseAddr("2001:db8:1::100")
)

// Farm is one network with a load-balanced service.
type Farm struct {
	*lab.Lab
	Outside, Inside *lab.Wire
	Client          *lab.Router
	Directors       []*lab.Router
	Servers         []*Server
	t               lab.T
}

// New makes a farm. Director i (from 0) is 10.0.0.(i+1) and 10.1.0.(i+1), the
// client 10.0.0.10, server i 10.0.0.(i+11) and 10.1.0.(i+11); the same numbers,
// in hexadecimal, end the IPv6 addresses.
func New(t lab.T, directors, servers int) *Farm {
	t.Helper()
	for _, m := range []string{"ip_vs", "ipip", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6"} {
		if out, err := exec.Command("modprobe", m).CombinedOutput(); err != nil {
			t.Fatalf("modprobe %s: %v: %s", m, err, out)
		}
	}
	f := &Farm{Lab: lab.New(t), t: t}
	f.Outside, f.Inside = f.Wire(), f.Wire()
	for i := range directors {
		d := f.RouterNumber(fmt.Sprintf("director%d", i), i+1, f.Outside, f.Inside)
		f.sysctl(d, map[string]string{
			"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
			"ipv4/conf/all/send_redirects": "0", "ipv4/conf/eth0/send_redirects": "0", "ipv4/conf/eth1/send_redirects": "0",
		})
		f.Directors = append(f.Directors, d)
	}
	f.Client = f.RouterNumber("client", 10, f.Outside)
	for i := range servers {
		f.Servers = append(f.Servers, f.server(i))
	}
	return f
}

// sysctl writes settings of the network of a host.
func (f *Farm) sysctl(r *lab.Router, values map[string]string) {
	f.t.Helper()
	r.Do(func() error {
		for path, value := range values {
			if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// Own gives the virtual addresses to a director by hand; Disown takes them away.
// With VRRP neither is needed.
func (f *Farm) Own(d *lab.Router) {
	f.t.Helper()
	d.IP(each("add")...)
}

// Disown takes the virtual addresses away.
func (f *Farm) Disown(d *lab.Router) {
	f.t.Helper()
	d.IP(each("del")...)
}

func each(verb string) []string {
	return []string{
		fmt.Sprintf("addr %s %s/32 dev eth0", verb, VIP), fmt.Sprintf("addr %s %s/128 dev eth0 nodad", verb, VIP6),
		fmt.Sprintf("addr %s %s/32 dev eth1", verb, Gateway), fmt.Sprintf("addr %s %s/128 dev eth1 nodad", verb, Gateway6),
	}
}

// Get asks for a page as the client and returns its body; the status must be 200.
func (f *Farm) Get(url string) (string, error) {
	res, err := f.Client.HTTP().Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", url, res.Status)
	}
	return strings.TrimSpace(string(body)), err
}

// Script makes a script that writes down what it is called with, and returns its
// path; Calls reads that.
func (f *Farm) Script(name string) string {
	f.t.Helper()
	return f.File(name+".sh", fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s/%s.calls\n", f.Dir(), name), 0o755)
}

// Calls are the arguments of each call of a script, in order.
func (f *Farm) Calls(name string) []string {
	f.t.Helper()
	b, err := os.ReadFile(f.Dir() + "/" + name + ".calls")
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatalf("farm: %v", err)
	}
	var out []string
	for l := range strings.Lines(string(b)) {
		out = append(out, strings.TrimRight(l, "\n"))
	}
	return out
}

// WaitCalls waits until a script was called as often as said, and returns the
// calls; more are an error of the test that shows in what it compares.
func (f *Farm) WaitCalls(name string, n int, limit time.Duration) []string {
	f.t.Helper()
	lab.Until(f.t, limit, fmt.Sprintf("%d calls of %s", n, name), func() bool { return len(f.Calls(name)) >= n })
	return f.Calls(name)
}
