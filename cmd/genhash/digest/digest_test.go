// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// server answers one connection with text and closes it, unless it holds it.
type server struct {
	at   *net.TCPAddr
	mu   sync.Mutex
	said string
	name string // what TLS was told
}

func serve(t *testing.T, network, answer string, secure, hold bool) *server {
	t.Helper()
	l, err := net.Listen(network, map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network])
	if err != nil {
		t.Fatal(err)
	}
	s := &server{at: l.Addr().(*net.TCPAddr)}
	done := make(chan struct{})
	t.Cleanup(func() { close(done); l.Close() })
	if secure {
		l = tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{certificate(t)},
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.name = h.ServerName
				return nil, nil
			},
		})
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 4096)
		n, _ := c.Read(b)
		s.mu.Lock()
		s.said = string(b[:n])
		s.mu.Unlock()
		_, _ = c.Write([]byte(answer))
		if hold {
			<-done
		}
	}()
	return s
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// run is genhash with the address of a server in front of its arguments; what
// differs from run to run is replaced.
func run(s *server, args ...string) (status int, out, complaints string) {
	_, port, _ := net.SplitHostPort(s.at.String())
	var o, c strings.Builder
	status = Main("genhash", append([]string{"-s", s.at.IP.String(), "-p", port}, args...), &o, &c)
	return status, regexp.MustCompile(`= \d+ usecs`).ReplaceAllString(o.String(), "= N usecs"), c.String()
}

// pages are answers, and what keepalived 2.2.7's genhash -v -u /p prints for them.
var pages = []struct{ name, answer, out, complaints string }{
	{
		"header and body", "HTTP/1.0 200 OK\r\nA: b\r\n\r\n!hello\x7f\xe9",
		`-----------------------[    HTTP Header Buffer    ]-----------------------
0000  48 54 54 50 2f 31 2e 30 - 20 32 30 30 20 4f 4b 0d   HTTP/1.0 200 OK.
0016  0a 41 3a 20 62 0d 0a 0d - 0a                        .A: b....       
-----------------------[ HTTP Header Ascii Buffer ]-----------------------
HTTP/1.0 200 OK^M
A: b^M
^M

-----------------------[        HTML Buffer        ]-----------------------
0000  21 68 65 6c 6c 6f 7f e9 -                           !hello..        

-----------------------[    HTML hash resulting    ]-----------------------
0000  1e a6 4b d5 14 79 b5 9e - f3 31 e5 af 71 62 0e 83   ..K..y...1..qb..
-----------------------[ HTML hash final resulting ]-----------------------
1ea64bd51479b59ef331e5af71620e83

Global response time for [/p] = N usecs
`, "",
	},
	{
		"more than was promised", "HTTP/1.1 404 No\r\ncontent-length:  3\r\n\r\nabcdef",
		`-----------------------[    HTTP Header Buffer    ]-----------------------
0000  48 54 54 50 2f 31 2e 31 - 20 34 30 34 20 4e 6f 0d   HTTP/1.1 404 No.
0016  0a 63 6f 6e 74 65 6e 74 - 2d 6c 65 6e 67 74 68 3a   .content-length:
0032  20 20 33 0d 0a 0d 0a    -                             3....         
-----------------------[ HTTP Header Ascii Buffer ]-----------------------
HTTP/1.1 404 No^M
content-length:  3^M
^M

-----------------------[        HTML Buffer        ]-----------------------
0000  61 62 63                -                           abc             

-----------------------[    HTML hash resulting    ]-----------------------
0000  90 01 50 98 3c d2 4f b0 - d6 96 3f 7d 28 e1 7f 72   ..P.<.O...?}(..r
-----------------------[ HTML hash final resulting ]-----------------------
900150983cd24fb0d6963f7d28e17f72

Global response time for [/p] = N usecs
`, "",
	},
	{
		"no header", "hello\n",
		`-----------------------[    HTTP Header Buffer    ]-----------------------

-----------------------[    HTML hash resulting    ]-----------------------
0000  d4 1d 8c d9 8f 00 b2 04 - e9 80 09 98 ec f8 42 7e   ..............B~
-----------------------[ HTML hash final resulting ]-----------------------

Global response time for [/p] = N usecs
`, "no data received from remote webserver\n",
	},
}

func TestPages(t *testing.T) {
	for _, p := range pages {
		for _, secure := range []bool{false, true} {
			s := serve(t, "tcp4", p.answer, secure, false)
			args := []string{"-v", "-u", "/p"}
			if secure {
				args = append(args, "-S")
			}
			status, out, complaints := run(s, args...)
			if want := strings.ReplaceAll(p.out, "^M\n", "\r\n"); status != 0 || out != want || complaints != p.complaints {
				t.Errorf("%s, TLS %v: status %d, complaints %q, printed\n%s\nnot\n%s", p.name, secure, status, complaints, out, want)
			}
		}
	}
	if status, out, _ := run(serve(t, "tcp4", "HTTP/1.0 200 OK\r\n\r\nx", false, false), "-u", "/p"); status != 0 || out != "9dd4e461268c8034f5c8564e155c67a6\n" {
		t.Errorf("status %d, printed %q", status, out)
	}
}

// TestHeaderTooLong: what does not begin within the first bytes is no page.
func TestHeaderTooLong(t *testing.T) {
	s := serve(t, "tcp4", "HTTP/1.0 200 OK\r\nA: "+strings.Repeat("a", 5000)+"\r\n\r\nx", false, false)
	if _, out, complaints := run(s, "-u", "/"); out != "" || complaints != "no data received from remote webserver\n" {
		t.Errorf("printed %q, complaints %q", out, complaints)
	}
}

func TestRequests(t *testing.T) {
	for _, tc := range []struct {
		network, args, want, name string
	}{
		{"tcp4", "-u /a?b", "GET /a?b HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: AT\r\n\r\n", ""},
		{"tcp6", "-u /", "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: AT\r\n\r\n", ""},
		{"tcp4", "-u / -P 1.1 -V a.example:8", "GET / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: a.example:8\r\n\r\n", ""},
		{"tcp4", "-u / --protocol=1.0c", "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: AT\r\n\r\n", ""},
		{"tcp4", "-Su/ -V a.example", "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: a.example\r\n\r\n", ""},
		{"tcp4", "-SI -u / -V a.example", "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: a.example\r\n\r\n", "a.example"},
	} {
		s := serve(t, tc.network, "HTTP/1.0 200 OK\r\n\r\nx", strings.Contains(tc.args, "-S"), false)
		if status, _, complaints := run(s, strings.Fields(tc.args)...); status != 0 || complaints != "" {
			t.Errorf("%s: status %d, %s", tc.args, status, complaints)
		}
		if want := strings.Replace(tc.want, "AT", s.at.String(), 1); s.said != want || s.name != tc.name {
			t.Errorf("%s asks %q with name %q, not %q", tc.args, s.said, s.name, want)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct{ name, answer, args, want string }{
		{"header", "", "-t 1", "Timeout WEB read\n"},
		{"rest of the header", "HTTP/1.0 2", "-t 1", "Timeout HTTP read\n"},
		{"body", "HTTP/1.0 200 OK\r\n\r\nx", "-t 1", "Timeout HTTP read\n"},
		{"TLS", "", "-t 1 -S", "Timeout connecting\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "tcp4", tc.answer, false, true)
			if status, out, complaints := run(s, append(strings.Fields(tc.args), "-u", "/")...); status != 0 || out != tc.want || complaints != "" {
				t.Errorf("status %d, printed %q, complaints %q", status, out, complaints)
			}
		})
	}
	s := serve(t, "tcp4", "this is not TLS", false, false)
	if _, out, _ := run(s, "-S", "-u", "/"); out != "SSL handshake/communication error connecting to\n" {
		t.Errorf("TLS with a server without: %q", out)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if status, out, _ := run(&server{at: l.Addr().(*net.TCPAddr)}, "-u", "/"); status != 0 || out != "Connection failed\n" {
		t.Errorf("nobody listens: status %d, %q", status, out)
	}
}

func TestCommandLines(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "",
		"-h":                        "",
		"-s 127.0.0.1 -p 1":         "",
		"-s 127.0.0.1 -p 1 -u / -h": "",
		"-s localhost":              "server should be an IP, not localhost\n",
		"-s fe80::1%lo":             "server should be an IP, not fe80::1%lo\n",
		"-p 0":                      "invalid port number '0'\n",
		"-p 70000 -t x":             "invalid port number '70000'\n",
		"-t -1":                     "invalid timeout '-1'\n",
		"-m 0x10":                   "invalid fwmark '0x10'\n",
		"--proto 2.0":               "invalid HTTP protocol version '2.0'\n",
		"-z --use -p x":             "Unknown option -z\nUnknown option --use\ninvalid port number 'x'\n",
		"-s 127.0.0.1 -p 1 -u / x --verbose=3 -- -y": "Unknown option --verbose=3\nUnexpected argument(s): x -y\n",
		"-s": "Unknown option -s\n",
	} {
		var out, complaints strings.Builder
		status := Main("genhash", strings.Fields(args), &out, &complaints)
		if got := complaints.String(); status != 1 || out.Len() > 0 || got != want+usage("genhash") {
			t.Errorf("%q: status %d, printed %q, complaints\n%s", args, status, out.String(), got)
		}
	}
	if o, err := parse(strings.Fields("-s ::1 -p +080 -u / -m 4294967297 --verb -t 99999999")); err != nil ||
		o.port != 80 || o.mark != 1 || !o.verbose || o.timeout != endless {
		t.Errorf("%+v, %v", o, err)
	}
}
