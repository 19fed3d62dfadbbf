// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// way is one service: how it forwards what.
type way struct {
	port     uint16
	method   string // as in the configuration
	protocol string
	six      bool
	said     string // of a destination, by ipvsadm
}

func ways() (out []way) {
	for _, m := range [][2]string{
		{"NAT", "-m -w 1"},
		{"DR", "-g -w 1"},
		{"TUN", "-i -w 1 --tun-type ipip"},
		{"TUN type gre", "-i -w 1 --tun-type gre --tun-nocsum"},
		{"TUN type gue port 6080", "-i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum"},
	} {
		for _, six := range []bool{false, true} {
			for _, protocol := range []string{"TCP", "UDP", "SCTP"} {
				// The SCTP of the servers has one address, so that there is no other way.
				if protocol == "SCTP" && (six || strings.HasPrefix(m[0], "TUN")) {
					continue
				}
				out = append(out, way{port: uint16(8100 + len(out)), method: m[0], protocol: protocol, six: six, said: m[1]})
			}
		}
	}
	return out
}

func (w way) vip() netip.AddrPort {
	if w.six {
		return netip.AddrPortFrom(farm.VIP6, w.port)
	}
	return netip.AddrPortFrom(farm.VIP, w.port)
}

func (w way) server(s *farm.Server) netip.AddrPort {
	if w.six {
		return s.Inside6(w.port)
	}
	return s.Inside(w.port)
}

func (w way) String() string {
	return fmt.Sprintf("%s of %s over IPv%d", w.method, w.protocol, map[bool]int{false: 4, true: 6}[w.six])
}

// conf is a service of this way.
func (w way) conf(servers []*farm.Server) string {
	out := fmt.Sprintf("virtual_server %v %d {\n    delay_loop 1\n    lvs_sched rr\n    lvs_method %s\n    protocol %s\n", w.vip().Addr(), w.port, w.method, w.protocol)
	for _, s := range servers {
		out += fmt.Sprintf("    real_server %v %d {\n        weight 1\n        TCP_CHECK {\n            connect_port 8080\n            connect_timeout 5\n            retry 3\n        }\n    }\n", w.server(s).Addr(), w.port)
	}
	return out + "}\n"
}

// lines are what ipvsadm -Sn says of it.
func (w way) lines(servers []*farm.Server) []string {
	name := map[string]string{"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service"}[w.protocol] + " " + w.vip().String()
	out := []string{"-A " + name + " -s rr"}
	for _, s := range servers {
		out = append(out, fmt.Sprintf("-a %s -r %v %s", name, w.server(s), w.said))
	}
	return out
}

// ask sends a word and returns who answered it.
func (w way) ask(f *farm.Farm) (string, error) {
	if w.protocol == "SCTP" {
		return askSCTP(f, w.vip())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := f.Client.Dial(ctx, strings.ToLower(w.protocol), w.vip().String())
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte("word\n")); err != nil {
		return "", err
	}
	b := make([]byte, 100)
	n, err := c.Read(b)
	who, word, _ := strings.Cut(string(b[:n]), " ")
	if err == nil && word != "word\n" {
		err = fmt.Errorf("the answer is %q", b[:n])
	}
	return who, err
}

// TestForwarding sends a client's words through every way to forward that a
// configuration can ask for, and each server answers its turn.
func TestForwarding(t *testing.T) {
	t.Parallel()
	f := farm.New(t, 1, 2)
	d := f.Directors[0]
	f.Own(d)
	var conf strings.Builder
	var want []string
	for _, s := range f.Servers {
		s.Direct()
		s.Echo(8080)
	}
	for _, w := range ways() {
		conf.WriteString(w.conf(f.Servers))
		want = append(want, w.lines(f.Servers)...)
		for _, s := range f.Servers {
			switch {
			case w.protocol == "TCP":
				s.Echo(int(w.port))
			case w.protocol == "UDP":
				s.UDP(int(w.port))
			case w.method == "NAT":
				echoSCTP(t, s, w.server(s))
			default:
				echoSCTP(t, s, w.vip())
			}
		}
	}
	table := f.Record(d)
	d.Start(lab.Vigild, conf.String(), lab.Whole())
	table.Wait(limit, "all services", want...)
	for _, w := range ways() {
		said := map[string]int{}
		for range 4 {
			who, err := w.ask(f)
			if err != nil {
				t.Errorf("%v: %v", w, err)
			}
			said[who]++
		}
		if said["server0"] != 2 || said["server1"] != 2 {
			t.Errorf("%v: answers of %v", w, said)
		}
	}
	t.Logf("\n| %d ways to forward, each server of each answered its turn |", len(ways()))
}

// The SCTP of the kernel, one-to-one (RFC 6458 section 4), which package net does
// not know.

func socketSCTP(at netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	wait := unix.Timeval{Sec: 5}
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// echoSCTP answers each connection's first word with the server's name in front,
// until the test ends.
func echoSCTP(t *testing.T, s *farm.Server, at netip.AddrPort) {
	t.Helper()
	var fd int
	s.Do(func() (err error) {
		if fd, err = socketSCTP(at); err == nil {
			err = unix.Listen(fd, 16)
		}
		return err
	})
	var over sync.WaitGroup
	stop := make(chan struct{})
	over.Go(func() {
		b := make([]byte, 100)
		for {
			c, _, err := unix.Accept(fd)
			select {
			case <-stop:
				return
			default:
			}
			if err != nil {
				continue // nobody came for a while
			}
			if n, err := unix.Read(c, b); err == nil {
				_, _ = unix.Write(c, append([]byte(s.Host+" "), b[:n]...))
			}
			_ = unix.Close(c)
		}
	})
	t.Cleanup(func() {
		close(stop)
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		over.Wait()
		_ = unix.Close(fd)
	})
}

func askSCTP(f *farm.Farm, to netip.AddrPort) (who string, err error) {
	var fd int
	f.Client.Do(func() (serr error) {
		fd, serr = socketSCTP(netip.AddrPortFrom(f.Client.Addr4(0), 0))
		return serr
	})
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	if _, err := unix.Write(fd, []byte("word\n")); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	b := make([]byte, 100)
	n, err := unix.Read(fd, b)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	who, word, _ := strings.Cut(string(b[:max(n, 0)]), " ")
	if word != "word\n" {
		return who, fmt.Errorf("the answer is %q", b[:n])
	}
	return who, nil
}
