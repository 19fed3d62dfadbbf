// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/vigild/vigild/engine/event"
)

// post is a mail server: a real one, with a say in what it refuses.
type post struct {
	mu   sync.Mutex
	got  []delivered
	auth bool
	// mechanism is the only one it offers, PLAIN if empty.
	mechanism string
	// rcpt and data decide about a recipient and a message; nil takes all.
	rcpt func(to string) error
	data func() error
	tls  *tls.Config
	addr *net.TCPAddr
}

type delivered struct {
	helo, user, from string
	to               []string
	secure           bool
	text             string
}

type session struct {
	p *post
	c *smtp.Conn
	d delivered
}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{p: p, c: c}, nil }

func (s *session) AuthMechanisms() []string {
	if !s.p.auth {
		return nil
	}
	return []string{cmp.Or(s.p.mechanism, sasl.Plain)}
}

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	return exam(mechanism, func(ok bool) error {
		if !ok {
			return &smtp.SMTPError{Code: 535, Message: "bad credentials"}
		}
		s.d.user = "vigil"
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.p.auth && s.d.user == "" {
		return &smtp.SMTPError{Code: 530, Message: "log in first"}
	}
	s.d.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.p.rcpt != nil {
		if err := s.p.rcpt(to); err != nil {
			return err
		}
	}
	s.d.to = append(s.d.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.p.data != nil {
		if err := s.p.data(); err != nil {
			return err
		}
	}
	s.d.text, s.d.helo = string(text), s.c.Hostname()
	_, s.d.secure = s.c.TLSConnectionState()
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.got = append(s.p.got, s.d)
	return nil
}

func (s *session) Reset()        { s.d.to, s.d.text = nil, "" }
func (s *session) Logout() error { return nil }

// serve starts the server; implicit is TLS from the first byte.
func (p *post) serve(t *testing.T, implicit bool) {
	t.Helper()
	srv := smtp.NewServer(p)
	srv.Domain, srv.TLSConfig, srv.ReadTimeout = "mx.test", p.tls, 30*time.Second
	srv.ErrorLog = log.New(io.Discard, "", 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = ln.Addr().(*net.TCPAddr)
	if implicit {
		ln = tls.NewListener(ln, p.tls)
		srv.TLSConfig = nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
}

func (p *post) taken() []delivered {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]delivered(nil), p.got...)
}

// settings of a mailer that talks to the server.
func (p *post) settings() Settings {
	return Settings{
		Instances: []SubjectSettings{{Name: "VI_1", SMTPAlert: true}},
		Groups:    []SubjectSettings{{Name: "G1", SMTPAlert: true}},
		SMTP: SMTPSettings{
			RouterID: "lb1", Server: "127.0.0.1", Port: uint16(p.addr.Port), From: "Load Balancer <lb@example.org>",
			Recipients: []string{"ops@example.org", "noc@example.org"}, Helo: "lb1.example.org", ConnectTimeout: 10 * time.Second,
		},
	}
}

// authority makes a certificate for 127.0.0.1 and the file that vouches for it.
func authority(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, path
}

// pair writes a certificate and its key to files.
func pair(t *testing.T, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func mailer(t *testing.T, s Settings, p *published) *Mailer {
	t.Helper()
	m, err := NewMailer(&s, Options{Publish: p.publish, Jitter: func() float64 { return .9 }, Sentence: func(e *event.Event) string {
		return "because of " + e.Reason.String()
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMailIsKeepaliveds(t *testing.T) {
	var p post
	p.serve(t, false)
	var pub published
	m := mailer(t, p.settings(), &pub)
	e := state(7, event.Backup, event.Master, event.MasterDownTimer)
	m.Events([]event.Event{e})
	closed(t, m)
	got := p.taken()
	if len(got) != 1 {
		t.Fatalf("%d mails came: %v", len(got), pub.words())
	}
	d := got[0]
	if d.helo != "lb1.example.org" || d.from != "lb@example.org" || strings.Join(d.to, " ") != "ops@example.org noc@example.org" || d.secure {
		t.Errorf("envelope %+v", d)
	}
	want := "Date: " + time.Unix(0, e.Wall).Format(time.RFC1123Z) + `
From: Load Balancer <lb@example.org>
Subject: [lb1] VRRP Instance VI_1 - Entering MASTER state
X-Mailer: Keepalived
To: ops@example.org, noc@example.org
Message-ID: <` + e.ID().String() + "." + e.Ref().Span("smtp", 0).String() + `@lb1.example.org>
Auto-Submitted: auto-generated
X-Vigil-Event-Id: ` + e.ID().String() + `
X-Vigil-Reason: master_down_timer
X-Vigil-Cause: VI_1 went from BACKUP to MASTER: no other master was heard
 before the master-down timer ran out

=> VRRP Instance is now owning VRRP VIPs <=

`
	if text := strings.ReplaceAll(d.text, "\r\n", "\n"); text != want {
		t.Errorf("the mail is\n%s\nwant\n%s", text, want)
	}
	wantLines(t, pub.words(), "notify.sent smtp  1 ")
	if got := pub.all()[0]; got.Cause != e.Ref() || got.Story() != e.Ref() || got.Took <= 0 {
		t.Errorf("published %+v", got)
	}
}

func TestMailSubjects(t *testing.T) {
	var p post
	p.serve(t, false)
	set := p.settings()
	set.Instances[0].ReportDeleted = true
	set.Instances = append(set.Instances, SubjectSettings{Name: "silent"})
	var pub published
	m := mailer(t, set, &pub)
	silent := state(1, event.Init, event.Backup, event.Startup)
	silent.Subject = instance("silent")
	stop := state(4, event.Fault, event.Stop, event.Shutdown)
	stop.Subject = instance("silent")
	m.Events([]event.Event{
		silent, state(2, event.Init, event.Backup, event.Startup), state(3, event.Init, event.Backup, event.Startup),
		state(4, event.Backup, event.Fault, event.Interface), stop, state(5, event.Fault, event.Deleted, event.Reload),
		groupState(6, event.Backup, event.Master), groupState(7, event.Master, event.Stop),
		{Kind: event.VRRPConflict, Subject: instance("VI_1"), Reason: event.ConflictLower},
	})
	closed(t, m)
	lanes := map[string][]string{}
	for _, d := range p.taken() {
		msg, err := netmail.ReadMessage(strings.NewReader(d.text))
		if err != nil {
			t.Fatal(err)
		}
		s := msg.Header.Get("Subject")
		lane := strings.Fields(s)[3]
		lanes[lane] = append(lanes[lane], s)
	}
	wantLines(t, lanes["VI_1"], "[lb1] VRRP Instance VI_1 - Entering BACKUP state",
		"[lb1] VRRP Instance VI_1 - Entering FAULT state", "[lb1] VRRP Instance VI_1 - Deleted")
	wantLines(t, lanes["G1"], "[lb1] VRRP Group G1 - Entering MASTER state", "[lb1] VRRP Group G1 - Stopping")
	if len(lanes) != 2 {
		t.Errorf("mails about %v", lanes)
	}
}

func TestMailNoFaults(t *testing.T) {
	var p post
	p.serve(t, false)
	set := p.settings()
	set.SMTP.NoFaults = true
	var pub published
	m := mailer(t, set, &pub)
	m.Events([]event.Event{state(1, event.Init, event.Fault, event.Interface), state(2, event.Fault, event.Backup, event.Interface)})
	closed(t, m)
	if got := p.taken(); len(got) != 1 || !strings.Contains(got[0].text, "Entering BACKUP state") {
		t.Errorf("got %+v", got)
	}
}

func TestMailOverTLS(t *testing.T) {
	conf, ca := authority(t)
	for _, mode := range []TLSMode{TLSStartTLS, TLSImplicit} {
		t.Run(string(mode), func(t *testing.T) {
			p := post{tls: conf, auth: true}
			p.serve(t, mode == TLSImplicit)
			set := p.settings()
			set.SMTP.TLS, set.SMTP.CAFile, set.SMTP.User, set.SMTP.Password = mode, ca, "vigil", "right"
			var pub published
			m := mailer(t, set, &pub)
			m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
			closed(t, m)
			got := p.taken()
			if len(got) != 1 || !got[0].secure || got[0].user != "vigil" {
				t.Errorf("got %+v, published %+v", got, pub.all())
			}
		})
	}
}

func TestMailRefusals(t *testing.T) {
	conf, ca := authority(t)
	for _, c := range []struct {
		name   string
		server *post
		change func(*SMTPSettings)
		want   event.Reason
		over   bool
	}{
		{"no authority vouches for it", &post{tls: conf}, func(s *SMTPSettings) { s.TLS = TLSStartTLS }, event.FailTLS, false},
		{"no STARTTLS", &post{}, func(s *SMTPSettings) { s.TLS, s.CAFile = TLSStartTLS, ca }, event.FailTLS, false},
		{"no TLS at all", &post{}, func(s *SMTPSettings) { s.TLS, s.CAFile = TLSImplicit, ca }, event.FailTLS, false},
		{"wrong password", &post{tls: conf, auth: true}, func(s *SMTPSettings) {
			s.TLS, s.CAFile, s.User, s.Password = TLSStartTLS, ca, "vigil", "wrong"
		}, event.FailAuth, true},
		{"no AUTH", &post{tls: conf}, func(s *SMTPSettings) {
			s.TLS, s.CAFile, s.User, s.Password = TLSStartTLS, ca, "vigil", "right"
		}, event.FailAuth, false},
		{"login demanded", &post{tls: conf, auth: true}, func(s *SMTPSettings) { s.TLS, s.CAFile = TLSStartTLS, ca }, event.FailAuth, true},
		{"a password in the clear", &post{tls: conf, auth: true}, func(s *SMTPSettings) { s.User, s.Password = "vigil", "right" }, event.FailAuth, false},
		{"message refused", &post{data: func() error { return &smtp.SMTPError{Code: 554, Message: "spam"} }}, nil, event.FailRefused, true},
		{"all recipients refused", &post{rcpt: func(string) error { return &smtp.SMTPError{Code: 550, Message: "who?"} }}, nil, event.FailRefused, true},
		{"mailbox full", &post{data: func() error { return &smtp.SMTPError{Code: 452, Message: "full"} }}, nil, event.FailRefused, false},
		{"connection lost in DATA", &post{data: func() error { return errAbort }}, nil, event.FailProtocol, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.server.serve(t, false)
			if c.server.data != nil && errors.Is(c.server.data(), errAbort) {
				c.server.addr = cutter(t, c.server.addr)
			}
			set := c.server.settings()
			if c.change != nil {
				c.change(&set.SMTP)
			}
			var pub published
			m := mailer(t, set, &pub)
			m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
			eventually(t, "the first attempt", func() bool { return len(pub.all()) > 0 })
			e := pub.all()[0]
			if e.Kind != event.NotifyFailed || e.Reason != c.want {
				t.Errorf("got %s %s %q, want %s", e.Kind, e.Reason, e.Detail, c.want)
			}
			if over := strings.HasSuffix(e.Detail, "given up"); over != c.over {
				t.Errorf("given up: %v, want %v: %q", over, c.over, e.Detail)
			}
			if n := len(c.server.taken()); n != 0 {
				t.Errorf("%d mails came all the same", n)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			m.Close(ctx)
		})
	}
}

var errAbort = errors.New("abort")

// cutter passes a connection on until the message begins, then cuts it.
func cutter(t *testing.T, to *net.TCPAddr) *net.TCPAddr {
	t.Helper()
	return listen(t, func(c net.Conn) {
		up, err := net.DialTCP("tcp", nil, to)
		if err != nil {
			return
		}
		defer up.Close()
		go func() {
			buf := make([]byte, 4096)
			for {
				n, err := c.Read(buf)
				if err != nil || bytes.Contains(buf[:n], []byte("Subject:")) {
					_ = c.Close()
					_ = up.Close()
					return
				}
				_, _ = up.Write(buf[:n])
			}
		}()
		_, _ = io.Copy(c, up)
	})
}

// listen serves each connection with f.
func listen(t *testing.T, f func(net.Conn)) *net.TCPAddr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().(*net.TCPAddr)
}

func TestMailRetriesOnlyWhoHasNotGotIt(t *testing.T) {
	tries := 0
	p := post{rcpt: func(to string) error {
		switch {
		case strings.HasPrefix(to, "gone"):
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		case strings.HasPrefix(to, "busy"):
			if tries++; tries == 1 {
				return &smtp.SMTPError{Code: 451, Message: "later"}
			}
		}
		return nil
	}}
	p.serve(t, false)
	set := p.settings()
	set.SMTP.Recipients = []string{"ok@example.org", "gone@example.org", "busy@example.org"}
	var pub published
	m := mailer(t, set, &pub)
	m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	eventually(t, "the second attempt", func() bool { return len(pub.all()) == 2 })
	closed(t, m)
	var to []string
	for _, d := range p.taken() {
		to = append(to, strings.Join(d.to, " "))
	}
	wantLines(t, to, "ok@example.org", "busy@example.org")
	wantLines(t, pub.words(), "notify.failed smtp  1 refused", "notify.sent smtp  2 ")
}

func TestMailServerThatHangs(t *testing.T) {
	release := make(chan struct{})
	addr := listen(t, func(net.Conn) { <-release })
	drip := listen(t, func(c net.Conn) {
		for {
			if _, err := c.Write([]byte("2")); err != nil {
				return
			}
			select {
			case <-release:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	flood := listen(t, func(c net.Conn) {
		junk := bytes.Repeat([]byte("220-"+strings.Repeat("x", 1000)+"\r\n"), 100)
		for {
			if _, err := c.Write(junk); err != nil {
				return
			}
		}
	})
	defer close(release)
	for name, c := range map[string]struct {
		addr *net.TCPAddr
		want event.Reason
	}{"silence": {addr, event.FailTimeout}, "a byte at a time": {drip, event.FailTimeout}, "no end": {flood, event.FailProtocol}} {
		t.Run(name, func(t *testing.T) {
			p := post{addr: c.addr}
			set := p.settings()
			set.SMTP.ConnectTimeout = time.Second
			if c.want == event.FailProtocol {
				set.SMTP.ConnectTimeout = 20 * time.Second
			}
			var pub published
			m := mailer(t, set, &pub)
			m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
			if c.want == event.FailTimeout && len(pub.all()) > 0 {
				t.Error("the producer waited for the end of the attempt")
			}
			eventually(t, "the attempt ends", func() bool { return len(pub.all()) > 0 })
			if e := pub.all()[0]; e.Reason != c.want {
				t.Errorf("reason %s (%s), want %s", e.Reason, e.Detail, c.want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			m.Close(ctx)
		})
	}
}

func TestMailCloseCutsAHangingServer(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{}, 1)
	defer close(release)
	p := post{addr: listen(t, func(net.Conn) { begun <- struct{}{}; <-release })}
	var pub published
	m := mailer(t, p.settings(), &pub)
	m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup), state(2, event.Backup, event.Master, event.MasterDownTimer)})
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	m.Close(ctx)
	eventually(t, "the attempt is cut", func() bool { s := m.Stats(); return s.Length == 0 && len(pub.all()) == 2 })
	if s := m.Stats(); s.Dropped[event.Shutdown] != 1 || s.Sent != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestMailUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := post{addr: ln.Addr().(*net.TCPAddr)}
	ln.Close()
	var pub published
	m := mailer(t, p.settings(), &pub)
	m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	eventually(t, "the attempt ends", func() bool { return len(pub.all()) > 0 })
	closed(t, m)
	if e := pub.all()[0]; e.Reason != event.FailUnreachable {
		t.Errorf("reason %s (%s)", e.Reason, e.Detail)
	}
}

func TestComposeCannotBeBroken(t *testing.T) {
	e := state(1, event.Backup, event.Master, event.Preempt)
	n := notice{ev: e, subject: subjectKey(event.SubjectInstance, "VI\r\nBcc: x@example.org\r\n\r\n.\r\nQUIT"), state: event.Master}
	set := SMTPSettings{Style: StyleExplained, Template: "{{.What}} grün\r\n.\r\nQUIT", RouterID: "Zürich\nX: y", From: "Zürich <lb@example.org>", Recipients: []string{"ops@example.org"}, Helo: "lb"}
	text := compose(&n, &set)
	msg, err := netmail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(msg.Header) != 12 || msg.Header.Get("Bcc") != "" || msg.Header.Get("X") != "" {
		t.Errorf("headers %v", msg.Header)
	}
	if from, err := netmail.ParseAddress(msg.Header.Get("From")); err != nil || from.Name != "Zürich" {
		t.Errorf("From %q: %v %v", msg.Header.Get("From"), from, err)
	}
	for _, c := range text {
		if c >= 0x80 {
			t.Fatal("the mail holds bytes that are not ASCII")
		}
	}
}
