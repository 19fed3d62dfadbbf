// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
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

// network is the network of a guide, under its addresses.
type network struct {
	*testing.T
	*farm.Farm
	// tables are the IPVS of the directors, by name of the host.
	tables map[string]*ipvs.Conn
	last   int
}

func newNetwork(t *testing.T) *network {
	return &network{T: t, Farm: farm.New(t, 0, 0), tables: map[string]*ipvs.Conn{}, last: 20}
}

// host makes a host with these addresses, one for each of its interfaces: eth0 is
// outside, eth1 inside.
func (n *network) host(name string, addresses ...string) *lab.Router {
	n.Helper()
	n.last++
	r := n.RouterNumber(name, n.last, []*lab.Wire{n.Outside, n.Inside}[:len(addresses)]...)
	for i, a := range addresses {
		r.IP(fmt.Sprintf("addr del %v/16 dev eth%d", r.Addr4(i), i), fmt.Sprintf("addr add %s dev eth%d", a, i))
	}
	return r
}

// client is the client, under an address of the guide.
func (n *network) client(address string) *lab.Router {
	n.Helper()
	n.Client.IP(fmt.Sprintf("addr del %v/16 dev eth0", n.Client.Addr4(0)), "addr add "+address+" dev eth0")
	return n.Client
}

// director is a host with IPVS.
func (n *network) director(name string, addresses ...string) *lab.Router {
	n.Helper()
	r := n.host(name, addresses...)
	n.tables[name] = n.IPVS(r)
	r.Run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0")
	return r
}

// read is a file of a guide, as it was published.
func (n *network) read(name string) string {
	n.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		n.Fatal(err)
	}
	return string(text)
}

// site is a real server, whose pages are by path; any other page, and any port
// that is no web server, says its name.
type site struct {
	*lab.Router
	t     *testing.T
	pages map[string]string
	ports map[int]func()

	mu    sync.Mutex
	asked map[string]int
}

// checked waits until the site was asked for each of these pages once more.
func (s *site) checked(paths ...string) {
	s.t.Helper()
	s.mu.Lock()
	before := maps.Clone(s.asked)
	s.mu.Unlock()
	lab.Until(s.t, limit, s.Host+" is checked", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, p := range paths {
			if s.asked[p] == before[p] {
				return false
			}
		}
		return true
	})
}

func (n *network) site(r *lab.Router, pages map[string]string) *site {
	s := &site{Router: r, t: n.T, pages: pages, ports: map[int]func(){}, asked: map[string]int{}}
	n.Cleanup(func() {
		for p := range s.ports {
			s.close(p)
		}
	})
	return s
}

// realserver is what the guides have a script for.
func (s *site) realserver(vip string) {
	s.t.Helper()
	s.Run(lab.Binary(s.t, "vigilctl"), "realserver", "--state", "/run/"+s.Name+".json", "start", vip)
}

func (s *site) listen(port int) net.Listener {
	s.t.Helper()
	var l net.Listener
	s.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	return l
}

// web serves pages on a port, with a certificate over TLS.
func (s *site) web(port int, cert *tls.Certificate) {
	s.t.Helper()
	l := s.listen(port)
	if cert != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
	}
	// Checks of a connection alone, which TLS would complain about, are fine.
	quiet := log.New(io.Discard, "", 0)
	server := &http.Server{ErrorLog: quiet, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path]++
		s.mu.Unlock()
		if text, ok := s.pages[r.URL.Path]; ok {
			_, _ = io.WriteString(w, text)
			return
		}
		_, _ = io.WriteString(w, s.Host)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	s.ports[port] = func() { _ = server.Close(); <-done }
}

// greet says the name of the host to who connects.
func (s *site) greet(port int) {
	s.t.Helper()
	l := s.listen(port)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "220 %s\r\n", s.Host)
			_ = c.Close()
		}
	}()
	s.ports[port] = func() { _ = l.Close(); <-done }
}

func (s *site) close(port int) {
	if end := s.ports[port]; end != nil {
		end()
		delete(s.ports, port)
	}
}

// page asks for a page as a host; what it returns is the page or the error.
func page(r *lab.Router, url string) string {
	c := r.HTTP()
	c.Timeout = limit                                                                     // the machine is emulated, and others use it too
	c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nobody signed it
	res, err := c.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// answers are who answers so many requests for a page, sorted.
func answers(r *lab.Router, url string, count int) (out []string) {
	for range count {
		out = append(out, page(r, url))
	}
	slices.Sort(out)
	return out
}

// says waits until a page is this, or begins so: in an emulated machine a check
// may be late, and a server out for a moment.
func (n *network) says(when, url, want string) {
	n.Helper()
	last := ""
	defer func() {
		if n.Failed() {
			n.Logf("%s the page was %q", when, last)
		}
	}()
	lab.Until(n, limit, "the page of "+want+" "+when, func() bool {
		last = page(n.Client, url)
		return strings.HasPrefix(last, want)
	})
}

// alternates waits until four pages come from two servers in turn.
func (n *network) alternates(url, one, two string) {
	n.Helper()
	lab.Until(n, limit, "four pages from "+one+" and "+two, func() bool {
		return slices.Equal(answers(n.Client, url, 4), []string{one, one, two, two})
	})
}

// stays waits until four pages come from one server, whose name begins so.
func (n *network) stays(url, name string) {
	n.Helper()
	lab.Until(n, limit, "four pages from one of "+name, func() bool {
		got := answers(n.Client, url, 4)
		return got[0] == got[3] && strings.HasPrefix(got[0], name)
	})
}

// holds waits until the table of a director is this, as ipvsadm -Sn writes it.
func (n *network) holds(director *lab.Router, when, want string) {
	n.Helper()
	var lines []string
	for l := range strings.Lines(want) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	slices.Sort(lines)
	var last []string
	defer func() {
		if n.Failed() {
			n.Logf("the table of %s was\n%s", director.Host, strings.Join(last, "\n"))
		}
	}()
	lab.Until(n, limit, fmt.Sprintf("the table of %s is right %s", director.Host, when), func() bool {
		t, err := n.tables[director.Host].Table()
		if err != nil {
			n.Fatal(err)
		}
		last = farm.Save(t)
		return slices.Equal(last, lines)
	})
}

// mailed waits until somebody was told of something, in a mail that all of these
// get.
func (n *network) mailed(m *farm.Mailbox, subject, from string, to ...string) {
	n.Helper()
	lab.Until(n, limit, "a mail about "+subject, func() bool {
		for _, mail := range m.Mails() {
			ok := strings.Contains(mail, subject) && strings.Contains(mail, "MAIL FROM:<"+from+">")
			for _, a := range to {
				ok = ok && strings.Contains(mail, "RCPT TO:<"+a+">")
			}
			if ok {
				return true
			}
		}
		return false
	})
}
