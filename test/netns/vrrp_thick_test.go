// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp/wire"
	"github.com/vigild/vigild/test/netns/lab"
)

// A bell rings for priority 0 and for the virtual routers that it was tuned to,
// on its interface and at its address, without joining the group itself.
func TestBells(t *testing.T) {
	t.Parallel()
	for _, family := range []uint8{4, 6} {
		for _, how := range []string{"multicast", "unicast"} {
			t.Run(fmt.Sprintf("IPv%d %s", family, how), func(t *testing.T) {
				l := lab.New(t)
				w := l.Wire()
				a, b := l.Router("a", w), l.Router("b", w)
				to, source := netip.MustParseAddr("224.0.0.18"), a.Addr4(0)
				if family == 6 {
					to, source = netip.MustParseAddr("ff02::12"), a.LinkLocal()
				}
				if how == "unicast" {
					to = b.Addr4(0)
					if family == 6 {
						to = b.LinkLocal()
					}
				}
				s := newStub(t, a, source, to, time.Second)
				var bell *raw.Bell
				b.Do(func() error {
					at := raw.Listen{IfIndex: ifindex(t, b), Family: family, Addr: to}
					r, err := raw.Receive(at)
					if err != nil {
						return err
					}
					t.Cleanup(func() { r.Close() })
					var of raw.VRIDs
					of.Add(9)
					bell, err = raw.NewBell(at, &of)
					return err
				})
				defer bell.Close()
				p, err := raw.NewPoller()
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				if err := p.AddBell(bell); err != nil {
					t.Fatal(err)
				}
				clock, err := raw.NewClock()
				if err != nil {
					t.Fatal(err)
				}
				rings := func(vrid, priority uint8, want bool) {
					t.Helper()
					s.send(vrid, priority)
					limit := 50 * time.Millisecond
					if want {
						limit = soon
					}
					woken, err := p.Wait(clock.Now().Add(limit), raw.Urgent)
					if err != nil || woken.Rang != want {
						t.Errorf("virtual router %d, priority %d: rings: %v (%v), want %v", vrid, priority, woken.Rang, err, want)
					}
					bell.Quiet()
				}
				rings(7, 100, false)
				rings(7, 0, true)
				rings(9, 100, true)
				rings(7, 200, false)
				if err := bell.Tune(&raw.VRIDs{}); err != nil {
					t.Fatal(err)
				}
				rings(9, 100, false)
				rings(9, 0, true)
			})
		}
	}
}

// stub is a router that sends what it is told.
type stub struct {
	t        *testing.T
	mu       sync.Mutex
	sender   *raw.Sender
	route    raw.Route
	family   uint8
	interval time.Duration // what adverts say
	leads    uint8         // the virtual router that the crowd leads besides, if any
}

func newStub(t *testing.T, r *lab.Router, source, to netip.Addr, interval time.Duration) *stub {
	t.Helper()
	s := &stub{t: t, route: raw.Route{IfIndex: ifindex(t, r), Source: source, Dest: to}, family: 4, interval: interval}
	if source.Is6() {
		s.family = 6
	}
	r.Do(func() (err error) {
		s.sender, err = raw.NewSender()
		return err
	})
	t.Cleanup(func() { s.sender.Close() })
	return s
}

// send sends one advert.
func (s *stub) send(vrid, priority uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ad := &wire.Advert{Version: 3, Family: s.family, VRID: vrid, Priority: priority, Interval: s.interval}
	if s.family == 4 {
		vip := (&instance{}).vip(int(vrid)).As4()
		ad.List = vip[:]
	}
	s.sender.Queue(raw.NewFrame(s.route, ad, false), int(vrid))
	s.sender.Flush(func(_ int, err error) { s.t.Error(err) })
}

// lead lets the crowd lead one more virtual router, or none with 0.
func (s *stub) lead(vrid uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leads = vrid
}

func (s *stub) led() uint8 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leads
}

// crowd sends the adverts of many masters, evenly spread, until the test ends.
func (s *stub) crowd(many int) {
	over, ended := make(chan struct{}), make(chan struct{})
	s.t.Cleanup(func() { close(over); <-ended })
	go func() {
		defer close(ended)
		beat := time.NewTicker(s.interval / time.Duration(many))
		defer beat.Stop()
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-beat.C:
			}
			s.send(uint8(n%many+1), 200)
			if vrid := s.led(); vrid != 0 && n%(many/20) == 0 {
				s.send(vrid, 255)
			}
		}
	}()
}

// TestUrgentAmongMany has a router hear so many adverts that it lets them wait
// for each other, while it is a backup and a master of its own: what asks for
// something is still answered at once. The middle of several answers counts,
// because any single one may be lucky, or held up by somebody else.
func TestUrgentAmongMany(t *testing.T) {
	t.Parallel()
	const many, probe, samples = 200, 201, 5
	l := lab.New(t)
	w := l.Wire()
	x, s := l.Router("x", w), l.Router("s", w)
	peer := newStub(t, x, x.Addr4(0), netip.MustParseAddr("224.0.0.18"), time.Second)
	peer.crowd(many)
	var conf strings.Builder
	add := func(vrid, priority int, extra ...string) instance {
		i := instance{name: fmt.Sprintf("VI_%d", vrid), version: 3, vrid: vrid, priority: priority, interval: time.Second, extra: extra}
		conf.WriteString(strings.ReplaceAll(i.String(), i.vip(1).String(), i.vip(vrid).String()))
		return i
	}
	for n := range many {
		add(n+1, 100)
	}
	subject := add(probe, 254, "higher_prio_send_advert true")
	heard := w.Capture()
	d := begin(s, lab.Vigild, conf.String())
	d.Wait(subject.name, lab.Master, starting)
	d.Wait("VI_1", lab.Backup, starting)
	ours := func(a *lab.Advert) bool { return a.Src == s.Addr4(0) && a.VRID == probe }
	// answer is how long after an advert of the stub the next of ours comes. The
	// bells follow within half a second of the change before.
	answer := func(what string, priority uint8) (took time.Duration) {
		mark := heard.Len()
		lab.Until(t, soon, "the crowd goes on", func() bool { return heard.Len() > mark+many/2 })
		lab.Quiet(func() {
			mark = heard.Len()
			peer.lead(0)
			peer.send(probe, priority)
			asked := heard.Advert(mark, soon, "the stub's advert", func(a *lab.Advert) bool {
				return a.Src == x.Addr4(0) && a.VRID == probe && a.Priority == priority
			})
			took = heard.Advert(asked.Index, soon, what, ours).At.Sub(asked.At)
		})
		return took
	}
	again(t, "answers among many adverts", func(int) (string, bool) {
		var gives, takes, defends []time.Duration
		for range samples {
			defends = append(defends, answer("the defence of our mastership", 1))
			gives = append(gives, answer("our last word to a higher priority", 255))
			peer.lead(probe)
			takes = append(takes, answer("our first advert after priority 0", 0)-subject.skew())
		}
		held := true
		for _, v := range [][]time.Duration{defends, gives, takes} {
			slices.Sort(v)
			held = held && v[samples/2] < late(lab.Vigild)
		}
		return fmt.Sprintf("defends %v, gives way %v, takes over %v after the bound", defends, gives, takes), held
	})
}
