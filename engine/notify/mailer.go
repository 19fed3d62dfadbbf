// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify/spool"
)

// Mailer sends keepalived's mail about transitions, one to all recipients.
// Mail of one subject goes out in order; what cannot be delivered is tried
// again with growing pauses until it is too old. With a digest, all mail goes
// out in one order.
type Mailer struct {
	book *book
	opt  Options
	q    *queue

	mu    sync.Mutex
	set   SMTPSettings
	tls   *tls.Config
	spool *spool.Spool
	// again are the events whose mail was found in the spool: a parent that
	// remembers them may tell of them once more.
	again map[event.Ref]bool
	crowd crowd
	// lostSpool counts spools that could not be opened.
	lostSpool uint64
}

// crowd is mail that comes at once.
type crowd struct {
	since time.Time
	count int
	held  []notice
	more  int
	timer *time.Timer
}

// crowdMax bounds the changes that one digest lists.
const crowdMax = 2000

// channelSMTP is what deliveries of mail are about.
var channelSMTP = event.Subject{Kind: event.SubjectChannel, Name: "smtp"}

// NewMailer returns a notifier that sends mail, and begins with what is in the
// spool. The error is about the file of authorities or the template. A spool that
// cannot be used is told of, and mail waits in memory.
func NewMailer(s *Settings, o Options) (*Mailer, error) {
	age := s.SMTP.MaxAge
	if age == 0 {
		age = time.Hour
	}
	m := &Mailer{book: newBook(s), opt: o, again: map[event.Ref]bool{}, q: newQueue(limits{
		workers: 4, total: 1024, perLane: 64, age: age, wait: o.backoff(time.Second, time.Minute), stopGrace: StopLimit,
	})}
	m.book.checks = true
	return m, m.use(s.SMTP)
}

// Configure puts other settings into force; what waits is sent as it was.
// After an error the old ones stay.
func (m *Mailer) Configure(s *Settings) error {
	if err := m.use(s.SMTP); err != nil {
		return err
	}
	m.book.configure(s)
	return nil
}

func (m *Mailer) use(s SMTPSettings) error {
	s, conf, err := s.complete()
	if err != nil {
		return err
	}
	m.mu.Lock()
	was := m.set.Spool
	m.set, m.tls = s, conf
	if s.Spool == "" {
		m.spool = nil
	}
	m.mu.Unlock()
	if s.Spool != "" && s.Spool != was {
		m.openSpool(s, conf)
	}
	return nil
}

// openSpool goes over to another spool and sends what waits there.
func (m *Mailer) openSpool(set SMTPSettings, conf *tls.Config) {
	sp, waiting, err := spool.Open(set.Spool, set.SpoolMax, m.spoolFails)
	m.mu.Lock()
	m.spool = sp
	if err != nil {
		m.lostSpool++
	}
	for i := range waiting {
		m.again[waiting[i].Event.Ref()] = true
	}
	m.mu.Unlock()
	if err != nil {
		go m.spoolFails(err)
		return
	}
	for i := range waiting {
		w := &waiting[i]
		key := event.Subject{Kind: event.SubjectChannel, Name: "smtp", Sub: w.Name}
		l := &letter{set: set, tls: conf, rcpts: w.To, write: func() []byte { return w.Text }, spool: sp, name: w.Name}
		m.send(l, &w.Event, w.Lane, key, time.Unix(0, w.Queued))
	}
}

// spoolFails tells of a spool in which mail cannot be kept.
func (m *Mailer) spoolFails(err error) {
	m.opt.tell(event.Event{
		Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp", Sub: "spool"},
		Reason: event.FailKernel, Detail: clip(join(oneLine(err.Error()), "mail waits in memory alone")),
	})
}

// complete fills in the defaults and reads what the settings name.
func (s SMTPSettings) complete() (SMTPSettings, *tls.Config, error) {
	if s.Port == 0 {
		s.Port = 25
	}
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = 30 * time.Second
	}
	if s.TLS == "" {
		s.TLS = TLSNone
	}
	if s.DigestWait <= 0 {
		s.DigestWait = 10 * time.Second
	}
	if s.Helo == "" {
		name, err := os.Hostname()
		if err != nil {
			return s, nil, fmt.Errorf("mail: %w", err)
		}
		s.Helo = name
	}
	if s.From == "" {
		s.From = "root@" + s.Helo
	}
	if _, err := ParseMailTemplate(s.Template); err != nil {
		return s, nil, err
	}
	if _, known := authKinds[s.Auth]; !known {
		return s, nil, fmt.Errorf("mail: there is no authentication %q", s.Auth)
	}
	conf, err := tlsConfig(s.CAFile, "", "")
	if err != nil {
		return s, nil, fmt.Errorf("mail: %w", err)
	}
	conf.ServerName = s.Server
	return s, conf, nil
}

// Events takes edges in order. It never blocks.
func (m *Mailer) Events(es []event.Event) {
	for i := range es {
		n, ok := m.book.read(&es[i])
		if !ok || n.matter != aboutState && n.matter != aboutCheck || n.checked || !n.to.SMTPAlert {
			continue
		}
		m.mu.Lock()
		set, again := m.set, m.again[n.ev.Ref()]
		wanted := set.Enabled() && !again && (!set.NoFaults || n.state != event.Fault)
		held := wanted && m.crowded(&n, time.Now())
		m.mu.Unlock()
		if wanted && !held {
			m.push(n)
		}
	}
}

// crowded says whether a notice goes into a digest, and puts it there. The caller
// holds the lock.
func (m *Mailer) crowded(n *notice, now time.Time) bool {
	c := &m.crowd
	if m.set.DigestAfter == 0 {
		return false
	}
	if c.timer == nil && now.Sub(c.since) > m.set.DigestWait {
		c.since, c.count = now, 0
	}
	if c.count++; c.count <= m.set.DigestAfter {
		return false
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(m.set.DigestWait, m.disperse)
	}
	if len(c.held) >= crowdMax {
		// The newest are worth most: they say how things are now.
		c.held = append(c.held[:crowdMax/2], c.held[crowdMax/2+1:]...)
		c.more++
	}
	c.held = append(c.held, *n)
	return true
}

// disperse sends what a crowd has left.
func (m *Mailer) disperse() {
	m.mu.Lock()
	c := m.crowd
	if c.timer != nil {
		c.timer.Stop()
	}
	m.crowd = crowd{}
	set, conf, sp := m.set, m.tls, m.spool
	m.mu.Unlock()
	if len(c.held) == 0 {
		return
	}
	last := &c.held[len(c.held)-1]
	l := &letter{set: set, tls: conf, rcpts: set.Recipients, spool: sp}
	l.write = func() []byte { return digest(c.held, c.more, &set) }
	key := event.Subject{Kind: event.SubjectChannel, Name: "smtp", Sub: last.ev.Ref().ID().String()}
	m.send(l, &last.ev, m.lane(last, &set), key, time.Now())
}

// lane is what a mail goes out in order with.
func (m *Mailer) lane(n *notice, set *SMTPSettings) string {
	if set.DigestAfter > 0 {
		return "smtp"
	}
	return n.subject.String()
}

func (m *Mailer) push(n notice) {
	m.mu.Lock()
	set, conf, sp := m.set, m.tls, m.spool
	m.mu.Unlock()
	l := &letter{set: set, tls: conf, rcpts: set.Recipients, spool: sp}
	l.write = func() []byte { return compose(&n, &set) }
	m.send(l, &n.ev, m.lane(&n, &set), n.subject, time.Now())
}

// send queues a letter, on the disk too if there is a spool.
func (m *Mailer) send(l *letter, e *event.Event, lane string, key event.Subject, queued time.Time) {
	if l.spool != nil && l.name == "" {
		l.name = l.spool.Put(queued, l.kept(e, lane, queued))
	}
	m.q.push(m.job(l, e, lane, key, queued))
}

// kept is a letter as the spool keeps it, for those who have not got it yet.
func (l *letter) kept(e *event.Event, lane string, queued time.Time) func() spool.Message {
	about, to := *e, slices.Clone(l.rcpts)
	return func() spool.Message {
		return spool.Message{Version: 1, Event: about, Lane: lane, Queued: queued.UnixNano(), To: to, Text: l.text()}
	}
}

// job is the delivery of a letter.
func (m *Mailer) job(l *letter, e *event.Event, lane string, key event.Subject, queued time.Time) *job {
	about := *e
	return &job{
		lane: lane, key: key, final: true, queued: queued,
		do: func(ctx context.Context, _ int) outcome {
			before := len(l.rcpts)
			o := l.send(ctx)
			if l.spool != nil && len(l.rcpts) > 0 && len(l.rcpts) < before {
				l.spool.Replace(l.name, l.kept(&about, lane, queued))
			}
			return o
		},
		done: func(try int, took time.Duration, o outcome, over bool) {
			if over && l.spool != nil {
				o = l.unspool(o)
			}
			m.opt.report(&about, channelSMTP, try, took, o, over)
		},
	}
}

// unspool takes a letter out of the spool when nothing more is done for it, unless
// it is only this process that ends: then it waits for the next one.
func (l *letter) unspool(o outcome) outcome {
	if o.reason != event.Shutdown && !o.cut {
		l.spool.Remove(l.name)
		return o
	}
	if l.spool.Holds(l.name) {
		o.detail, o.kept = join(o.detail, "it waits in the spool for the next start"), true
	}
	return o
}

// Close tries what waits once more and drops it when ctx is done; what is in the
// spool stays there.
func (m *Mailer) Close(ctx context.Context) {
	m.disperse()
	m.q.close(ctx)
	m.mu.Lock()
	sp := m.spool
	m.mu.Unlock()
	if sp != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), spoolGrace)
		defer cancel()
		sp.Settle(ctx)
	}
}

// spoolGrace is how long Close waits for the disk, even if there is no time left
// for the mail server.
const spoolGrace = 500 * time.Millisecond

// Stats returns the counters of the channel.
func (m *Mailer) Stats() Stats {
	out := m.q.snapshot()
	out.Channel = "smtp"
	m.mu.Lock()
	defer m.mu.Unlock()
	out.Length += len(m.crowd.held)
	out.SpoolFailures = m.lostSpool
	if m.spool != nil {
		out.SpoolFailures += m.spool.Failures()
	}
	return out
}

// backoff returns pauses that double from first to most, each shortened by a
// random part of up to a half, so that many senders do not come back at once.
func (o *Options) backoff(first, most time.Duration) func(try int) time.Duration {
	jitter := o.Jitter
	if jitter == nil {
		jitter = rand.Float64
	}
	return func(try int) time.Duration {
		d := most
		if try < 32 {
			d = min(first<<(try-1), most)
		}
		return d - time.Duration(jitter()*float64(d)/2)
	}
}

// tlsConfig reads the authorities to trust and the certificate to show; an
// empty name leaves them out.
func tlsConfig(ca, cert, key string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authorities: no certificate in %s", ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("certificate to show: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// isTLS says whether an error came from the TLS handshake or verification.
func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError // an alert of ours or theirs comes as one
	return errors.As(err, &verify) || errors.As(err, &record) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}
