// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"strconv"
	"strings"
)

// journal writes to the journal of systemd in its own protocol, each
// attribute a field of its own.
type journal struct {
	socket
	fmt      *formatter
	tag      string
	facility int
	buf      bytes.Buffer
}

func newJournal(path string, o OutputOptions, tag string) *journal {
	return &journal{socket: socket{path: path}, fmt: newFormatter(o.Format, true), tag: tag, facility: o.Facility}
}

func (j *journal) write(e *entry) error {
	full := j.datagram(e, true)
	if len(full) > datagramMax {
		full = j.datagram(e, false)
	}
	return j.send(full)
}

// datagram is the message and, unless it would be too long, its attributes.
func (j *journal) datagram(e *entry, all bool) []byte {
	j.buf.Reset()
	message := string(j.fmt.line(e))
	field(&j.buf, "MESSAGE", message[:min(len(message), datagramMax/2)])
	pri := priority(0, e.rec.Level)
	field(&j.buf, "PRIORITY", strconv.Itoa(pri))
	field(&j.buf, "SYSLOG_IDENTIFIER", j.tag)
	field(&j.buf, "SYSLOG_FACILITY", strconv.Itoa(j.facility))
	if !all {
		return j.buf.Bytes()
	}
	if e.ev != nil {
		field(&j.buf, "VIGIL_KIND", e.ev.Kind.String())
	}
	e.rec.Attrs(func(a slog.Attr) bool {
		j.attr("VIGIL_", a)
		return true
	})
	return j.buf.Bytes()
}

func (j *journal) attr(prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		field(&j.buf, prefix+fieldName(a.Key), v.String())
		return
	}
	for _, inner := range v.Group() {
		j.attr(prefix+fieldName(a.Key)+"_", inner)
	}
}

// fieldName is a key in the letters that the journal allows.
func fieldName(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

// field writes one field; a value of several lines goes with its length in
// front, 64 bits little-endian.
func field(b *bytes.Buffer, name, value string) {
	b.WriteString(name)
	if strings.ContainsRune(value, '\n') {
		b.WriteByte('\n')
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
	} else {
		b.WriteByte('=')
	}
	b.WriteString(value)
	b.WriteByte('\n')
}

func (j *journal) reopen() error { return nil }
