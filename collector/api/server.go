// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
)

// Source is where the picture comes from.
type Source interface {
	// View returns the present picture at once.
	View() *ledger.View
	// Refresh returns the picture with fresh counters, or the present one.
	Refresh(ctx context.Context) *ledger.View
}

// Options bound a Server. Zero values mean the defaults.
type Options struct {
	// Version is shown when no configuration tells it.
	Version string
	// Events is how many events are kept, default 1000.
	Events int
	// Followers is how many may follow at once, default 16.
	Followers int
	// Heartbeat is how often a follower hears an empty line, default 15 s.
	Heartbeat time.Duration
	// Table gives what the data plane has as JSON; nil if nobody knows.
	Table func(ctx context.Context) ([]byte, error)
	// Running gives the configuration in force, without how things stand, and
	// Reload puts the one in the file into force, for whom; nil if nobody can.
	Running func(ctx context.Context) (*Running, error)
	Reload  func(ctx context.Context, by string) error
	// Test has channels tested: smtp, webhook, webhook:NAME or fifo:KEYWORD, or all
	// mail and webhooks. The error says that there is no such channel. Nil if
	// nobody can.
	Test func(ctx context.Context, channel string) ([]Trial, error)
	// Now reads the wall clock; nil means time.Now.
	Now func() time.Time
}

// Defaults and bounds of a Server.
const (
	eventsKept    = 1000
	followersMax  = 16
	heartbeat     = 15 * time.Second
	writeTimeout  = 10 * time.Second
	refreshWait   = 250 * time.Millisecond
	eventsAtOnce  = 200
	queryMax      = 2048
	defaultEvents = 100
)

// Server answers the API. It is an http.Handler, and a reader of events.
type Server struct {
	src  Source
	opts Options
	ring *ring
	mux  *http.ServeMux
	// follow has a place for each follower.
	follow chan struct{}
	// runs is how each tracked script ended last.
	runs map[string]outcome
}

// outcome is how a program ended.
type outcome struct {
	why    event.Reason
	status int64
}

// New returns a Server over src.
func New(src Source, opts Options) *Server {
	if opts.Events <= 0 {
		opts.Events = eventsKept
	}
	if opts.Followers <= 0 {
		opts.Followers = followersMax
	}
	if opts.Heartbeat <= 0 {
		opts.Heartbeat = heartbeat
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{src: src, opts: opts, ring: newRing(opts.Events), mux: http.NewServeMux(), follow: make(chan struct{}, opts.Followers), runs: map[string]outcome{}}
	for _, e := range s.endpoints() {
		s.mux.HandleFunc("GET "+e.pattern, e.serve)
		s.mux.HandleFunc(e.pattern, onlyGet)
	}
	s.mux.HandleFunc("POST "+reloadPath, rootOnly(s.reload))
	s.mux.HandleFunc(reloadPath, onlyPost)
	s.mux.HandleFunc("POST "+trialPath, rootOnly(s.trial))
	s.mux.HandleFunc(trialPath, onlyPost)
	s.mux.HandleFunc("/", s.unknown)
	return s
}

type endpoint struct {
	pattern string
	serve   http.HandlerFunc
}

// endpoints is the list of what can be asked.
func (s *Server) endpoints() []endpoint {
	return []endpoint{
		{"/api/v1/status", s.status},
		{"/api/v1/instances", s.instances},
		{"/api/v1/instances/{instance}", s.instance},
		{"/api/v1/services", s.services},
		{"/api/v1/events", s.events},
		{"/api/v1/why", s.whyAll},
		{"/api/v1/why/{instance}", s.why},
		{"/api/v1/config", s.config},
		{"/api/v1/ipvs", s.table},
		{"/api/v1/running", rootOnly(s.running)},
		{"/api/v1/notify/log", s.deliveries},
	}
}

// Events implements the reader of the observe role: it keeps the events and
// wakes who follows. It never waits, and is called from one goroutine.
func (s *Server) Events(_ *ledger.View, es []event.Event) {
	kept := make([]event.Event, 0, len(es))
	for i := range es {
		if s.news(&es[i]) {
			kept = append(kept, es[i])
		}
	}
	if len(kept) > 0 {
		s.ring.add(kept)
	}
}

// scriptsMax bounds the scripts whose last outcome is remembered.
const scriptsMax = 4096

// news says whether an event is worth keeping: the runs of a tracked script
// that end as the one before, one a second, would push all else out. They are
// counted elsewhere.
func (s *Server) news(e *event.Event) bool {
	if e.Kind != event.ExecDone || e.Subject.Kind != event.SubjectScript {
		return true
	}
	now := outcome{e.Reason, e.Count}
	was, known := s.runs[e.Subject.Name]
	if !known && len(s.runs) >= scriptsMax {
		return e.Failed()
	}
	s.runs[e.Subject.Name] = now
	return now != was
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.RawQuery) > queryMax {
		fail(w, http.StatusRequestURITooLong, "the query is too long", "")
		return
	}
	s.mux.ServeHTTP(w, r)
}

func onlyGet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	fail(w, http.StatusMethodNotAllowed, r.Method+" is not possible here", "use GET")
}

// reloadPath is the one thing that is not asked but done.
const reloadPath = "/api/v1/reload"

func onlyPost(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "POST")
	fail(w, http.StatusMethodNotAllowed, r.Method+" is not possible here", "use POST")
}

func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	var known []string
	for _, e := range s.endpoints() {
		known = append(known, e.pattern)
	}
	fail(w, http.StatusNotFound, fmt.Sprintf("there is nothing at %q", r.URL.Path), "ask for one of "+strings.Join(known, ", "))
}

// fresh returns a picture with fresh counters, within a bound.
func (s *Server) fresh(r *http.Request) *ledger.View {
	ctx, cancel := context.WithTimeout(r.Context(), refreshWait)
	defer cancel()
	return s.src.Refresh(ctx)
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	out := statusOf(s.fresh(r), s.opts.Now())
	if out.Version == "" {
		out.Version = s.opts.Version
	}
	send(w, out)
}

func (s *Server) instances(w http.ResponseWriter, r *http.Request) {
	send(w, s.fresh(r).Instances)
}

func (s *Server) instance(w http.ResponseWriter, r *http.Request) {
	if in := s.find(w, r, s.fresh(r)); in != nil {
		send(w, in)
	}
}

func (s *Server) why(w http.ResponseWriter, r *http.Request) {
	v := s.src.View()
	if in := s.find(w, r, v); in != nil {
		send(w, explain.Why(caseOf(in, s.opts.Now())))
	}
}

// whyAll explains what the query names, else every instance, the newest
// transition first.
func (s *Server) whyAll(w http.ResponseWriter, r *http.Request) {
	if names := r.URL.Query()["name"]; len(names) > 0 {
		s.whyNames(w, r, names)
		return
	}
	all := slices.Clone(s.src.View().Instances)
	slices.SortStableFunc(all, func(a, b *ledger.Instance) int {
		switch {
		case a.Last.Wall > b.Last.Wall:
			return -1
		case a.Last.Wall < b.Last.Wall:
			return 1
		}
		return 0
	})
	out := make([]explain.Answer, 0, len(all))
	for _, in := range all {
		out = append(out, explain.Why(caseOf(in, s.opts.Now())))
	}
	send(w, out)
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	send(w, configOf(s.src.View()))
}

// table answers what the data plane has, or in a dry run would have.
func (s *Server) table(w http.ResponseWriter, r *http.Request) {
	if s.opts.Table == nil {
		fail(w, http.StatusNotFound, "nobody here knows the data plane", "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), writeTimeout)
	defer cancel()
	text, err := s.opts.Table(ctx)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	send(w, json.RawMessage(text))
}

// find returns the instance that a request names, or answers that there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request, v *ledger.View) *ledger.Instance {
	name := r.PathValue("instance")
	if in := v.Instance(name); in != nil {
		return in
	}
	var known []string
	for _, in := range v.Instances {
		known = append(known, in.Row.Subject.Name)
	}
	fail(w, http.StatusNotFound, fmt.Sprintf("there is no instance %q", name), suggest(name, known))
	return nil
}

// send answers with JSON.
func send(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "the answer cannot be written: "+err.Error(), "report this as a fault of vigild")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// An error here is a client that went away.
	_, _ = w.Write(append(body, '\n'))
}

// fail answers with what is wrong and what to do.
func fail(w http.ResponseWriter, status int, message, remedy string) {
	body, err := json.Marshal(&Problem{Message: message, Remedy: remedy})
	if err != nil {
		body = []byte(`{"error":"unknown"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// errFollowers is too many followers.
var errFollowers = errors.New("too many clients follow the events already")
