// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// tracking is a router whose instance follows a session with a gateway.
func tracking(priority int, neighbor fmt.Stringer, line string) string {
	return fmt.Sprintf(`bfd_instance gw {
    neighbor_ip %v
    min_rx 50
    min_tx 50
    multiplier 3
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 7
    priority %d
    advert_int 0.2
    virtual_ipaddress { 10.0.1.1/16 }
    track_bfd { %s }
}
`, neighbor, priority, line)
}

// TestTrackedBFDMovesTheMaster has two routers follow their sessions with bfdd
// on a gateway, one by FAULT and one by weight, and takes the gateway away from
// the master alone.
func TestTrackedBFDMovesTheMaster(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{"fault": "gw", "weight": "gw weight -150"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			w, far := l.Wire(), l.Wire()
			a, b, gate := l.Router("a", w, far), l.Router("b", w, far), l.Router("gate", far)
			peers := ""
			for _, r := range []*lab.Router{a, b} {
				peers += fmt.Sprintf(" peer %v local-address %v\n  detect-multiplier 3\n  receive-interval 50\n  transmit-interval 50\n exit\n", r.Addr4(1), gate.Addr4(0))
			}
			f := startBFDD(t, l, gate, "bfd\n"+peers+"exit\n")
			m := a.Start(lab.Vigild, tracking(200, gate.Addr4(0), line))
			m.Wait("VI_1", lab.Master, 15*time.Second)
			s := b.Start(lab.Vigild, tracking(100, gate.Addr4(0), line))
			waitSession(t, s, "gw", "up", 15*time.Second)
			s.Wait("VI_1", lab.Backup, 5*time.Second)
			waitSession(t, m, "gw", "up", 15*time.Second)
			f.wait(a.Addr4(1), "up", 5*time.Second)

			// Neither role may go without the other noticing less than a failover.
			for _, role := range []string{"vrrp", "bfd"} {
				lost := 0.
				again(t, "the end of the "+role+" role costs nothing", func(int) (seen string, held bool) {
					m.Wait("VI_1", lab.Master, 15*time.Second)
					before := len(m.Changes())
					lab.Quiet(func() {
						killRole(t, m, role)
						lost++
						lab.Until(t, 10*time.Second, "a new "+role+" role", func() bool {
							p, err := m.Metrics()
							n, ok := p.Sum("vigil_process_restarts_total", label("process", role))
							return err == nil && ok && n == lost
						})
					})
					waitSession(t, m, "gw", "up", 15*time.Second)
					f.wait(a.Addr4(1), "up", 15*time.Second)
					return fmt.Sprintf("%+v", m.Changes()[before:]), len(m.Changes()) == before
				})
			}

			again(t, "the session of one router moves the master", func(int) (seen string, held bool) {
				m.Wait("VI_1", lab.Master, 20*time.Second)
				waitSession(t, m, "gw", "up", 15*time.Second)
				waitSession(t, s, "gw", "up", 15*time.Second)
				lab.Quiet(func() { seen, held = moved(t, a, m, s, name) })
				a.Unmute(1)
				return seen, held
			})
			m.Wait("VI_1", lab.Master, 20*time.Second)
			s.Wait("VI_1", lab.Backup, 5*time.Second)
		})
	}
}

// moved takes the gateway from the master m on a, and says how fast the master
// was told, and whether s, which kept the gateway, kept its session.
func moved(t *testing.T, a *lab.Router, m, s *lab.Daemon, name string) (seen string, held bool) {
	t.Helper()
	to := map[string]string{"fault": lab.Fault, "weight": lab.Backup}[name]
	var down change
	var fell bool
	left, moved := then(t, m, "vrrp.state", "VI_1", to, func() { down, fell = goesDown(t, m, "gw", func() { a.Mute(1) }) })
	if !fell || !moved {
		return "it was down already", false
	}
	var hop time.Duration
	if name == "fault" {
		// The word goes from the bfd role by the parent to the vrrp role.
		hop = time.Duration(left.At - down.At)
	}
	m.Wait("VI_1", to, 5*time.Second)
	s.Wait("VI_1", lab.Master, 5*time.Second)
	if why := m.Ctl("why", "VI_1"); !strings.Contains(why, "gw") || !strings.Contains(why, "BFD") {
		t.Errorf("why does not name the session:\n%s", why)
	}
	kept := session(s, "gw", "up")
	return fmt.Sprintf("%v after the session was down, the other one up: %v", hop, kept), hop >= 0 && hop <= 100*time.Millisecond && kept
}

// TestBFDFast has two vigilds hold a session of 10 ms for some seconds while
// one of them is asked for its metrics all the time and reloaded, and then cuts
// the wire: what is promised is a detection time of 50 ms. It runs alone, because
// a machine that stands still for 50 ms ends such a session rightly.
func TestBFDFast(t *testing.T) {
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	conf := func(r *lab.Router, more string) string {
		return fmt.Sprintf("bfd_instance gw {\n neighbor_ip %v\n source_ip %v\n%s}\n", r.Addr4(0), other(a, b, r).Addr4(0), more)
	}
	x := a.Start(lab.Vigild, conf(b, ""))
	y := b.Start(lab.Vigild, conf(a, " passive\n"))
	up := func() {
		waitSession(t, x, "gw", "up", 15*time.Second)
		waitSession(t, y, "gw", "up", 15*time.Second)
	}
	again(t, "a session of 10 ms holds", func(attempt int) (what string, held bool) {
		up()
		second := fmt.Sprintf("second%d", attempt)
		lab.Quiet(func() {
			before := [2]float64{fallen(t, x), fallen(t, y)}
			for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
				if _, err := x.Metrics(); err != nil {
					t.Fatal(err)
				}
			}
			x.Rewrite(conf(b, "") + "bfd_instance " + second + " { neighbor_ip 10.0.9.9 }\n")
			waitSession(t, x, second, "down", 10*time.Second)
			now := [2]float64{fallen(t, x), fallen(t, y)}
			what, held = fmt.Sprintf("down %v times, before %v", now, before), now == before
		})
		return what, held
	})
	again(t, "silence is seen in time", func(int) (what string, held bool) {
		up()
		held = true
		lab.Quiet(func() {
			var down [2]change
			var fell [2]bool
			down[0], fell[0] = goesDown(t, x, "gw", func() { down[1], fell[1] = goesDown(t, y, "gw", func() { a.Mute(0) }) })
			if fell != [2]bool{true, true} {
				a.Unmute(0)
				what, held = "it was down already", false
				return
			}
			for i, d := range []*lab.Daemon{x, y} {
				e := down[i]
				took := time.Duration(e.At - e.Evidence.Heard[0].At)
				what += fmt.Sprintf("%s: %s after %v of silence; ", d.Router.Host, e.Reason, took)
				if e.Reason != "timeout" {
					continue // the other one was faster, and could say so
				}
				if e.Evidence.Detection != 50*time.Millisecond || took < 50*time.Millisecond {
					t.Errorf("down after %v of silence, %v allowed", took, e.Evidence.Detection)
				}
				held = held && took < 100*time.Millisecond
			}
			a.Unmute(0)
		})
		return what, held
	})
	y.Kill()
	x.Stop()
}

// fallen is how often the session went down.
func fallen(t *testing.T, d *lab.Daemon) float64 {
	t.Helper()
	m, err := d.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	n, ok := m.Sum("vigil_bfd_transitions_total", label("session", "gw"), label("from", "up"))
	if !ok {
		t.Fatal("nobody counts transitions")
	}
	return n
}

func other(a, b, r *lab.Router) *lab.Router {
	if r == a {
		return b
	}
	return a
}

// TestBFDWithKeepalived has the same configuration on both sides, over both
// families: over IPv6 keepalived sends with a hop limit of 64.
func TestBFDWithKeepalived(t *testing.T) {
	t.Parallel()
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			w := l.Wire()
			a, b := l.Router("a", w), l.Router("b", w)
			conf := func(r *lab.Router) string {
				if family == 6 {
					return tracking(100, r.Addr6(0), "gw")
				}
				return tracking(100, r.Addr4(0), "gw")
			}
			d := a.Start(lab.Vigild, conf(b))
			again(t, "silence of keepalived is seen", func(int) (string, bool) {
				k := begin(b, lab.Keepalived, conf(a))
				lab.Until(t, 15*time.Second, "one of them is master", func() bool {
					return k.State("VI_1") == lab.Master || d.State("VI_1") == lab.Master
				})
				waitSession(t, d, "gw", "up", 20*time.Second)
				e, happened := goesDown(t, d, "gw", k.Kill)
				if !happened {
					return "it was down already", false
				}
				d.Wait("VI_1", lab.Fault, 5*time.Second)
				return fmt.Sprintf("%s with %v allowed", e.Reason, e.Evidence.Detection), e.Reason == "timeout" && e.Evidence.Detection == 150*time.Millisecond
			})
		})
	}
}
