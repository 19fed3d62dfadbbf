// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessionOpensRegistersAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) {
			c.Caps = []AgentCaps{{ID: fakeTree.Append(9), Descr: "caps"}}
			c.Registrations = []Registration{
				{Subtree: fakeTree},
				{Context: "ctx", Subtree: fakeTree.Append(1), Priority: 5, Timeout: time.Second, RangeSubID: 8, UpperBound: 3, Instance: true},
			}
		})
		f.accept()
		open := f.expect(Open{Timeout: 2, ID: fakeTree, Descr: "fake test"})
		if open.Flags != be || open.SessionID != 0 {
			t.Errorf("open %+v", open)
		}
		if f.c.Stats().Connected {
			t.Error("connected before the answer")
		}
		f.reply(open, Response{})
		f.reply(f.expect(AddAgentCaps{ID: fakeTree.Append(9), Descr: "caps"}), Response{})
		f.reply(f.expect(Register{Priority: 127, Subtree: fakeTree}), Response{})
		m := f.expect(Register{Timeout: 1, Priority: 5, RangeSubID: 8, Subtree: fakeTree.Append(1), UpperBound: 3})
		if m.Context != "ctx" || m.Flags != be|FlagNonDefaultContext|FlagInstanceRegistration {
			t.Errorf("register %+v", m)
		}
		f.reply(m, Response{})
		synctest.Wait()
		if s := f.c.Stats(); !s.Connected || s.Registered != 2 || s.Registrations != 2 || s.Connects != 1 {
			t.Errorf("stats %+v", s)
		}
		go f.c.Close()
		f.ends(CloseShutdown)
		if err := <-f.ended; !errors.Is(err, ErrClosed) {
			t.Errorf("Run returned %v", err)
		}
		if want := []NoticeKind{NoticeConnected, NoticeRegistered, NoticeRegistered}; !slices.Equal(f.kinds(), want) {
			t.Errorf("notices %v", f.kinds())
		}
		if s := f.c.Stats(); s.Connected || s.Registered != 0 || s.Disconnects != 0 {
			t.Errorf("stats after Close %+v", s)
		}
		if f.c.Run(t.Context()) == nil {
			t.Error("Run can be called twice")
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		c, err := New(Config{
			Dial:    func(context.Context) (net.Conn, error) { return client, nil },
			Handler: HandlerFunc(func(string) *Snapshot { return nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait() // it hangs writing Open: nobody reads
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestSessionServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.serve(1)
		one, two := VarBind{fakeTree.Append(1), Int(11)}, VarBind{fakeTree.Append(2), Int(22)}
		if res := f.request(1, getOf(one.Name)); !reflect.DeepEqual(res, Response{VarBinds: single(one)}) {
			t.Errorf("get: %+v", res)
		}
		if res := f.request(2, GetNext{[]SearchRange{{Start: one.Name}}}); !reflect.DeepEqual(res, Response{VarBinds: single(two)}) {
			t.Errorf("getnext: %+v", res)
		}
		res := f.request(3, GetBulk{0, 5, []SearchRange{{Start: fakeTree}}})
		if want := []VarBind{one, two, {two.Name, Exception(EndOfMibView)}}; !reflect.DeepEqual(res.VarBinds, want) {
			t.Errorf("getbulk: %+v", res)
		}
		if res := f.request(4, assign("x")); res.Error != NotWritable {
			t.Errorf("testset: %+v", res)
		}
		s := f.c.Stats()
		if s.Requests[TypeGet] != 1 || s.Requests[TypeGetNext] != 1 || s.Requests[TypeGetBulk] != 1 || s.Requests[TypeTestSet] != 1 ||
			s.VarBinds != 5 || s.WalksStarted != 2 || s.SetErrors != 1 {
			t.Errorf("stats %+v", s)
		}
		f.stop()
	})
}

func TestSessionAnswersPipelinedRequestsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.serve(1)
		var list []Message
		for id := range uint32(500) {
			list = append(list, Message{SessionID: f.session, TransactionID: id, PacketID: id, Body: getOf(fakeTree.Append(1))})
		}
		go f.send(list...)
		for id := range uint32(500) {
			if res := f.answer(id); res.VarBinds[0].Value != Int(11) {
				t.Fatalf("answer %d: %+v", id, res)
			}
		}
		f.stop()
	})
}

func TestSessionReadsPiecesAndLargeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.serve(1)
		ranges := make([]SearchRange, 2000) // 40 kB, more than the first buffer
		for i := range ranges {
			ranges[i].Start = fakeTree.Append(1)
		}
		b, err := AppendMessage(nil, Message{Flags: le, SessionID: f.session, TransactionID: 5, PacketID: 5, Body: Get{ranges}})
		if err != nil {
			t.Fatal(err)
		}
		for len(b) > 0 {
			n := min(len(b), 1+len(b)/7)
			if _, err := f.conn.Write(b[:n]); err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		if res := f.answer(5); len(res.VarBinds) != len(ranges) {
			t.Errorf("%d answers", len(res.VarBinds))
		}
		f.stop()
	})
}

func TestSessionIDIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.serve(1)
		mine := f.session
		for id, want := range map[uint32]ErrorStatus{mine: NoError, mine + 1: NotOpen} {
			f.send(Message{SessionID: id, PacketID: 1, Body: getOf(fakeTree.Append(1))})
			if m, _ := f.read(); m.Body.(Response).Error != want || m.SessionID != id {
				t.Errorf("session %d: %+v", id, m)
			}
		}
		f.send(Message{SessionID: mine + 1, Body: CleanupSet{}}) // has no answer
		f.request(2, getOf(fakeTree))
		if n := f.c.Stats().NotOpen; n != 2 {
			t.Errorf("%d counted", n)
		}
		f.send(Message{SessionID: mine, PacketID: 999, Body: Response{}})
		f.request(3, getOf(fakeTree))
		if n := f.c.Stats().Stray; n != 1 {
			t.Errorf("%d stray responses", n)
		}
		f.stop()
	})
}

func TestBadPDUEndsTheSessionOnly(t *testing.T) {
	for _, c := range []struct {
		name   string
		bytes  string
		msg    Body
		reason CloseReason
		count  func(Stats) uint64
	}{
		{"version", "02" + "05 10 00 00000064 00000001 00000001 00000000", nil, CloseParseError, func(s Stats) uint64 { return s.Malformed }},
		{"too large", "01 05 10 00 00000064 00000001 00000001 7ffffffc", nil, CloseParseError, func(s Stats) uint64 { return s.Malformed }},
		{"get", "01 05 10 00 00000064 00000001 00000001 00000004 01000000", nil, CloseParseError, func(s Stats) uint64 { return s.Malformed }},
		{"testset", "01 08 10 00 00000064 00000001 00000001 00000004 00990000", nil, CloseParseError, func(s Stats) uint64 { return s.Malformed }},
		{"response", "01 12 10 00 00000064 00000001 00000001 00000000", nil, CloseParseError, func(s Stats) uint64 { return s.Malformed }},
		{"close", "01 02 10 00 00000064 00000001 00000001 00000000", nil, CloseParseError, func(s Stats) uint64 { return s.Malformed }},
		{"not for a subagent", "", Ping{}, CloseProtocolError, func(s Stats) uint64 { return s.ProtocolErrors }},
		{"closed by the master", "", Close{CloseShutdown}, CloseOther, func(s Stats) uint64 { return s.Disconnects }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := startFake(t, nil)
				f.serve(1)
				if c.msg != nil {
					f.send(Message{SessionID: f.session, Body: c.msg})
				} else if _, err := f.conn.Write(unhex(t, c.bytes)); err != nil {
					t.Fatal(err)
				}
				f.ends(c.reason)
				if s := f.c.Stats(); c.count(s) != 1 || s.Disconnects != 1 || s.Connected {
					t.Errorf("stats %+v", s)
				}
				f.serve(1) // it is back, and serves
				if res := f.request(1, getOf(fakeTree.Append(1))); res.Error != NoError {
					t.Errorf("after that: %+v", res)
				}
				if want := []NoticeKind{NoticeConnected, NoticeRegistered, NoticeDisconnected, NoticeConnected, NoticeRegistered}; !slices.Equal(f.kinds(), want) {
					t.Errorf("notices %v", f.kinds())
				}
				f.stop()
			})
		})
	}
}

func TestBackoffBetweenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := startFake(t, func(c *Config) {
			c.Backoff = Backoff{Min: time.Second, Max: 5 * time.Second, Jitter: 0.2, Rand: func() float64 { return 0.5 }}
		}, 5)
		f.serve(1)
		var got []time.Duration
		for _, at := range f.dialed {
			got = append(got, at.Sub(began))
			began = at
		}
		// 1, 2, 4, 5, 5 seconds less a tenth.
		want := []time.Duration{0, 900 * time.Millisecond, 1800 * time.Millisecond, 3600 * time.Millisecond, 4500 * time.Millisecond, 4500 * time.Millisecond}
		if !slices.Equal(got, want) {
			t.Errorf("waited %v, want %v", got, want)
		}
		if s := f.c.Stats(); s.DialErrors != 5 || s.Connects != 1 || f.notices[0].Kind != NoticeUnreachable {
			t.Errorf("stats %+v", s)
		}
		time.Sleep(10 * time.Second) // simulated: a session that lasted starts over
		lost := time.Now()
		f.conn.Close()
		f.serve(1)
		if wait := f.dialed[len(f.dialed)-1].Sub(lost); wait != 900*time.Millisecond {
			t.Errorf("waited %v after a long session", wait)
		}
		f.stop()
	})
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name   string
		until  func(f *fake)
		reason CloseReason
		lost   uint64
	}{
		{"open", func(f *fake) { f.accept(); f.expect(Open{}) }, 0, 0},
		{"register", func(f *fake) { f.accept(); f.reply(f.expect(Open{}), Response{}); f.expect(Register{}) }, CloseTimeouts, 1},
		{"ping", func(f *fake) { f.serve(1); f.expect(Ping{}) }, CloseTimeouts, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := startFake(t, func(c *Config) { c.Timeout, c.PingInterval = 3*time.Second, time.Minute })
				c.until(f)
				asked := time.Now()
				f.ends(c.reason)
				if d := time.Since(asked); d != 3*time.Second {
					t.Errorf("gave up after %v", d)
				}
				if s := f.c.Stats(); s.Timeouts != 1 || s.Disconnects != c.lost {
					t.Errorf("stats %+v", s)
				}
				f.serve(1)
				f.stop()
			})
		})
	}
}

func TestMasterThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) { c.Timeout = 3 * time.Second })
		f.serve(1)
		f.send(Message{SessionID: f.session, Body: getOf(fakeTree)})
		began := time.Now()
		f.serve(1) // the next connection
		if d := time.Since(began); d < 3*time.Second || d > 4*time.Second {
			t.Errorf("took %v", d)
		}
		if s := f.c.Stats(); s.Timeouts != 1 || s.Disconnects != 1 {
			t.Errorf("stats %+v", s)
		}
		f.stop()
	})
}

func TestPingWhenSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) { c.PingInterval = 10 * time.Second })
		f.serve(1)
		began := time.Now()
		f.reply(f.expect(Ping{}), Response{})
		f.reply(f.expect(Ping{}), Response{})
		if d := time.Since(began); d != 20*time.Second {
			t.Errorf("two pings in %v", d)
		}
		time.Sleep(6 * time.Second) // simulated
		f.request(1, getOf(fakeTree))
		heard := time.Now()
		f.reply(f.expect(Ping{}), Response{})
		if d := time.Since(heard); d != 10*time.Second {
			t.Errorf("ping %v after a request", d)
		}
		synctest.Wait()
		if s := f.c.Stats(); s.Pings != 3 || s.Timeouts != 0 {
			t.Errorf("stats %+v", s)
		}
		f.stop()
	})
}

func TestForgottenSessionIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) { c.PingInterval = 10 * time.Second })
		f.serve(1)
		f.reply(f.expect(Ping{}), Response{Error: NotOpen})
		f.ends(CloseOther)
		f.serve(1)
		f.stop()
	})
}

func TestOpenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.accept()
		f.reply(f.expect(Open{}), Response{Error: OpenFailed})
		f.ends(0)
		var refusal *ResponseError
		if s := f.c.Stats(); s.DialErrors != 1 || s.Connects != 0 || !errors.As(f.notices[0].Err, &refusal) || refusal.Status != OpenFailed {
			t.Errorf("stats %+v, notices %v", s, f.notices)
		}
		f.serve(1)
		f.stop()
	})
}

func TestRefusedRegistrationIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) {
			c.Registrations = append(c.Registrations, Registration{Subtree: fakeTree.Append(5)})
			c.Backoff = Backoff{Min: time.Second, Max: 4 * time.Second, Rand: func() float64 { return 0 }}
		})
		f.accept()
		f.reply(f.expect(Open{}), Response{})
		first := f.expect(Register{})
		second := f.expect(Register{})
		f.reply(first, Response{Error: DuplicateRegistration})
		f.reply(second, Response{})
		began := time.Now()
		f.reply(f.expect(Register{Priority: 127, Subtree: fakeTree}), Response{Error: DuplicateRegistration})
		f.reply(f.expect(Register{Priority: 127, Subtree: fakeTree}), Response{})
		synctest.Wait()
		if d := time.Since(began); d != 3*time.Second { // 1 and 2
			t.Errorf("tried for %v", d)
		}
		if s := f.c.Stats(); s.Registered != 2 || s.RegisterRefused != 2 || s.Disconnects != 0 {
			t.Errorf("stats %+v", s)
		}
		f.stop()
	})
}

func TestSetOverASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &memory{}
		f := startFake(t, func(c *Config) { c.Set = h })
		f.serve(1)
		for _, body := range []Body{assign("x"), CommitSet{}, UndoSet{}} {
			if res := f.request(7, body); res.Error != NoError {
				t.Errorf("%T: %+v", body, res)
			}
		}
		f.request(8, assign("y"))
		f.request(8, CommitSet{})
		f.send(Message{SessionID: f.session, TransactionID: 8, Body: CleanupSet{}})
		f.request(9, assign("z")) // and then the session is lost
		f.conn.Close()
		f.serve(1)
		if want := []string{"test", "commit", "undo", "cleanup", "test", "commit", "cleanup", "test", "cleanup"}; !slices.Equal(h.calls, want) {
			t.Errorf("calls %v", h.calls)
		}
		if v := h.values[NewOID(1, 2)]; v != Text("y") {
			t.Errorf("value %s", v)
		}
		f.stop()
	})
}

// A transaction that the master forgets, and walks that nobody continues, are
// let go after a while without another request.
func TestForgottenStateIsFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &memory{}
		f := startFake(t, func(c *Config) { c.Set = h })
		f.serve(1)
		f.request(1, GetNext{[]SearchRange{{Start: fakeTree}}})
		f.request(2, assign("x"))
		time.Sleep(setHold - time.Second) // simulated
		if h.balanced() {
			t.Error("cleaned up too early")
		}
		time.Sleep(5 * time.Second) // simulated
		synctest.Wait()
		if !h.balanced() {
			t.Error("not cleaned up")
		}
		f.stop()
	})
}
