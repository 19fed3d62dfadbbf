// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package traffic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// What a removal may take beyond what the configuration says.
const slack = 10 * time.Millisecond

// pools are what the removals are measured with: one service each, whose servers
// are ports of one host.
var pools = []struct {
	vip    uint16
	from   uint16 // first port of the servers
	check  string
	loop   time.Duration
	wanted time.Duration // from the first reset to the removal
	resets int           // that it takes
}{
	{80, 8000, "retry 0", time.Second, 0, 1},
	{81, 9000, "retry 2\n delay_before_retry 1", time.Second, 2 * time.Second, 3},
}

const (
	serversEach = 16
	rounds      = 3
	attempts    = 3
)

// many is a configuration with the pools.
func many() string {
	var b strings.Builder
	// The director has a machine of its own in real life: here it goes before the
	// clients, the servers and the clock of the test, which share its processor.
	b.WriteString("global_defs {\n    checker_rt_priority 50\n    checker_rlimit_rttime 2000000\n}\n")
	for _, p := range pools {
		fmt.Fprintf(&b, "virtual_server %s %d {\n    delay_loop 1\n    lvs_sched rr\n    lvs_method NAT\n    protocol TCP\n", farm.VIP, p.vip)
		for i := range uint16(serversEach) {
			fmt.Fprintf(&b, "    real_server 10.1.0.11 %d {\n        weight 1\n        TCP_CHECK {\n            connect_timeout 3\n            %s\n        }\n    }\n", p.from+i, p.check)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// A port is one server: a listener that comes and goes.
type port struct {
	number uint16
	l      net.Listener
}

func (p *port) open(s *farm.Server) {
	s.Do(func() (err error) {
		p.l, err = net.Listen("tcp", fmt.Sprintf(":%d", p.number))
		return err
	})
	go func(l net.Listener) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}(p.l)
}

// removals notes when destinations were first seen to be missing.
type removals struct {
	mu   sync.Mutex
	gone map[uint16]time.Time // by port; not there: it is in the table
	live int
	last time.Time
	// stalls are the times when the watcher, which goes before all others, could
	// not look as often as it should: then the whole machine stood still.
	stalls []stall
}

type stall struct{ from, to time.Time }

// looks is how far apart two looks may be on a machine that does not stand still.
const looks = 5 * time.Millisecond

// stood is how long the machine stood still between two times.
func (r *removals) stood(from, to time.Time) (sum time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stalls {
		begin, end := s.from, s.to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(end.Sub(begin)-looks, 0)
	}
	return sum
}

// watch looks at a table every 2 ms until the test ends, on a thread that goes
// before all others.
func (r *removals) watch(t *testing.T, c *ipvs.Conn) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 50}, 0); err != nil {
			t.Error(err)
			return
		}
		var table ipvs.Table
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := c.Read(&table); err != nil {
				t.Error(err)
				return
			}
			r.note(&table, time.Now())
			_, _ = unix.Poll(nil, 2)
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

func (r *removals) note(table *ipvs.Table, now time.Time) {
	there := map[uint16]bool{}
	for i := range table.Services {
		for j := range table.Services[i].Destinations {
			there[table.Services[i].Destinations[j].Port] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = len(there)
	if !r.last.IsZero() && now.Sub(r.last) > looks {
		r.stalls = append(r.stalls, stall{r.last, now})
	}
	r.last = now
	for _, p := range pools {
		for i := range uint16(serversEach) {
			switch _, was := r.gone[p.from+i]; {
			case there[p.from+i]:
				delete(r.gone, p.from+i)
			case !was:
				r.gone[p.from+i] = now
			}
		}
	}
}

func (r *removals) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live
}

func (r *removals) when(number uint16) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone[number]
}

// hammer connects to the services all the time until the test ends.
func hammer(t *testing.T, f *farm.Farm) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		f.Client.Do(func() error {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			d := net.Dialer{FallbackDelay: -1} // on this very thread
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(farm.VIP, pools[n%len(pools)].vip).String())
				if err != nil {
					continue // of a server that has gone and is not removed yet
				}
				// Without a word, so that no port is kept.
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		})
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// spread is the least, the middle, the ninth tenth and the most of some
// times.
type spread []time.Duration

func (s spread) at(share float64) time.Duration {
	s = slices.Sorted(slices.Values(s))
	return s[min(int(share*float64(len(s))), len(s)-1)]
}

func (s spread) String() string {
	r := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("%v / %v / %v / %v", r(s.at(0)), r(s.at(0.5)), r(s.at(0.9)), r(s.at(1)))
}

// TestRemoval closes the ports of servers while clients hammer. A server is out
// of the kernel's table within the configured time of the first reset that its
// check got, and 10 ms; nothing is sent to it after that.
func TestRemoval(t *testing.T) {
	// The watcher's thread is to find room in Go's scheduler when it wakes up.
	procs := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	f := farm.New(t, 1, 1)
	d, s := f.Directors[0], f.Servers[0]
	f.Own(d)
	var ports [][]*port
	for _, p := range pools {
		var list []*port
		for i := range uint16(serversEach) {
			list = append(list, &port{number: p.from + i})
			list[i].open(s)
		}
		ports = append(ports, list)
	}
	t.Cleanup(func() {
		for _, p := range slices.Concat(ports...) {
			_ = p.l.Close()
		}
	})
	r := &removals{gone: map[uint16]time.Time{}}
	r.watch(t, f.IPVS(d))
	began, seen := time.Now(), f.Watch(d, "eth1")
	daemon := d.Start(lab.Vigild, many(), lab.Whole())
	lab.Until(t, limit, "all servers", func() bool { return r.count() == len(pools)*serversEach })
	// The first check of each must have passed: without it the first failure counts.
	lab.Until(t, limit, "all servers were checked", func() bool {
		for _, p := range slices.Concat(ports...) {
			if seen.Count(began, time.Now(), func(g *farm.Segment) bool {
				return !g.Reset && g.Src.Addr() == d.Addr4(1) && g.Dst.Port() == p.number
			}) == 0 {
				return false
			}
		}
		return true
	})
	hammer(t, f)

	t.Log("\n| each: least / median / p90 / worst |")
	for attempt := 1; ; attempt++ {
		var all [2]samples
		for round := range rounds {
			m := measure{f: f, r: r, seen: seen, daemon: daemon, ports: ports}
			m.close(t, round%2)
			for i := range pools {
				all[i].add(m.pools[i])
			}
		}
		good := true
		for i, p := range pools {
			s := all[i]
			t.Logf("\n| %-29s | %d removals | reset to removal, beyond %v: %v | last reset to removal, without the time the machine stood still: %v | outcome to the kernel's answer, so: %v | closed to removal: %v |",
				strings.ReplaceAll(p.check, "\n", ","), len(s.over), p.wanted, s.over, s.net, s.ours, s.found)
			// Where the machine is slow now and then most are late; what is late by itself
			// is late always.
			if len(s.ours) == 0 {
				t.Fatal("the log says of no server that it went down and was removed")
			}
			good = good && s.net.at(0.25) <= slack && s.ours.at(0.25) <= slack
			if least := slices.Min(s.over); least < -slack {
				t.Errorf("a server was removed %v before its time", -least)
			}
		}
		if good {
			break
		}
		if attempt == attempts {
			t.Errorf("%d times the removals took more than %v too long", attempts, slack)
			break
		}
		t.Logf("the machine may have been busy: attempt %d of %d", attempt+1, attempts)
	}
}

// samples are what was measured of a pool: from the first reset to the removal
// beyond the configured time, from the last without the time that the machine stood
// still, from the last reset's outcome to the answer of the kernel without it, and
// from the end of the listener to the removal.
type samples struct{ over, net, ours, found spread }

func (s *samples) add(o samples) {
	s.over, s.net = append(s.over, o.over...), append(s.net, o.net...)
	s.ours, s.found = append(s.ours, o.ours...), append(s.found, o.found...)
}

// measure is one round.
type measure struct {
	f      *farm.Farm
	r      *removals
	seen   *farm.Segments
	daemon *lab.Daemon
	ports  [][]*port
	pools  [2]samples
	// missed counts the servers of which not all resets were seen.
	missed int
}

// close closes every other port of each pool, waits for the removals, and opens
// them again.
func (m *measure) close(t *testing.T, odd int) {
	t.Helper()
	closed := map[uint16]time.Time{}
	for _, list := range m.ports {
		for i := odd; i < len(list); i += 2 {
			closed[list[i].number] = time.Now()
			_ = list[i].l.Close()
		}
	}
	left := len(pools) * serversEach / 2
	lab.Until(t, limit, "half of the servers are removed", func() bool { return m.r.count() == left })
	// Some more connections, none of which may reach who has left.
	began := time.Now()
	lab.Until(t, limit, "clients go on", func() bool {
		return m.seen.Count(began, time.Now(), func(g *farm.Segment) bool { return fromClient(m.f, g) }) >= 50
	})
	events := m.events()
	for k, p := range pools {
		for i := odd; i < len(m.ports[k]); i += 2 {
			number := m.ports[k][i].number
			gone := m.r.when(number)
			self := netip.AddrPortFrom(m.f.Servers[0].Addr4(1), number)
			resets := m.seen.Times(closed[number], gone, func(g *farm.Segment) bool {
				return g.Refusal && g.Src == self && g.Dst.Addr() == m.f.Directors[0].Addr4(1)
			})
			if len(resets) < p.resets {
				// The watcher missed one, as it may on a machine that stood still.
				if m.missed++; m.missed > serversEach/4 {
					t.Fatalf("port %d was removed at %v after the resets %v, not %d, and it is not the first", number, gone, resets, p.resets)
				}
				continue
			}
			last := resets[p.resets-1] // of the rest the watcher was late
			m.pools[k].add(samples{
				over: spread{gone.Sub(resets[0]) - p.wanted}, net: spread{gone.Sub(last) - m.r.stood(last, gone)},
				found: spread{gone.Sub(closed[number])},
			})
			if down, done, ok := told(events, self, closed[number]); ok {
				m.pools[k].add(samples{ours: spread{done.Sub(down) - m.r.stood(down, done)}})
			}
			late := m.seen.Count(gone, time.Now(), func(g *farm.Segment) bool { return fromClient(m.f, g) && g.Dst == self })
			if late > 0 {
				t.Errorf("%d connections were sent to port %d after it was removed", late, number)
			}
		}
	}
	for _, list := range m.ports {
		for i := odd; i < len(list); i += 2 {
			list[i].open(m.f.Servers[0])
		}
	}
	lab.Until(t, limit, "all servers are back", func() bool { return m.r.count() == len(pools)*serversEach })
}

// logged is a line of the log.
type logged struct {
	Time        time.Time
	Message     string `json:"msg"`
	Subject, To string
	Seq         int
	Cause       string
}

// told is when a server went down and when the change of the table ended that it
// led to; false if the log does not say so, as when a line was left out that
// repeats the one before.
func told(events []logged, server netip.AddrPort, since time.Time) (from, to time.Time, ok bool) {
	var down logged
	for _, e := range events {
		switch {
		case e.Time.Before(since):
		case down.Seq == 0 && e.Message == "server.state" && e.To == "DOWN" && strings.HasSuffix(e.Subject, "/"+server.String()):
			down = e
		case down.Seq != 0 && e.Message == "ipvs.applied" && e.Cause == fmt.Sprint(down.Seq):
			return down.Time, e.Time, true
		}
	}
	return from, to, false
}

func (m *measure) events() (out []logged) {
	for l := range strings.Lines(m.daemon.Said()) {
		var e logged
		if json.Unmarshal([]byte(l), &e) == nil {
			out = append(out, e)
		}
	}
	return out
}

// fromClient says whether a segment begins a connection of a client.
func fromClient(f *farm.Farm, g *farm.Segment) bool {
	return !g.Reset && g.Src.Addr() == f.Client.Addr4(0)
}
