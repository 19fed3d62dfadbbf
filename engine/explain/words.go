// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Duration renders a duration for people: three digits and one unit, two units
// from a minute on.
func Duration(d time.Duration) string {
	switch a := max(d, -d); {
	case a == 0:
		return "0 ms"
	case a < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case a < time.Second:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	case a < time.Minute:
		return digits(d.Seconds()) + " s"
	case a < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, max(d, -d)%time.Minute/time.Second)
	case a < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, max(d, -d)%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), max(d, -d)%(24*time.Hour)/time.Hour)
	}
}

// digits renders a number below 1000 with three digits, without zeros that say nothing.
func digits(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	switch a := max(v, -v); {
	case a >= 100:
		s = strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		s = strconv.FormatFloat(v, 'f', 1, 64)
	}
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Time renders a wall clock in nanoseconds since the Unix epoch, in UTC.
func Time(wall int64) string {
	if wall == 0 {
		return "an unknown time"
	}
	return time.Unix(0, wall).UTC().Format("2006-01-02 15:04:05.000 UTC")
}

// count renders a number of things.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// who names a router, with its priority where it is known.
func who(a netip.Addr, priority uint8) string {
	switch {
	case !a.IsValid():
		return "another router"
	case priority == 0:
		return a.String()
	default:
		return fmt.Sprintf("%s (priority %d)", a, priority)
	}
}

// object names a thing that is followed.
func object(kind event.SubjectKind, name string) string {
	what := "something that is tracked"
	switch kind {
	case event.SubjectInterface:
		what = "interface"
	case event.SubjectScript:
		what = "the tracked script"
	case event.SubjectFile:
		what = "the tracked file"
	case event.SubjectProcess:
		what = "the tracked process"
	case event.SubjectBFD:
		what = "the BFD session"
	case event.SubjectInstance:
		what = "instance"
	case event.SubjectGroup:
		what = "sync group"
	case event.SubjectVirtualServer:
		what = "virtual server"
	case event.SubjectRealServer:
		what = "real server"
	case event.SubjectWorker:
		what = "worker"
	case event.SubjectConfig:
		what = "configuration"
	case event.SubjectChannel:
		what = "channel"
	case event.SubjectRouter:
		what = "router"
	case event.SubjectNone:
	}
	if name == "" {
		return what
	}
	return what + " " + name
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// lower makes a sentence the rest of another one. A first word that is a name
// or an abbreviation keeps its capital.
func lower(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if strings.ToUpper(word[:1])+strings.ToLower(word[1:]) != word {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// with appends a detail in brackets.
func with(s, detail string) string {
	if detail == "" {
		return s
	}
	return s + " (" + detail + ")"
}

// peerOf is the router that an evidence speaks of: the one named, else the
// sender of the newest advert.
func peerOf(ev *event.Evidence) (netip.Addr, uint8) {
	if ev.Peer.IsValid() {
		return ev.Peer, ev.PeerPriority
	}
	if h, ok := ev.LastHeard(); ok {
		return h.Source, h.Priority
	}
	return netip.Addr{}, 0
}
