// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/vigild/vigild/engine/event"
)

// Options say where the log goes and how it looks.
type Options struct {
	// Level is the least severity that is written. -D (--log-detail) is Debug.
	Level event.Severity
	// Tag is the name of the program in syslog and journal, default vigild.
	Tag string
	// Sentence explains an event in one line; nil leaves it out.
	Sentence func(*event.Event) string
	// Outputs are where lines go; none means the console.
	Outputs []OutputOptions
}

// Kind is a sort of output.
type Kind string

// The sorts of output.
const (
	// Console is the standard error stream (-l).
	Console Kind = "console"
	// File is a file that is only appended to (-g), opened anew by Reopen.
	File Kind = "file"
	// Syslog is the socket of the system's log (-S sets the facility).
	Syslog Kind = "syslog"
	// Journald is the journal's own socket. Where it is missing Syslog takes
	// its place.
	Journald Kind = "journald"
)

// OutputOptions say what one output is.
type OutputOptions struct {
	Kind Kind
	// Format is JSON, Text or Keepalived; empty means Text.
	Format Format
	// Path is the file, or the socket if it is not the usual one.
	Path string
	// Facility is that of syslog and journal, 1 to 23; 0, which is the
	// kernel's own, means 3 (daemon), the default of keepalived.
	Facility int
	// RFC5424 writes syslog's newer form instead of that of RFC 3164.
	RFC5424 bool
	// Writer stands in for the standard error stream.
	Writer io.Writer
}

// The usual sockets.
const (
	syslogSocket  = "/dev/log"
	journalSocket = "/run/systemd/journal/socket"
)

func (s *Sink) open(o *Options) error {
	if o.Tag == "" {
		o.Tag = "vigild"
	}
	var errs []error
	for _, one := range o.Outputs {
		name, out, err := one.open(o.Tag)
		if err != nil {
			errs = append(errs, fmt.Errorf("log to %s: %w", one.Kind, err))
			continue
		}
		s.outlets = append(s.outlets, newOutlet(name, out))
	}
	if len(s.outlets) == 0 {
		s.outlets = []*outlet{newOutlet(string(Console), newStream(os.Stderr, Text))}
	}
	return errors.Join(errs...)
}

// open opens an output and says what it really is.
func (o OutputOptions) open(tag string) (string, output, error) {
	switch o.Format {
	case "":
		o.Format = Text
	case JSON, Text, Keepalived:
	default:
		return "", nil, fmt.Errorf("format %q is not one of json, text, keepalived", o.Format)
	}
	if o.Facility == 0 {
		o.Facility = 3
	}
	if o.Facility < 0 || o.Facility > 23 {
		return "", nil, fmt.Errorf("facility %d is not 1 to 23", o.Facility)
	}
	switch o.Kind {
	case Console:
		if o.Writer == nil {
			o.Writer = os.Stderr
		}
		return string(Console), newStream(o.Writer, o.Format), nil
	case File:
		f, err := newFile(o.Path, o.Format)
		return string(File), f, err
	case Syslog:
		return string(Syslog), newSyslog(o, tag), nil
	case Journald:
		path := o.Path
		if path == "" {
			path = journalSocket
		}
		if _, err := os.Stat(path); err != nil {
			o.Path = ""
			return string(Syslog), newSyslog(o, tag), nil
		}
		return string(Journald), newJournal(path, o, tag), nil
	}
	return "", nil, fmt.Errorf("%q is not one of console, file, syslog, journald", o.Kind)
}
