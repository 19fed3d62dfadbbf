// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func sh(script string) *Command {
	return &Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func TestRunReportsHowAProgramEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		cmd  *Command
		want Exit
	}{
		{"success", sh("exit 0"), Exit{}},
		{"status", sh("exit 7"), Exit{Status: 7}},
		{"signal", sh("kill -USR1 $$"), Exit{Status: -1, Signal: syscall.SIGUSR1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Run(t.Context(), tt.cmd, 0)
			if got.Took <= 0 {
				t.Errorf("took %v", got.Took)
			}
			got.Took = 0
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if got.OK() != (tt.name == "success") {
				t.Errorf("OK() = %v", got.OK())
			}
		})
	}
}

func TestRunReportsAProgramThatDoesNotExist(t *testing.T) {
	got := Run(t.Context(), &Command{Path: "/nonexistent"}, 0)
	if !errors.Is(got.Err, os.ErrNotExist) || got.Status != -1 || got.OK() {
		t.Fatalf("got %+v", got)
	}
}

func TestRunEndsAGroupThatTakesTooLong(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The grandchild holds the pipe: only the death of the whole group closes it.
	cmd := sh("sleep 1000 & wait")
	cmd.Stdout = w
	got := Run(t.Context(), cmd, 50*time.Millisecond)
	w.Close()
	if !got.TimedOut || got.Signal != syscall.SIGTERM || got.OK() {
		t.Fatalf("got %+v", got)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
}

func TestRunKillsWhatIgnoresTermination(t *testing.T) {
	p, err := Start(&Command{
		Path: "/bin/sh", Args: []string{"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done"},
		Env: []string{"PATH=/usr/bin:/bin"}, OwnGroup: true, Stdout: pipeReady(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	waitReady(t)
	if got := p.Stop(20 * time.Millisecond); got.Signal != syscall.SIGKILL {
		t.Fatalf("got %+v", got)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("signal to a process that has ended: %v", err)
	}
}

var ready *os.File

func pipeReady(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ready = r
	t.Cleanup(func() { r.Close(); w.Close() })
	return w
}

func waitReady(t *testing.T) {
	t.Helper()
	if _, err := ready.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
}

func TestRunGivesTheProgramWhatItWasPromisedAndNoMore(t *testing.T) {
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	extra, err := Sealed("extra", []byte("from descriptor three"))
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	if _, err := extra.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	cmd := sh(`while [ "$(ulimit -n)" != 99 ]; do sleep 0.001; done; echo "$A|$(cat <&3)|$(cat)|$(ulimit -n)|$(nice)|$(ps -o pgid= -p $$ | tr -d ' ')=$$|$HOME"`)
	cmd.Env = append(cmd.Env, "A=b")
	cmd.Files = []*os.File{extra}
	cmd.Stdout = w
	cmd.Limits = []Limit{{Resource: unix.RLIMIT_NOFILE, Soft: 99, Hard: 99}}
	cmd.Schedule = Schedule{Nice: 3}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	exit := Run(t.Context(), cmd, time.Minute)
	w.Close()
	text, err := io.ReadAll(out)
	if err != nil || !exit.OK() {
		t.Fatalf("%v %+v", err, exit)
	}
	f := strings.Split(strings.TrimSpace(string(text)), "|")
	want := []string{"b", "from descriptor three", "", "99", "3"}
	for i, w := range want {
		if f[i] != w {
			t.Errorf("field %d is %q, want %q", i, f[i], w)
		}
	}
	if pgid, pid, _ := strings.Cut(f[5], "="); pgid != pid {
		t.Errorf("process group %s of process %s", pgid, pid)
	}
	if f[6] != "" {
		t.Errorf("inherited HOME=%q", f[6])
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &after); err != nil || after != before {
		t.Errorf("own limit %v became %v (%v)", before, after, err)
	}
}

func TestSealedCannotBeChanged(t *testing.T) {
	f, err := Sealed("config", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("could be written")
	}
	if got, err := ReadSealed(f, 4); err != nil || string(got) != "text" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := ReadSealed(f, 3); err == nil {
		t.Error("read more than allowed")
	}
	plain, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := ReadSealed(plain, 4); err == nil {
		t.Error("read a file that can change")
	}
}

func TestFilesTravel(t *testing.T) {
	a, b, err := SeqPacketPair("test")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	sealed, err := Sealed("cargo", []byte("cargo"))
	if err != nil {
		t.Fatal(err)
	}
	if err := SendFiles(int(a.Fd()), []byte("hello"), sealed); err != nil {
		t.Fatal(err)
	}
	if err := SendFiles(int(a.Fd()), []byte("too long for the buffer"), sealed); err != nil {
		t.Fatal(err)
	}
	sealed.Close()
	a.Close()
	buf := make([]byte, 8)
	n, files, err := ReceiveFiles(int(b.Fd()), buf)
	if err != nil || string(buf[:n]) != "hello" || len(files) != 1 {
		t.Fatalf("%q %v %v", buf[:n], files, err)
	}
	defer files[0].Close()
	if got, err := ReadSealed(files[0], 100); err != nil || string(got) != "cargo" {
		t.Errorf("%q %v", got, err)
	}
	if _, _, err := ReceiveFiles(int(b.Fd()), buf); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a message that does not fit: %v", err)
	}
	if _, _, err := ReceiveFiles(int(b.Fd()), buf); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestMonotonicAdvances(t *testing.T) {
	a := Monotonic()
	b := Monotonic()
	if a <= 0 || b < a {
		t.Fatalf("%d then %d", a, b)
	}
}
