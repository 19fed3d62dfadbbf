// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wait returns the next datagram.
func wait(t *testing.T, r *Receiver) *Datagram {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.FD()), Events: unix.POLLIN}}, 5000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("nothing came: %v", err)
		}
		d, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			return d
		}
	}
}

func TestThereAndBack(t *testing.T) {
	for family, local := range map[uint8]netip.Addr{4: netip.MustParseAddr("127.0.0.1"), 6: netip.IPv6Loopback()} {
		r, err := Receive(family, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		name, err := unix.Getsockname(r.FD())
		if err != nil {
			t.Fatal(err)
		}
		var port int
		switch a := name.(type) {
		case *unix.SockaddrInet4:
			port = a.Port
		case *unix.SockaddrInet6:
			port = a.Port
		}
		if d, err := r.Read(); d != nil || err != nil {
			t.Fatalf("read %+v, %v before anything came", d, err)
		}
		way := Way{Local: local, Remote: local, Port: uint16(port), TTL: 77, From: LastPort}
		first, err := Send(way)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		second, err := Send(way) // the same port is taken: another one is found
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		ports := map[uint16]bool{}
		before := time.Now().UnixNano()
		for _, s := range []*Sender{first, second} {
			if err := s.Send([]byte("text")); err != nil {
				t.Fatal(err)
			}
			d := wait(t, r)
			if d.Source != local || d.Dest != local || d.TTL != 77 || string(d.Payload) != "text" || d.IfIndex != 1 ||
				d.SourcePort < FirstPort || d.Wall < before-int64(time.Second) || d.Wall > time.Now().UnixNano()+int64(time.Second) {
				t.Errorf("IPv%d: got %+v", family, d)
			}
			ports[d.SourcePort] = true
		}
		if len(ports) != 2 {
			t.Errorf("IPv%d: both from %v", family, ports)
		}
	}
}

func TestSourceThatDoesNotExistYet(t *testing.T) {
	s, err := Send(Way{Local: netip.MustParseAddr("192.0.2.77"), Remote: netip.MustParseAddr("127.0.0.1"), Port: 9, TTL: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Send([]byte("x")); err == nil {
		t.Error("sent from an address that does not exist")
	}
}

func TestPortTaken(t *testing.T) {
	r, err := Receive(4, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name, err := unix.Getsockname(r.FD())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Receive(4, uint16(name.(*unix.SockaddrInet4).Port)); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("got %v, %v", r, err)
	}
}
