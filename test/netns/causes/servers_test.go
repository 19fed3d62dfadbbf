// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // keepalived's choice
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/vigild/vigild/test/netns/lab"
)

// behaviour is what a server does with a connection; it can be changed while it
// runs.
type behaviour int32

const (
	good behaviour = iota
	hang
	reset
	wrongStatus
	wrongBody
)

// server is a real server that can be told to misbehave.
type server struct {
	mode atomic.Int32
	ln   net.Listener
}

func (s *server) is(b behaviour) { s.mode.Store(int32(b)) }

// web serves pages on the watching host. A connection that is to hang or to be
// reset is, before anything is read of it.
func (o *observatory) web(port int, secure *tls.Config) *server {
	s := &server{}
	o.watch.Do(func() (err error) {
		s.ln, err = net.Listen("tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch behaviour(s.mode.Load()) {
		case good:
			_, _ = io.WriteString(w, "alive\n")
		case wrongBody:
			_, _ = io.WriteString(w, "dead\n")
		case wrongStatus:
			w.WriteHeader(http.StatusServiceUnavailable)
		case hang:
			<-r.Context().Done()
		case reset:
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.(interface{ SetLinger(int) error }).SetLinger(0)
				c.Close()
			}
		}
	})
	web := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, TLSConfig: secure, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if secure != nil {
			_ = web.ServeTLS(s.ln, "", "")
			return
		}
		_ = web.Serve(s.ln)
	}()
	o.t.Cleanup(func() { web.Close(); <-done })
	return s
}

// outdated is a certificate of yesterday.
func outdated(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}} //nolint:gosec // of a test
}

// names answers every question, with an error if so told.
func (o *observatory) names(port int) *server {
	s := &server{}
	var pc net.PacketConn
	o.watch.Do(func() (err error) {
		pc, err = net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		return err
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response = true
			if behaviour(s.mode.Load()) != good {
				m.RCode = dnsmessage.RCodeServerFailure
			}
			if out, err := m.Pack(); err == nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	o.t.Cleanup(func() { pc.Close(); <-done })
	return s
}

// TestServersThatFail breaks real servers in all the ways in which they break.
func TestServersThatFail(t *testing.T) {
	t.Parallel()
	o := observe(t, "--dataplane=dry-run")
	plain, page := o.web(8001, nil), o.web(8002, nil)
	o.web(8003, outdated(t))
	dns := o.names(8053)
	host := o.watch.Addr4(0)
	var b strings.Builder
	service := func(n int, real int, checker string) {
		fmt.Fprintf(&b, "virtual_server 10.9.0.%d 80 {\n    delay_loop 1\n    warmup 0\n    retry 0\n    delay_before_retry 0.2\n    lb_algo rr\n    lb_kind NAT\n"+
			"    protocol TCP\n    smtp_alert\n    real_server %v %d {\n        smtp_alert\n        %s\n    }\n}\n", n, host, real, checker)
	}
	service(1, 8001, "TCP_CHECK {\n connect_timeout 2\n }")
	service(2, 8002, "HTTP_GET {\n url {\n path /\n status_code 200\n digest "+digestOf("alive\n")+"\n }\n connect_timeout 1\n }")
	service(3, 8053, "DNS_CHECK {\n type A\n name example.org\n connect_timeout 1\n }")
	service(4, 8003, "SSL_GET {\n tls_verify on\n url {\n path /\n status_code 200\n }\n connect_timeout 2\n }")
	service(5, 8001, "MISC_CHECK {\n misc_path \"/usr/bin/test ! -e "+o.lab.Dir()+"/misc\"\n misc_timeout 5\n }")
	o.start(o.a, b.String())
	name := func(n, real int) (string, string) {
		return fmt.Sprintf("tcp/10.9.0.%d:80", n), fmt.Sprintf("%v:%d", host, real)
	}
	settled := func(n, real int) {
		vs, _ := name(n, real)
		lab.Until(t, starting, vs+" has its server", func() bool {
			page, err := o.a.Metrics() // which is not served at once
			n, _ := page.Sum("vigil_virtual_server_real_servers", fmt.Sprintf("virtual_server=%q", vs), `state="up"`)
			return err == nil && n == 1
		})
	}
	misc := func() {
		if err := os.WriteFile(o.lab.Dir()+"/misc", nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	broken := func(what string, n, real int, act, mend func(), reason, sentence string) {
		f := fault{what: what, act: act, mend: mend, at: o.a, kind: "server.state", to: "DOWN", reason: reason, sentence: sentence}
		f.subject, f.server = name(n, real)
		settled(n, real)
		o.try(t, f)
	}
	be := func(s *server, b behaviour) func() { return func() { s.is(b) } }
	broken("server resets", 2, 8002, be(page, reset), be(page, good), "connection_closed", `the server closed the connection too early`)
	broken("server hangs", 2, 8002, be(page, hang), be(page, good), "read_timeout", `no answer in time`)
	broken("wrong status", 2, 8002, be(page, wrongStatus), be(page, good), "http_status", `503`)
	broken("wrong digest", 2, 8002, be(page, wrongBody), be(page, good), "digest_mismatch", `digest`)
	broken("name server fails", 3, 8053, be(dns, wrongStatus), be(dns, good), "dns_rcode", `.`)
	broken("script says no", 5, 8001, misc, nil, "script_exit", `said no, 1`)
	broken("server refuses", 1, 8001, func() { plain.ln.Close() }, nil, "connect_refused", `refused`)
	// From the start.
	vs, rs := name(4, 8003)
	o.judge(t, &fault{
		what: "certificate has expired", at: o.a, kind: "server.state", subject: vs, server: rs, to: "DOWN", reason: "tls_certificate", sentence: `certificate`,
	}, 0, 0, map[string]float64{"tls_certificate": 0})
}

// digestOf is what a checker compares pages by.
func digestOf(page string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(page))) //nolint:gosec // keepalived's choice
}
