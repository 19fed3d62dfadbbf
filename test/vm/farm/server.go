// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// Manner is how a server behaves towards new connections.
type Manner int

// The manners.
const (
	Fine    Manner = iota // answers as it should
	Refuses               // nothing listens: a reset, or ICMP port unreachable
	Deaf                  // what comes in is dropped: nobody answers
	Resets                // accepts and resets
	Hangs                 // accepts and never answers
	Closes                // accepts and closes without a word
	Wrong                 // answers with a failure: 503, SERVFAIL, 554
	Other                 // answers well, with other contents than before
	Garbage               // answers with what is not of its protocol
	Endless               // begins well and never ends
	Late                  // answers well after 30 s
)

// late is what Late waits.
const late = 30 * time.Second

// A Server is one real server. Its listeners run in this process.
type Server struct {
	*lab.Router
	farm *Farm

	mu     sync.Mutex
	manner Manner
	ports  []*port
	conns  map[net.Conn]struct{}
	served int
	deaf   bool
	gone   chan struct{} // closed at the end of the test
}

// port is one thing that a server listens for.
type port struct {
	network string
	number  int
	talk    func(net.Conn, Manner)      // of a connection
	answer  func([]byte, Manner) []byte // of a datagram; nil for silence
	tls     *tls.Config
	stop    func()
}

func (f *Farm) server(i int) *Server {
	f.t.Helper()
	s := &Server{Router: f.RouterNumber(fmt.Sprintf("server%d", i), i+11, f.Outside, f.Inside), farm: f, conns: map[net.Conn]struct{}{}, gone: make(chan struct{})}
	s.IP(
		// What the inside address says goes back through the director.
		"route add 10.1.0.0/16 dev eth1 table 100",
		fmt.Sprintf("route add default via %s dev eth1 table 100", Gateway),
		fmt.Sprintf("rule add from %s lookup 100", s.Addr4(1)),
		"route add 2001:db8:1::/64 dev eth1 table 100",
		fmt.Sprintf("route add default via %s dev eth1 table 100", Gateway6),
	)
	s.Run("ip", "-6", "rule", "add", "from", s.Addr6(1).String(), "lookup", "100")
	f.t.Cleanup(s.close)
	return s
}

// Direct has the server take packets for the virtual addresses without telling
// anybody that it does, for DR and TUN.
func (s *Server) Direct() {
	s.farm.t.Helper()
	s.farm.sysctl(s.Router, map[string]string{
		"ipv4/conf/all/arp_ignore": "1", "ipv4/conf/all/arp_announce": "2",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/eth0/rp_filter": "0", "ipv4/conf/eth1/rp_filter": "0",
	})
	s.IP(fmt.Sprintf("addr add %s/32 dev lo", VIP), fmt.Sprintf("addr add %s/128 dev lo nodad", VIP6))
	// What comes in tunnels of IP in IP, GRE, and GUE on port 6080.
	s.IP("link set tunl0 up", "link set ip6tnl0 up", "link set gre0 up", "link set ip6gre0 up", "fou add port 6080 gue")
	s.Run("ip", "-6", "fou", "add", "port", "6080", "gue")
	s.farm.sysctl(s.Router, map[string]string{"ipv4/conf/tunl0/rp_filter": "0", "ipv4/conf/gre0/rp_filter": "0"})
}

// Inside is the server's address and a port on the inner wire.
func (s *Server) Inside(port uint16) netip.AddrPort { return netip.AddrPortFrom(s.Addr4(1), port) }

// Inside6 is the same of IPv6.
func (s *Server) Inside6(port uint16) netip.AddrPort { return netip.AddrPortFrom(s.Addr6(1), port) }

// Behave changes the manner of the server. Connections that are open are cut,
// but for those of a server that becomes Deaf.
func (s *Server) Behave(m Manner) {
	s.farm.t.Helper()
	s.mu.Lock()
	was := s.manner
	s.manner = m
	ports := s.ports
	if m != Deaf {
		for c := range s.conns {
			_ = c.Close()
		}
	}
	s.mu.Unlock()
	if m == Deaf != s.deaf {
		s.deaf = m == Deaf
		if s.deaf {
			// Pings, and ARP and ND with them, go on: the host lives.
			s.Run("nft", "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in meta l4proto { tcp, udp, sctp } drop")
		} else {
			s.Run("nft", "delete table inet deaf")
		}
	}
	for _, p := range ports {
		switch {
		case m == Refuses && p.stop != nil:
			p.stop()
			p.stop = nil
		case was == Refuses && p.stop == nil:
			s.open(p)
		}
	}
}

// Served is how many requests the server has answered, of whatever kind.
func (s *Server) Served() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}

// close ends everything that listens.
func (s *Server) close() {
	s.mu.Lock()
	close(s.gone)
	ports := s.ports
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	for _, p := range ports {
		if p.stop != nil {
			p.stop()
		}
	}
}

func (s *Server) add(p *port) {
	s.farm.t.Helper()
	s.mu.Lock()
	s.ports = append(s.ports, p)
	m := s.manner
	s.mu.Unlock()
	if m != Refuses {
		s.open(p)
	}
}

// open starts to listen, in the namespace of the server.
func (s *Server) open(p *port) {
	s.farm.t.Helper()
	addr := fmt.Sprintf(":%d", p.number)
	if p.network == "udp" {
		s.datagrams(p, addr)
		return
	}
	var l net.Listener
	s.Do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	done := make(chan struct{})
	p.stop = func() { _ = l.Close(); <-done }
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.accept(c, p)
		}
	}()
}

// accept does what is the same with every protocol over TCP.
func (s *Server) accept(c net.Conn, p *port) {
	s.mu.Lock()
	m := s.manner
	select {
	case <-s.gone:
		m = Closes
	default:
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	switch m {
	case Resets:
		_ = c.(*net.TCPConn).SetLinger(0)
		return
	case Closes, Refuses:
		return
	case Hangs, Deaf:
		hold(c)
		return
	case Late:
		s.dawdle()
	case Fine, Wrong, Other, Garbage, Endless:
	}
	if p.tls != nil && m != Garbage {
		c = tls.Server(c, p.tls)
	}
	if m == Garbage {
		_, _ = c.Write([]byte("\x00\xff\x15\x03 what is this?\r\n\r\n\x00"))
		hold(c)
		return
	}
	p.talk(c, m)
	s.count()
}

func (s *Server) count() {
	s.mu.Lock()
	s.served++
	s.mu.Unlock()
}

// dawdle is what makes a server Late; it ends with the test.
func (s *Server) dawdle() {
	t := time.NewTimer(late)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.gone:
	}
}

// hold reads until the other end has enough.
func hold(c net.Conn) {
	b := make([]byte, 4096)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// datagrams answers each datagram from the address that it came to, so that
// answers of DR and TUN come from the virtual address.
func (s *Server) datagrams(p *port, addr string) {
	s.farm.t.Helper()
	var c *net.UDPConn
	s.Do(func() error {
		l, err := net.ListenPacket("udp", addr)
		if err != nil {
			return err
		}
		c = l.(*net.UDPConn)
		raw, err := c.SyscallConn()
		if err != nil {
			return err
		}
		cerr := raw.Control(func(fd uintptr) {
			// Of both families: addresses of IPv4 come as those of IPv6.
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		})
		return errors.Join(cerr, err)
	})
	done := make(chan struct{})
	p.stop = func() { _ = c.Close(); <-done }
	go func() {
		defer close(done)
		b, info := make([]byte, 64<<10), make([]byte, 128)
		for {
			n, k, _, from, err := c.ReadMsgUDPAddrPort(b, info)
			if err != nil {
				return
			}
			s.mu.Lock()
			m := s.manner
			s.mu.Unlock()
			if m == Late {
				s.dawdle()
			}
			if reply := p.answer(b[:n], m); reply != nil {
				_, _, _ = c.WriteMsgUDPAddrPort(reply, anywhere(info[:k]), from)
				s.count()
			}
		}
	}()
}

// anywhere is the same control message about an address, of any interface.
func anywhere(info []byte) []byte {
	const at = unix.SizeofCmsghdr + unix.SizeofInet6Pktinfo
	if len(info) < at {
		return nil
	}
	clear(info[at-4 : at])
	return info
}

// Certificate makes a certificate for a name that signs itself and is valid
// until a time; its own key comes with it.
func Certificate(t lab.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("farm: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("farm: %v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
