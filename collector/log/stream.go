// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"fmt"
	"io"
	"os"
)

// stream writes lines to a writer: the console, or a file that can be opened
// anew.
type stream struct {
	w    io.Writer
	fmt  *formatter
	path string
	file *os.File
}

func newStream(w io.Writer, f Format) *stream { return &stream{w: w, fmt: newFormatter(f, false)} }

func newFile(path string, f Format) (*stream, error) {
	s := &stream{path: path, fmt: newFormatter(f, false)}
	return s, s.reopen()
}

// write writes a line in one call, so that lines of several processes do not mix.
func (s *stream) write(e *entry) error {
	_, err := s.w.Write(append(s.fmt.line(e), '\n'))
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// reopen opens the file again; if that does not work the old one is kept.
func (s *stream) reopen() error {
	if s.path == "" {
		return nil
	}
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // compat: the log is for all to read
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if s.file != nil {
		_ = s.file.Close() // every line is written already
	}
	s.file, s.w = f, f
	return nil
}

func (s *stream) close() {
	if s.file != nil {
		_ = s.file.Close() // every line is written already
	}
}
