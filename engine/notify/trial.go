// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Trial is what came of the test of one channel.
type Trial struct {
	// Channel is smtp, webhook:NAME or fifo:KEYWORD.
	Channel string `json:"channel"`
	// ID is the identity of the test in every exit.
	ID event.ID `json:"id"`
	// Reason is empty if it was delivered.
	Reason event.Reason  `json:"reason,omitempty"`
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took"`
}

// Validate finds out whether notifiers could work with these settings: it reads
// the files that are named and does nothing else.
func Validate(s *Settings) error {
	_, _, err := s.SMTP.complete()
	errs := []error{err}
	for _, w := range s.Webhooks {
		_, err := newTarget(w)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// trialEvent is the event of a test. It is published under the same identity.
func (o *Options) trialEvent(channel event.Subject, now time.Time) event.Event {
	e := event.Event{Kind: event.NotifyTest, Subject: channel, Epoch: uint64(now.UnixNano()), Seq: 1, Wall: now.UnixNano()}
	told := e
	told.Root = e.Ref()
	o.tell(told)
	return e
}

// channelName is what a channel is called by people.
func channelName(s event.Subject) string {
	if s.Sub == "" {
		return s.Name
	}
	return s.Name + ":" + s.Sub
}

// try gives a job one attempt and waits for its outcome.
func (q *queue) try(ctx context.Context, j *job, t Trial) Trial {
	do, done := j.do, j.done
	over := make(chan Trial, 1)
	j.do = func(ctx context.Context, try int) outcome {
		o := do(ctx, try)
		o.permanent = true
		return o
	}
	j.done = func(try int, took time.Duration, o outcome, last bool) {
		done(try, took, o, last)
		t.Reason, t.Detail, t.Took = o.reason, o.detail, took
		over <- t
	}
	q.push(j)
	select {
	case t = <-over:
	case <-ctx.Done():
		t.Reason, t.Detail = event.FailTimeout, "it still goes on"
	}
	return t
}

// Test sends a mail that says that it is a test, whether or not any subject has
// mail. It waits for the outcome at most until ctx is done.
func (m *Mailer) Test(ctx context.Context) Trial {
	e := m.opt.trialEvent(channelSMTP, time.Now())
	t := Trial{Channel: channelName(channelSMTP), ID: e.ID()}
	m.mu.Lock()
	set, conf := m.set, m.tls
	m.mu.Unlock()
	if !set.Enabled() {
		t.Reason, t.Detail = event.FailInvalid, "mail needs smtp_server and notification_email"
		return t
	}
	n := notice{ev: e, matter: aboutTest, subject: channelSMTP, scope: scopeTest}
	l := &letter{set: set, tls: conf, rcpts: set.Recipients, write: func() []byte { return compose(&n, &set) }}
	return m.q.try(ctx, m.job(l, &e, "test", channelSMTP, time.Time{}), t)
}

// Enabled says whether mail can be sent at all.
func (m *Mailer) Enabled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set.Enabled()
}

// Test sends each receiver, or the one that is named, a document of kind
// notify.test. It waits for the outcomes at most until ctx is done.
func (w *Webhooks) Test(ctx context.Context, name string) []Trial {
	var all []chan Trial
	for _, one := range w.all() {
		if name == "" || one.name == name {
			c := make(chan Trial, 1)
			all = append(all, c)
			go func() { c <- one.test(ctx) }()
		}
	}
	var out []Trial
	for _, c := range all {
		out = append(out, <-c)
	}
	return out
}

func (w *Webhook) test(ctx context.Context) Trial {
	channel := event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: w.name}
	e := w.opt.trialEvent(channel, time.Now())
	w.mu.Lock()
	to := w.to
	w.mu.Unlock()
	n := notice{ev: e, matter: aboutTest, subject: channel, scope: scopeTest}
	j := w.job(n, to)
	j.lane = "test"
	return w.q.try(ctx, j, Trial{Channel: channelName(channel), ID: e.ID()})
}

// Test writes a line about a test into the FIFO with that keyword; ok is false if
// there is none. Whoever reads it must know the word TEST.
func (f *FIFOs) Test(ctx context.Context, keyword string) (t Trial, ok bool) {
	for _, one := range f.all() {
		if one.set.Keyword != keyword {
			continue
		}
		channel := event.Subject{Kind: event.SubjectChannel, Name: "fifo", Sub: keyword}
		e := f.opt.trialEvent(channel, time.Now())
		n := notice{ev: e, matter: aboutTest, subject: event.Subject{Kind: event.SubjectChannel, Name: keyword}, scope: scopeTest, word: "TEST"}
		return one.q.try(ctx, one.job(n, &f.opt), Trial{Channel: channelName(channel), ID: e.ID()}), true
	}
	return t, false
}
