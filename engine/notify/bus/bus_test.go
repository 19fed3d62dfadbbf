// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/sys/dbus"
)

func instance(name, dev string, vrid, family uint8, s event.State) *ledger.Instance {
	return &ledger.Instance{State: s, Row: event.InstanceRow{
		Subject: event.Subject{Kind: event.SubjectInstance, Name: name, Family: family, VRID: vrid}, Interface: dev,
	}}
}

func view(ins ...*ledger.Instance) *ledger.View { return &ledger.View{Instances: ins} }

// TestPaths holds paths to keepalived's: what a path cannot have becomes an
// underscore, a namespace and an instance name stand before, and a word stands for
// no interface.
func TestPaths(t *testing.T) {
	eth, none := instance("a", "eth0.10", 51, 4, event.Init), instance("b", "", 7, 6, event.Init)
	for _, c := range []struct {
		p    Paths
		in   *ledger.Instance
		want string
	}{
		{Paths{}, eth, "/org/keepalived/Vrrp1/Instance/eth0_10/51/IPv4"},
		{Paths{}, none, "/org/keepalived/Vrrp1/Instance/none/7/IPv6"},
		{Paths{Namespace: "red-1", Instance: "x y", NoInterface: "nix"}, none, "/org/keepalived/Vrrp1/red_1/x_y/Instance/nix/7/IPv6"},
	} {
		if got := c.p.instance(&c.in.Row); got != c.want {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
}

// daemon is a message bus with one client; it keeps what that sends.
type daemon struct {
	address string
	mu      sync.Mutex
	got     []*dbus.Message
	conn    chan net.Conn
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	d := &daemon{address: "unix:path=" + path, conn: make(chan net.Conn, 8)}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(c)
		}
	}()
	return d
}

// serve authenticates, answers Hello and RequestName, and then listens.
func (d *daemon) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	in.ReadString('\n')
	io.WriteString(c, "OK 1\r\n")
	in.ReadString('\n')
	for n := uint32(1); ; n++ {
		head, err := in.Peek(16)
		if err != nil {
			return
		}
		size := 16 + (binary.LittleEndian.Uint32(head[12:])+7)/8*8 + binary.LittleEndian.Uint32(head[4:])
		text := make([]byte, size)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		m, err := dbus.Parse(text)
		if err != nil {
			return
		}
		out := dbus.Message{Type: dbus.Return, Serial: n, Reply: m.Serial}
		var w dbus.Writer
		switch m.Member {
		case "Hello":
			out.Signature = "s"
			w.String(":1.1")
		case "RequestName":
			out.Signature = "u"
			w.Uint32(1)
		default:
			d.mu.Lock()
			d.got = append(d.got, m)
			d.mu.Unlock()
			continue
		}
		out.Body = w.Bytes()
		c.Write(out.Append(nil))
		if m.Member == "RequestName" {
			d.conn <- c
		}
	}
}

// said are the signals and answers that came.
func (d *daemon) said() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.got {
		line := m.Path + " " + m.Member
		if m.Signature == "u" {
			line += fmt.Sprint(" ", m.Args().Uint32())
		}
		if m.Type != dbus.Signal {
			line = fmt.Sprint(m.Type, " ", m.Reply, " ", m.ErrorName)
		}
		out = append(out, line)
	}
	return out
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit, tick := time.Now().Add(20*time.Second), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(limit) {
			t.Fatalf("%s: not within 20 s", what)
		}
		<-tick.C
	}
}

func state(seq uint64, from, to event.State) event.Event {
	return event.Event{Epoch: 1, Seq: seq, Kind: event.VRRPState, Subject: event.Subject{Kind: event.SubjectInstance, Name: "a"}, From: from, To: to}
}

const (
	vrrpPath = "/org/keepalived/Vrrp1/Vrrp"
	aPath    = "/org/keepalived/Vrrp1/Instance/eth0/51/IPv4"
)

// A life on the bus: each state once, a reload, a removal, the end; calls are
// answered meanwhile, and what they ask for is done in order.
func TestLife(t *testing.T) {
	d := newDaemon(t)
	v := view(instance("a", "eth0", 51, 4, event.Master))
	var mu sync.Mutex
	var done []string
	var told []event.Event
	s := New(Options{
		Address: d.address, Name: "org.keepalived.Vrrp1", View: func() *ledger.View { return v },
		Act: func(_ context.Context, act Act, name string) error {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, string(act)+" "+name)
			if act == ReloadConfig {
				return errors.New("line 3 is wrong")
			}
			return nil
		},
		Publish: func(e event.Event) { mu.Lock(); told = append(told, e); mu.Unlock() },
	})
	c := <-d.conn
	snapshot := state(9, event.Init, event.Backup)
	snapshot.Snapshot = true
	s.Events(v, []event.Event{
		state(1, event.Init, event.Backup), state(2, event.Init, event.Backup), snapshot, state(3, event.Backup, event.Master),
		{Kind: event.ConfigLoaded, Count: 1},
		{Kind: event.ConfigLoaded, Count: 2},
		{Kind: event.VRRPState, Subject: event.Subject{Name: "unknown"}, To: event.Master},
	})
	for i, m := range []dbus.Message{
		{Path: aPath, Interface: instanceName, Member: "SendGarp"},
		{Path: vrrpPath, Interface: vrrpName, Member: "ReloadConfig"},
		{Path: vrrpPath, Interface: vrrpName, Member: "Nope"},
		{Path: vrrpPath, Interface: vrrpName, Member: "PrintData", Flags: dbus.NoReply},
	} {
		m.Type, m.Serial, m.Sender = dbus.Call, uint32(70+i), ":1.9"
		if _, err := c.Write(m.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "acts are done", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) == 3 })
	s.Events(view(), []event.Event{state(4, event.Master, event.Deleted)})
	s.Events(view(), []event.Event{state(5, event.Init, event.Backup)}) // of nobody any more
	eventually(t, "all is sent", func() bool { return s.Stats().Sent == 5 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s.Close(ctx)
	eventually(t, "the end is heard", func() bool { return slices.Contains(d.said(), vrrpPath+" VrrpStopped") })
	var signals, answers []string
	for _, line := range d.said() {
		if strings.HasPrefix(line, "/") {
			signals = append(signals, line)
		} else {
			answers = append(answers, line)
		}
	}
	want := []string{
		vrrpPath + " VrrpStarted", aPath + " VrrpStatusChange 1", aPath + " VrrpStatusChange 2", vrrpPath + " VrrpReloaded",
		aPath + " VrrpStatusChange 3", vrrpPath + " VrrpStopped",
	}
	if !slices.Equal(signals, want) {
		t.Errorf("signals %q\nwant %q", signals, want)
	}
	if want := []string{"2 70 ", "2 71 ", "3 72 org.freedesktop.DBus.Error.UnknownMethod"}; !slices.Equal(answers, want) {
		t.Errorf("answers %q, not %q", answers, want)
	}
	if want := []string{"garp a", "reload ", "print_data "}; !slices.Equal(done, want) {
		t.Errorf("done %q, not %q", done, want)
	}
	sent, refused := 0, 0
	for _, e := range told {
		switch {
		case e.Kind == event.NotifySent && e.Subject == channel:
			sent++
		case e.Kind == event.NotifyFailed && e.Subject.Sub == "reload" && e.Detail == "line 3 is wrong":
			refused++
		}
	}
	if st := s.Stats(); sent != 4 || refused != 1 || st.Queued != 6 || st.Sent != 6 || st.Failed+st.Overflowed != 0 {
		t.Errorf("%d told, %d refused, %+v", sent, refused, st)
	}
}

// Without a bus nothing waits, and each signal is counted and told of; a malformed
// message ends a session, and the next one begins.
func TestNoBusAndABadOne(t *testing.T) {
	v := view(instance("a", "eth0", 51, 4, event.Master))
	lost := make(chan event.Event, 8)
	s := New(Options{
		Address: "unix:path=" + filepath.Join(t.TempDir(), "none"), Name: "org.keepalived.Vrrp1", View: func() *ledger.View { return v },
		Publish: func(e event.Event) { lost <- e },
	})
	s.Events(v, []event.Event{state(1, event.Init, event.Backup)})
	if e := <-lost; e.Kind != event.NotifyFailed || e.Reason != event.FailUnreachable || e.Detail == "" {
		t.Errorf("told %+v", e)
	}
	if st := s.Stats(); st.Failed != 2 || st.Connected {
		t.Errorf("stats %+v", st)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.Close(ended)

	d := newDaemon(t)
	s = New(Options{Address: d.address, Name: "org.keepalived.Vrrp1", View: func() *ledger.View { return v }, Pause: time.Millisecond})
	for range 3 {
		c := <-d.conn
		if _, err := io.WriteString(c, "l\x01\x00\x01garbage that is no message at all"); err != nil {
			t.Fatal(err)
		}
	}
	<-d.conn
	s.Events(v, []event.Event{state(1, event.Init, event.Backup)})
	eventually(t, "the session after them works", func() bool { return slices.Contains(d.said(), aPath+" VrrpStatusChange 1") })
	s.Close(ended)
}

// FuzzCalls: no call does harm or is answered with something that is no message.
func FuzzCalls(f *testing.F) {
	f.Add(aPath, propertyName, "Get", "ss", []byte("\x05\x00\x00\x00a.b.c\x00\x00\x00\x05\x00\x00\x00State\x00"))
	f.Add(vrrpPath, introspection, "Introspect", "", []byte{})
	f.Add("/", peerName, "GetMachineId", "", []byte{})
	p := Paths{}
	tree := p.tree(view(instance("a\xff", "eth0", 51, 4, event.Master)))
	f.Fuzz(func(t *testing.T, path, of, member, signature string, body []byte) {
		m := &dbus.Message{Type: dbus.Call, Serial: 5, Sender: ":1.2", Path: path, Interface: of, Member: member, Signature: signature, Body: body}
		call, err := dbus.Parse(m.Append(nil))
		if err != nil {
			return
		}
		answer := tree.answer(call, func(Act, string) bool { return true })
		answer.Serial = 1
		if back, err := dbus.Parse(answer.Append(nil)); err != nil || back.Reply != 5 || back.Destination != ":1.2" {
			t.Fatalf("%+v is answered by %+v: %v", call, answer, err)
		}
	})
}
