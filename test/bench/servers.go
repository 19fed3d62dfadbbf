// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// serverPort is where the servers that are checked listen: one socket answers for
// all addresses of the loopback.
const serverPort = 7801

// serverAddress is that of server i.
func serverAddress(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)})
}

// servers is a process that accepts every connection and waits for its end, as a
// server does that nobody asks for anything.
type servers struct {
	*lab.Program
	router *lab.Router
}

// serve starts the servers in the namespace of a router, where they answer at
// once. They are a program of their own, so that their time is nobody's.
func serve(b *bench, r *lab.Router, wrap ...string) *servers {
	self, err := os.Executable()
	if err != nil {
		b.Fatalf("the servers: %v", err)
	}
	argv := append(wrap, self, "-servers", strconv.Itoa(serverPort))
	s := &servers{r.Program(fmt.Sprintf("servers%d", time.Now().UnixNano()), argv...), r}
	lab.Until(b, starting, "the servers listen", func() bool { return strings.Contains(s.Said(), "listening") })
	return s
}

// accepted is how many checks have reached them: connections, and those that were
// reset when the server had answered, before it became one (HAProxy's are).
func (s *servers) accepted(b *bench) float64 {
	var n float64
	s.router.Do(func() error {
		f, err := os.Open("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		defer f.Close()
		var names []string
		for lines := bufio.NewScanner(f); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if len(words) == 0 || words[0] != "Tcp:" {
				continue
			}
			if names == nil {
				names = words
				continue
			}
			for i, name := range names {
				if name == "PassiveOpens" || name == "AttemptFails" {
					v, err := strconv.ParseFloat(words[i], 64)
					if err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					n += v
				}
			}
			return nil
		}
		return errors.New("the kernel does not count connections")
	})
	return n
}

// rate waits until so many checks come in a second, for a whole second.
func (s *servers) steady(b *bench, want float64) {
	before, at := s.accepted(b), time.Now()
	lab.Until(b, 2*starting, fmt.Sprintf("%.0f checks a second", want), func() bool {
		if time.Since(at) < time.Second {
			return false
		}
		now, then := s.accepted(b), at
		rate := (now - before) / time.Since(then).Seconds()
		before, at = now, time.Now()
		return rate > 0.9*want && rate < 1.1*want
	})
}

// beServers is the process: it accepts what comes and closes what is closed.
func beServers(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: port}), unix.Listen(fd, 65535),
		unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}),
	)
	if err != nil {
		return fmt.Errorf("listen on port %d: %w", port, err)
	}
	fmt.Println("listening")
	events, room := make([]unix.EpollEvent, 256), make([]byte, 512)
	for {
		n, err := unix.EpollWait(ep, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
		for i := range max(n, 0) {
			if at := int(events[i].Fd); at != fd {
				if got, err := unix.Read(at, room); got <= 0 && !errors.Is(err, unix.EAGAIN) {
					_ = unix.Close(at)
				}
				continue
			}
			for {
				c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
				if err != nil {
					break
				}
				if unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, c, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c)}) != nil {
					_ = unix.Close(c)
				}
			}
		}
	}
}

// pool is a configuration of many servers that are checked alike.
type pool struct {
	services, servers int
	delay             time.Duration
	weight            int  // of the last server, 1 if zero
	half              bool // half_open
}

// keepalived writes it in the language of keepalived.conf.
func (p pool) keepalived() string {
	var t strings.Builder
	at, half := 0, ""
	if p.half {
		half = "            half_open\n"
	}
	for s := range p.services {
		fmt.Fprintf(&t, "virtual_server 10.%d.%d.%d 80 {\n    delay_loop %g\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n",
			200+s>>16, byte(s>>8), byte(s), p.delay.Seconds())
		for end := (s + 1) * p.servers / p.services; at < end; at++ {
			weight := 1
			if at == p.servers-1 {
				weight = max(p.weight, 1)
			}
			fmt.Fprintf(&t, "    real_server %v %d {\n        weight %d\n        TCP_CHECK {\n            connect_timeout 3\n%s        }\n    }\n",
				serverAddress(at), serverPort, weight, half)
		}
		t.WriteString("}\n")
	}
	return t.String()
}

// haproxy writes it in the language of haproxy.cfg.
func (p pool) haproxy() string {
	var t strings.Builder
	t.WriteString("global\n    nbthread 1\n    maxconn 1000\ndefaults\n    mode tcp\n    timeout connect 3s\n    timeout client 5s\n    timeout server 5s\n    timeout check 3s\n")
	at := 0
	for s := range p.services {
		fmt.Fprintf(&t, "listen l%d\n    bind 127.0.0.1:%d\n    default-server check inter %dms rise 2 fall 2\n", s, 20000+s, p.delay.Milliseconds())
		for end := (s + 1) * p.servers / p.services; at < end; at++ {
			fmt.Fprintf(&t, "    server s%d %v:%d\n", at, serverAddress(at), serverPort)
		}
	}
	return t.String()
}
