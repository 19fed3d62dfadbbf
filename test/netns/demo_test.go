// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/otlp"
)

// screen is what a program prints, readable while it runs.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// demo is a run of the demonstration.
type demo struct {
	cmd    *exec.Cmd
	screen screen
	ended  chan error
	tmp    string // where its files go
}

// startDemo builds the demonstration as go run does, and starts it.
func startDemo(t *testing.T) *demo {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := otlp.Build(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "demo")
	build := exec.Command("go", "build", "-o", program, "./test/demo")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the demonstration: %v\n%s", err, out)
	}
	d := &demo{ended: make(chan error, 1), tmp: t.TempDir()}
	d.cmd = exec.Command(program, "-bin", filepath.Dir(lab.Binary(t, "vigild")))
	d.cmd.Dir, d.cmd.Env = root, append(os.Environ(), "TMPDIR="+d.tmp)
	d.cmd.Stdout, d.cmd.Stderr = &d.screen, &d.screen
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

// end waits for the end of the demonstration and returns its exit status.
func (d *demo) end(t *testing.T, limit time.Duration) int {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-d.ended:
		return d.cmd.ProcessState.ExitCode()
	case <-deadline.C:
		t.Fatalf("the demonstration did not end within %v; it said:\n%s", limit, d.screen.String())
		return 0
	}
}

// leftovers is what a demonstration left behind: namespaces, files, processes.
func (d *demo) leftovers() (out []string) {
	for _, pattern := range []string{fmt.Sprintf("/run/netns/vigil-demo-%d-*", d.cmd.Process.Pid), d.tmp + "/*"} {
		found, _ := filepath.Glob(pattern)
		out = append(out, found...)
	}
	// Its processes have its folder in their arguments, or inherited TMPDIR.
	for _, what := range []string{"cmdline", "environ"} {
		files, _ := filepath.Glob("/proc/[0-9]*/" + what)
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err == nil && bytes.Contains(text, []byte(d.tmp)) {
				out = append(out, path+": "+strings.ReplaceAll(string(text), "\x00", " "))
			}
		}
	}
	return out
}

// TestDemo plays the whole demonstration: one failover comes out of seven
// exits, each with the same id.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	status := d.end(t, 3*time.Minute)
	said := d.screen.String()
	if status != 0 {
		t.Fatalf("the demonstration ended with %d; it said:\n%s", status, said)
	}
	m := regexp.MustCompile(`seven exits told one story with one id: ([0-9a-f]{32})`).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no id at the end of:\n%s", said)
	}
	for n, exit := range []string{"metrics", "trace", "SNMP", "mail", "webhook", "script", "log"} {
		_, rest, found := strings.Cut(said, fmt.Sprintf("-- %d. ", n+1))
		part, _, _ := strings.Cut(rest, "\n--")
		if !found || !strings.Contains(strings.SplitN(part, "\n", 2)[0], exit) {
			t.Errorf("exit %d is not %s", n+1, exit)
		}
		if !strings.Contains(strings.ToLower(part), m[1]) {
			t.Errorf("%s does not tell the id %s:\n%s", exit, m[1], part)
		}
	}
	// The master died by SIGKILL: it could not say good-bye.
	if _, why, _ := strings.Cut(said, "and why?"); !strings.Contains(why, "master_down_timer") {
		t.Errorf("why does not blame the silence:\n%s", why)
	}
	if left := d.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "\n"))
	}
}

// TestDemoInterrupted presses Ctrl-C in the middle of the demonstration.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	lab.Until(t, time.Minute, "director b runs", func() bool { return len(d.leftovers()) > 10 })
	lab.Until(t, time.Minute, "the master is killed", func() bool { return strings.Contains(d.screen.String(), "SIGKILL") })
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status := d.end(t, 30*time.Second); status != 130 {
		t.Errorf("ended with status %d, want 130; it said:\n%s", status, d.screen.String())
	}
	if left := d.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "\n"))
	}
}
