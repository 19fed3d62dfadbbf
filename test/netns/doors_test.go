// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp/wire"
	"github.com/vigild/vigild/test/netns/lab"
)

// ifindex is the number of a router's eth0.
func ifindex(t *testing.T, r *lab.Router) (n int) {
	t.Helper()
	r.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err == nil {
			n = i.Index
		}
		return err
	})
	return n
}

// Every advert arrives once, in order, with the kernel's receive time on our
// own clock, and only at the socket of its group.
func TestSocketsCarryAdverts(t *testing.T) {
	t.Parallel()
	for _, family := range []uint8{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			l := lab.New(t)
			w := l.Wire()
			a, b := l.Router("a", w), l.Router("b", w)
			group, source, dest := netip.MustParseAddr("224.0.0.18"), a.Addr4(0), b.Addr4(0)
			if family == 6 {
				group, source, dest = netip.MustParseAddr("ff02::12"), a.LinkLocal(), b.LinkLocal()
			}
			var sender *raw.Sender
			a.Do(func() (err error) {
				sender, err = raw.NewSender()
				return err
			})
			defer sender.Close()
			receivers := map[netip.Addr]*raw.Receiver{group: nil, dest: nil}
			for addr := range receivers {
				b.Do(func() (err error) {
					receivers[addr], err = raw.Receive(raw.Listen{IfIndex: ifindex(t, b), Family: family, Addr: addr})
					return err
				})
				defer receivers[addr].Close()
			}
			clock, err := raw.NewClock()
			if err != nil {
				t.Fatal(err)
			}
			const many = 150 // more than one batch
			before := clock.Now()
			for i := range many {
				for to := range receivers {
					ad := &wire.Advert{Version: 3, Family: family, VRID: 7, Priority: uint8(i), Interval: time.Second}
					sender.Queue(raw.NewFrame(raw.Route{IfIndex: ifindex(t, a), Source: source, Dest: to}, ad, false), i)
				}
			}
			sender.Flush(func(_ int, err error) { t.Error(err) })
			for to, r := range receivers {
				hearAll(t, r, clock, many, func(i int, p *raw.Packet) {
					if int(p.Payload[2]) != i || p.Source != source || p.Dest != to || p.TTL != 255 || p.IfIndex != ifindex(t, b) {
						t.Fatalf("packet %d: %+v", i, p)
					}
					// Two clocks cannot be read at one moment.
					if slack := 2 * time.Millisecond; p.At < before.Add(-slack) || p.At > clock.Now().Add(slack) {
						t.Fatalf("packet %d came %v after it was sent", i, p.At.Sub(before))
					}
				})
			}
		})
	}
}

// hearAll reads n packets and fails if there are more.
func hearAll(t *testing.T, r *raw.Receiver, clock *raw.Clock, n int, each func(i int, p *raw.Packet)) {
	t.Helper()
	var bufs raw.Buffers
	var p raw.Packet
	seen, last := 0, event.Instant(0)
	lab.Until(t, soon, fmt.Sprintf("%d packets", n), func() bool {
		for more := true; more; {
			var err error
			more, err = r.Read(clock, &bufs, &p, func(p *raw.Packet) {
				if p.At < last {
					t.Fatalf("packet %d came %v before the one before", seen, last.Sub(p.At))
				}
				last = p.At
				each(seen, p)
				seen++
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return seen >= n
	})
	if seen != n || r.Dropped() != 0 {
		t.Errorf("%d packets, %d dropped", seen, r.Dropped())
	}
}

// A batch says of each address whether it is there afterwards, and the monitor
// hears of every change.
func TestAddressBatches(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	var n *link.Network
	var m *link.Monitor
	index := ifindex(t, r)
	r.Do(func() (err error) {
		if n, err = link.OpenNetwork(); err == nil {
			m, _, err = link.Watch()
		}
		return err
	})
	defer n.Close()
	defer m.Close()
	list := make([]link.Address, 0, 300)
	for i := range 300 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 99, byte(i >> 8), byte(i)}), 32)
		list = append(list, link.Address{IfIndex: index, Prefix: p, PreferredLft: link.Forever})
	}
	wrong := slices.Clone(list)
	wrong[7].IfIndex, wrong[299].IfIndex = 4711, 4711 // no such interface; one in the middle, one that is acknowledged
	same, failed, err := n.Add(wrong)
	if err != nil || same != 0 || len(failed) != 2 || failed[0].Index != 7 || failed[1].Index != 299 || !errors.Is(failed[0].Err, unix.ENODEV) {
		t.Fatalf("same %d, failed %v, %v", same, failed, err)
	}
	if same, failed, err = n.Add(list); err != nil || same != 298 || len(failed) != 0 {
		t.Fatalf("again: same %d, failed %v, %v", same, failed, err)
	}
	news, err := m.Drain(nil)
	if err != nil || count(news, true) != 300 {
		t.Fatalf("%d of 300 addresses were told of, %v", count(news, true), err)
	}
	if same, failed, err = n.Delete(wrong); err != nil || same != 2 || len(failed) != 0 {
		t.Fatalf("removal: same %d, failed %v, %v", same, failed, err)
	}
	if news, err = m.Drain(nil); err != nil || count(news, false) != 298 {
		t.Fatalf("%d of 298 removals were told of, %v", count(news, false), err)
	}
	if _, _, err := n.Delete(list); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if err := m.Wait(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("waiting on a closed monitor: %v", err)
	}
}

func count(news []link.Change, present bool) (n int) {
	for _, c := range news {
		if c.Address != nil && c.Present == present && c.Address.Prefix.Addr().Is4() {
			n++
		}
	}
	return n
}

// Routes and rules of every kind go in and come out again without a trace.
func TestRoutesComeAndGo(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	look := func() string {
		return r.Run("sh", "-c", "ip route show table all; ip -6 route show table all; ip rule; ip -6 rule")
	}
	routes := map[string]uint8{
		"10.50.0.0/16 via 10.0.0.9 dev eth0 metric 7 table 1000": 4,
		"blackhole 10.51.0.0/16":                                 4,
		"10.52.0.0/16 nexthop via 10.0.0.9 dev eth0 weight 3 nexthop via 10.0.0.8 dev eth0 realms 4": 4,
		"10.53.0.0/16 dev eth0 mtu lock 1400 rtt 500ms cwnd lock 10 congctl cubic":                   4,
		"2001:db8:50::/48 via 2001:db8::9 dev eth0 pref high":                                        6,
	}
	rules := map[string]uint8{
		"from 10.60.0.0/16 table 1000 priority 100":                  4,
		"to 10.61.0.1 fwmark 5/0xff iif eth0 blackhole priority 101": 4,
		"from 2001:db8:60::/48 lookup main priority 102":             6,
	}
	before, during := look(), ""
	r.Do(func() error {
		n, err := link.OpenNetwork()
		if err != nil {
			return err
		}
		defer n.Close()
		// Each twice: what is so already is no error.
		err = errors.Join(twice(routes, n.AddRoute), twice(rules, n.AddRule))
		during = look()
		return errors.Join(err, twice(rules, n.DeleteRule), twice(routes, n.DeleteRoute))
	})
	for _, word := range []string{"10.50.0.0/16", "10.52.0.0/16", "cwnd lock 10", "2001:db8:50::/48", "10.60.0.0/16", "2001:db8:60::/48"} {
		if !strings.Contains(during, word) {
			t.Errorf("no %q in\n%s", word, during)
		}
	}
	if after := look(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

func twice(lines map[string]uint8, do func([]string, uint8) error) error {
	for range 2 {
		for line, family := range lines {
			if err := do(strings.Fields(line), family); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
	}
	return nil
}

// News that the kernel drops, because nobody took them in time, are made up for.
func TestDroppedNewsAreMadeUpFor(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	var n *link.Network
	var m *link.Monitor
	r.Do(func() (err error) {
		if n, err = link.OpenNetwork(); err == nil {
			m, _, err = link.Watch()
		}
		return err
	})
	defer n.Close()
	defer m.Close()
	index := ifindex(t, r)
	var list []link.Address
	for i := range 12000 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 99, byte(i >> 8), byte(i)}), 32)
		list = append(list, link.Address{IfIndex: index, Prefix: p, PreferredLft: link.Forever})
	}
	if _, failed, err := n.Add(list); err != nil || len(failed) != 0 {
		t.Fatalf("%d failed, %v", len(failed), err)
	}
	news, err := m.Drain(nil)
	if err != nil || count(news, true) != len(list) {
		t.Errorf("%d of %d additions, %v", count(news, true), len(list), err)
	}
	if m.Resyncs == 0 {
		t.Error("nothing was dropped, so nothing was tested")
	}
	if _, failed, err := n.Delete(list); err != nil || len(failed) != 0 {
		t.Fatalf("%d failed, %v", len(failed), err)
	}
	if news, err = m.Drain(nil); err != nil || count(news, false) != len(list) {
		t.Errorf("%d of %d removals, %v", count(news, false), len(list), err)
	}
}
