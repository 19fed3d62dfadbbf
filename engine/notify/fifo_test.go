// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestFIFOLines(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	dir := t.TempDir()
	all, vrrp := filepath.Join(dir, "all"), filepath.Join(dir, "vrrp")
	if err := unix.Mkfifo(vrrp, 0o600); err != nil {
		t.Fatal(err)
	}
	var p published
	f, err := NewFIFOs(&Settings{
		Instances: []SubjectSettings{{Name: "VI_1", PriorityChanges: true}},
		FIFOs:     []FIFOSettings{{Keyword: "notify_fifo", Path: all}, {Keyword: "vrrp_notify_fifo", Path: vrrp}},
	}, Options{Publish: p.publish})
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(all)
	if err != nil || st.Mode() != os.ModeNamedPipe|0o644 {
		t.Errorf("the FIFO has mode %v (%v), want 0644 whatever the umask", st.Mode(), err)
	}
	f.Events([]event.Event{
		state(1, event.Init, event.Backup, event.Startup),
		{Kind: event.VRRPPriority, Subject: instance("VI_1"), Priority: 90},
		state(2, event.Backup, event.Master, event.MasterDownTimer),
		groupState(3, event.Backup, event.Master),
		{Kind: event.VRRPConflict, Subject: instance("VI_1"), Reason: event.ConflictLower, To: event.Up, Priority: 150},
		state(4, event.Master, event.Stop, event.Shutdown),
	})
	want := `INSTANCE "VI_1" BACKUP 150
INSTANCE "VI_1" BACKUP_PRIORITY 90
INSTANCE "VI_1" MASTER 150
GROUP "G1" MASTER 0
INSTANCE "VI_1" MASTER_RX_LOWER_PRI 150
INSTANCE "VI_1" STOP 150
`
	for _, path := range []string{all, vrrp} {
		if got := readFIFO(t, path, strings.Count(want, "\n")); got != want {
			t.Errorf("%s holds\n%s\nwant\n%s", filepath.Base(path), got, want)
		}
	}
	closed(t, f)
	if _, err := os.Stat(all); !os.IsNotExist(err) {
		t.Errorf("the FIFO that was created is left behind (%v)", err)
	}
	if _, err := os.Stat(vrrp); err != nil {
		t.Errorf("the FIFO of somebody else is gone: %v", err)
	}
	if n := len(p.all()); n != 12 {
		t.Errorf("%d deliveries were told, want 12", n)
	}
}

// readFIFO reads n lines.
func readFIFO(t *testing.T, path string, n int) string {
	t.Helper()
	r, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	b := bufio.NewReader(r)
	for range n {
		line, err := b.ReadString('\n')
		out.WriteString(line)
		if err != nil {
			t.Errorf("after %q: %v", out.String(), err)
			break
		}
	}
	return out.String()
}

func TestFIFOWithoutReaderKeepsTheFinalStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	f, err := NewFIFOs(&Settings{FIFOs: []FIFOSettings{{Keyword: "notify_fifo", Path: path}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, f)
	quiet := state(1, event.Init, event.Fault, event.Startup)
	quiet.Subject = instance("quiet")
	f.Events([]event.Event{quiet})
	long := instance(strings.Repeat("x", 1000))
	const n = 2000
	for i := range uint64(n) {
		e := state(i+2, event.Backup, event.Master, event.MasterDownTimer)
		if i%2 == 1 {
			e = state(i+2, event.Master, event.Backup, event.HigherPriority)
		}
		e.Subject, e.Priority = long, uint8(i%200)
		f.Events([]event.Event{e})
		if i == 59 {
			// What fits into the FIFO is written before anything may be dropped.
			eventually(t, "the first lines are written", func() bool { return f.Stats()[0].Sent == 61 })
		}
	}
	eventually(t, "the FIFO fills", func() bool { return f.Stats()[0].Sent > 50 && f.Stats()[0].Length >= 1024 })
	st := f.Stats()[0]
	lost := st.Dropped[event.FailOverflow]
	if st.Queued != n+1 || st.Sent+lost+uint64(st.Length) != n+1 || lost == 0 {
		t.Errorf("of %d lines %d were written, %d lost, %d wait", st.Queued, st.Sent, lost, st.Length)
	}
	got := strings.Split(strings.TrimSpace(readFIFO(t, path, int(n+1-lost))), "\n")
	if got[0] != `INSTANCE "quiet" FAULT 150` {
		t.Errorf("the first line is %q", got[0])
	}
	if want := fmt.Sprintf(`INSTANCE "%s" BACKUP %d`, long.Name, (n-1)%200); got[len(got)-1] != want {
		t.Errorf("the last line is %q, want the final state %q", got[len(got)-1], want)
	}
	last := -1
	for _, line := range got[1:60] {
		var at int
		if _, err := fmt.Sscanf(line[strings.LastIndexByte(line, ' '):], "%d", &at); err != nil || at != last+1 {
			t.Fatalf("line %q follows priority %d (%v)", line[1000:], last, err)
		}
		last = at
	}
}

func TestFIFORefused(t *testing.T) {
	dir := t.TempDir()
	plain, link := filepath.Join(dir, "plain"), filepath.Join(dir, "link")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(plain, link); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good")
	f, err := NewFIFOs(&Settings{FIFOs: []FIFOSettings{
		{Keyword: "notify_fifo", Path: plain},
		{Keyword: "notify_fifo", Path: link},
		{Keyword: "notify_fifo", Path: filepath.Join(dir, "missing", "fifo")},
		{Keyword: "notify_fifo", Path: filepath.Join(dir, "owned"), User: "no-such-user"},
		{Keyword: "vrrp_notify_fifo", Path: good},
	}}, Options{})
	for _, want := range []string{"plain: it is not a FIFO", "link: ", "missing/fifo: no such file", "no-such-user"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if text, err := os.ReadFile(plain); err != nil || string(text) != "x" {
		t.Errorf("the plain file holds %q (%v)", text, err)
	}
	f.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	if got := readFIFO(t, good, 1); got != "INSTANCE \"VI_1\" BACKUP 150\n" {
		t.Errorf("the good one got %q", got)
	}
	closed(t, f)
}

func TestFIFOScriptReadsUntilTheEnd(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "fifo"), filepath.Join(dir, "out")
	reader := script(t, `while read -r line; do echo "$1 $line" >>"`+out+`"; done <"$2"`)
	set := &Settings{FIFOs: []FIFOSettings{{Keyword: "notify_fifo", Path: path, Script: Script{Argv: []string{reader, "arg"}}}}}
	var p published
	f, err := NewFIFOs(set, Options{Run: runProc, Publish: p.publish, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	f.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	eventually(t, "the reader gets a line", func() bool { b, _ := os.ReadFile(out); return strings.HasSuffix(string(b), "\n") })
	one := f.list[0]
	if err := f.Configure(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if len(f.list) != 1 || f.list[0] != one {
		t.Error("a reload without change opened the FIFO anew")
	}
	f.Events([]event.Event{state(2, event.Backup, event.Stop, event.Shutdown)})
	closed(t, f)
	select {
	case <-one.reader:
	default:
		t.Error("the reader still runs")
	}
	got, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(got), "arg INSTANCE \"VI_1\" BACKUP 150\n") {
		t.Errorf("the reader got %q (%v)", got, err)
	}
}

func TestFIFOConfigureReplaces(t *testing.T) {
	dir := t.TempDir()
	a := FIFOSettings{Keyword: "notify_fifo", Path: filepath.Join(dir, "a")}
	b := FIFOSettings{Keyword: "notify_fifo", Path: filepath.Join(dir, "b")}
	f, err := NewFIFOs(&Settings{FIFOs: []FIFOSettings{a}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Configure(t.Context(), &Settings{FIFOs: []FIFOSettings{b}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(a.Path); !os.IsNotExist(err) {
		t.Errorf("the old FIFO is still there (%v)", err)
	}
	f.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	if got := readFIFO(t, b.Path, 1); got != "INSTANCE \"VI_1\" BACKUP 150\n" {
		t.Errorf("the new FIFO got %q", got)
	}
	closed(t, f)
}
