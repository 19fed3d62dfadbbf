// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/ipvs/rules"
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
	return slices.Sorted(func(yield func(string) bool) {
		for line := range strings.Lines(rules.Save(t)) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	})
}
