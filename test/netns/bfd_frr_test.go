// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// bfdd is bfdd of FRR on a router, with the zebra that it needs.
type bfdd struct {
	t   *testing.T
	r   *lab.Router
	dir string
}

// startBFDD starts FRR with a bfd block.
func startBFDD(t *testing.T, l *lab.Lab, r *lab.Router, block string) *bfdd {
	t.Helper()
	dir := frrDir(t, l)
	f := &bfdd{t: t, r: r, dir: dir}
	for _, name := range []string{"zebra", "bfdd"} {
		text := "log stdout informational\n"
		if name == "bfdd" {
			text += block
		}
		conf := l.File(r.Host+"-"+name+".conf", text, 0o644)
		argv := []string{
			"/usr/lib/frr/" + name, "-f", conf, "-i", filepath.Join(dir, name+".pid"),
			"-z", filepath.Join(dir, "zserv"), "--vty_socket", dir, "-P", "0",
		}
		if name == "bfdd" {
			// As keepalived: a neighbour that is late is none.
			argv = append([]string{"chrt", "--rr", "48"}, argv...)
		}
		r.Program(r.Host+"-"+name, argv...)
		lab.Until(t, 20*time.Second, name+" answers", func() bool {
			_, err := os.Stat(filepath.Join(dir, name+".vty"))
			return err == nil
		})
	}
	return f
}

// tell runs commands of its command line.
func (f *bfdd) tell(lines ...string) string {
	f.t.Helper()
	argv := []string{"vtysh", "--vty_socket", f.dir, "-d", "bfdd"}
	for _, l := range lines {
		argv = append(argv, "-c", l)
	}
	return f.r.Run(argv...)
}

// peer is what bfdd says of a session.
type peer struct {
	ID                  uint32
	Peer                string
	Status              string
	Diagnostic          string
	RemoteDiagnostic    string `json:"remote-diagnostic"`
	ReceiveInterval     int    `json:"receive-interval"`
	TransmitInterval    int    `json:"transmit-interval"`
	RemoteMultiplier    int    `json:"remote-detect-multiplier"`
	RemoteReceive       int    `json:"remote-receive-interval"`
	RemoteTransmit      int    `json:"remote-transmit-interval"`
	RemoteDiscriminator uint32 `json:"remote-id"`
}

func (f *bfdd) peer(a netip.Addr) peer {
	f.t.Helper()
	var all []peer
	text := f.tell("show bfd peers json")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		f.t.Fatalf("bfdd: %v: %s", err, text)
	}
	for _, p := range all {
		if q, err := netip.ParseAddr(p.Peer); err == nil && q == a {
			return p
		}
	}
	f.t.Fatalf("bfdd has no peer %v: %s", a, text)
	return peer{}
}

// wait waits until bfdd says so of a session.
func (f *bfdd) wait(a netip.Addr, status string, limit time.Duration) {
	f.t.Helper()
	lab.Until(f.t, limit, fmt.Sprintf("bfdd has %v %s", a, status), func() bool { return f.peer(a).Status == status })
}

// label is a label as a page of metrics has it.
func label(name, value string) string { return fmt.Sprintf("%s=%q", name, value) }

// session is the state of a BFD session by a daemon's own account.
func session(d *lab.Daemon, name, state string) bool {
	m, err := d.Metrics()
	if err != nil {
		return false
	}
	v, ok := m.Sum("vigil_bfd_session_state", label("session", name), label("state", state))
	return ok && v == 1
}

func waitSession(t *testing.T, d *lab.Daemon, name, state string, limit time.Duration) {
	t.Helper()
	lab.Until(t, limit, "session "+name+" is "+state, func() bool { return session(d, name, state) })
}

// TestBFDWithFRR brings sessions up with bfdd over both families, looks at the
// timers that each side has learned, and cuts the wire.
func TestBFDWithFRR(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		six          bool
		theirs, ours string
	}{
		{"IPv4", false, "", ""},
		{"IPv6", true, "", ""},
		{"bfdd passive", false, "passive-mode", ""},
		{"vigild passive", false, "", "passive"},
		{"multihop", false, "", "multihop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			w := l.Wire()
			a, b := l.Router("a", w), l.Router("b", w)
			ours, theirs := a.Addr4(0), b.Addr4(0)
			if c.six {
				ours, theirs = a.Addr6(0), b.Addr6(0)
			}
			them := fmt.Sprintf("peer %v local-address %v", ours, theirs)
			if c.ours == "multihop" {
				them = fmt.Sprintf("peer %v multihop local-address %v", ours, theirs)
			}
			f := startBFDD(t, l, b, fmt.Sprintf("bfd\n %s\n  detect-multiplier 4\n  receive-interval 60\n  transmit-interval 80\n  %s\n exit\nexit\n", them, c.theirs))
			d := a.Start(lab.Vigild, fmt.Sprintf("bfd_instance gw {\n neighbor_ip %v\n min_rx 50\n min_tx 70\n multiplier 3\n %s\n}\n", theirs, c.ours))
			waitSession(t, d, "gw", "up", 15*time.Second)
			f.wait(ours, "up", 5*time.Second)
			lab.Until(t, 5*time.Second, "bfdd has learned our timers", func() bool {
				p := f.peer(ours)
				return p.RemoteReceive == 50 && p.RemoteTransmit == 70 && p.RemoteMultiplier == 3
			})
			// bfdd sends each 80 ms and four may be missed.
			lab.Until(t, 15*time.Second, "the detection time is agreed on", func() bool {
				m, err := d.Metrics()
				v, ok := m.Sum("vigil_bfd_detection_time_seconds", label("session", "gw"))
				return err == nil && ok && v > .3199 && v < .3201
			})

			again(t, "both sides see silence", func(int) (seen string, held bool) {
				waitSession(t, d, "gw", "up", 15*time.Second)
				f.wait(ours, "up", 15*time.Second)
				lab.Quiet(func() { seen, held = silenced(t, a, d, f, ours) })
				a.Unmute(0)
				return seen, held
			})
			waitSession(t, d, "gw", "up", 15*time.Second)
			f.wait(ours, "up", 15*time.Second)

			// What bfdd is told to do we hear of, and the reverse.
			again(t, "the neighbour is shut down", func(int) (string, bool) {
				waitSession(t, d, "gw", "up", 15*time.Second)
				e, _ := goesDown(t, d, "gw", func() { f.tell("configure terminal", "bfd", them, "shutdown") })
				if e.Reason != "neighbor_admin_down" {
					f.tell("configure terminal", "bfd", them, "no shutdown")
				}
				return e.Reason, e.Reason == "neighbor_admin_down"
			})
			f.tell("configure terminal", "bfd", them, "no shutdown")
			waitSession(t, d, "gw", "up", 15*time.Second)
			f.wait(ours, "up", 5*time.Second)
			if status := d.Stop(); status != 0 {
				t.Errorf("ended with %d", status)
			}
			f.wait(ours, "down", 2*time.Second)
			if p := f.peer(ours); p.RemoteDiagnostic != "administratively down" {
				t.Errorf("bfdd says %+v", p)
			}
		})
	}
}

// silenced takes the wire from a session whose neighbour sends each 80 ms four
// times, and says what both sides made of it.
func silenced(t *testing.T, r *lab.Router, d *lab.Daemon, f *bfdd, ours netip.Addr) (seen string, held bool) {
	t.Helper()
	e, happened := goesDown(t, d, "gw", func() { r.Mute(0) })
	if !happened {
		return "it was down already", false
	}
	f.wait(ours, "down", 5*time.Second)
	p := f.peer(ours)
	took, allowed := time.Duration(e.At-e.Evidence.Heard[0].At), e.Evidence.Detection
	held = e.From == "UP" && e.Reason == "timeout" && allowed == 320*time.Millisecond && took >= allowed &&
		took <= allowed+100*time.Millisecond && p.Diagnostic == "control detection time expired"
	return fmt.Sprintf("%s to DOWN by %s after %v of silence, %v allowed; bfdd says %q", e.From, e.Reason, took, allowed, p.Diagnostic), held
}

// change is a track.changed event as vigilctl shows it.
type change struct {
	Kind     string
	Subject  struct{ Kind, Name string }
	From, To string
	Reason   string
	At       int64
	Detail   string
	Evidence struct {
		Heard               []struct{ At int64 }
		Detection, Lateness time.Duration
	}
}

// told is the changes of anything to a state, as far as the daemon has told them.
func told(t *testing.T, d *lab.Daemon, kind, name, to string) (out []change) {
	t.Helper()
	for line := range strings.Lines(d.Ctl("events", "--json", "--kind", kind)) {
		var e struct{ Event change }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("event %s: %v", line, err)
		}
		if e.Event.Subject.Name == name && e.Event.To == to {
			out = append(out, e.Event)
		}
	}
	return out
}

// then does something that changes a thing to a state, and returns the change.
// What one role knows already another may not have told yet. It says false if
// there was no change: the thing was in that state already.
func then(t *testing.T, d *lab.Daemon, kind, name, to string, do func()) (c change, happened bool) {
	t.Helper()
	before, end := len(told(t, d, kind, name, to)), time.Time{}
	do()
	lab.Until(t, 2*soon, fmt.Sprintf("news of %s", name), func() bool {
		if end.IsZero() {
			end = time.Now().Add(soon / 2)
		}
		if now := told(t, d, kind, name, to); len(now) > before {
			c, happened = now[len(now)-1], true
		}
		return happened || time.Now().After(end)
	})
	return c, happened
}

// goesDown is then for a session that goes down.
func goesDown(t *testing.T, d *lab.Daemon, name string, do func()) (c change, happened bool) {
	t.Helper()
	return then(t, d, "track.changed", name, "DOWN", do)
}
