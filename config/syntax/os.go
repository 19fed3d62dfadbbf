// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Disk is the FS of the machine. The zero value is ready.
type Disk struct{}

// Glob lists the files that match a pattern, in lexical order.
func (Disk) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// ReadFile reads a regular file that nobody may execute, of at most limit bytes. It looks at the file it has opened, so
// that what was checked is what is read, and never waits for the writer of a FIFO.
func (Disk) ReadFile(name string, limit int64) ([]byte, error) {
	before, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, ErrNotRegular
	case info.Mode().Perm()&0o111 != 0:
		return nil, ErrExecutable
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(text)) > limit {
		return nil, ErrTooLarge
	}
	return text, nil
}

// Here is how a program on this machine reads a configuration's text: files from the disk, relative to the working
// directory; definitions from the environment; and id for the lines that begin with '@'. An empty id is the node name up
// to its first dot (compat).
func Here(id string, random func(lo, hi uint32) uint32) Options {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	if id == "" {
		// A machine without a name has no lines of its own.
		id, _ = os.Hostname()
		id, _, _ = strings.Cut(id, ".")
	}
	return Options{FS: Disk{}, Dir: dir, ConfigID: id, Environ: os.LookupEnv, Random: random}
}
