// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

func testPoller(t *testing.T) (*Poller, *Clock) {
	t.Helper()
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := NewClock()
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func wait(t *testing.T, p *Poller, until event.Instant, listen bool) (woken, heard bool) {
	t.Helper()
	woken, heard, err := p.Wait(until, listen)
	if err != nil {
		t.Fatal(err)
	}
	return woken, heard
}

func TestWaitEndsWhenItIsDueAndNotBefore(t *testing.T) {
	p, c := testPoller(t)
	due := c.Now()
	for i := range 200 {
		due = max(due, c.Now()).Add(time.Duration(i%5) * 100 * time.Microsecond)
		for c.Now() < due { // what a loop does: it may be woken a moment early
			wait(t, p, due, true)
		}
		if early := due.Sub(c.Last()); early > 0 {
			t.Fatalf("round %d: %v early", i, early)
		}
	}
}

// An instant that has passed is due at once, also the second time.
func TestWaitForThePast(t *testing.T) {
	p, c := testPoller(t)
	past := c.Now().Add(-time.Second)
	for range 3 {
		if woken, heard := wait(t, p, past, true); woken || heard {
			t.Fatal("woken by something else")
		}
	}
}

func TestWake(t *testing.T) {
	p, _ := testPoller(t)
	for range 1000 {
		failed := make(chan error, 1)
		go func() { failed <- p.Wake() }()
		if woken, _ := wait(t, p, 0, true); !woken {
			t.Fatal("woken by something else")
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Wake(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wake(); err != nil {
		t.Fatal(err)
	}
	if woken, _ := wait(t, p, 0, false); !woken {
		t.Error("a signal of before the wait was lost")
	}
}

// pipe is a socket pair whose second end is watched under token.
func pipe(t *testing.T, p *Poller, token int32) (tell, hear int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	if err := p.Add(fds[1], token); err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

func say(t *testing.T, fd int) {
	t.Helper()
	if err := unix.Send(fd, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
}

func ready(t *testing.T, p *Poller) []int32 {
	t.Helper()
	tokens, err := p.Ready(nil)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestPacketsEndAWaitThatListens(t *testing.T) {
	p, c := testPoller(t)
	tell, hear := pipe(t, p, 7)
	for range 100 {
		say(t, tell)
		if _, heard := wait(t, p, 0, true); !heard {
			t.Fatal("not heard")
		}
		if got := ready(t, p); len(got) != 1 || got[0] != 7 {
			t.Fatalf("ready: %v", got)
		}
		if _, err := unix.Read(hear, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		if got := ready(t, p); len(got) != 0 {
			t.Fatalf("ready after reading: %v", got)
		}
	}
	if err := p.Remove(hear); err != nil {
		t.Fatal(err)
	}
	say(t, tell)
	if _, heard := wait(t, p, c.Now().Add(time.Millisecond), true); heard {
		t.Error("heard a socket that is not watched any more")
	}
}

// While it gathers, packets do not end a wait; but they are not forgotten.
func TestPacketsDoNotEndAWaitThatGathers(t *testing.T) {
	p, c := testPoller(t)
	tell, hear := pipe(t, p, 0)
	say(t, tell)
	if _, heard := wait(t, p, 0, true); !heard {
		t.Fatal("not heard")
	}
	if _, err := unix.Read(hear, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	say(t, tell)
	due := c.Now().Add(3 * time.Millisecond)
	for c.Now() < due {
		if _, heard := wait(t, p, due, false); heard {
			t.Fatal("heard while gathering")
		}
	}
	if got := ready(t, p); len(got) != 1 {
		t.Fatalf("ready: %v", got)
	}
	if _, heard := wait(t, p, 0, true); !heard {
		t.Error("a packet that came while gathering was lost")
	}
}

func TestWaitingDoesNotAllocate(t *testing.T) {
	p, c := testPoller(t)
	var into []int32
	n := testing.AllocsPerRun(100, func() {
		if _, _, err := p.Wait(c.Now().Add(10*time.Microsecond), true); err != nil {
			t.Error(err)
		}
		into, _ = p.Ready(into[:0])
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWakeAfterCloseFails(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Wait(0, true); err == nil {
		t.Error("waits on a closed poller")
	}
}

// The kernel's own words for what a packet came with, without a socket.
func TestControlsAreRead(t *testing.T) {
	var c []byte
	add := func(level, kind int32, v []byte) {
		c = binary.NativeEndian.AppendUint64(c, uint64(unix.CmsgLen(len(v))))
		c = binary.NativeEndian.AppendUint32(c, uint32(level))
		c = binary.NativeEndian.AppendUint32(c, uint32(kind))
		c = append(c, v...)
		for len(c)%8 != 0 {
			c = append(c, 0)
		}
	}
	ts := binary.NativeEndian.AppendUint64(nil, 1_700_000_000)
	add(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, binary.NativeEndian.AppendUint64(ts, 5))
	add(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, binary.NativeEndian.AppendUint32(nil, 3))
	add(unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, binary.NativeEndian.AppendUint32(nil, 255))
	info := append([]byte{0xff, 0x02, 15: 0x12}, binary.NativeEndian.AppendUint32(nil, 42)...)
	add(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, info)
	r := &Receiver{Listen: Listen{IfIndex: 1, Family: 6}}
	p := &Packet{TTL: -1}
	r.controls(c, p)
	if p.Wall != 1_700_000_000e9+5 || p.TTL != 255 || p.IfIndex != 42 || p.Dest.String() != "ff02::12" || r.Dropped() != 3 {
		t.Errorf("%+v, dropped %d", p, r.Dropped())
	}
	for n := range c {
		r.controls(c[:n], &Packet{}) // a message that was cut off must not be trusted
	}
}
