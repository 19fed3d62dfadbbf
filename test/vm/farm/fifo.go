// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// FIFO is a named pipe that is read from the beginning on.
type FIFO struct {
	// Path is what a configuration calls it.
	Path string

	mu    sync.Mutex
	lines []string
}

// FIFO makes one, for example for lvs_notify_fifo.
func (f *Farm) FIFO(name string) *FIFO {
	f.t.Helper()
	p := &FIFO{Path: filepath.Join(f.Dir(), name+".fifo")}
	if err := syscall.Mkfifo(p.Path, 0o600); err != nil {
		f.t.Fatalf("farm: make FIFO %s: %v", p.Path, err)
	}
	// For reading and writing: so there is no end of file between writers.
	r, err := os.OpenFile(p.Path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		f.t.Fatalf("farm: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
	}()
	f.t.Cleanup(func() { r.Close(); <-done })
	return p
}

// Lines are what was written into it so far.
func (p *FIFO) Lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}
