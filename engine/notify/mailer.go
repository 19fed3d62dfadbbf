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
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Mailer sends keepalived's mail about transitions, one to all recipients.
// Mail of one subject goes out in order; what cannot be delivered is tried
// again with growing pauses until it is too old.
type Mailer struct {
	book *book
	opt  Options
	q    *queue

	mu  sync.Mutex
	set SMTPSettings
	tls *tls.Config
}

// NewMailer returns a notifier that sends mail. The error is about the file of
// authorities.
func NewMailer(s *Settings, o Options) (*Mailer, error) {
	age := s.SMTP.MaxAge
	if age == 0 {
		age = time.Hour
	}
	m := &Mailer{book: newBook(s), opt: o, q: newQueue(limits{
		workers: 4, total: 1024, perLane: 64, age: age, wait: o.backoff(time.Second, time.Minute), stopGrace: StopLimit,
	})}
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
	s, err := s.complete()
	if err != nil {
		return err
	}
	conf, err := tlsConfig(s.CAFile, "", "")
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	conf.ServerName = s.Server
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set, m.tls = s, conf
	return nil
}

// complete fills in the defaults.
func (s SMTPSettings) complete() (SMTPSettings, error) {
	if s.Port == 0 {
		s.Port = 25
	}
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = 30 * time.Second
	}
	if s.TLS == "" {
		s.TLS = TLSNone
	}
	if s.Helo == "" {
		name, err := os.Hostname()
		if err != nil {
			return s, fmt.Errorf("mail: %w", err)
		}
		s.Helo = name
	}
	if s.From == "" {
		s.From = "root@" + s.Helo
	}
	return s, nil
}

// Events takes edges in order. It never blocks.
func (m *Mailer) Events(es []event.Event) {
	for i := range es {
		n, ok := m.book.read(&es[i])
		if !ok || n.matter != aboutState || !n.to.SMTPAlert {
			continue
		}
		m.mu.Lock()
		set, conf := m.set, m.tls
		m.mu.Unlock()
		if !set.Enabled() || set.NoFaults && n.state == event.Fault {
			continue
		}
		m.push(n, set, conf)
	}
}

func (m *Mailer) push(n notice, set SMTPSettings, conf *tls.Config) {
	channel := event.Subject{Kind: event.SubjectChannel, Name: "smtp"}
	sentence := ""
	if m.opt.Sentence != nil {
		sentence = m.opt.Sentence(&n.ev)
	}
	l := letter{set: set, tls: conf, text: compose(&n, &set, sentence), rcpts: set.Recipients}
	m.q.push(&job{
		lane: n.subject.String(), key: n.subject, final: true,
		do: func(ctx context.Context, _ int) outcome { return l.send(ctx) },
		done: func(try int, took time.Duration, o outcome, over bool) {
			m.opt.report(&n.ev, channel, try, took, o, over)
		},
	})
}

// Close tries what waits once more and drops it when ctx is done.
func (m *Mailer) Close(ctx context.Context) { m.q.close(ctx) }

// Stats returns the counters of the channel.
func (m *Mailer) Stats() Stats {
	out := m.q.snapshot()
	out.Channel = "smtp"
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
