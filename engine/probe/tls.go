// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/vigild/vigild/engine/event"
)

// TLS is the SSL block: names of files, and the password of the key. They are read when the first check needs them.
type TLS struct {
	Password, CA, Certificate, Key string

	once        sync.Once
	err         error
	roots       *x509.CertPool
	certificate *tls.Certificate
}

// Load reads the files, once. compat: a certificate without a key is for nothing, and so is the reverse.
func (x *TLS) Load() error {
	if x == nil {
		return nil
	}
	x.once.Do(func() { x.err = x.load() })
	return x.err
}

func (x *TLS) load() error {
	if x.CA != "" {
		text, err := os.ReadFile(x.CA)
		if err != nil {
			return fmt.Errorf("read the CA of the SSL block: %w", err)
		}
		x.roots = x509.NewCertPool()
		if !x.roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("read the CA of the SSL block: no certificate in %s", x.CA)
		}
	}
	if x.Certificate == "" || x.Key == "" {
		return nil
	}
	certificate, err := os.ReadFile(x.Certificate)
	if err != nil {
		return fmt.Errorf("read the certificate of the SSL block: %w", err)
	}
	key, err := os.ReadFile(x.Key)
	if err != nil {
		return fmt.Errorf("read the key of the SSL block: %w", err)
	}
	if key, err = decrypt(key, x.Password); err != nil {
		return fmt.Errorf("decrypt the key of the SSL block, %s: %w", x.Key, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("use the certificate of the SSL block: %w", err)
	}
	x.certificate = &pair
	return nil
}

// secure is what one SSL_GET does with TLS.
type secure struct {
	TLS    *TLS
	verify bool
}

func (s *secure) key() string {
	out := fmt.Sprint(s.verify)
	if x := s.TLS; x != nil {
		out += fmt.Sprintf(" %q %q %q %q", x.Password, x.CA, x.Certificate, x.Key)
	}
	return out
}

// ciphers is every suite there is: a check that verifies nothing is not to be choosier than the clients.
var ciphers = func() []uint16 {
	var out []uint16
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		out = append(out, c.ID)
	}
	return out
}()

// handshake makes the connection a TLS one.
func (t *try) handshake(s *secure, r *Request) bool {
	if err := s.TLS.Load(); err != nil {
		return t.fail(event.PhaseTLS, event.FailLocalResource, err.Error())
	}
	c := &tls.Config{
		ServerName:         r.SNI,
		InsecureSkipVerify: true, // verified below, if at all, by a name that need not be told to the server
		CipherSuites:       ciphers,
		MinVersion:         tls.VersionTLS12,
	}
	if s.TLS != nil && s.TLS.certificate != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.TLS.certificate, nil }
	}
	if r.Protocol == HTTP2 {
		c.NextProtos = []string{"h2"}
	}
	t.wire = &wire{Conn: t.conn}
	conn := tls.Client(t.wire, c)
	ctx, cancel := context.WithDeadline(t.ctx, t.deadline())
	err := conn.HandshakeContext(ctx)
	cancel()
	t.done(event.PhaseTLS)
	state := conn.ConnectionState()
	t.certificates(state.PeerCertificates)
	if err != nil {
		reason := ioReason(err)
		if reason == event.FailProtocol || reason == event.FailConnectionClosed {
			reason = event.FailTLSHandshake
		}
		return t.fail(event.PhaseTLS, reason, plain(err))
	}
	t.conn = conn
	if r.Protocol == HTTP2 && state.NegotiatedProtocol != "h2" {
		return t.fail(event.PhaseTLS, event.FailProtocol, "the server does not speak HTTP/2")
	}
	if !s.verify {
		return true
	}
	return t.verify(s, r, state.PeerCertificates)
}

// wire is the connection below TLS. It notes that the other side ended it, which before a closing alert is not the
// good manners of RFC 8446 section 6.1.
type wire struct {
	net.Conn
	ended bool
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.ended = w.ended || errors.Is(err, io.EOF)
	return n, err
}

// certificates notes when the first of them expires.
func (t *try) certificates(chain []*x509.Certificate) {
	for _, c := range chain {
		if at := c.NotAfter.Unix(); t.out.Expiry == 0 || at < t.out.Expiry {
			t.out.Expiry = at
		}
	}
}

// verify holds the certificate against the CA of the SSL block, or those of the system, and against the name.
func (t *try) verify(s *secure, r *Request, chain []*x509.Certificate) bool {
	name := cmp.Or(r.SNI, r.Host, t.to.To.Addr().String())
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	if len(chain) == 0 {
		return t.fail(event.PhaseTLS, event.FailTLSCertificate, "no certificate")
	}
	o := x509.VerifyOptions{DNSName: name, Intermediates: x509.NewCertPool()}
	if s.TLS != nil {
		o.Roots = s.TLS.roots
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return t.fail(event.PhaseTLS, event.FailTLSCertificate, plain(err))
	}
	return true
}

// errNoPassword: the key is encrypted and there is no password, or it does not fit.
var errNoPassword = errors.New("the password does not open it")
