// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// authorityKey and its certificate sign the others.
var (
	authorityKey, authorityCertificate = newAuthority()
	plainCertificate                   = issue(time.Now().Add(time.Hour))
	expiredCertificate                 = issue(time.Now().Add(-time.Hour))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newAuthority() (*ecdsa.PrivateKey, *x509.Certificate) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	return key, must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key))))
}

// issue makes a certificate for www.example and 127.0.0.1 that ends then.
func issue(end time.Time) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, DNSNames: []string{"www.example"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der := must(x509.CreateCertificate(rand.Reader, c, authorityCertificate, &key.PublicKey, authorityKey))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// overTLS answers inside of TLS.
func overTLS(certificate tls.Certificate, answer func(net.Conn)) func(net.Conn) {
	return serveTLS(&tls.Config{Certificates: []tls.Certificate{certificate}}, answer)
}

func serveTLS(config *tls.Config, answer func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		s := tls.Server(c, config)
		if s.Handshake() == nil {
			answer(s)
			_ = s.Close()
		}
	}
}

// authorityFile writes the CA where an SSL block can name it.
func authorityFile(t *testing.T) string {
	t.Helper()
	return file(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityCertificate.Raw}))
}

func file(t *testing.T, name string, text []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const okAnswer = "HTTP/1.0 200 OK\r\n\r\nok"

// TestVerification: nothing is verified unless it is asked for, and then everything.
func TestVerification(t *testing.T) {
	good := overTLS(plainCertificate, replies(&heard{}, okAnswer))
	expired := overTLS(expiredCertificate, replies(&heard{}, okAnswer))
	ca := &TLS{CA: authorityFile(t)}
	for _, c := range []struct {
		name, text string
		tls        *TLS
		answer     func(net.Conn)
		reason     event.Reason
	}{
		{"unknown CA, not verified", "", nil, good, event.ReasonNone},
		{"expired, not verified", "", ca, expired, event.ReasonNone},
		{"unknown CA", "tls_verify", nil, good, event.FailTLSCertificate},
		{"by address", "tls_verify", ca, good, event.ReasonNone},
		{"by name", "tls_verify yes\n virtualhost www.example:443", ca, good, event.ReasonNone},
		{"by SNI", "tls_verify\n virtualhost x.example\n sni_name www.example", ca, good, event.ReasonNone},
		{"another name", "tls_verify\n virtualhost x.example", ca, good, event.FailTLSCertificate},
		{"expired", "tls_verify", ca, expired, event.FailTLSCertificate},
		{"not verified after all", "tls_verify no", ca, expired, event.ReasonNone},
		{"no such CA", "tls_verify", &TLS{CA: "/none/ca.pem"}, good, event.FailLocalResource},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := checkWith(t, "SSL_GET {\n connect_timeout 5\n "+c.text+"\n url {\n path /\n }\n}", Defaults{Server: serve(t, c.answer), TLS: c.tls})
			o := run(t, k)
			wants(t, o, c.reason)
			if o.Reason == event.FailLocalResource {
				return
			}
			want := plainCertificate
			if strings.Contains(c.name, "expired") || c.name == "not verified after all" {
				want = expiredCertificate
			}
			if leaf := must(x509.ParseCertificate(want.Certificate[0])); o.Expiry != leaf.NotAfter.Unix() {
				t.Errorf("expires at %d, want %s", o.Expiry, leaf.NotAfter)
			}
			if o.Phases[2] <= 0 {
				t.Errorf("phases %v", o.Phases)
			}
		})
	}
}

// TestSNI: which name the server hears.
func TestSNI(t *testing.T) {
	for _, c := range []struct{ text, url, vhost, want string }{
		{"", "", "vs.example", ""},
		{"enable_sni no", "", "vs.example", ""},
		{"enable_sni", "", "vs.example:8443", "vs.example"},
		{"enable_sni\n virtualhost c.example", "", "vs.example", "c.example"},
		{"enable_sni\n virtualhost c.example", "virtualhost u.example", "vs.example", "u.example"},
		{"sni_name n.example", "virtualhost u.example", "vs.example", "n.example"},
		{"sni_name", "virtualhost u.example", "vs.example", "u.example"},
		{"enable_sni", "", "", ""},
	} {
		name := make(chan string, 1)
		config := &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name <- h.ServerName
			return &plainCertificate, nil
		}}
		k := checkWith(t, "SSL_GET {\n "+c.text+"\n url {\n path /\n "+c.url+"\n }\n}",
			Defaults{Server: serve(t, serveTLS(config, replies(&heard{}, okAnswer))), VirtualHost: c.vhost, Timeout: 5 * time.Second})
		wants(t, run(t, k), event.ReasonNone)
		if got := <-name; got != c.want {
			t.Errorf("%q, %q: the server heard %q, want %q", c.text, c.url, got, c.want)
		}
	}
}

// TestTLSProtocol: HTTP/2 where the server speaks it, and a plain answer where it does not.
func TestTLSProtocol(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	to := s.Listener.Addr().(*net.TCPAddr).AddrPort()
	for protocol, want := range map[string]string{"1.0": "HTTP/1.0", "1.1": "HTTP/1.1", "2": "HTTP/2.0"} {
		k := check(t, "SSL_GET {\n http_protocol "+protocol+"\n url {\n path /\n regex "+strings.ReplaceAll(want, ".", "\\\\.")+"\n }\n}", to)
		wants(t, run(t, k), event.ReasonNone)
	}
	k := check(t, "SSL_GET {\n http_protocol 2\n url {\n path /\n }\n}", serve(t, overTLS(plainCertificate, silent)))
	wants(t, run(t, k), event.FailProtocol)
}

// TestUncleanEnd: a server that hangs up without a closing alert is good, unless tls_compliant; one that says it is
// always good.
func TestUncleanEnd(t *testing.T) {
	rude := func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{plainCertificate}})
		if s.Handshake() == nil {
			replies(&heard{}, okAnswer)(s)
		}
	}
	polite := overTLS(plainCertificate, replies(&heard{}, okAnswer))
	for _, c := range []struct {
		text, url string
		answer    func(net.Conn)
		reason    event.Reason
	}{
		{"", "", rude, event.ReasonNone},
		{"tls_compliant", "tls_compliant no", rude, event.ReasonNone},
		{"tls_compliant", "", rude, event.FailConnectionClosed},
		{"", "tls_compliant", rude, event.FailConnectionClosed},
		{"tls_compliant", "", polite, event.ReasonNone},
		{"", "", polite, event.ReasonNone},
	} {
		for _, version := range []string{"1.0", "1.1"} {
			k := check(t, "SSL_GET {\n http_protocol "+version+"\n "+c.text+"\n url {\n path /\n "+c.url+"\n }\n}", serve(t, c.answer))
			wants(t, run(t, k), c.reason)
		}
	}
}

// TestClientCertificate: the SSL block's certificate is shown, whatever protects its key.
func TestClientCertificate(t *testing.T) {
	client := issue(time.Now().Add(time.Hour))
	der := must(x509.MarshalPKCS8PrivateKey(client.PrivateKey))
	key := file(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	certificate := file(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: client.Certificate[0]}))
	pool := x509.NewCertPool()
	pool.AddCert(authorityCertificate)
	to := serve(t, serveTLS(&tls.Config{
		Certificates: []tls.Certificate{plainCertificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}, replies(&heard{}, okAnswer)))
	encrypted := func(args ...string) string {
		out := filepath.Join(t.TempDir(), "encrypted.pem")
		cmd := exec.Command("openssl", append(args, "-in", key, "-out", out, "-passout", "pass:secret")...)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
		}
		return out
	}
	pkcs8 := encrypted("pkcs8", "-topk8", "-v2", "aes-256-cbc")
	for _, c := range []struct {
		name   string
		tls    *TLS
		reason event.Reason
	}{
		{"in the clear", &TLS{Certificate: certificate, Key: key}, event.ReasonNone},
		{"PKCS #8", &TLS{Certificate: certificate, Key: pkcs8, Password: "secret"}, event.ReasonNone},
		{"PKCS #8, SHA-1", &TLS{Certificate: certificate, Key: encrypted("pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"), Password: "secret"}, event.ReasonNone},
		{"headers", &TLS{Certificate: certificate, Key: encrypted("ec", "-aes128"), Password: "secret"}, event.ReasonNone},
		{"wrong password", &TLS{Certificate: certificate, Key: pkcs8, Password: "other"}, event.FailLocalResource},
		{"no key", &TLS{Certificate: certificate, Key: key + ".none"}, event.FailLocalResource},
		{"no certificate", nil, event.FailTLSHandshake},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := checkWith(t, "SSL_GET {\n url {\n path /\n }\n}", Defaults{Server: to, TLS: c.tls, Timeout: 5 * time.Second})
			o := run(t, k)
			if c.tls == nil { // TLS 1.3 tells of it only when something is read
				if o.Pass {
					t.Error("passes without a certificate")
				}
				return
			}
			wants(t, o, c.reason)
		})
	}
}

// TestBrokenKeys: what is no key is an error, whatever it is.
func TestBrokenKeys(t *testing.T) {
	for _, der := range [][]byte{nil, {0x30}, {0x30, 0x03, 0x02, 0x01, 0x00}, []byte("\x30\x0b\x30\x07\x06\x03\x2a\x03\x04\x05\x00\x04\x00")} {
		if _, err := decrypt(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), "x"); err == nil {
			t.Errorf("%x is taken for a key", der)
		}
	}
	if _, err := unpad(make([]byte, 16), make([]byte, 16), make([]byte, 15)); err == nil {
		t.Error("half a block is decrypted")
	}
	if out, err := decrypt([]byte("no PEM"), "x"); err != nil || string(out) != "no PEM" {
		t.Errorf("%q, %v", out, err)
	}
}
