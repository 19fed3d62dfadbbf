// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"errors"
	"net"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

// later runs a call of the Client and returns where its error will be.
func later(call func() error) chan error {
	ch := make(chan error, 1)
	go func() { ch <- call() }()
	return ch
}

func TestCallsAtRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		ctx, c := t.Context(), f.c
		more := Registration{Context: "ctx", Subtree: fakeTree.Append(7), Priority: 3}
		caps := AgentCaps{ID: fakeTree.Append(9), Descr: "caps"}
		index := VarBind{fakeTree.Append(1, 1), Int(0)}
		got := VarBind{index.Name, Int(4)}
		if err := c.Register(ctx, more); !errors.Is(err, ErrNotConnected) {
			t.Errorf("register before the session: %v", err)
		}
		f.serve(2) // it was remembered
		done := later(func() error { return c.Unregister(ctx, more) })
		m := f.expect(Unregister{Priority: 3, Subtree: more.Subtree})
		if m.Context != "ctx" {
			t.Errorf("%+v", m)
		}
		f.reply(m, Response{})
		if err := <-done; err != nil || c.Stats().Registered != 1 || c.Stats().Registrations != 1 {
			t.Errorf("unregister: %v, %+v", err, c.Stats())
		}
		done = later(func() error { return c.AddCaps(ctx, caps) })
		f.reply(f.expect(AddAgentCaps{ID: caps.ID, Descr: caps.Descr}), Response{})
		if err := <-done; err != nil {
			t.Errorf("add caps: %v", err)
		}
		done = later(func() error {
			binds, err := c.AllocateIndex(ctx, "", FlagAnyIndex, single(index))
			if !reflect.DeepEqual(binds, single(got)) {
				t.Errorf("allocated %v", binds)
			}
			return err
		})
		m = f.expect(IndexAllocate{single(index)})
		if m.Flags != be|FlagAnyIndex {
			t.Errorf("%+v", m)
		}
		f.reply(m, Response{VarBinds: single(got)})
		if err := <-done; err != nil {
			t.Errorf("allocate: %v", err)
		}
		// All of it is claimed again in the next session.
		f.conn.Close()
		f.accept()
		f.reply(f.expect(Open{}), Response{})
		f.reply(f.expect(AddAgentCaps{ID: caps.ID, Descr: caps.Descr}), Response{})
		if m = f.expect(IndexAllocate{single(got)}); m.Flags != be {
			t.Errorf("%+v", m)
		}
		f.reply(m, Response{})
		f.reply(f.expect(Register{Priority: 127, Subtree: fakeTree}), Response{})
		done = later(func() error { return c.RemoveCaps(ctx, caps) })
		f.reply(f.expect(RemoveAgentCaps{ID: caps.ID}), Response{Error: UnknownAgentCaps})
		var refusal *ResponseError
		if err := <-done; !errors.As(err, &refusal) || refusal.Status != UnknownAgentCaps {
			t.Errorf("remove caps: %v", err)
		}
		done = later(func() error { return c.DeallocateIndex(ctx, "", single(got)) })
		f.reply(f.expect(IndexDeallocate{single(got)}), Response{})
		if err := <-done; err != nil {
			t.Errorf("deallocate: %v", err)
		}
		f.conn.Close()
		f.serve(1) // nothing else is claimed now
		f.stop()
	})
}

func TestCallsThatGetNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t, nil)
		f.serve(1)
		lost := later(func() error { return f.c.Register(t.Context(), Registration{Subtree: fakeTree.Append(3)}) })
		f.expect(Register{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		impatient := later(func() error { return f.c.AddCaps(ctx, AgentCaps{ID: fakeTree}) })
		f.expect(AddAgentCaps{})
		if err := <-impatient; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient call: %v", err)
		}
		f.conn.Close()
		if err := <-lost; !errors.Is(err, ErrSessionLost) {
			t.Errorf("call of a lost session: %v", err)
		}
		f.accept()
		f.reply(f.expect(Open{}), Response{})
		f.reply(f.expect(AddAgentCaps{}), Response{})
		f.reply(f.expect(Register{Priority: 127, Subtree: fakeTree}), Response{})
		f.reply(f.expect(Register{Priority: 127, Subtree: fakeTree.Append(3)}), Response{})
		synctest.Wait()
		f.stop()
	})
}

func TestRegistrationCheck(t *testing.T) {
	for name, r := range map[string]Registration{
		"null":        {},
		"too long":    {Subtree: NewOID(make([]uint32, MaxSubIDs+1)...)},
		"range":       {Subtree: NewOID(1, 2), RangeSubID: 3},
		"upside down": {Subtree: NewOID(1, 2), RangeSubID: 2, UpperBound: 1},
	} {
		cfg := Config{Dial: dialUnix(&master{socket: "/nowhere"}), Handler: HandlerFunc(func(string) *Snapshot { return nil }), Registrations: []Registration{r}}
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	ok := Config{Dial: dialUnix(&master{socket: "/nowhere"}), Handler: HandlerFunc(func(string) *Snapshot { return nil })}
	if _, err := New(ok); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*Config){
		"no dial":    func(c *Config) { c.Dial = nil },
		"no handler": func(c *Config) { c.Handler = nil },
		"long id":    func(c *Config) { c.ID = NewOID(make([]uint32, MaxSubIDs+1)...) },
		"backoff":    func(c *Config) { c.Backoff = Backoff{Min: 2, Max: 1} },
		"jitter":     func(c *Config) { c.Backoff = Backoff{Jitter: 2} },
	} {
		cfg := ok
		edit(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, address := range []string{l.Addr().String(), "tcp:" + l.Addr().String()} {
		dial, err := Dialer(address)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dial(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		conn.Close()
	}
	for address, want := range map[string]string{
		"/nowhere/master": "unix /nowhere/master", "unix:/nowhere/m": "unix /nowhere/m",
		"tcp:127.0.0.1": "tcp 127.0.0.1:705", "127.0.0.1": "tcp 127.0.0.1:705", "tcp6:[::1]": "tcp6 [::1]:705", "tcp6:[::1]:9": "tcp6 [::1]:9",
	} {
		dial, err := Dialer(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the error says where it would have gone
		_, err = dial(ctx)
		var op *net.OpError
		if !errors.As(err, &op) || op.Addr != nil && op.Net+" "+op.Addr.String() != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
	for _, address := range []string{"", "unix:", "tcp:"} {
		if _, err := Dialer(address); err == nil {
			t.Errorf("%q: no error", address)
		}
	}
}
