// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

type change func(*vrrp.Settings)

// router is one instance as keepalived would have it by default.
func router(name string, priority uint8, changes ...change) Router {
	s := &vrrp.Settings{Instances: []vrrp.InstanceSettings{instance("V", 1, priority, "192.0.2.1/32")}}
	for _, c := range changes {
		c(s)
	}
	return Router{name, s}
}

func instance(name string, vrid, priority uint8, vip string) vrrp.InstanceSettings {
	return vrrp.InstanceSettings{
		Name: name, VRID: vrid, Version: 2, Family: 4, Interface: "eth0", State: event.Backup, Priority: priority, AdvertInterval: time.Second,
		DownTimerAdverts: 3, GarpRepeat: 5, Accept: true, Multicast: netip.MustParseAddr("224.0.0.18"),
		Addresses: []vrrp.Address{{Prefix: netip.MustParsePrefix(vip), PreferredLft: vrrp.Forever}},
	}
}

func each(do func(*vrrp.InstanceSettings)) change {
	return func(s *vrrp.Settings) {
		for i := range s.Instances {
			do(&s.Instances[i])
		}
	}
}

// script makes all instances follow a script.
func script(weight int) change {
	return func(s *vrrp.Settings) {
		s.Scripts = []vrrp.ScriptSettings{{Name: "chk", Rise: 2, Fall: 3}}
		each(func(in *vrrp.InstanceSettings) {
			in.Tracks = append(in.Tracks, vrrp.Track{Kind: event.SubjectScript, Name: "chk", Weight: weight})
		})(s)
	}
}

// second adds another instance.
func second(priority uint8, grouped bool) change {
	return func(s *vrrp.Settings) {
		s.Instances = append(s.Instances, instance("W", 2, priority, "192.0.2.2/32"))
		s.Instances[1].Interface = "eth1"
		if grouped {
			s.Groups = []vrrp.GroupSettings{{Name: "G", Members: []string{"V", "W"}}}
		}
	}
}

func unicast(source string, peers ...string) change {
	return each(func(in *vrrp.InstanceSettings) {
		in.Unicast, in.Multicast = true, netip.Addr{}
		if source != "" {
			in.Source = netip.MustParseAddr(source)
		}
		for _, p := range peers {
			in.Peers = append(in.Peers, vrrp.Peer{Addr: netip.MustParseAddr(p), MinTTL: -1, MaxTTL: -1})
		}
	})
}

func on(iface string) change {
	return each(func(in *vrrp.InstanceSettings) { in.Interface = iface })
}

func password(text string) change {
	return each(func(in *vrrp.InstanceSettings) {
		in.Auth = vrrp.AuthPass
		copy(in.AuthPass[:], text)
	})
}

// brief is who has the addresses after one failure, how long nobody had the
// first, and what was found.
func brief(o *Outcome) string {
	var parts []string
	for i := range o.Addresses {
		parts = append(parts, strings.Join(o.Addresses[i].After, "+"))
	}
	out := strings.Join(parts, ",") + fmt.Sprintf(" %.1f", o.Addresses[0].Absent.Seconds())
	for _, f := range o.Findings {
		out += " " + f.Rule
	}
	return out
}

func TestSingleFailures(t *testing.T) {
	for name, c := range map[string]struct {
		routers []Router
		want    map[string]string // by the text of the failure, "" for none
	}{
		"a pair": {
			[]Router{router("a", 120), router("b", 100)},
			map[string]string{
				"": "a 0.0", "a dies": "b 3.6", "a is stopped": "b 0.6", "b dies": "a 0.0", "a freezes": "a 0.0",
				"link eth0 of a goes down": "b 3.6", "a does not reach b": "a+b 0.0 two_masters", "b does not reach a": "a 0.0",
			},
		},
		"other interface names": {[]Router{router("a", 120, on("ens3")), router("b", 100)}, map[string]string{"": "a 0.0", "a dies": "b 3.6"}},
		"one password is wrong": {
			[]Router{router("a", 120, password("x")), router("b", 100, password("y"))},
			map[string]string{"": "a+b 0.0 two_masters not_repaired"},
		},
		"unicast, one source to be guessed": {
			[]Router{router("a", 120, unicast("10.1.1.1", "10.1.1.2")), router("b", 100, unicast("", "10.1.1.1"))},
			map[string]string{"": "a 0.0", "a dies": "b 3.6"},
		},
		"unicast to nobody": {
			[]Router{router("a", 120, unicast("10.1.1.1", "10.1.1.9")), router("b", 100, unicast("10.1.1.2", "10.1.1.1"))},
			map[string]string{"": "a+b 0.0 two_masters not_repaired"},
		},
		"a script with weight": {
			[]Router{router("a", 120, script(-30)), router("b", 100, script(-30))},
			map[string]string{"script chk of a fails": "b 0.0", "script chk of b fails": "a 0.0"},
		},
		"a script whose weight is too small": {
			[]Router{router("a", 120, script(-10)), router("b", 100, script(-10))},
			map[string]string{"script chk of a fails": "a 0.0"},
		},
		"a script without weight": {
			[]Router{router("a", 120, script(0)), router("b", 100, script(0))},
			map[string]string{"script chk of a fails": "b 0.6"},
		},
		"two instances": {
			[]Router{router("a", 120, second(120, false)), router("b", 100, second(100, false))},
			map[string]string{"link eth0 of a goes down": "b,a 3.6"},
		},
		"two instances in a group": {
			[]Router{router("a", 120, second(120, true)), router("b", 100, second(100, true))},
			map[string]string{"link eth0 of a goes down": "b,b 3.6", "a dies": "b,b 3.6"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &Cluster{Routers: c.routers}
			got := map[string]string{}
			for _, f := range cluster.Failures() {
				if c.want[f.String()] != "" {
					got[f.String()] = brief(cluster.Play(f))
				}
			}
			if c.want[""] != "" {
				got[""] = brief(cluster.Play())
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestDoubleFailures plays what no single one shows.
func TestDoubleFailures(t *testing.T) {
	c := &Cluster{Routers: []Router{router("a", 150, script(0)), router("b", 120, script(0)), router("c", 100, script(0))}}
	got := map[string]string{}
	for _, p := range Pairs(c.Failures()) {
		got[p[0].String()+", "+p[1].String()] = brief(c.Play(p[0], p[1]))
	}
	for what, want := range map[string]string{
		"a dies, b dies": "c 3.6",
		"script chk of a fails, script chk of b fails":           "c 0.6",
		"link eth0 of a goes down, b is stopped":                 "c 0.6",
		"script chk of a fails, a and b do not reach each other": "b 0.0",
		"a dies, b does not reach c":                             "b+c 0.0 two_masters",
	} {
		if got[what] != want {
			t.Errorf("%s: %q, want %q", what, got[what], want)
		}
	}
	if _, there := got["a dies, a freezes"]; there {
		t.Error("a dead router freezes")
	}
}

// TestSame plays one failure twice, with its transcript.
func TestSame(t *testing.T) {
	var all []*Outcome
	for range 2 {
		c := &Cluster{Routers: []Router{router("a", 120, script(-30)), router("b", 100)}, Transcript: true}
		all = append(all, c.Play(Failure{ObjectFails, "a", "chk", event.SubjectScript}))
	}
	if !reflect.DeepEqual(all[0], all[1]) {
		t.Errorf("%+v\n%+v", all[0], all[1])
	}
	if !slices.ContainsFunc(all[0].Transcript, func(s string) bool { return strings.HasSuffix(s, "b V vrrp.state BACKUP->MASTER preempt") }) {
		t.Errorf("transcript %q", all[0].Transcript)
	}
}
