// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// level is the slog level of a severity.
func level(s event.Severity) slog.Level {
	switch s {
	case event.Debug:
		return slog.LevelDebug
	case event.Info:
		return slog.LevelInfo
	case event.Warn:
		return slog.LevelWarn
	case event.Error:
	}
	return slog.LevelError
}

// record renders an event: the message is its kind, the attributes are its
// fields, those without a value left out. repeats is how many more of the kind
// were held back.
func record(e *event.Event, sentence string, repeats int) slog.Record {
	r := slog.NewRecord(time.Unix(0, e.Wall), level(e.Severity()), e.Kind.String(), 0)
	r.AddAttrs(slog.Uint64("seq", e.Seq), slog.String("origin", e.Origin.String()), slog.String("id", e.ID().String()))
	word := func(key, value string) {
		if value != "" {
			r.AddAttrs(slog.String(key, value))
		}
	}
	number := func(key string, n int64) {
		if n != 0 {
			r.AddAttrs(slog.Int64(key, n))
		}
	}
	if e.Subject.Kind != event.SubjectNone {
		word("subject", e.Subject.String())
	}
	number("vrid", int64(e.Subject.VRID))
	word("from", e.From.String())
	word("to", e.To.String())
	word("reason", e.Reason.String())
	word("cause", name(e, e.Cause))
	number("priority", int64(e.Priority))
	number("count", e.Count)
	duration(word, "took", e.Took)
	word("detail", e.Detail)
	switch e.Kind { //nolint:exhaustive // the kinds that come with evidence
	case event.VRRPState, event.VRRPConflict, event.VRRPAdvertRejected, event.VRRPNearMiss, event.VRRPSuspicion:
		if attrs := evidence(e); len(attrs) > 0 {
			r.AddAttrs(slog.Attr{Key: "evidence", Value: slog.GroupValue(attrs...)})
		}
	}
	word("sentence", sentence)
	number("repeats", int64(repeats))
	return r
}

// name is how an event refers to another: by number, with the epoch in front
// if that is another producer's.
func name(e *event.Event, r event.Ref) string {
	switch {
	case r == (event.Ref{}):
		return ""
	case r.Epoch == e.Epoch:
		return strconv.FormatUint(r.Seq, 10)
	}
	return fmt.Sprintf("%016x/%d", r.Epoch, r.Seq)
}

func duration(word func(key, value string), key string, d time.Duration) {
	if d != 0 {
		word(key, d.String())
	}
}

// evidence is the group of what was known when a transition was decided.
func evidence(e *event.Event) []slog.Attr {
	v := &e.Evidence
	var out []slog.Attr
	word := func(key, value string) {
		if value != "" {
			out = append(out, slog.String(key, value))
		}
	}
	number := func(key string, n int64) {
		if n != 0 {
			out = append(out, slog.Int64(key, n))
		}
	}
	if h, ok := v.LastHeard(); ok {
		if h.At != 0 {
			word("last_advert", e.At.Sub(h.At).String())
		}
		word("heard_from", address(h.Source.IsValid(), h.Source.String()))
		number("heard_priority", int64(h.Priority))
	}
	word("peer", address(v.Peer.IsValid(), v.Peer.String()))
	number("peer_priority", int64(v.PeerPriority))
	duration(word, "interval", v.Interval)
	duration(word, "master_down", v.MasterDown)
	duration(word, "margin", v.Margin)
	duration(word, "lateness", v.Lateness)
	duration(word, "stall", v.Stall)
	duration(word, "held", v.Held)
	number("base", int64(v.Base))
	number("effective", int64(v.Effective))
	word("terms", terms(v))
	if v.Object != event.SubjectNone {
		word("object", strings.TrimSpace(v.Object.String()+" "+v.ObjectName+" "+v.ObjectState.String()))
	}
	word("want", v.Want)
	word("got", v.Got)
	return out
}

func address(valid bool, text string) string {
	if !valid {
		return ""
	}
	return text
}

// terms is the priority arithmetic in short.
func terms(v *event.Evidence) string {
	var out []string
	for _, t := range v.Terms[:min(v.NTerm, event.TermMax)] {
		state := "down"
		if t.Up {
			state = "up"
		}
		out = append(out, fmt.Sprintf("%s %s %s %+d", t.Kind, t.Name, state, t.Delta))
	}
	if v.More > 0 {
		out = append(out, fmt.Sprintf("and %d more", v.More))
	}
	return strings.Join(out, ", ")
}
