// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// outcomes collects what Done is told.
type outcomes struct {
	mu  sync.Mutex
	got []error
}

func (o *outcomes) trap(n uint32) Notification {
	return Notification{Trap: fakeTree.Append(0, n), VarBinds: single(VarBind{fakeTree.Append(1), Int(int32(n))}), Done: func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.got = append(o.got, err)
	}}
}

// want checks the outcomes against targets for errors.Is; nil is delivered.
func (o *outcomes) want(t *testing.T, want ...error) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.got) != len(want) {
		t.Fatalf("outcomes %v, want %v", o.got, want)
	}
	for i := range want {
		if (o.got[i] == nil) != (want[i] == nil) || !errors.Is(o.got[i], want[i]) {
			t.Errorf("outcome %d: %v, want %v", i, o.got[i], want[i])
		}
	}
}

func notifyOf(n uint32) Notify {
	return Notify{[]VarBind{{snmpTrapOID0, ObjectID(fakeTree.Append(0, n))}, {fakeTree.Append(1), Int(int32(n))}}}
}

func TestNotifyInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		var o outcomes
		handed := time.Now()
		for n := range uint32(2) { // before there is a session
			if err := f.c.Notify(o.trap(n)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second) // simulated
		f.serve(1)
		if s := f.c.Stats(); s.NotifyQueued != 2 || !s.NotifyOldest.Equal(handed) {
			t.Errorf("stats %+v", s)
		}
		f.reply(f.expect(notifyOf(0)), Response{})
		m := f.expect(notifyOf(1))
		if err := f.c.Notify(o.trap(2)); err != nil {
			t.Fatal(err)
		}
		o.want(t, nil) // the second is not delivered before it is acknowledged
		f.reply(m, Response{})
		f.reply(f.expect(notifyOf(2)), Response{})
		o.want(t, nil, nil, nil)
		// One that comes while the session sleeps wakes it.
		time.Sleep(time.Minute) // simulated
		began := time.Now()
		withTime := Notification{Context: "ctx", Trap: fakeTree.Append(0, 9), VarBinds: single(VarBind{sysUpTime0, Ticks(5)})}
		if err := f.c.Notify(withTime); err != nil {
			t.Fatal(err)
		}
		m = f.expect(Notify{[]VarBind{{sysUpTime0, Ticks(5)}, {snmpTrapOID0, ObjectID(fakeTree.Append(0, 9))}}})
		if m.Context != "ctx" || time.Since(began) != 0 {
			t.Errorf("%+v after %v", m, time.Since(began))
		}
		f.reply(m, Response{})
		if err := f.c.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if s := f.c.Stats(); s.NotifySent != 4 || s.NotifyDropped != 0 || s.NotifyQueued != 0 || !s.NotifyOldest.IsZero() {
			t.Errorf("stats %+v", s)
		}
		f.stop()
	})
}

func TestNotifyQueueOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) { c.NotifyQueue = 3 })
		var o outcomes
		for n := range uint32(5) {
			if err := f.c.Notify(o.trap(n)); (n < 3) != (err == nil) || n >= 3 && !errors.Is(err, ErrQueueFull) {
				t.Errorf("notification %d: %v", n, err)
			}
		}
		if s := f.c.Stats(); s.NotifyQueued != 3 || s.NotifyDropped != 2 {
			t.Errorf("stats %+v", s)
		}
		f.serve(1)
		for n := range uint32(3) {
			f.reply(f.expect(notifyOf(n)), Response{})
		}
		o.want(t, nil, nil, nil)
		if err := f.c.Notify(o.trap(7)); err != nil { // there is room again
			t.Error(err)
		}
		f.reply(f.expect(notifyOf(7)), Response{})
		f.stop()
	})
}

func TestNotifyOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) { c.NotifyTries, c.Timeout = 2, time.Second })
		f.serve(1)
		var o outcomes
		for n := range uint32(3) {
			if err := f.c.Notify(o.trap(n)); err != nil {
				t.Fatal(err)
			}
		}
		// Refused: the next one goes on.
		f.reply(f.expect(notifyOf(0)), Response{Error: ProcessingError, Index: 2})
		// Lost once, then delivered: sent twice.
		f.expect(notifyOf(1))
		f.conn.Close()
		f.serve(1)
		f.reply(f.expect(notifyOf(1)), Response{})
		// Never answered: given up after the second try.
		f.expect(notifyOf(2))
		f.ends(CloseTimeouts)
		f.serve(1)
		f.expect(notifyOf(2))
		f.ends(CloseTimeouts)
		synctest.Wait()
		var refusal *ResponseError
		if len(o.got) != 3 || !errors.As(o.got[0], &refusal) || o.got[1] != nil || !errors.Is(o.got[2], ErrTimeout) {
			t.Errorf("outcomes %v", o.got)
		} else if *refusal != (ResponseError{TypeNotify, ProcessingError, 2}) {
			t.Errorf("refusal %+v", refusal)
		}
		if s := f.c.Stats(); s.NotifySent != 1 || s.NotifyDropped != 2 || s.NotifyRetried != 2 {
			t.Errorf("stats %+v", s)
		}
		f.serve(1)
		f.stop()
	})
}

func TestNotifyExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) {
			c.NotifyMaxAge = 30 * time.Second
			c.Backoff = Backoff{Min: 20 * time.Second, Max: 20 * time.Second, Rand: func() float64 { return 0 }}
		}, 2)
		var o outcomes
		if err := f.c.Notify(o.trap(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Second) // simulated
		if err := f.c.Notify(o.trap(2)); err != nil {
			t.Fatal(err)
		}
		f.serve(1)
		f.reply(f.expect(notifyOf(2)), Response{})
		o.want(t, ErrExpired, nil)
		f.stop()
	})
}

func TestNotifyAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.serve(1)
		var o outcomes
		for n := range uint32(2) {
			if err := f.c.Notify(o.trap(n)); err != nil {
				t.Fatal(err)
			}
		}
		f.expect(notifyOf(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v", err)
		}
		f.stop()
		o.want(t, ErrClosed, ErrClosed)
		if err := f.c.Notify(o.trap(3)); !errors.Is(err, ErrClosed) {
			t.Errorf("notify after Close: %v", err)
		}
		if s := f.c.Stats(); s.NotifyDropped != 3 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestNotifyRefusesWhatHasNoEncoding(t *testing.T) {
	c, err := New(Config{Dial: dialUnix(&master{socket: "/nowhere"}), Handler: HandlerFunc(func(string) *Snapshot { return nil })})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Notify(Notification{Trap: NewOID(1), VarBinds: []VarBind{{}}}); err == nil {
		t.Error("no error")
	}
	var o outcomes
	if err := c.Notify(o.trap(1)); err != nil {
		t.Error(err)
	}
	c.Close() // Run was never called
	if len(o.got) != 1 || !errors.Is(o.got[0], ErrClosed) {
		t.Errorf("outcomes %v", o.got)
	}
	if err := c.Run(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
}

// Many goroutines notify and read Stats while sessions come and go.
func TestNotifyFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, func(c *Config) { c.NotifyTries = 100 })
		var o outcomes
		var wg sync.WaitGroup
		const goroutines, each = 8, 50
		for g := range uint32(goroutines) {
			wg.Go(func() {
				for n := range uint32(each) {
					if err := f.c.Notify(o.trap(g*each + n)); err != nil {
						t.Error(err)
					}
					f.c.Stats()
				}
			})
		}
		last := map[uint32]int32{}
		f.serve(1)
		for n := 0; n < goroutines*each; {
			m := f.expect(Notify{})
			if n%40 == 39 && f.session == 100*uint32(n/40+1) {
				f.conn.Close() // not acknowledged: it must come again
				f.serve(1)
				continue
			}
			v := m.Body.(Notify).VarBinds[1].Value.Int32()
			g := uint32(v) / each
			if before, seen := last[g]; seen && v != before+1 || !seen && uint32(v)%each != 0 {
				t.Fatalf("notification %d of goroutine %d after %d", v, g, before)
			}
			last[g] = v
			f.reply(m, Response{})
			n++
		}
		wg.Wait()
		f.stop()
		if s := f.c.Stats(); s.NotifySent != goroutines*each || len(o.got) != goroutines*each || s.NotifyRetried != goroutines*each/40 {
			t.Errorf("stats %+v, %d outcomes", s, len(o.got))
		}
	})
}
