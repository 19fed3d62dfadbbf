// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// What the test of a configuration accepts, a daemon runs: it comes into force,
// and ends with 0 when it is told to.
func TestWhatIsAcceptedRuns(t *testing.T) {
	t.Parallel()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, dir := range []string{"good", "corpus"} {
		err := filepath.WalkDir(filepath.Join(root, "config/testdata", dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".conf") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	l := lab.New(t)
	r := l.Router("a", l.Wire(), l.Wire(), l.Wire())
	var ran atomic.Int64
	t.Run("each", func(t *testing.T) {
		for i, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				if accepted(t, l, r, i, file) {
					ran.Add(1)
				}
			})
		}
	})
	if int(ran.Load()) < len(files)/2 {
		t.Errorf("only %d of %d files are accepted", ran.Load(), len(files))
	}
}

// accepted tests a file, and runs it if the test accepts it.
func accepted(t *testing.T, l *lab.Lab, r *lab.Router, number int, file string) bool {
	t.Helper()
	vigild := lab.Binary(t, "vigild")
	if out, err := r.Try(vigild, "-t", "-f", file); err != nil {
		t.Logf("%s is not accepted: %s", filepath.Base(file), firstOf(out))
		return false
	}
	base := filepath.Join(l.Dir(), "run"+strconv.Itoa(number))
	yaml := l.File(filepath.Base(base)+".yaml", "web:\n  listen: []\ncontrol:\n  socket: "+base+".sock\nlog:\n  format: json\n", 0o644)
	p := r.Program(filepath.Base(base), vigild, "-n", "-l", "-G", "-f", file, "--settings", yaml, "--dataplane=dry-run",
		"-p", base+".pid", "-r", base+"-vrrp.pid", "-c", base+"-check.pid", "-b", base+"-bfd.pid")
	var status int
	ended := false
	lab.Until(t, 20*time.Second, "start of "+filepath.Base(file), func() bool {
		status, ended = p.Ended()
		return ended || strings.Contains(p.Said(), "config.loaded")
	})
	if ended {
		t.Fatalf("%s is accepted, and did not run (status %d): %s", filepath.Base(file), status, p.Said())
	}
	text, err := os.ReadFile(base + ".pid")
	pid, perr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || perr != nil {
		t.Fatalf("%s: %v, %v", filepath.Base(file), err, perr)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Errorf("%s: %v", filepath.Base(file), err)
	}
	lab.Until(t, 20*time.Second, fmt.Sprintf("end of %s", filepath.Base(file)), func() bool {
		status, ended = p.Ended()
		return ended
	})
	if status != 0 {
		t.Errorf("%s ended with status %d: %s", filepath.Base(file), status, p.Said())
	}
	return true
}

func firstOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
