// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// limit is how long a stage may take in an emulated machine.
const limit = 90 * time.Second

// The guide's virtual address.
const vip = "172.19.1.19"

// udpNet is the guide's network: two directors, two servers, and a client.
type udpNet struct {
	*testing.T
	directors []*lab.Router
	tables    []*ipvs.Conn
	servers   []*turn
	client    *lab.Router

	mu       sync.Mutex
	requests []request
}

// turn is a server of the guide: HTTP on TCP 80, and on port 3478 a service of
// UDP, with TCP beside it for the checks.
type turn struct {
	*lab.Router
	stop []func() error
}

// request is one request of the steady client.
type request struct {
	began time.Time
	err   error
}

func newUDPNet(t *testing.T) *udpNet {
	f := farm.New(t, 0, 0)
	n := &udpNet{T: t}
	host := func(name string, number, old int) *lab.Router {
		r := f.RouterNumber(name, old, f.Outside)
		readdress(r, number)
		return r
	}
	for i := range 2 {
		d := host(fmt.Sprintf("lvs%d", i+1), 11+i, 21+i)
		n.directors, n.tables = append(n.directors, d), append(n.tables, f.IPVS(d))
	}
	n.client = f.Client
	readdress(n.client, 100)
	for i := range 2 {
		s := &turn{Router: host(fmt.Sprintf("turn%d", i+1), 15+i, 31+i)}
		// The guide's script for the real servers.
		s.Run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
		s.IP("addr add " + vip + "/32 dev lo")
		s.serve()
		t.Cleanup(s.end)
		n.servers = append(n.servers, s)
	}
	return n
}

// readdress gives a host an address of the guide instead of that of the lab.
func readdress(r *lab.Router, number int) {
	r.IP(
		fmt.Sprintf("addr del %v/16 dev eth0", r.Addr4(0)),
		fmt.Sprintf("addr add 172.19.1.%d/24 dev eth0", number),
	)
}

// serve starts the services of a server; end stops them.
func (s *turn) serve() {
	for _, port := range []int{80, 3478} {
		var l net.Listener
		s.Do(func() (err error) {
			l, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
			return err
		})
		s.stop = append(s.stop, l.Close)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprintf(c, "HTTP/1.0 200 OK\r\n\r\n%s\n", s.Host)
				_ = c.Close()
			}
		}()
	}
	var u net.PacketConn
	s.Do(func() (err error) {
		// At the virtual address: with direct routing the answer comes from it.
		u, err = net.ListenPacket("udp", vip+":3478")
		return err
	})
	s.stop = append(s.stop, u.Close)
	go func() {
		b := make([]byte, 1500)
		for {
			_, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo([]byte(s.Host), from)
		}
	}()
}

func (s *turn) end() {
	for _, stop := range s.stop {
		_ = stop()
	}
	s.stop = nil
}

// ask sends one request, from a socket of its own, and returns who answered.
func (n *udpNet) ask(network string, port int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := n.client.Dial(ctx, network, fmt.Sprintf("%s:%d", vip, port))
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if network == "udp" {
		if _, err := c.Write([]byte("binding request")); err != nil {
			return "", err
		}
		b := make([]byte, 100)
		k, err := c.Read(b)
		return string(b[:k]), err
	}
	var last string
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		last = lines.Text()
	}
	return last, lines.Err()
}

// steady asks for a page ten times a second until the test ends.
func (n *udpNet) steady() {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			r := request{began: time.Now()}
			_, r.err = n.ask("tcp", 80)
			n.mu.Lock()
			n.requests = append(n.requests, r)
			n.mu.Unlock()
		}
	}()
	n.Cleanup(func() { close(stop); <-done })
}

// well checks that, of the requests begun since a time, only those before the end
// of the failover failed.
func (n *udpNet) well(what string, since, failover time.Time) {
	n.Helper()
	lab.Until(n, limit, "ten requests after "+what, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		k := 0
		for _, r := range n.requests {
			if r.began.After(failover) {
				k++
			}
		}
		return k >= 10
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	all, failed := 0, 0
	for _, r := range n.requests {
		switch {
		case r.began.Before(since):
		case r.err != nil && r.began.After(failover):
			n.Errorf("%s: a request %v after the failover: %v", what, r.began.Sub(failover), r.err)
		case r.err != nil:
			failed++
			fallthrough
		default:
			all++
		}
	}
	n.Logf("\n| %-28s | failover %6v | %3d requests, %2d failed, none after it |", what, max(failover.Sub(since), 0).Round(10*time.Millisecond), all, failed)
}

// answers are who answers ten requests.
func (n *udpNet) answers(network string, port int) (out []string) {
	n.Helper()
	for i := range 10 {
		who, err := n.ask(network, port)
		if err != nil {
			n.Errorf("%s request %d: %v", network, i, err)
		}
		out = append(out, who)
	}
	return out
}

// alternate checks that ten pages come from the two servers in turn. The steady
// client takes its turns too, so it is each server's share that counts.
func (n *udpNet) alternate(when string) {
	n.Helper()
	for range 3 {
		got := n.answers("tcp", 80)
		ones := 0
		for _, who := range got {
			if who == n.servers[0].Host {
				ones++
			}
		}
		if ones == 0 || ones == len(got) {
			n.Errorf("%s: ten requests were answered by %v", when, got)
		}
	}
}

// wait waits until a director's table has these servers, and says since when.
func (n *udpNet) wait(director int, servers ...int) time.Time {
	n.Helper()
	// Only the first director's file has the datagrams of a client stay together.
	want := []string{"-A -t 172.19.1.19:80 -s wrr", "-A -u 172.19.1.19:3478 -s wrr" + []string{" -p 10", ""}[director]}
	for _, s := range servers {
		want = append(want, fmt.Sprintf("-a -t 172.19.1.19:80 -r 172.19.1.%d:80 -g -w 1", 15+s), fmt.Sprintf("-a -u 172.19.1.19:3478 -r 172.19.1.%d:3478 -g -w 1", 15+s))
	}
	slices.Sort(want)
	var last []string
	defer func() {
		if n.Failed() {
			n.Logf("the table of director %d was\n%s", director+1, strings.Join(last, "\n"))
		}
	}()
	lab.Until(n, limit, fmt.Sprintf("director %d has the servers %v", director+1, servers), func() bool {
		table, err := n.tables[director].Table()
		if err != nil {
			n.Fatal(err)
		}
		last = farm.Save(table)
		return slices.Equal(last, want)
	})
	return time.Now()
}

func (n *udpNet) start(director int) *lab.Daemon {
	n.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/lvs-dr-udp/director%d.conf", director+1))
	if err != nil {
		n.Fatal(err)
	}
	return n.directors[director].Start(lab.Vigild, string(text), lab.Whole())
}

// TestLVSDirectUDP plays the guide of a TURN service behind two directors: HTTP,
// and UDP 3478 that is checked over TCP, by direct routing and weighted round
// robin. Requests alternate, and stopping either director and either server costs
// the clients nothing but the failover.
func TestLVSDirectUDP(t *testing.T) {
	t.Parallel()
	n := newUDPNet(t)
	master, backup := n.start(0), n.start(1)
	master.Wait("VI_1", lab.Master, limit)
	backup.Wait("VI_1", lab.Backup, limit)
	n.wait(0, 0, 1)
	n.wait(1, 0, 1)
	pages := n.answers("tcp", 80)
	for i := 1; i < len(pages); i++ {
		if pages[i] == pages[i-1] {
			t.Errorf("ten requests do not alternate: %v", pages)
			break
		}
	}
	// persistence_timeout: one client stays with one server.
	if got := slices.Compact(n.answers("udp", 3478)); len(got) != 1 {
		t.Errorf("ten datagrams were answered by %v", got)
	}
	n.steady()

	began := time.Now()
	if status := master.Stop(); status != 0 {
		t.Errorf("director 1 ended with %d", status)
	}
	n.well("director 1 stops", began, backup.Wait("VI_1", lab.Master, limit).At)
	n.alternate("on director 2")
	n.answers("udp", 3478)

	began = time.Now()
	master = n.start(0)
	n.well("director 1 is back", began, master.Wait("VI_1", lab.Master, limit).At)
	backup.Wait("VI_1", lab.Backup, limit)
	n.wait(0, 0, 1)
	n.alternate("on director 1 again")

	began = time.Now()
	backup.Stop()
	n.well("director 2 stops", began, began)

	for i, s := range n.servers {
		began = time.Now()
		s.end()
		n.well(fmt.Sprintf("server %d stops", i+1), began, n.wait(0, 1-i))
		got := append(n.answers("tcp", 80), n.answers("udp", 3478)...)
		if slices.Contains(got, s.Host) {
			t.Errorf("server %d has stopped and answers: %v", i+1, got)
		}
		began = time.Now()
		s.serve()
		n.wait(0, 0, 1)
		n.well(fmt.Sprintf("server %d is back", i+1), began, began)
		n.alternate("with both servers")
	}
}
