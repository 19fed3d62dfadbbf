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

// fake is a master agent that a test drives by hand over a net.Pipe. All of it
// runs in a synctest bubble: time is simulated, and a goroutine left over after
// Close fails the test.
type fake struct {
	t       *testing.T
	c       *Client
	dials   chan net.Conn // the master's ends
	refuse  int           // connections to refuse before the next is made
	dialed  []time.Time
	notices []Notice
	ended   chan error // what Run returned

	conn    net.Conn
	buf     []byte
	session uint32
}

var fakeTree = NewOID(1, 3, 6, 1, 4, 1, 9586)

// startFake runs a Client against a fake master; edit, if not nil, changes its
// Config, and the first connections are refused if refuse says how many.
func startFake(t *testing.T, edit func(*Config), refuse ...int) *fake {
	t.Helper()
	f := &fake{t: t, dials: make(chan net.Conn, 16), ended: make(chan error, 1)}
	for _, n := range refuse {
		f.refuse += n
	}
	snap, err := NewSnapshot([]VarBind{{fakeTree.Append(1), Int(11)}, {fakeTree.Append(2), Int(22)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Dial: func(context.Context) (net.Conn, error) {
			f.dialed = append(f.dialed, time.Now())
			if f.refuse > 0 {
				f.refuse--
				return nil, errors.New("refused")
			}
			client, server := net.Pipe()
			f.dials <- server
			return client, nil
		},
		ID: fakeTree, Descr: "fake test", SessionTimeout: 1500 * time.Millisecond,
		Handler:       HandlerFunc(func(string) *Snapshot { return snap }),
		Registrations: []Registration{{Subtree: fakeTree}},
		Backoff:       Backoff{Rand: func() float64 { return 0 }},
		PingInterval:  -1,
		Notice:        func(n Notice) { f.notices = append(f.notices, n) },
	}
	if edit != nil {
		edit(&cfg)
	}
	if f.c, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	go func() { f.ended <- f.c.Run(t.Context()) }()
	return f
}

// stop ends the Client. The master goes on reading, as a real one does.
func (f *fake) stop() {
	f.t.Helper()
	if f.conn != nil {
		go func() {
			for b := make([]byte, 4096); ; {
				if _, err := f.conn.Read(b); err != nil {
					return
				}
			}
		}()
	}
	f.c.Close()
	if err := <-f.ended; !errors.Is(err, ErrClosed) {
		f.t.Errorf("Run returned %v", err)
	}
	if s := f.c.Stats(); s.Connected || s.Registered != 0 || s.NotifyQueued != 0 {
		f.t.Errorf("after Close: %+v", s)
	}
}

// accept waits for the Client to connect.
func (f *fake) accept() {
	f.conn, f.buf = <-f.dials, nil
	f.session += 100
}

// read returns the next PDU of the Client; ok is false at the end.
func (f *fake) read() (m Message, ok bool) {
	f.t.Helper()
	for {
		m, n, err := Decode(f.buf, DefaultLimits)
		if err == nil {
			f.buf = f.buf[n:]
			return m, true
		}
		if !errors.Is(err, ErrShort) {
			f.t.Fatalf("the Client sent %x: %v", f.buf, err)
		}
		b := make([]byte, 4096)
		n, err = f.conn.Read(b)
		if err != nil {
			return Message{}, false
		}
		f.buf = append(f.buf, b[:n]...)
	}
}

// expect returns the next PDU, whose body must be of the type of body, and equal
// to it unless body is the zero value of its type.
func (f *fake) expect(body Body) Message {
	f.t.Helper()
	m, ok := f.read()
	if !ok {
		f.t.Fatalf("the session ended, want %T", body)
	}
	if reflect.TypeOf(m.Body) != reflect.TypeOf(body) ||
		!reflect.ValueOf(body).IsZero() && !reflect.DeepEqual(m.Body, body) {
		f.t.Fatalf("got %+v, want %T %+v", m.Body, body, body)
	}
	if _, isOpen := body.(Open); !isOpen && m.SessionID != f.session {
		f.t.Fatalf("%T for session %d, want %d", body, m.SessionID, f.session)
	}
	return m
}

// send sends PDUs to the Client in one write.
func (f *fake) send(list ...Message) {
	f.t.Helper()
	var b []byte
	for _, m := range list {
		m.Flags |= FlagNetworkByteOrder
		var err error
		if b, err = AppendMessage(b, m); err != nil {
			f.t.Error(err)
			return
		}
	}
	if _, err := f.conn.Write(b); err != nil {
		f.t.Errorf("send to the Client: %v", err)
	}
}

// reply answers m.
func (f *fake) reply(m Message, res Response) {
	f.t.Helper()
	f.send(Message{SessionID: f.session, TransactionID: m.TransactionID, PacketID: m.PacketID, Body: res})
}

// serve accepts a connection and answers Open and n registrations.
func (f *fake) serve(n int) {
	f.t.Helper()
	f.accept()
	f.reply(f.expect(Open{}), Response{})
	for range n {
		f.reply(f.expect(Register{}), Response{})
	}
	synctest.Wait()
}

// request asks the Client and returns its answer.
func (f *fake) request(id uint32, body Body) Response {
	f.t.Helper()
	f.send(Message{SessionID: f.session, TransactionID: id, PacketID: id, Body: body})
	return f.answer(id)
}

// answer reads the answer to the request id.
func (f *fake) answer(id uint32) Response {
	f.t.Helper()
	m := f.expect(Response{})
	if m.PacketID != id || m.TransactionID != id {
		f.t.Fatalf("answer to %d, want %d", m.PacketID, id)
	}
	return m.Body.(Response)
}

// ends waits for the session to end and checks the reason told; 0 is none.
func (f *fake) ends(reason CloseReason) {
	f.t.Helper()
	m, ok := f.read()
	if reason != 0 {
		if !ok || m.Body != (Close{Reason: reason}) {
			f.t.Fatalf("got %+v, want Close %s", m.Body, reason)
		}
		m, ok = f.read()
	}
	if ok {
		f.t.Fatalf("after the end: %+v", m)
	}
	synctest.Wait()
}

// kinds returns what the Client told.
func (f *fake) kinds() []NoticeKind {
	var out []NoticeKind
	for _, n := range f.notices {
		out = append(out, n.Kind)
	}
	return out
}

func getOf(o OID) Get { return Get{[]SearchRange{{Start: o}}} }

func single(v VarBind) []VarBind { return []VarBind{v} }
