// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
)

// State is what a table held from a time on, as ipvsadm -Sn writes it, sorted:
// services (-A), then destinations (-a).
type State struct {
	At    time.Time
	Lines []string
}

// String is the lines as one text.
func (s State) String() string { return strings.Join(s.Lines, "\n") }

// every is how often a table is looked at.
const every = 10 * time.Millisecond

// Recorder writes down what the table of a director holds over time.
type Recorder struct {
	t        lab.T
	director *lab.Router
	mu       sync.Mutex
	states   []State
	news     chan struct{} // closed and replaced at each change
}

// IPVS is a connection to the table of a director, until the test ends.
func (f *Farm) IPVS(d *lab.Router) *ipvs.Conn {
	f.t.Helper()
	ns, err := os.Open("/run/netns/" + d.Name)
	if err != nil {
		f.t.Fatalf("farm: %v", err)
	}
	defer ns.Close()
	c, err := ipvs.OpenIn(int(ns.Fd()))
	if err != nil {
		f.t.Fatalf("farm: %v", err)
	}
	f.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			f.t.Errorf("farm: %v", err)
		}
	})
	return c
}

// Record looks at the table of a director every 10 ms until the test ends. The
// first state is that of now.
func (f *Farm) Record(d *lab.Router) *Recorder {
	f.t.Helper()
	c := f.IPVS(d)
	r := &Recorder{t: f.t, director: d, news: make(chan struct{})}
	if err := r.look(c); err != nil {
		f.t.Fatalf("farm: %v", err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if err := r.look(c); err != nil {
				r.t.Errorf("farm: %v", err)
				return
			}
		}
	}()
	f.t.Cleanup(func() {
		close(stop)
		<-done
	})
	return r
}

// look reads the table and keeps what has changed.
func (r *Recorder) look(c *ipvs.Conn) error {
	table, err := c.Table()
	if err != nil {
		return err
	}
	lines := Save(table)
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.states); n == 0 || !slices.Equal(r.states[n-1].Lines, lines) {
		r.states = append(r.states, State{time.Now(), lines})
		close(r.news)
		r.news = make(chan struct{})
	}
	return nil
}

// States is what the table held, in order; neighbours differ.
func (r *Recorder) States() []State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.states)
}

// Now is the last state.
func (r *Recorder) Now() State {
	s, _ := r.last()
	return s
}

func (r *Recorder) last() (State, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.states[len(r.states)-1], r.news
}

// Wait waits until the table holds exactly these lines, in any order, and
// returns since when. What it holds is then read with ipvsadm too.
func (r *Recorder) Wait(limit time.Duration, what string, want ...string) State {
	r.t.Helper()
	slices.Sort(want)
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		s, news := r.last()
		if slices.Equal(s.Lines, want) {
			r.agrees(want)
			return s
		}
		select {
		case <-news:
		case <-deadline.C:
			r.t.Fatalf("not within %v: %s. The table of %s holds\n%s\nnot\n%s", limit, what, r.director.Host, s, strings.Join(want, "\n"))
		}
	}
}

// agrees has ipvsadm say the same, unless the table changes meanwhile.
func (r *Recorder) agrees(want []string) {
	r.t.Helper()
	var said []string
	for l := range strings.Lines(r.director.Run("ipvsadm", "-Sn")) {
		said = append(said, strings.TrimSpace(l))
	}
	slices.Sort(said)
	if now := r.Now(); slices.Equal(now.Lines, want) && !slices.Equal(said, want) {
		r.t.Errorf("ipvsadm -Sn in %s says\n%s\nnot\n%s", r.director.Host, strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

// Save writes a table as ipvsadm -Sn does, sorted.
func Save(t ipvs.Table) []string {
	out := []string{}
	for i := range t.Services {
		e := &t.Services[i]
		name := service(e.Key)
		out = append(out, "-A "+name+" -s "+e.Scheduler+persistence(&e.Service)+flags(&e.Service))
		for j := range e.Destinations {
			out = append(out, "-a "+name+destination(&e.Destinations[j].Destination))
		}
	}
	slices.Sort(out)
	return out
}

func service(k ipvs.Key) string {
	at := netip.AddrPortFrom(k.Addr, k.Port)
	switch {
	case k.Mark != 0 && k.Family == ipvs.IPv6:
		return fmt.Sprintf("-f %d -6", k.Mark)
	case k.Mark != 0:
		return fmt.Sprintf("-f %d", k.Mark)
	case k.Protocol == ipvs.TCP:
		return fmt.Sprintf("-t %s", at)
	case k.Protocol == ipvs.UDP:
		return fmt.Sprintf("-u %s", at)
	}
	return fmt.Sprintf("--sctp-service %s", at)
}

func persistence(s *ipvs.Service) (out string) {
	if s.Persistent() {
		out = fmt.Sprintf(" -p %d", int(s.Timeout.Seconds()))
		switch {
		case s.Netmask == 0:
		case s.Family == ipvs.IPv6:
			out += fmt.Sprintf(" -M %d", s.Netmask)
		default:
			m := s.Netmask
			out += " -M " + netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
		}
	}
	if s.Engine != "" {
		out += " --pe " + s.Engine
	}
	if s.Flags&ipvs.OnePacket != 0 {
		out += " -o"
	}
	return out
}

// flags are written with the names that the scheduler gives them.
func flags(s *ipvs.Service) string {
	names := []string{"flag-1", "flag-2", "flag-3"}
	if s.Scheduler == "sh" || s.Scheduler == "mh" {
		names[0], names[1] = s.Scheduler+"-fallback", s.Scheduler+"-port"
	}
	var set []string
	for i, name := range names {
		if s.Flags&(ipvs.SchedFlag1<<i) != 0 {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return ""
	}
	return " -b " + strings.Join(set, ",")
}

func destination(d *ipvs.Destination) string {
	how := map[ipvs.Method]string{ipvs.NAT: "-m", ipvs.Tunnel: "-i", ipvs.Direct: "-g", ipvs.Local: "-l", ipvs.Bypass: "-b"}[d.Method]
	out := fmt.Sprintf(" -r %s %s -w %d", d.At(), how, d.Weight)
	if d.Method != ipvs.Tunnel {
		return out
	}
	out += " --tun-type " + d.TunnelType.String()
	if d.TunnelType == ipvs.GUE {
		out += fmt.Sprintf(" --tun-port %d", d.TunnelPort)
	}
	switch {
	case d.TunnelType == ipvs.IPIP:
	case d.TunnelFlags&ipvs.Checksum != 0:
		out += " --tun-csum"
	case d.TunnelFlags&ipvs.RemoteChecksum != 0:
		out += " --tun-remcsum"
	default:
		out += " --tun-nocsum"
	}
	return out
}
