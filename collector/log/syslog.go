// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// syslog writes to the system's log over its socket.
type syslog struct {
	socket
	fmt      *formatter
	tag      string
	facility int
	modern   bool
	host     string
	pid      int
	buf      bytes.Buffer
}

func newSyslog(o OutputOptions, tag string) *syslog {
	if o.Path == "" {
		o.Path = syslogSocket
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "-"
	}
	return &syslog{
		socket: socket{path: o.Path}, fmt: newFormatter(o.Format, true), tag: tag, facility: o.Facility, modern: o.RFC5424,
		host: host, pid: os.Getpid(),
	}
}

// priority is the number in front of a line (RFC 5424 section 6.2.1).
func priority(facility int, l slog.Level) int {
	switch severity(l) {
	case event.Debug:
		return facility*8 + 7
	case event.Info:
		return facility*8 + 6
	case event.Warn:
		return facility*8 + 4
	case event.Error:
	}
	return facility*8 + 3
}

func (s *syslog) write(e *entry) error { return s.send(s.line(e)) }

func (s *syslog) line(e *entry) []byte {
	s.buf.Reset()
	pri := priority(s.facility, e.rec.Level)
	if s.modern {
		id := "-"
		if e.ev != nil {
			id = e.ev.Kind.String()
		}
		fmt.Fprintf(&s.buf, "<%d>1 %s %s %s %d %s - ", pri, e.rec.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), s.host, s.tag, s.pid, id)
	} else {
		fmt.Fprintf(&s.buf, "<%d>%s %s[%d]: ", pri, e.rec.Time.Format(time.Stamp), s.tag, s.pid)
	}
	s.buf.Write(s.fmt.line(e))
	return s.buf.Bytes()[:min(s.buf.Len(), datagramMax)]
}

func (s *syslog) reopen() error { return nil }
