// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dbus

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ping is a call as dbus-send writes it, with a body of every sort of value.
func ping() *Message {
	var w Writer
	w.String("grün")
	w.Uint32(7)
	w.Array(8, func() {
		for _, name := range []string{"a", "b"} {
			w.Struct()
			w.String(name)
			w.Signature("(us)")
			w.Struct()
			w.Uint32(2)
			w.String("Master")
		}
	})
	return &Message{
		Type: Call, Serial: 3, Path: "/org/keepalived/Vrrp1", Interface: "org.freedesktop.DBus.Peer", Member: "Ping",
		Destination: "org.keepalived.Vrrp1", Sender: ":1.7", Signature: "sua{sv}", Body: w.Bytes(),
	}
}

func TestRoundTrip(t *testing.T) {
	m := ping()
	text := m.Append(nil)
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Path != m.Path || got.Interface != m.Interface || got.Member != m.Member || got.Destination != m.Destination ||
		got.Sender != m.Sender || got.Signature != m.Signature || got.Serial != 3 || !bytes.Equal(got.Body, m.Body) {
		t.Errorf("got %+v", got)
	}
	r := got.Args()
	if s, n := r.String(), r.Uint32(); s != "grün" || n != 7 {
		t.Errorf("read %q, %d", s, n)
	}
	r.skip("a{sv}")
	if r.Err() != nil || r.Rest() != 0 {
		t.Errorf("the rest: %v, %d bytes", r.Err(), r.Rest())
	}
	if again := got.Append(nil); !bytes.Equal(again, text) {
		t.Errorf("written again it is\n%q\nnot\n%q", again, text)
	}
	// The other byte order, by hand: an error whose text is "no".
	big := []byte("B\x03\x01\x01\x00\x00\x00\x07\x00\x00\x00\x09\x00\x00\x00\x1f" +
		"\x04\x01s\x00\x00\x00\x00\x03a.b\x00\x00\x00\x00\x00" + "\x05\x01u\x00\x00\x00\x00\x04" + "\x08\x01g\x00\x01s\x00\x00" +
		"\x00\x00\x00\x02no\x00")
	m, err = Parse(big)
	if err != nil || m.Type != Error || m.ErrorName != "a.b" || m.Reply != 4 || m.Args().String() != "no" {
		t.Errorf("big endian: %+v, %v", m, err)
	}
}

// Each mistake is found, and is the only thing that is wrong.
func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(m *Message) []byte
		want  string
	}{
		"nothing":         {func(m *Message) []byte { return m.Append(nil) }, ""},
		"byte order":      {func(m *Message) []byte { b := m.Append(nil); b[0] = 'x'; return b }, "byte order"},
		"version":         {func(m *Message) []byte { b := m.Append(nil); b[3] = 2; return b }, "version 2"},
		"no serial":       {func(m *Message) []byte { m.Serial = 0; return m.Append(nil) }, "field"},
		"cut":             {func(m *Message) []byte { b := m.Append(nil); return b[:len(b)-1] }, "too early"},
		"longer":          {func(m *Message) []byte { return append(m.Append(nil), 0) }, "too early"},
		"too long":        {func(m *Message) []byte { b := m.Append(nil); b[6] = 0x10; return b }, "more than"},
		"huge fields":     {func(m *Message) []byte { b := m.Append(nil); b[15] = 0xff; return b }, "more than"},
		"path":            {func(m *Message) []byte { m.Path = "/a//b"; return m.Append(nil) }, "string"},
		"path's end":      {func(m *Message) []byte { m.Path = "/a/"; return m.Append(nil) }, "string"},
		"member":          {func(m *Message) []byte { m.Member = "a.b"; return m.Append(nil) }, "string"},
		"interface":       {func(m *Message) []byte { m.Interface = "nodot"; return m.Append(nil) }, "string"},
		"digit":           {func(m *Message) []byte { m.Interface = "a.1b"; return m.Append(nil) }, "string"},
		"bus name":        {func(m *Message) []byte { m.Destination = "a..b"; return m.Append(nil) }, "string"},
		"UTF-8":           {func(m *Message) []byte { m.Sender = ":1.\xff"; return m.Append(nil) }, "string"},
		"signature":       {func(m *Message) []byte { m.Signature = "a{vs}"; return m.Append(nil) }, "string"},
		"open structure":  {func(m *Message) []byte { m.Signature = "(u"; return m.Append(nil) }, "string"},
		"no member":       {func(m *Message) []byte { m.Member = ""; return m.Append(nil) }, "field"},
		"no path":         {func(m *Message) []byte { m.Path = ""; return m.Append(nil) }, "field"},
		"signal of none":  {func(m *Message) []byte { m.Type, m.Interface = Signal, ""; return m.Append(nil) }, "field"},
		"answer to none":  {func(m *Message) []byte { m.Type = Return; return m.Append(nil) }, "field"},
		"body of nothing": {func(m *Message) []byte { m.Signature = ""; return m.Append(nil) }, "field"},
		"padding":         {func(m *Message) []byte { b := m.Append(nil); return mark(b, "Vrrp1\x00", 6) }, "padding"},
		"field twice": {func(m *Message) []byte {
			b := m.Append(nil)
			i := bytes.Index(b, []byte{3, 1, 's', 0})
			b[i] = 2
			return b
		}, "field"},
	} {
		_, err := Parse(c.spoil(ping()))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %q", name, err, c.want)
		}
	}
}

// mark sets the byte behind a text to something that padding is not.
func mark(b []byte, text string, behind int) []byte {
	b[bytes.Index(b, []byte(text))+behind] = 1
	return b
}

// FuzzParse: no message whatsoever does harm, and what is taken is what is written.
func FuzzParse(f *testing.F) {
	f.Add(ping().Append(nil))
	for _, sig := range []string{"v", "a(sa{sv})", "aay", "ssv", "aaaaaaau"} {
		m := ping()
		m.Signature, m.Body = sig, bytes.Repeat([]byte{1, 's', 0, 0}, 20)
		f.Add(m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		r := m.Args()
		for rest := m.Signature; rest != "" && r.Err() == nil; {
			rest = r.pass(rest, 0)
		}
		again, err := Parse(m.Append(nil))
		if err != nil || again.Path != m.Path || again.Member != m.Member || again.Signature != m.Signature {
			t.Fatalf("%+v is written as %+v: %v", m, again, err)
		}
	})
}

// daemon is the other end of a connection: it authenticates who comes, says Hello,
// grants names with a code, and then does as it is told.
func daemon(t *testing.T, grant uint32, then func(in *bufio.Reader, c net.Conn)) (address string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		line, _ := in.ReadString('\n')
		if hex := "AUTH EXTERNAL "; !strings.HasPrefix(line, "\x00"+hex) {
			return
		}
		io.WriteString(c, "OK 1234\r\n")
		in.ReadString('\n')
		answer := func(signature string, value func(w *Writer)) bool {
			head, err := in.Peek(headerSize)
			if err != nil {
				return false
			}
			n, _ := size(head)
			text := make([]byte, n)
			io.ReadFull(in, text)
			m, err := Parse(text)
			if err != nil {
				return false
			}
			var w Writer
			value(&w)
			out := Message{Type: Return, Serial: 9, Reply: m.Serial, Signature: signature, Body: w.Bytes()}
			_, err = c.Write(out.Append(nil))
			return err == nil
		}
		hello := Message{Type: Signal, Serial: 1, Path: "/org/freedesktop/DBus", Interface: busName, Member: "NameAcquired"}
		c.Write(hello.Append(nil)) // comes in between, as with the real one
		if answer("s", func(w *Writer) { w.String(":1.42") }) && answer("u", func(w *Writer) { w.Uint32(grant) }) {
			then(in, c)
		}
	}()
	return "unix:path=" + strings.ReplaceAll(path, "/", "%2f")
}

func TestDialAndOwn(t *testing.T) {
	for code, want := range map[uint32]error{1: nil, 2: ErrQueued} {
		address := daemon(t, code, func(_ *bufio.Reader, c net.Conn) { c.Write(ping().Append(nil)) })
		c, err := Dial(t.Context(), "tcp:host=x;unix:path=/nowhere;"+address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Own("org.keepalived.Vrrp1"); !errors.Is(err, want) || c.Name != ":1.42" {
			t.Errorf("%q: %v", c.Name, err)
		}
		if m, err := c.Receive(); err != nil || m.Member != "Ping" {
			t.Errorf("received %+v, %v", m, err)
		}
		if _, err := c.Receive(); err == nil {
			t.Error("something came out of an end")
		}
	}
	if err := (&Conn{}).Own("no name"); err == nil {
		t.Error("a name that is none")
	}
	for _, bad := range []string{"", "unix:", "unix:path=", "tcp:host=a,port=1", "unix:path=%zz", "unix:path=" + filepath.Join(t.TempDir(), "none")} {
		if c, err := Dial(t.Context(), bad); err == nil {
			c.Close()
			t.Errorf("%q is an address", bad)
		}
	}
}

// A bus that says something else than its protocol, or nothing, is left soon.
func TestDialRefused(t *testing.T) {
	for name, says := range map[string]string{"no": "REJECTED EXTERNAL\r\n", "endless": strings.Repeat("x", 1<<16), "gone": ""} {
		path := filepath.Join(t.TempDir(), "bus")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				bufio.NewReader(c).ReadString('\n')
				io.WriteString(c, says)
				c.Close()
			}
		}()
		began := time.Now()
		if _, err := Dial(t.Context(), "unix:path="+path); err == nil || time.Since(began) > handshake {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
		l.Close()
	}
}
