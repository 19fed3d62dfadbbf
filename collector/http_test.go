// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

func handler(t *testing.T, v *ledger.View, opts WebOptions) http.Handler {
	t.Helper()
	h, err := collector(t, full(&clock{}), &fixed{view: v}).Handler(opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMetricsSpeakThreeFormats(t *testing.T) {
	h := handler(t, picture().View(), WebOptions{})
	for _, c := range []struct{ accept, contentType, holds string }{
		{"", "text/plain; version=0.0.4", `vigil_vrrp_state{state="master",vrrp_instance="VI_1"} 1`},
		{"application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", "# EOF"},
		{"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", "application/vnd.google.protobuf", "vigil_vrrp_state"},
	} {
		w := ask(h, "GET", "/metrics", c.accept)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), c.contentType) || !strings.Contains(w.Body.String(), c.holds) {
			t.Errorf("%q: %d, %s, %d bytes", c.accept, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
	}
	w := ask(h, "GET", "/metrics", "")
	for _, prefix := range []string{"\ngo_goroutines ", "\nprocess_cpu_seconds_total ", "\nvigil_build_info{"} {
		if !strings.Contains(w.Body.String(), prefix) {
			t.Errorf("the page lacks %q", prefix)
		}
	}
	if w := ask(h, "POST", "/metrics", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /metrics: %d", w.Code)
	}
	if w := ask(h, "GET", "/metrics?name[]=vigil_clock_steps_total", ""); strings.Count(w.Body.String(), "# TYPE") != 1 {
		t.Errorf("one name was asked for: %s", w.Body)
	}
}

func TestHealthyAndReady(t *testing.T) {
	running := picture().View()
	down := picture()
	down.Apply(&event.Event{Epoch: 9, Seq: 1, Kind: event.WorkerLost, At: event.Instant(time.Minute), Subject: event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}})
	early := ledger.New()
	early.Apply(&event.Event{Epoch: 9, Seq: 1, Kind: event.WorkerStarted, Subject: event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}})
	notYet := *early.View()
	early.Rows(rows())
	seq := uint64(0)
	about := func(role string, kind event.Kind, why event.Reason) *event.Event {
		seq++
		return &event.Event{Epoch: 9, Seq: seq, Kind: kind, Reason: why, Subject: event.Subject{Kind: event.SubjectWorker, Name: role}}
	}
	servers, crashed := ledger.New(), ledger.New()
	for _, l := range []*ledger.Ledger{servers, crashed} {
		l.Rows([]event.Row{{Global: &event.GlobalRow{Generation: 1}}})
		l.Apply(about("check", event.WorkerStarted, event.ReasonNone))
	}
	crashed.Apply(about("check", event.WorkerLost, event.FailCrash))
	sick := func(context.Context) error { return errors.New("the loop hangs") }
	for _, c := range []struct {
		name           string
		view           *ledger.View
		opts           WebOptions
		healthy, ready int
		says           string
	}{
		{"running", running, WebOptions{}, 200, 200, "vigil is ready"},
		{"nothing known", ledger.New().View(), WebOptions{}, 503, 503, "no worker has reported"},
		{"only servers", servers.View(), WebOptions{}, 200, 200, "vigil is ready"},
		{"their worker down", crashed.View(), WebOptions{}, 503, 503, "check worker is down"},
		{"worker down", down.View(), WebOptions{}, 503, 503, "worker is down"},
		{"no configuration", &notYet, WebOptions{}, 200, 503, "no configuration"},
		{"still in INIT", early.View(), WebOptions{}, 200, 503, "VI_1 is in INIT"},
		{"said to be sick", running, WebOptions{Healthy: sick}, 503, 200, "vigil is ready"},
		{"said to be not ready", running, WebOptions{Ready: sick}, 200, 503, "the loop hangs"},
	} {
		h := handler(t, c.view, c.opts)
		if w := ask(h, "GET", "/-/healthy", ""); w.Code != c.healthy {
			t.Errorf("%s: healthy is %d: %s", c.name, w.Code, w.Body)
		}
		if w := ask(h, "HEAD", "/-/healthy", ""); w.Code != c.healthy {
			t.Errorf("%s: HEAD healthy is %d", c.name, w.Code)
		}
		if w := ask(h, "GET", "/-/ready", ""); w.Code != c.ready || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: ready is %d: %s", c.name, w.Code, w.Body)
		}
	}
}

func TestReloadOnlyWhenAllowed(t *testing.T) {
	calls := 0
	var fails error
	opts := WebOptions{Reload: func(context.Context) error { calls++; return fails }}
	if w := ask(handler(t, picture().View(), opts), "POST", "/-/reload", ""); w.Code != http.StatusForbidden || calls != 0 || !strings.Contains(w.Body.String(), "SIGHUP") {
		t.Errorf("not enabled: %d %s", w.Code, w.Body)
	}
	opts.Lifecycle = true
	h := handler(t, picture().View(), opts)
	for i, method := range []string{"POST", "PUT"} {
		if w := ask(h, method, "/-/reload", ""); w.Code != 200 || calls != i+1 {
			t.Errorf("%s: %d, %d calls", method, w.Code, calls)
		}
	}
	if w := ask(h, "GET", "/-/reload", ""); w.Code != http.StatusMethodNotAllowed || calls != 2 {
		t.Errorf("GET: %d", w.Code)
	}
	fails = errors.New("a.conf:3:1: unknown keyword")
	if w := ask(h, "POST", "/-/reload", ""); w.Code != 500 || !strings.Contains(w.Body.String(), "a.conf:3:1") {
		t.Errorf("refused: %d %s", w.Code, w.Body)
	}
}

func TestLandingPageAndFurtherPages(t *testing.T) {
	h := handler(t, picture().View(), WebOptions{Also: map[string]http.Handler{"GET /api/": http.NotFoundHandler()}})
	w := ask(h, "GET", "/", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "metrics") || !strings.Contains(w.Body.String(), "-/ready") {
		t.Errorf("landing page: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/nothing", "/api/x"} {
		if w := ask(h, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// listen opens n listeners on the loopback.
func listen(t *testing.T, n int) []net.Listener {
	t.Helper()
	var out []net.Listener
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// serving runs Serve until the test ends, and gives its result to want.
func serving(t *testing.T, ls []net.Listener, h http.Handler, webConfig string) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- Serve(t.Context(), ls, h, webConfig, nil) }()
	t.Cleanup(func() { // the context of the test has ended
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := net.DialTimeout("tcp", ls[0].Addr().String(), time.Second); err == nil {
			t.Error("the listener is still open")
		}
	})
}

func TestServeOnSeveralListeners(t *testing.T) {
	ls := listen(t, 3)
	serving(t, ls, handler(t, picture().View(), WebOptions{}), "")
	for _, l := range ls {
		resp, err := http.Get("http://" + l.Addr().String() + "/-/ready")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%v: %d", l.Addr(), resp.StatusCode)
		}
	}
}

func TestServeWithTLSAndPassword(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "web.yml")
	text := fmt.Sprintf("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {prom: %q}\n", hash)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ValidateWeb(file); err != nil {
		t.Fatal(err)
	}
	ls := listen(t, 2)
	serving(t, ls, handler(t, picture().View(), WebOptions{}), file)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		user, password string
		want           int
	}{{"", "", 401}, {"prom", "wrong", 401}, {"prom", "secret", 200}} {
		for _, l := range ls {
			req, err := http.NewRequest("GET", "https://"+l.Addr().String()+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.user != "" {
				req.SetBasicAuth(c.user, c.password)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != c.want || (c.want == 200) != bytes.Contains(body, []byte("vigil_vrrp_state")) {
				t.Errorf("%s:%s on %v: %d", c.user, c.password, l.Addr(), resp.StatusCode)
			}
		}
	}
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ValidateWeb(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("ValidateWeb: %v", err)
	}
	ls := listen(t, 2)
	if err := Serve(t.Context(), ls, http.NotFoundHandler(), file, nil); err == nil || !strings.Contains(err.Error(), "serve 127.0.0.1") {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.DialTimeout("tcp", ls[1].Addr().String(), time.Second); err == nil {
		t.Error("the other listener is still open")
	}
}

// certificate writes cert.pem and key.pem for 127.0.0.1 and returns what trusts them.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}
