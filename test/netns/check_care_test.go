// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestServersAreSpared: what vigil.yaml may ask for on behalf of those who are checked. When all servers of a virtual
// server fail at once the brake keeps half of them, and says so in every exit, until they are well; and of two virtual
// servers with the same server only one check at a time is made.
func TestServersAreSpared(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, far := l.Router("a", w), l.Router("far", w)
	var conf strings.Builder
	service := func(vip string, ports ...int) {
		fmt.Fprintf(&conf, "virtual_server %s 80 {\n    delay_loop 0.2\n    warmup 0\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n", vip)
		for _, p := range ports {
			fmt.Fprintf(&conf, "    real_server %v %d {\n        TCP_CHECK {\n            connect_timeout 5\n            retry 0\n        }\n    }\n", far.Addr4(0), p)
		}
		conf.WriteString("}\n")
	}
	service("10.9.0.1", 8001, 8002, 8003, 8004)
	service("10.9.0.2", 8009)
	service("10.9.0.3", 8009)
	var listeners []net.Listener
	for p := 8001; p <= 8004; p++ {
		listeners = append(listeners, serve(t, far, p, false))
	}
	var seen atomic.Int64
	counted(t, far, 8009, &seen)
	d := a.Start(lab.Vigild, conf.String(), dry, lab.YAML("check:\n  brake_percent: 50\n  brake_window: 0s\n  share_probes: true\n"))
	metric := func(name string, labels ...string) float64 {
		m, err := d.Metrics()
		if err != nil {
			return -1
		}
		v, _ := m.Sum(name, labels...)
		return v
	}
	vs := `virtual_server="tcp/10.9.0.1:80"`
	// The brake holds only who was seen to be well.
	lab.Until(t, 20*time.Second, "all servers have passed a check", func() bool {
		m, err := d.Metrics()
		if err != nil {
			return false
		}
		for p := 8001; p <= 8004; p++ {
			if n, _ := m.Sum("vigil_check_attempts_total", vs, fmt.Sprintf(":%d\"", p)); n < 1 {
				return false
			}
		}
		return true
	})
	for _, one := range listeners {
		one.Close()
	}
	lab.Until(t, 20*time.Second, "the brake is on", func() bool { return metric("vigil_virtual_server_brake_held", vs) == 1 })
	lab.Until(t, soon, "half of the servers are out", func() bool { return metric("vigil_virtual_server_real_servers", vs, `state="up"`) == 2 })
	if got := strings.Count(d.Ctl("ipvs"), "-a -t 10.9.0.1:80 "); got != 2 {
		t.Errorf("%d servers are in the table, want 2:\n%s", got, d.Ctl("ipvs"))
	}
	told := lines(d, "service.brake", "10.9.0.1:80")
	if len(told) == 0 || told[0].Reason != "brake" {
		t.Errorf("told %+v", told)
	}
	if why := d.Ctl("why", "tcp/10.9.0.1:80"); !strings.Contains(why, "keeps 2 failed servers in the pool") {
		t.Errorf("why says\n%s", why)
	}
	serve(t, far, 8001, false)
	for p := 8002; p <= 8004; p++ {
		serve(t, far, p, false)
	}
	lab.Until(t, 20*time.Second, "all are back", func() bool {
		return metric("vigil_virtual_server_real_servers", vs, `state="up"`) == 4 && metric("vigil_virtual_server_brake_held", vs) == 0
	})

	// Both virtual servers count each check, and the server sees half as many.
	two, three := `virtual_server="tcp/10.9.0.2:80"`, `virtual_server="tcp/10.9.0.3:80"`
	lab.Until(t, 20*time.Second, "checks are spared", func() bool { return metric("vigil_check_shared_total") >= 5 })
	shared := metric("vigil_check_shared_total")
	x, y := metric("vigil_check_attempts_total", two), metric("vigil_check_attempts_total", three)
	if n := float64(seen.Load()); shared < 5 || x < 5 || y < 5 || n > (x+y)*0.75 {
		t.Errorf("%v checks and %v, of which %v were spared; the server saw %v", x, y, shared, n)
	}
}

// counted is serve that counts the connections.
func counted(t *testing.T, r *lab.Router, port int, n *atomic.Int64) {
	t.Helper()
	var l net.Listener
	r.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			c.Close()
		}
	}()
}
