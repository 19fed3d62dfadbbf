// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// wish is what a request for events asks for.
type wish struct {
	after    uint64
	limit    int
	follow   bool
	instance string
	kind     string
}

// events answers with what happened: what is kept, and with follow=1 what
// happens from now on, one JSON document a line.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	want, problem := s.wish(r.URL.Query())
	if problem != nil {
		fail(w, http.StatusBadRequest, problem.Message, problem.Remedy)
		return
	}
	if want.follow && r.Method != http.MethodHead {
		s.stream(w, r, want)
		return
	}
	out := Events{Events: []Entry{}, Next: want.after}
	for len(out.Events) < want.limit {
		es, first, lost, _ := s.ring.read(out.Next, eventsAtOnce)
		if lost > 0 && want.after > 0 {
			out.Events = append(out.Events, gap(first, lost))
		}
		if len(es) == 0 {
			break
		}
		for i := range es {
			out.Next = first + uint64(i)
			if want.matches(&es[i]) {
				if out.Events = append(out.Events, entry(out.Next, &es[i])); len(out.Events) == want.limit {
					break
				}
			}
		}
	}
	send(w, out)
}

// wish reads the query: since (a duration, or a time), after (a number of an
// earlier answer), limit, follow, instance, kind.
func (s *Server) wish(q url.Values) (want wish, problem *Problem) {
	want = wish{limit: defaultEvents, instance: q.Get("instance"), kind: q.Get("kind")}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > s.opts.Events {
			return want, &Problem{Message: fmt.Sprintf("limit %q is not possible", text), Remedy: fmt.Sprintf("give a number from 1 to %d", s.opts.Events)}
		}
		want.limit = n
	}
	if text := q.Get("follow"); text != "" {
		follow, err := strconv.ParseBool(text)
		if err != nil {
			return want, &Problem{Message: fmt.Sprintf("follow %q is not possible", text), Remedy: "give 1 or 0"}
		}
		want.follow = follow
	}
	if want.kind != "" {
		var k event.Kind
		if err := k.UnmarshalText([]byte(want.kind)); err != nil {
			return want, &Problem{Message: err.Error(), Remedy: "give a kind such as vrrp.state"}
		}
	}
	switch after, since := q.Get("after"), q.Get("since"); {
	case after != "":
		n, err := strconv.ParseUint(after, 10, 64)
		if err != nil {
			return want, &Problem{Message: fmt.Sprintf("after %q is not possible", after), Remedy: "give the number next of an earlier answer"}
		}
		want.after = n
	case since != "":
		wall, err := Since(since, s.opts.Now())
		if err != nil {
			return want, &Problem{Message: err.Error(), Remedy: "give a duration such as 10m, or a time such as 2006-01-02T15:04:05Z"}
		}
		want.after = s.ring.since(wall)
	default:
		// Without a wish for a time: the newest ones.
		want.after = s.ring.newest(want.limit)
		if want.instance != "" || want.kind != "" {
			want.after = s.ring.newest(s.opts.Events)
		}
	}
	return want, nil
}

// Since reads a point in time: a duration before now, a time of RFC 3339, or
// seconds since the Unix epoch. It returns nanoseconds since the Unix epoch.
func Since(text string, now time.Time) (int64, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UnixNano(), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UnixNano(), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 1<<33 {
		return n * int64(time.Second), nil
	}
	return 0, fmt.Errorf("since %q is neither a duration nor a time", text)
}

func (w *wish) matches(e *event.Event) bool {
	if w.kind != "" && e.Kind.String() != w.kind {
		return false
	}
	return w.instance == "" || e.Subject.Kind == event.SubjectInstance && e.Subject.Name == w.instance
}

func entry(n uint64, e *event.Event) Entry {
	return Entry{N: n, ID: e.ID().String(), Says: explain.Sentence(e), Event: e}
}

func gap(first, lost uint64) Entry {
	return Entry{N: first - 1, Lost: lost, Says: fmt.Sprintf("%d events are no longer kept", lost)}
}

// stream answers a follower until it goes away. One that does not read for
// writeTimeout is cut off; one that is slow loses the oldest and is told.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, want wish) {
	select {
	case s.follow <- struct{}{}:
		defer func() { <-s.follow }()
	default:
		fail(w, http.StatusServiceUnavailable, errFollowers.Error(), "end one of them, or ask without follow")
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	beat := time.NewTicker(s.opts.Heartbeat)
	defer beat.Stop()
	for after := want.after; ; {
		es, first, lost, grown := s.ring.read(after, eventsAtOnce)
		// Not every writer can have a deadline; then the server's own holds.
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if lost > 0 && after > 0 && lines.Encode(gap(first, lost)) != nil {
			return
		}
		for i := range es {
			if want.matches(&es[i]) && lines.Encode(entry(first+uint64(i), &es[i])) != nil {
				return
			}
		}
		after = first + uint64(len(es)) - 1
		if out.Flush() != nil {
			return
		}
		if len(es) == eventsAtOnce {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-grown:
		case <-beat.C:
			if _, err := w.Write([]byte("\n")); err != nil {
				return
			}
		}
	}
}
