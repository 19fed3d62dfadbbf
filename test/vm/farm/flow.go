// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// pace is how often a flow sends a line, if it has the answer to the last.
const pace = 50 * time.Millisecond

// A Flow is one connection of the client to a service that echoes (see Echo): a
// line, the server's answer, the next line, until the test ends. It never
// connects again.
type Flow struct {
	// Local is the client's end, Server the name of who answered the first line.
	Local  netip.AddrPort
	Server string

	conn   net.Conn
	mu     sync.Mutex
	count  int
	last   time.Time
	silent time.Duration // the longest since Rest
	err    error
}

// Flow connects the client to a service and waits for the first answer.
func (f *Farm) Flow(to netip.AddrPort) *Flow {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := f.Client.Dial(ctx, "tcp", to.String())
	if err != nil {
		f.t.Fatalf("farm: %v", err)
	}
	l := &Flow{conn: c, Local: netip.MustParseAddrPort(c.LocalAddr().String()), last: time.Now()}
	in := bufio.NewReader(c)
	if l.Server, err = l.trip(in, 0); err != nil {
		f.t.Fatalf("farm: first line to %v: %v", to, err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if server, err := l.trip(in, n); err != nil || server != l.Server {
				l.end(fmt.Errorf("line %d, answered by %q and not %q: %w", n, server, l.Server, err))
				return
			}
		}
	}()
	f.t.Cleanup(func() {
		close(stop)
		_ = c.Close()
		<-done
	})
	return l
}

// trip sends a line and reads its echo.
func (l *Flow) trip(in *bufio.Reader, n int) (server string, err error) {
	if _, err = fmt.Fprintf(l.conn, "line %d\n", n); err != nil {
		return "", err
	}
	answer, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	server, rest, _ := strings.Cut(strings.TrimSpace(answer), " ")
	if rest != fmt.Sprintf("line %d", n) {
		return server, fmt.Errorf("the answer is %q", rest)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.silent = max(l.silent, now.Sub(l.last))
	l.last = now
	l.count++
	return server, nil
}

func (l *Flow) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Count is how many lines were answered, and why there are no more, if so.
func (l *Flow) Count() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, l.err
}

// Silence is the longest time between two answers since it was asked for last.
func (l *Flow) Silence() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := max(l.silent, time.Since(l.last))
	l.silent = 0
	return out
}

// Advance waits until each flow has had n more answers, and returns how many of
// them live.
func (f *Farm) Advance(flows []*Flow, n int, limit time.Duration) (alive int) {
	f.t.Helper()
	before := make([]int, len(flows))
	for i, l := range flows {
		before[i], _ = l.Count()
	}
	lab.Until(f.t, limit, fmt.Sprintf("%d more answers in each of %d connections", n, len(flows)), func() bool {
		alive = 0
		for i, l := range flows {
			now, err := l.Count()
			switch {
			case err != nil:
			case now < before[i]+n:
				return false
			default:
				alive++
			}
		}
		return true
	})
	for i, l := range flows {
		if _, err := l.Count(); err != nil {
			f.t.Errorf("connection %d from %v: %v", i, l.Local, err)
		}
	}
	return alive
}

// Known is how many of the flows the IPVS of a director knows, established and
// on the server that serves them.
func (f *Farm) Known(d *lab.Router, flows []*Flow) (n int) {
	f.t.Helper()
	var text []byte
	d.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/ip_vs_conn")
		return err
	})
	port := map[string]string{} // of the client -> server address
	for line := range strings.Lines(string(text)) {
		// Pro FromIP FPrt ToIP TPrt DestIP DPrt State Expires, in hexadecimal
		if w := strings.Fields(line); len(w) >= 9 && w[7] == "ESTABLISHED" {
			port[w[2]] = w[5]
		}
	}
	for _, l := range flows {
		to, there := port[fmt.Sprintf("%04X", l.Local.Port())]
		for _, s := range f.Servers {
			if a := s.Addr4(1).As4(); there && s.Host == l.Server && to == fmt.Sprintf("%02X%02X%02X%02X", a[0], a[1], a[2], a[3]) {
				n++
			}
		}
	}
	return n
}
