// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestTwinInterfaces renames, deletes and makes anew the interfaces of a MASTER,
// its own and another that it has an address and a route on: keepalived and
// vigild must make the same transitions, and have everything in its place again.
func TestTwinInterfaces(t *testing.T) {
	t.Parallel()
	want := []string{lab.Backup, lab.Master}
	for range 2 * 2 {
		want = append(want, lab.Fault, lab.Backup, lab.Master)
	}
	t.Run("vigild", func(t *testing.T) {
		t.Parallel()
		if told := interfaced(t, lab.Vigild); !slices.Equal(told, want) {
			t.Errorf("it tells\n%s\nwant\n%s", told, want)
		}
	})
	t.Run("keepalived", func(t *testing.T) {
		t.Parallel()
		again(t, "the transitions of keepalived", func(int) (string, bool) {
			told := interfaced(t, lab.Keepalived)
			return strings.Join(told, " "), slices.Equal(told, want)
		})
	})
}

// interfaced runs one program and gives the states that it told.
func interfaced(t *testing.T, kind lab.Kind) []string {
	t.Helper()
	l := lab.New(t)
	wires := []*lab.Wire{l.Wire(), l.Wire()}
	r := l.RouterNumber("twin", 7, wires...)
	const conf = `
static_ipaddress {
    10.1.7.7/16 dev eth1
}
static_routes {
    10.60.0.0/16 via 10.1.0.9 dev eth1
}
vrrp_instance VI_1 {
    interface eth0
    version 3
    virtual_router_id 51
    priority 100
    advert_int 0.2
    virtual_ipaddress {
        10.0.0.51/16
    }
    virtual_ipaddress_excluded {
        10.1.0.51/16 dev eth1
    }
    virtual_routes {
        10.21.0.0/16 via 10.1.0.9 dev eth1
    }
}
`
	d := begin(r, kind, conf)
	d.Wait("VI_1", lab.Master, starting)
	states := func() (out []string) {
		for _, c := range d.Changes() {
			out = append(out, c.State)
		}
		return out
	}
	whole := func() bool {
		addrs, routes := r.Run("ip", "-o", "addr"), r.Run("ip", "route")
		for _, x := range []string{"eth0    inet 10.0.0.51/", "eth1    inet 10.1.0.51/", "eth1    inet 10.1.7.7/"} {
			if !strings.Contains(addrs, x) {
				return false
			}
		}
		return strings.Contains(routes, "10.21.0.0/16 via 10.1.0.9 dev eth1") && strings.Contains(routes, "10.60.0.0/16 via 10.1.0.9 dev eth1")
	}
	lab.Until(t, soon, "everything in its place", whole)
	for i, dev := range []string{"eth0", "eth1"} {
		port := fmt.Sprintf("new%d", i)
		for _, x := range []struct {
			what       string
			away, back func()
		}{
			{"renamed", func() {
				r.IP("link set "+dev+" down", "link set "+dev+" name other", "link set other up")
			}, func() {
				r.IP("link set other down", "link set other name "+dev, "link set "+dev+" up")
			}},
			{"deleted", func() { r.IP("link del " + dev) }, func() {
				r.IP("link add "+dev+" type veth peer name "+port+" netns "+wires[i].Name, "addr add "+r.Addr4(i).String()+"/16 dev "+dev, "link set "+dev+" up")
				wires[i].IP("link set " + port + " master br0 up")
			}},
		} {
			before := len(states())
			x.away()
			lab.Until(t, soon, fmt.Sprintf("%v is FAULT while %s is %s", kind, dev, x.what), func() bool {
				now := states()
				return len(now) > before && now[len(now)-1] == lab.Fault
			})
			x.back()
			lab.Until(t, soon, fmt.Sprintf("%v is MASTER when %s is back that was %s", kind, dev, x.what), func() bool {
				now := states()
				return len(now) >= before+3 && now[len(now)-1] == lab.Master && whole()
			})
		}
	}
	told := states()
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	if left := r.Run("ip", "-o", "addr"); strings.Contains(left, "0.51/") || strings.Contains(left, "10.1.7.7/") {
		t.Errorf("%v left behind\n%s", kind, left)
	}
	return told
}
