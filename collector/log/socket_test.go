// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// daemon is a log daemon's socket.
func daemon(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	c := daemon(t, path)
	e := at(3, 0, event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master})
	stamp := time.Unix(0, e.Wall)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		o    OutputOptions
		want string
	}{
		{
			OutputOptions{Format: Keepalived},
			fmt.Sprintf("<30>%s vigild[%d]: (VI_1) Entering MASTER STATE", stamp.Format(time.Stamp), os.Getpid()),
		},
		{
			OutputOptions{Format: Keepalived, Facility: 17, RFC5424: true},
			fmt.Sprintf("<142>1 %s %s vigild %d vrrp.state - (VI_1) Entering MASTER STATE", stamp.UTC().Format("2006-01-02T15:04:05.000000Z"), host, os.Getpid()),
		},
		{
			OutputOptions{},
			fmt.Sprintf("<30>%s vigild[%d]: msg=vrrp.state seq=3 origin=vrrp id=%s subject=vrrp_instance/VI_1 vrid=51 from=BACKUP to=MASTER", stamp.Format(time.Stamp), os.Getpid(), e.ID()),
		},
	} {
		x.o.Kind, x.o.Path = Syslog, path
		s := open(t, Options{Outputs: []OutputOptions{x.o}})
		s.Events([]event.Event{e})
		if got := receive(t, c); got != x.want {
			t.Errorf("got %q, want %q", got, x.want)
		}
		s.Close(t.Context())
	}
}

func TestSyslogPriorities(t *testing.T) {
	for l, want := range map[slog.Level]int{slog.LevelDebug: 31, slog.LevelInfo: 30, slog.LevelWarn: 28, slog.LevelError: 27} {
		if got := priority(3, l); got != want {
			t.Errorf("%v: %d, want %d", l, got, want)
		}
	}
}

func TestSyslogDaemonRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	c := daemon(t, path)
	s := open(t, Options{Outputs: []OutputOptions{{Kind: Syslog, Path: path, Format: Keepalived}}})
	defer s.Close(t.Context())
	say := func(to event.State) { s.Events([]event.Event{at(1, 1, event.Event{Kind: event.VRRPState, To: to})}) }
	say(event.Backup)
	receive(t, c)
	c.Close()
	os.Remove(path)
	say(event.Fault)
	waitFor(t, func() bool { return s.Stats().Outputs[0].Errors == 1 })
	c = daemon(t, path)
	say(event.Master)
	waitFor(t, func() bool { st := s.Stats().Outputs[0]; return st.Errors+st.Lines == 3 })
	if st := s.Stats().Outputs[0]; st.Lines == 1 {
		// It came within the time in which the daemon is left alone.
		waitFor(t, func() bool {
			say(event.Master)
			return s.Stats().Outputs[0].Lines > 1
		})
	}
	if got := receive(t, c); !strings.HasSuffix(got, "Entering MASTER STATE") {
		t.Errorf("got %q", got)
	}
}

func TestSyslogOverAStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := open(t, Options{Outputs: []OutputOptions{{Kind: Syslog, Path: path, Format: Keepalived}}})
	s.Events(life()[:1])
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := bufio.NewReader(c).ReadString(0)
	if err != nil || !strings.HasSuffix(got, "(VI_1) Entering BACKUP STATE (init)\x00") {
		t.Errorf("got %q (%v)", got, err)
	}
	s.Close(t.Context())
}

// A daemon that does not read costs a bounded time and a counter.
func TestSyslogDaemonThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon(t, path)
	s := open(t, Options{Outputs: []OutputOptions{{Kind: Syslog, Path: path}}})
	for range 3 {
		s.Events(life())
	}
	limit := time.Now().Add(20 * time.Second)
	for s.Stats().Outputs[0].Errors == 0 && time.Now().Before(limit) {
		s.Events([]event.Event{at(1, 1, event.Event{Kind: event.VRRPState, To: event.Master, Detail: strings.Repeat("x", 200)})})
	}
	if st := s.Stats().Outputs[0]; st.Errors == 0 {
		t.Errorf("stats %+v", st)
	}
	// Once the daemon is known not to read, its lines cost no time.
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s.Close(ctx)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the rest of the queue took %v", took)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	c := daemon(t, path)
	s := open(t, Options{Tag: "vigild", Outputs: []OutputOptions{{Kind: Journald, Path: path, Format: Keepalived}}})
	es := life()
	s.Events(es[4:5])
	want := `MESSAGE=(VI_1) Entering MASTER STATE
PRIORITY=6
SYSLOG_IDENTIFIER=vigild
SYSLOG_FACILITY=3
VIGIL_KIND=vrrp.state
VIGIL_SEQ=3
VIGIL_ORIGIN=vrrp
VIGIL_ID=` + es[4].ID().String() + `
VIGIL_SUBJECT=vrrp_instance/VI_1
VIGIL_VRID=51
VIGIL_FROM=BACKUP
VIGIL_TO=MASTER
VIGIL_REASON=master_down_timer
VIGIL_PRIORITY=150
VIGIL_EVIDENCE_LAST_ADVERT=3.5s
VIGIL_EVIDENCE_HEARD_FROM=192.0.2.1
VIGIL_EVIDENCE_HEARD_PRIORITY=200
VIGIL_EVIDENCE_INTERVAL=1s
VIGIL_EVIDENCE_MASTER_DOWN=3.414s
VIGIL_EVIDENCE_MARGIN=2.4s
VIGIL_EVIDENCE_LATENESS=86µs
VIGIL_EVIDENCE_STALL=4ms
VIGIL_EVIDENCE_BASE=170
VIGIL_EVIDENCE_EFFECTIVE=150
VIGIL_EVIDENCE_TERMS=script chk down -20, interface eth1 up +10, and 1 more
`
	if got := receive(t, c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	slog.New(s.Handler()).Info("a", "several_lines", "x\ny")
	got := receive(t, c)
	var length bytes.Buffer
	if err := binary.Write(&length, binary.LittleEndian, uint64(3)); err != nil {
		t.Fatal(err)
	}
	if want := "VIGIL_SEVERAL_LINES\n" + length.String() + "x\ny\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want at the end %q", got, want)
	}
	slog.New(s.Handler()).Info("long", "value", strings.Repeat("x", 2*datagramMax))
	if got := receive(t, c); len(got) > datagramMax || !strings.HasPrefix(got, "MESSAGE=long") || strings.Contains(got, "VIGIL_VALUE") {
		t.Errorf("a datagram of %d bytes", len(got))
	}
	s.Close(t.Context())
	if st := s.Stats().Outputs[0]; st.Name != "journald" || st.Lines != 3 {
		t.Errorf("stats %+v", st)
	}
}

func TestJournalFallsBack(t *testing.T) {
	s := open(t, Options{Outputs: []OutputOptions{{Kind: Journald, Path: filepath.Join(t.TempDir(), "none")}}})
	if got := s.Stats().Outputs[0].Name; got != "syslog" {
		t.Errorf("without a journal the log goes to %s", got)
	}
	s.Close(t.Context())
}
