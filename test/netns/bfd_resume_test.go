// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestKilledBFDRoleResumesUnnoticed kills the bfd role again and again: the
// neighbour, which waits 300 ms, notices nothing, and to both sides the session
// is the same as before. It runs alone, since a machine that stands still for as
// long makes the neighbour right.
func TestKilledBFDRoleResumesUnnoticed(t *testing.T) {
	timers := " min_rx 100\n min_tx 100\n multiplier 3\n"
	t.Run("bfdd", func(t *testing.T) {
		l := lab.New(t)
		w := l.Wire()
		a, b := l.Router("a", w), l.Router("b", w)
		f := startBFDD(t, l, b, fmt.Sprintf("bfd\n peer %v local-address %v\n  detect-multiplier 3\n  receive-interval 100\n  transmit-interval 100\n exit\nexit\n", a.Addr4(0), b.Addr4(0)))
		d := a.Start(lab.Vigild, fmt.Sprintf("bfd_instance gw {\n neighbor_ip %v\n%s}\n", b.Addr4(0), timers))
		wounded(t, d, func() (string, bool) {
			p := f.peer(a.Addr4(0))
			return fmt.Sprintf("discriminator %d, session %d, down %d times", p.RemoteDiscriminator, p.ID, f.downs(p.Peer)), p.Status == "up"
		})
	})
	t.Run("vigild", func(t *testing.T) {
		l := lab.New(t)
		w := l.Wire()
		a, b := l.Router("a", w), l.Router("b", w)
		n := b.Start(lab.Vigild, fmt.Sprintf("bfd_instance gw {\n neighbor_ip %v\n%s}\n", a.Addr4(0), timers))
		d := a.Start(lab.Vigild, fmt.Sprintf("bfd_instance gw {\n neighbor_ip %v\n%s}\n", b.Addr4(0), timers))
		wounded(t, d, func() (string, bool) {
			return fmt.Sprintf("down %v times", fallen(t, n)), session(n, "gw", "up")
		})
	})
}

// wounded kills the bfd role of d three times, and looks at what the neighbour
// says before and after.
func wounded(t *testing.T, d *lab.Daemon, neighbor func() (what string, up bool)) {
	t.Helper()
	up := func() {
		waitSession(t, d, "gw", "up", 20*time.Second)
		lab.Until(t, 20*time.Second, "the neighbour is up", func() bool { _, up := neighbor(); return up })
	}
	times := func() int { return strings.Count(d.Said(), `"from":"UP","to":"UP","reason":"resumed"`) }
	again(t, "nobody notices the death of a bfd role", func(int) (seen string, held bool) {
		up()
		lab.Until(t, 10*time.Second, "the timers are agreed on", func() bool {
			m, err := d.Metrics()
			v, ok := m.Sum("vigil_bfd_detection_time_seconds", label("session", "gw"))
			return err == nil && ok && v > .2999 && v < .3001
		})
		lab.Quiet(func() {
			before, _ := neighbor()
			fell := fallen(t, d)
			for range 3 {
				resumed := times()
				killRole(t, d, "bfd")
				lab.Until(t, 10*time.Second, "it resumed", func() bool { return times() > resumed })
			}
			up()
			after, _ := neighbor()
			seen = fmt.Sprintf("the neighbour said %q and says %q; our session fell %v times, before %v", before, after, fallen(t, d), fell)
			held = after == before && fallen(t, d) == fell
		})
		return seen, held
	})
	// Twin: an end that is meant is heard of, and counted.
	before, _ := neighbor()
	d.Stop()
	lab.Until(t, 10*time.Second, "the neighbour hears the end", func() bool { after, up := neighbor(); return !up && after != before })
}

// downs is how often a session of bfdd went down.
func (f *bfdd) downs(peer string) int {
	f.t.Helper()
	var all []struct {
		Peer string
		Down int `json:"session-down"`
	}
	text := f.tell("show bfd peers counters json")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		f.t.Fatalf("bfdd: %v: %s", err, text)
	}
	for _, p := range all {
		if p.Peer == peer {
			return p.Down
		}
	}
	f.t.Fatalf("bfdd has no counters of %s: %s", peer, text)
	return 0
}
