// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// Format is how a line looks.
type Format string

// The formats.
const (
	// JSON is one object per line, keys as in slog: time, level, msg, then the attributes.
	JSON Format = "json"
	// Text is key=value pairs.
	Text Format = "text"
	// Keepalived is lines that look like keepalived's, for eyes and filters
	// that are used to them.
	Keepalived Format = "keepalived"
)

// entry is one line before it is formatted.
type entry struct {
	rec slog.Record
	// ev is nil for a line that is not about an event.
	ev       *event.Event
	sentence string
	repeats  int
}

// formatter turns entries into lines without the end of line.
type formatter struct {
	buf bytes.Buffer
	h   slog.Handler
}

// newFormatter returns a formatter. bare leaves out time and level, for
// outputs that have a place of their own for them.
func newFormatter(f Format, bare bool) *formatter {
	out := &formatter{}
	opts := &slog.HandlerOptions{Level: slog.LevelDebug}
	if bare {
		opts.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		}
	}
	switch f {
	case JSON:
		out.h = slog.NewJSONHandler(&out.buf, opts)
	case Text:
		out.h = slog.NewTextHandler(&out.buf, opts)
	case Keepalived:
		out.h = &plain{buf: &out.buf, bare: bare}
	}
	return out
}

// line returns one line; it is valid until the next call.
func (f *formatter) line(e *entry) []byte {
	f.buf.Reset()
	if p, ok := f.h.(*plain); ok && e.ev != nil {
		p.event(e)
	} else if err := f.h.Handle(context.Background(), e.rec); err != nil {
		fmt.Fprintf(&f.buf, "%s (%v)", e.rec.Message, err)
	}
	return bytes.TrimRight(f.buf.Bytes(), "\n")
}

// plain writes lines that look like keepalived's.
type plain struct {
	buf  *bytes.Buffer
	bare bool
}

func (p *plain) Enabled(context.Context, slog.Level) bool { return true }
func (p *plain) WithAttrs([]slog.Attr) slog.Handler       { return p }
func (p *plain) WithGroup(string) slog.Handler            { return p }

func (p *plain) stamp(r *slog.Record) {
	if !p.bare {
		p.buf.WriteString(r.Time.Format("Mon Jan _2 15:04:05 2006: "))
	}
}

// Handle writes a line that is not about an event.
func (p *plain) Handle(_ context.Context, r slog.Record) error {
	p.stamp(&r)
	p.buf.WriteString(clean(r.Message))
	r.Attrs(func(a slog.Attr) bool {
		p.buf.WriteString(" " + a.Key + "=" + quote(a.Value.String()))
		return true
	})
	return nil
}

func (p *plain) event(e *entry) {
	p.stamp(&e.rec)
	p.buf.WriteString(clean(phrase(e.ev, e.sentence)))
	if e.repeats > 0 {
		fmt.Fprintf(p.buf, " (%d more)", e.repeats)
	}
}

// phrase says an event the way keepalived does, where it has a way.
func phrase(e *event.Event, sentence string) string {
	name := e.Subject.Name
	switch {
	case e.Kind == event.VRRPState && e.To == event.Stop:
		return "(" + name + ") Stopped"
	case e.Kind == event.VRRPState && e.To == event.Deleted:
		return "(" + name + ") Removed"
	case e.Kind == event.VRRPState && e.From == event.Init && e.To == event.Backup:
		return "(" + name + ") Entering BACKUP STATE (init)"
	case e.Kind == event.VRRPState:
		return "(" + name + ") Entering " + e.To.String() + " STATE"
	case e.Kind == event.GroupState:
		return "VRRP_Group(" + name + ") Syncing instances to " + e.To.String() + " state"
	case e.Kind == event.TrackChanged && e.Subject.Kind == event.SubjectScript && e.To == event.Up:
		return "VRRP_Script(" + name + ") succeeded"
	case e.Kind == event.TrackChanged && e.Subject.Kind == event.SubjectScript && e.To == event.Down:
		return "VRRP_Script(" + name + ") failed (" + strings.TrimSpace("exited with status "+strconv.FormatInt(e.Count, 10)) + ")"
	case e.Kind == event.InterfaceChanged:
		return "Netlink reports " + name + " " + strings.ToLower(e.To.String())
	case e.Kind == event.VRRPPriority:
		return "(" + name + ") Changing effective priority to " + strconv.Itoa(int(e.Priority))
	}
	out := sentence
	if out == "" {
		out = strings.Join(strings.Fields(strings.Join([]string{e.Kind.String(), e.Reason.String(), e.Detail}, " ")), " ")
	}
	if e.Subject.Kind == event.SubjectInstance {
		return "(" + name + ") " + out
	}
	return out
}

// clean makes one line of a text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \"=\n\t") {
		return strconv.Quote(s)
	}
	return clean(s)
}
