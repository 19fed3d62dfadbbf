// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// Delivery is what became of telling one event through one channel.
type Delivery struct {
	// ID is the identity of the story, the same in every exit.
	ID string `json:"id"`
	// Channel is script:KEYWORD, fifo:KEYWORD, smtp, webhook:NAME or snmp_trap.
	Channel string `json:"channel"`
	// About says what was told; empty if that event is no longer kept.
	About string `json:"about,omitempty"`
	// Tries is how many attempts were made, First and Last when the first and the
	// last ended, in nanoseconds since the Unix epoch.
	Tries int64 `json:"tries"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Took is how long the last attempt took; of a script, since the event came.
	Took      time.Duration `json:"took"`
	Delivered bool          `json:"delivered"`
	// Reason is why the last attempt failed, Detail to whom it went or what went
	// wrong.
	Reason event.Reason `json:"reason,omitempty"`
	Detail string       `json:"detail,omitempty"`
}

// Trial is what came of the test of one channel.
type Trial struct {
	Channel string        `json:"channel"`
	ID      event.ID      `json:"id"`
	Reason  event.Reason  `json:"reason,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took"`
}

// about says which delivery an attempt belongs to.
type about struct {
	cause   event.Ref
	channel event.Subject
}

// deliveries answers /api/v1/notify/log: the newest deliveries, oldest first, of
// the events that are kept. The query has channel, failed and limit.
func (s *Server) deliveries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := defaultEvents
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > s.opts.Events {
			fail(w, http.StatusBadRequest, fmt.Sprintf("limit %q is not possible", text), fmt.Sprintf("give a number from 1 to %d", s.opts.Events))
			return
		}
		limit = n
	}
	all := s.fold()
	out := make([]*Delivery, 0, len(all))
	for _, d := range all {
		if c := q.Get("channel"); (c == "" || c == d.Channel || c == kindOf(d.Channel)) && (q.Get("failed") == "" || !d.Delivered) {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b *Delivery) int { return int(min(1, max(-1, a.Last-b.Last))) })
	send(w, out[max(0, len(out)-limit):])
}

// fold makes deliveries out of attempts.
func (s *Server) fold() (out []*Delivery) {
	says := map[event.Ref]string{}
	open := map[about]*Delivery{}
	for after := uint64(0); ; {
		es, first, _, _ := s.ring.read(after, eventsAtOnce)
		if len(es) == 0 {
			return out
		}
		after = first + uint64(len(es)) - 1
		for i := range es {
			e := &es[i]
			if e.Kind != event.NotifySent && e.Kind != event.NotifyFailed {
				says[e.Ref()] = explain.Sentence(e)
				continue
			}
			d := open[about{e.Cause, e.Subject}]
			if d == nil {
				d = &Delivery{ID: e.ID().String(), Channel: channelOf(e.Subject), About: says[e.Cause], First: e.Wall}
				open[about{e.Cause, e.Subject}] = d
				out = append(out, d)
			}
			d.Tries, d.Last, d.Took, d.Reason, d.Detail = max(d.Tries, e.Count), e.Wall, e.Took, e.Reason, e.Detail
			d.Delivered = e.Kind == event.NotifySent
		}
	}
}

func channelOf(s event.Subject) string {
	if s.Sub == "" {
		return s.Name
	}
	return s.Name + ":" + s.Sub
}

// kindOf is the kind of a channel.
func kindOf(channel string) string {
	for i := range len(channel) {
		if channel[i] == ':' {
			return channel[:i]
		}
	}
	return channel
}

// trialPath is where a test of channels is asked for.
const trialPath = "/api/v1/notify/test"

// trialWait is how long a test may take: longer than a mail server is given.
const trialWait = 40 * time.Second

// trial answers POST /api/v1/notify/test; the query has channel.
func (s *Server) trial(w http.ResponseWriter, r *http.Request) {
	if s.opts.Test == nil {
		fail(w, http.StatusNotFound, "nobody here can test a channel", "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), trialWait)
	defer cancel()
	out, err := s.opts.Test(ctx, r.URL.Query().Get("channel"))
	if err != nil {
		fail(w, http.StatusNotFound, err.Error(), "name smtp, webhook, webhook:NAME or fifo:KEYWORD, or nothing for all mail and webhooks")
		return
	}
	send(w, out)
}

// Deliveries asks what was told, through which channel, and what came of it; query
// has the parameters of /api/v1/notify/log.
func (c *Client) Deliveries(ctx context.Context, query url.Values) (out []Delivery, err error) {
	return out, c.get(ctx, "/api/v1/notify/log?"+query.Encode(), &out)
}

// Test has channels tested, and waits for what comes of it; only root is obeyed.
func (c *Client) Test(ctx context.Context, channel string) (out []Trial, err error) {
	path := trialPath + "?" + url.Values{"channel": {channel}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://vigild"+path, bytes.NewReader(nil))
	if err != nil {
		return nil, fmt.Errorf("request a test: %w", err)
	}
	body, err := c.answer(req)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		return nil, fmt.Errorf("answer of vigild: %w", err)
	}
	return out, nil
}
