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

func wait(t *testing.T, p *Poller, until event.Instant, to Hearing) Woken {
	t.Helper()
	woken, err := p.Wait(until, to)
	if err != nil {
		t.Fatal(err)
	}
	return woken
}

func TestWaitEndsWhenItIsDueAndNotBefore(t *testing.T) {
	p, c := testPoller(t)
	due := c.Now()
	for i := range 200 {
		due = max(due, c.Now()).Add(time.Duration(i%5) * 100 * time.Microsecond)
		for c.Now() < due { // what a loop does: it may be woken a moment early
			wait(t, p, due, All)
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
		if w := wait(t, p, past, All); w != (Woken{}) {
			t.Fatal("woken by something else")
		}
	}
}

func TestWake(t *testing.T) {
	p, _ := testPoller(t)
	for range 1000 {
		failed := make(chan error, 1)
		go func() { failed <- p.Wake() }()
		if w := wait(t, p, 0, All); w != (Woken{Called: true}) {
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
	if w := wait(t, p, 0, Deaf); !w.Called {
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
		if w := wait(t, p, 0, All); !w.Heard {
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
	if w := wait(t, p, c.Now().Add(time.Millisecond), All); w.Heard {
		t.Error("heard a socket that is not watched any more")
	}
}

// While it gathers, packets do not end a wait; but they are not forgotten.
func TestPacketsDoNotEndAWaitThatGathers(t *testing.T) {
	p, c := testPoller(t)
	tell, hear := pipe(t, p, 0)
	say(t, tell)
	if w := wait(t, p, 0, All); !w.Heard {
		t.Fatal("not heard")
	}
	if _, err := unix.Read(hear, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	say(t, tell)
	due := c.Now().Add(3 * time.Millisecond)
	for c.Now() < due {
		if w := wait(t, p, due, Deaf); w.Heard {
			t.Fatal("heard while gathering")
		}
	}
	if got := ready(t, p); len(got) != 1 {
		t.Fatalf("ready: %v", got)
	}
	if w := wait(t, p, 0, All); !w.Heard {
		t.Error("a packet that came while gathering was lost")
	}
}

// While it gathers with bells, the packets of a bell end a wait, and others do not.
func TestBellsEndAWaitThatGathers(t *testing.T) {
	p, c := testPoller(t)
	tell, hear := pipe(t, p, 0)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]) })
	bell := &Bell{fd: fds[1]}
	t.Cleanup(func() { bell.Close() })
	if err := p.AddBell(bell); err != nil {
		t.Fatal(err)
	}
	say(t, tell)
	wait(t, p, 0, All)
	if _, err := unix.Read(hear, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		say(t, tell)
		say(t, fds[0])
		due := c.Now().Add(time.Millisecond)
		for c.Now() < due {
			if w := wait(t, p, due, Deaf); w.Heard {
				t.Fatalf("heard while gathering: %+v", w)
			}
		}
		say(t, fds[0]) // also more than one
		if w := wait(t, p, 0, Urgent); w != (Woken{Rang: true}) {
			t.Fatalf("with a bell: %+v", w)
		}
		bell.Quiet()
		due = c.Now().Add(time.Millisecond)
		for c.Now() < due {
			if w := wait(t, p, due, Urgent); w != (Woken{}) {
				t.Fatalf("a bell that has been quieted: %+v", w)
			}
		}
		if _, err := unix.Read(hear, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.RemoveBell(bell); err != nil {
		t.Fatal(err)
	}
	say(t, fds[0])
	if w := wait(t, p, c.Now().Add(time.Millisecond), Urgent); w.Rang {
		t.Error("rang after it was removed")
	}
}

// Who floods a bell takes no more than a bounded time of the loop. Of a stream
// it takes a byte at a time, as it does a packet elsewhere.
func TestQuietIsBounded(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	if err := unix.Send(fds[0], make([]byte, 3*quietMost), 0); err != nil {
		t.Fatal(err)
	}
	bell := &Bell{fd: fds[1]}
	bell.Quiet()
	if n, err := unix.Read(fds[1], make([]byte, 4*quietMost)); err != nil || n != 2*quietMost {
		t.Errorf("%d of %d left (%v)", n, 3*quietMost, err)
	}
}

func TestWaitingDoesNotAllocate(t *testing.T) {
	p, c := testPoller(t)
	var into []int32
	n := testing.AllocsPerRun(100, func() {
		if _, err := p.Wait(c.Now().Add(10*time.Microsecond), All); err != nil {
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
	if _, err := p.Wait(0, All); err == nil {
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
