// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/proc"
)

// fake makes a folder that looks like /proc with these processes.
func fake(t *testing.T, processes map[int][]string) string {
	t.Helper()
	root := t.TempDir()
	for pid, args := range processes {
		appear(t, root, pid, args...)
	}
	appear(t, root, 0, "ignored")
	if err := os.Rename(filepath.Join(root, "0"), filepath.Join(root, "self")); err != nil {
		t.Fatal(err)
	}
	return root
}

func appear(t *testing.T, root string, pid int, args ...string) {
	t.Helper()
	dir := filepath.Join(root, strconv.Itoa(pid))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	comm := filepath.Base(args[0])
	put(t, filepath.Join(dir, "comm"), comm[:min(len(comm), commMax)]+"\n")
	line := ""
	for _, a := range args {
		line += a + "\x00"
	}
	put(t, filepath.Join(dir, "cmdline"), line)
}

func TestProcessesMatch(t *testing.T) {
	root := fake(t, map[int][]string{
		10: {"/usr/sbin/named", "-u", "bind"},
		11: {"named", "-u", "bind", "-4"},
		12: {"/opt/a-very-long-program-name", "x"},
		13: {"/opt/a-very-long-prog", "x"},
		14: {"other"},
	})
	for name, c := range map[string]struct {
		set  ProcessSettings
		want int
	}{
		"by name":             {ProcessSettings{Command: "named"}, 2},
		"by a path's name":    {ProcessSettings{Command: "/usr/sbin/named"}, 2},
		"by the whole path":   {ProcessSettings{Command: "/usr/sbin/named", Full: true}, 1},
		"exact":               {ProcessSettings{Command: "named", Params: []string{"-u", "bind"}, Match: ParamsExact}, 1},
		"initial":             {ProcessSettings{Command: "named", Params: []string{"-u", "bind"}, Match: ParamsInitial}, 2},
		"initial, others":     {ProcessSettings{Command: "named", Params: []string{"-u", "bin"}, Match: ParamsInitial}, 0},
		"partial":             {ProcessSettings{Command: "named", Params: []string{"-u", "bin"}, Match: ParamsPartial}, 2},
		"partial of nothing":  {ProcessSettings{Command: "named", Match: ParamsPartial}, 2},
		"too many parameters": {ProcessSettings{Command: "named", Params: []string{"-u", "bind", "-4", "x"}, Match: ParamsPartial}, 0},
		"long names are told apart": {
			ProcessSettings{Command: "a-very-long-program-name"}, 1,
		},
		"none": {ProcessSettings{Command: "name"}, 0},
	} {
		n := 0
		for pid := 10; pid <= 15; pid++ {
			if c.set.matches(root, pid) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("%s: %d, want %d", name, n, c.want)
		}
	}
}

func count(n int64) func(Report) bool {
	return func(r Report) bool {
		return r.Subject == event.Subject{Kind: event.SubjectProcess, Name: "p"} && r.Value == n
	}
}

func TestProcessesAreCountedByTheirComingAndGoing(t *testing.T) {
	root := fake(t, map[int][]string{10: {"named"}})
	d := newDiary()
	p := NewProcesses(d.report)
	p.root = root
	defer p.Close()
	if err := p.Configure([]ProcessSettings{{Name: "p", Command: "named"}}); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "the count at the start", count(1))
	appear(t, root, 11, "named")
	appear(t, root, 12, "other")
	p.apply(change{pid: 11})
	p.apply(change{pid: 12})
	d.wait(t, "one more", count(2))
	// It became another program.
	appear(t, root, 11, "other")
	p.apply(change{pid: 11})
	if r := d.all(); r[len(r)-1].Value != 1 {
		t.Errorf("after the exec the count is %d", r[len(r)-1].Value)
	}
	p.apply(change{pid: 10, gone: true})
	d.wait(t, "none", count(0))
	// Some news was lost: everything is counted anew.
	appear(t, root, 13, "named")
	appear(t, root, 14, "named")
	appear(t, root, 15, "named")
	if err := os.RemoveAll(filepath.Join(root, "10")); err != nil {
		t.Fatal(err)
	}
	p.apply(change{})
	d.wait(t, "all anew", count(3))
	n := len(d.all())
	p.apply(change{})
	if len(d.all()) != n {
		t.Error("the same count was reported again")
	}
}

// TestProcessesOfThisMachine starts and ends a real process, with whatever way
// of following this machine allows.
func TestProcessesOfThisMachine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tracked-one")
	if err := os.Symlink("/bin/sleep", name); err != nil {
		t.Fatal(err)
	}
	d := newDiary()
	p := NewProcesses(d.report)
	defer p.Close()
	if err := p.Configure([]ProcessSettings{{Name: "p", Command: name, Full: true, Params: []string{"100"}, Match: ParamsExact}}); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "none at the start", count(0))
	child, err := proc.Start(&proc.Command{Path: name, Args: []string{name, "100"}})
	if err != nil {
		t.Fatal(err)
	}
	d.wait(t, "a process that was started", count(1))
	n := len(d.all())
	child.Stop(0)
	d.wait(t, "a process that ended", func(r Report) bool { return len(d.all()) > n && count(0)(r) })
}

func TestParseChange(t *testing.T) {
	h := binary.NativeEndian
	message := func(what uint32, ids ...uint32) []byte {
		b := make([]byte, unix.NLMSG_HDRLEN+cnPID+16)
		m := b[unix.NLMSG_HDRLEN:]
		h.PutUint32(m[0:], cnIdxProc)
		h.PutUint32(m[4:], cnValProc)
		h.PutUint32(m[cnWhat:], what)
		for i, id := range ids {
			h.PutUint32(m[cnPID+4*i:], id)
		}
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want change
		ok   bool
	}{
		"fork":       {message(procFork, 1, 1, 20, 20), change{pid: 20}, true},
		"new thread": {message(procFork, 1, 1, 21, 20), change{pid: 21}, false},
		"exec":       {message(procExec, 20, 20), change{pid: 20}, true},
		"name":       {message(procComm, 20, 20), change{pid: 20}, true},
		"exit":       {message(procExit, 20, 20), change{pid: 20, gone: true}, true},
		"thread end": {message(procExit, 21, 20), change{pid: 21, gone: true}, false},
		"other":      {message(4, 20, 20), change{}, false},
		"short":      {message(procExit, 20, 20)[:40], change{}, false},
		"empty":      {nil, change{}, false},
	} {
		if got, ok := parseChange(c.b); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	foreign := message(procExit, 20, 20)
	h.PutUint32(foreign[unix.NLMSG_HDRLEN:], 9)
	if _, ok := parseChange(foreign); ok {
		t.Error("news of somebody else was taken")
	}
}
