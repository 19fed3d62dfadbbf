// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

// eachLink runs a test over both kinds of link.
func eachLink(t *testing.T, test func(t *testing.T, a, b *Link)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		x, y, err := SocketPair()
		if err != nil {
			t.Fatal(err)
		}
		a, err := Socket(x)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Socket(y)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer b.Close()
		test(t, a, b)
	})
	t.Run("pipe", func(t *testing.T) {
		a, b := Pipe()
		defer a.Close()
		defer b.Close()
		test(t, a, b)
	})
}

func receive(t *testing.T, l *Link) Frame {
	t.Helper()
	select {
	case f, ok := <-l.Frames():
		if !ok {
			t.Fatalf("link ended: %v", l.Err())
		}
		return f
	case <-time.After(10 * time.Second):
		t.Fatal("no frame within 10 s")
	}
	return Frame{}
}

func ended(t *testing.T, l *Link) error {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case _, ok := <-l.Frames():
			if !ok {
				return l.Err()
			}
		case <-deadline:
			t.Fatal("the link did not end within 10 s")
		}
	}
}

func edges(epoch uint64, from, n int) []event.Event {
	es := make([]event.Event, n)
	for i := range es {
		es[i] = event.Event{Epoch: epoch, Seq: uint64(from + i), Kind: event.VRRPState, Origin: event.RoleVRRP, To: event.Master}
	}
	return es
}

func TestFramesArriveInOrderAndWhole(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		sent := []Frame{
			{Type: Hello, Protocol: Protocol, Role: event.RoleVRRP, Epoch: 7},
			{Type: Ready, Gen: 3, Error: "bad.conf:1:2: no"},
			{Type: Commit, Gen: 3, Ref: event.Ref{Epoch: 1, Seq: 2}, Resume: []Resumed{{Name: "VI_1", State: event.Master, Within: true}}},
			{Type: Input, Ran: &Ran{Status: 1, Reason: event.FailExit, Object: event.Subject{Kind: event.SubjectScript, Name: "chk"}}},
			{Type: Bye},
		}
		for _, f := range sent {
			a.Send(f)
		}
		for _, want := range sent {
			if got := receive(t, b); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	})
}

func TestEdgesKeepTheirPlaceAmongOtherFrames(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		a.Publish(edges(1, 1, 3))
		a.Publish(edges(1, 4, 2))
		a.Send(Frame{Type: Result, ID: 9})
		a.Publish(edges(1, 6, 1))
		a.Send(Frame{Type: Bye})
		var order []uint64
		for {
			f := receive(t, b)
			if f.Type == Bye {
				break
			}
			if f.Type == Result {
				order = append(order, 1000)
			}
			for i := range f.Events {
				order = append(order, f.Events[i].Seq)
			}
		}
		if want := []uint64{1, 2, 3, 4, 5, 1000, 6}; !reflect.DeepEqual(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
	})
}

func TestPublishCopies(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		es := edges(1, 1, 1)
		a.Publish(es)
		es[0].Seq = 99
		if f := receive(t, b); f.Events[0].Seq != 1 {
			t.Errorf("the caller's later write shows: seq %d", f.Events[0].Seq)
		}
	})
}

func TestDescriptorsTravel(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		a.Send(Frame{Type: Prepare, Gen: 1, FDs: []int{fd}})
		f := receive(t, b)
		if len(f.FDs) != 1 {
			t.Fatalf("got %d descriptors, want 1", len(f.FDs))
		}
		got := os.NewFile(uintptr(f.FDs[0]), "passed")
		if _, err := got.WriteString("through"); err != nil {
			t.Fatal(err)
		}
		got.Close()
		// Reading to the end proves that the sender kept no copy open.
		text, err := io.ReadAll(r)
		if err != nil || string(text) != "through" {
			t.Errorf("read %q, %v", text, err)
		}
	})
}

func TestPeerThatClosesIsEOF(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		a.Publish(edges(1, 1, 2))
		a.Send(Frame{Type: Bye})
		a.Close()
		if f := receive(t, b); len(f.Events) != 2 {
			t.Errorf("what was sent before the end is lost: %+v", f)
		}
		if f := receive(t, b); f.Type != Bye {
			t.Errorf("got %s, want bye", f.Type)
		}
		if err := ended(t, b); !errors.Is(err, io.EOF) {
			t.Errorf("the link ended with %v, want EOF", err)
		}
	})
}

func TestLastWordsOfADeadPeerAreHeard(t *testing.T) {
	x, y, err := SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Socket(x)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	messages, _, err := Encode(&Frame{Type: Events, Events: edges(1, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	// The peer leaves a frame of ours unread, writes, and dies: the kernel says
	// ECONNRESET before it gives out what was written.
	b.Send(Frame{Type: Commit, Gen: 1})
	waitReadable(t, y)
	if _, err := y.Write(messages[0]); err != nil {
		t.Fatal(err)
	}
	y.Close()
	b.Send(Frame{Type: Commit, Gen: 2})
	if f := receive(t, b); len(f.Events) != 1 {
		t.Errorf("got %+v, want the event", f)
	}
	if err := ended(t, b); !errors.Is(err, io.EOF) {
		t.Errorf("the link ended with %v, want EOF", err)
	}
}

func waitReadable(t *testing.T, f *os.File) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 10_000); n != 1 || err != nil {
		t.Fatalf("poll: %d, %v", n, err)
	}
}

func TestNonsenseEndsTheLink(t *testing.T) {
	for name, message := range map[string]string{
		"unknown type":   `{"type":"frobnicate"}`,
		"no type":        `{}`,
		"not JSON":       `hello`,
		"other protocol": `{"type":"hello","protocol":99}`,
		"bad word":       `{"type":"event","events":[{"kind":"vrrp.nonsense"}]}`,
		"too long":       `{"type":"bye","error":"` + strings.Repeat("x", MaxFrame) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			x, y, err := SocketPair()
			if err != nil {
				t.Fatal(err)
			}
			l, err := Socket(x)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			defer y.Close()
			if _, err := y.WriteString(message); err != nil {
				t.Fatal(err)
			}
			if err := ended(t, l); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("the link ended with %v, want the reason", err)
			}
		})
	}
	t.Run("a good frame does not", func(t *testing.T) {
		x, y, err := SocketPair()
		if err != nil {
			t.Fatal(err)
		}
		l, err := Socket(x)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		defer y.Close()
		if _, err := y.WriteString(`{"type":"bye"}`); err != nil {
			t.Fatal(err)
		}
		if f := receive(t, l); f.Type != Bye {
			t.Errorf("got %s", f.Type)
		}
	})
}

func TestSocketRefusesOtherFiles(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	if _, err := Socket(os.NewFile(uintptr(fds[0]), "stream")); err == nil {
		t.Error("a stream socket became a link")
	}
}

func TestSendNeverBlocksAndAStuckPeerLosesTheLink(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		body := strings.Repeat("x", 4096)
		// Nobody reads b: the kernel's buffer, the queue and the peer's channel
		// fill up, and then the link must end.
		for range 4 * controlMax {
			a.Send(Frame{Type: Command, Name: body})
		}
		select {
		case <-a.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("the link lives on")
		}
		if !errors.Is(a.Err(), ErrStuck) {
			t.Errorf("the link ended with %v, want %v", a.Err(), ErrStuck)
		}
	})
}

func TestGapIsSaidAndNumbersAddUp(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		// Nobody reads yet: what the way holds depends on how the edges were put
		// into frames, so it is filled until the ring overflows, and beyond.
		total := 0
		for a.Lost() == 0 || total%EdgesMax != 0 {
			if total++; total > 200*EdgesMax {
				t.Fatal("the ring does not overflow")
			}
			a.Publish(edges(5, total, 1))
		}
		var last uint64
		var gaps, lost int64
		for last < uint64(total) {
			f := receive(t, b)
			for i := range f.Events {
				e := &f.Events[i]
				if e.Kind == event.LinkGap {
					gaps++
					lost += e.Count
					if e.Seq != last+uint64(e.Count) || e.Epoch != 5 || e.Reason != event.FailOverflow {
						t.Fatalf("gap %+v after %d does not join", e, last)
					}
				} else if e.Seq != last+1 {
					t.Fatalf("hole: %d after %d", e.Seq, last)
				}
				last = e.Seq
			}
		}
		if gaps == 0 || uint64(lost) != a.Lost() {
			t.Errorf("%d gaps, %d lost, the sender counts %d", gaps, lost, a.Lost())
		}
		// Mended: the next edges come through again.
		a.Publish(edges(5, total+1, 1))
		if f := receive(t, b); f.Events[0].Seq != uint64(total)+1 || f.Events[0].Kind != event.VRRPState {
			t.Errorf("after the gap came %+v", f.Events[0])
		}
	})
}

func TestTalliesLastWins(t *testing.T) {
	q := newQueue()
	one, two := event.Subject{Name: "one"}, event.Subject{Name: "two"}
	q.tally(1, []event.Tally{{Subject: one, Sent: 1}, {Subject: two, Sent: 1}}, &event.RouterTally{VRID: 1})
	q.send(Frame{Type: Result, ID: 1})
	q.tally(1, []event.Tally{{Subject: one, Sent: 5}}, nil)
	q.send(Frame{Type: Result, ID: 2})
	frames, _ := q.take()
	if len(frames) != 3 || frames[0].Type != Tallies || len(frames[0].Tallies) != 2 {
		t.Fatalf("got %+v", frames)
	}
	if got := frames[0].Tallies[0].Sent; got != 5 {
		t.Errorf("sent is %d, want the newest, 5", got)
	}
	if frames[0].Router == nil || frames[0].Router.VRID != 1 || frames[0].Epoch != 1 {
		t.Errorf("the router's counters are gone: %+v", frames[0])
	}
	// A new epoch never mixes with the old one.
	q.tally(1, []event.Tally{{Subject: one, Sent: 6}}, nil)
	q.tally(2, []event.Tally{{Subject: two, Sent: 1}}, nil)
	frames, _ = q.take()
	if len(frames) != 1 || frames[0].Epoch != 2 || len(frames[0].Tallies) != 1 {
		t.Errorf("epochs are mixed: %+v", frames)
	}
}

func TestTalliesTravel(t *testing.T) {
	eachLink(t, func(t *testing.T, a, b *Link) {
		var ts []event.Tally
		for i := range 255 {
			ts = append(ts, event.Tally{Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI", VRID: uint8(i + 1)}, Sent: uint64(i), GapSum: 1.5})
		}
		a.Tally(3, ts, &event.RouterTally{LagMax: time.Second})
		a.Send(Frame{Type: Result, ID: 4, Name: "tally"})
		var got []event.Tally
		var routers int
		for {
			f := receive(t, b)
			if f.Type == Result {
				break
			}
			if f.Epoch != 3 {
				t.Errorf("epoch %d", f.Epoch)
			}
			if f.Router != nil {
				routers++
			}
			got = append(got, f.Tallies...)
		}
		if !reflect.DeepEqual(got, ts) || routers != 1 {
			t.Errorf("%d tallies and %d routers came", len(got), routers)
		}
	})
}
