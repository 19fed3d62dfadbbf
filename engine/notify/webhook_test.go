// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// receiver answers requests one after the other as told, then with 200.
type receiver struct {
	mu      sync.Mutex
	answers []http.HandlerFunc
	seen    []*http.Request
	bodies  [][]byte
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.seen, r.bodies = append(r.seen, req), append(r.bodies, body)
	var answer http.HandlerFunc
	if len(r.answers) > 0 {
		answer, r.answers = r.answers[0], r.answers[1:]
	}
	r.mu.Unlock()
	if answer != nil {
		answer(w, req)
	}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

func hook(t *testing.T, set WebhookSettings, pub *published) *Webhook {
	t.Helper()
	w, err := NewWebhook(set, &Settings{}, Options{Publish: pub.publish, Version: "1.2.3", Sentence: func(*event.Event) string { return "because" }})
	if err != nil {
		t.Fatal(err)
	}
	w.q.lim.wait = func(int) time.Duration { return time.Millisecond }
	return w
}

// rich is a transition with all the evidence there is.
func rich() event.Event {
	e := state(7, event.Backup, event.Master, event.MasterDownTimer)
	e.At = 100_000_000_000
	v := &e.Evidence
	v.N = 2
	v.Heard[0] = event.Heard{At: e.At.Add(-3500 * time.Millisecond), Source: netip.MustParseAddr("192.0.2.1"), Priority: 200, Interval: time.Second}
	v.Heard[1] = event.Heard{At: e.At.Add(-4500 * time.Millisecond), Source: netip.MustParseAddr("192.0.2.1"), Priority: 200, Interval: time.Second}
	v.Peer, v.PeerPriority = netip.MustParseAddr("192.0.2.1"), 200
	v.Interval, v.Skew, v.MasterDown = time.Second, 414*time.Millisecond, 3414*time.Millisecond
	v.Lateness, v.Margin, v.Stall = 2*time.Millisecond, 2400*time.Millisecond, 9*time.Millisecond
	v.Base, v.Effective, v.NTerm = 170, 150, 1
	v.Terms[0] = event.Term{Kind: event.SubjectScript, Name: "chk", Delta: -20}
	v.Object, v.ObjectName, v.ObjectState = event.SubjectInterface, "eth0", event.Up
	return e
}

func TestWebhookDocument(t *testing.T) {
	var r receiver
	srv := httptest.NewServer(&r)
	defer srv.Close()
	var pub published
	w := hook(t, WebhookSettings{
		Name: "pager", URL: srv.URL + "/in?key=1", Node: "lb1", Secret: "s3cret", Headers: map[string]string{"X-Team": "net", "Host": "pager.test"},
	}, &pub)
	e := rich()
	w.Events([]event.Event{e})
	closed(t, w)
	if r.count() != 1 {
		t.Fatalf("%d requests; %v", r.count(), pub.words())
	}
	want := `{
  "version": 1,
  "id": "` + e.ID().String() + `",
  "event_id": "` + e.ID().String() + `",
  "kind": "vrrp.state",
  "time": "2023-11-14T22:13:20.123456Z",
  "node": "lb1",
  "subject": {
    "kind": "vrrp_instance",
    "name": "VI_1",
    "family": 4,
    "vrid": 51
  },
  "from": "BACKUP",
  "to": "MASTER",
  "reason": "master_down_timer",
  "priority": 150,
  "sentence": "because",
  "evidence": {
    "heard": [
      {
        "ago": 3.5,
        "source": "192.0.2.1",
        "priority": 200,
        "interval": 1
      },
      {
        "ago": 4.5,
        "source": "192.0.2.1",
        "priority": 200,
        "interval": 1
      }
    ],
    "peer": "192.0.2.1",
    "peer_priority": 200,
    "interval": 1,
    "skew": 0.414,
    "master_down": 3.414,
    "lateness": 0.002,
    "margin": 2.4,
    "stall": 0.009,
    "base_priority": 170,
    "effective_priority": 150,
    "terms": [
      {
        "kind": "script",
        "name": "chk",
        "delta": -20,
        "up": false
      }
    ],
    "object": {
      "kind": "interface",
      "name": "eth0",
      "state": "UP"
    }
  },
  "epoch": "9",
  "seq": 7
}`
	var got bytes.Buffer
	if err := json.Indent(&got, r.bodies[0], "", "  "); err != nil || got.String() != want {
		t.Errorf("the document is\n%s\n(%v) want\n%s", got.String(), err, want)
	}
	req := r.seen[0]
	channel := event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: "pager"}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "vigild/1.2.3", "X-Team": "net",
		"Idempotency-Key": e.ID().String(), HeaderEventID: e.ID().String(),
		"Traceparent":   e.Ref().Traceparent(e.Ref().DeliverySpan(e.Ref(), channel, 1)),
		HeaderSignature: "v1=" + Sign("s3cret", req.Header.Get(HeaderTimestamp), r.bodies[0]),
	} {
		if got := req.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if req.Host != "pager.test" || req.Method != "POST" || req.URL.String() != "/in?key=1" {
		t.Errorf("%s %s on %s", req.Method, req.URL, req.Host)
	}
	wantLines(t, pub.words(), "notify.sent webhook pager 1 ")
	if st := w.Stats(); st.Channel != "webhook" || st.Name != "pager" || st.Sent != 1 {
		t.Errorf("stats %+v", st)
	}
}

// The signature is a contract with receivers: this value is computed with
// printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key.
func TestSign(t *testing.T) {
	const want = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
	if got := Sign("key", "1700000000", []byte(`{"a":1}`)); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestWebhookTellsStatesAsTheyAre(t *testing.T) {
	var r receiver
	srv := httptest.NewServer(&r)
	defer srv.Close()
	var pub published
	w := hook(t, WebhookSettings{Name: "a", URL: srv.URL}, &pub)
	snapshot := state(1, event.Init, event.Backup, event.Startup)
	snapshot.Snapshot = true
	g := groupState(3, event.Backup, event.Fault)
	w.Events([]event.Event{
		snapshot, state(2, event.Backup, event.Fault, event.Interface), g,
		{Kind: event.AddressAdded, Subject: instance("VI_1")},
		state(4, event.Fault, event.Deleted, event.Reload),
	})
	closed(t, w)
	var got []string
	for _, b := range r.bodies {
		var m struct {
			Subject  struct{ Name string }
			To       string
			ID       string
			EventID  string `json:"event_id"`
			Evidence any
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		if m.Evidence != nil {
			t.Errorf("evidence from nothing: %v", m.Evidence)
		}
		if m.Subject.Name == "G1" && (m.ID != (event.Ref{Epoch: 9, Seq: 1}).ID().String() || m.EventID != g.Ref().ID().String()) {
			t.Errorf("ids of an event that belongs to another's story: %+v", m)
		}
		got = append(got, m.Subject.Name+" "+m.To)
	}
	wantLines(t, sorted(got), "G1 FAULT", "VI_1 DELETED", "VI_1 FAULT")
}

func TestWebhookRetries(t *testing.T) {
	r := receiver{answers: []http.HandlerFunc{
		status(500), status(503), status(429), status(408),
		func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = c.Write([]byte("this is not HTTP\r\n\r\n"))
				_ = c.Close()
			}
		},
	}}
	srv := httptest.NewServer(&r)
	defer srv.Close()
	var pub published
	w := hook(t, WebhookSettings{Name: "a", URL: srv.URL, Secret: "k"}, &pub)
	e := state(1, event.Init, event.Backup, event.Startup)
	w.Events([]event.Event{e, state(2, event.Backup, event.Master, event.Preempt)})
	eventually(t, "both are delivered", func() bool { return w.Stats().Sent == 2 })
	closed(t, w)
	wantLines(t, pub.words(),
		"notify.failed webhook a 1 refused", "notify.failed webhook a 2 refused", "notify.failed webhook a 3 refused",
		"notify.failed webhook a 4 refused", "notify.failed webhook a 5 protocol", "notify.sent webhook a 6 ", "notify.sent webhook a 1 ")
	seen := map[string]bool{}
	for i, req := range r.seen[:6] {
		if !bytes.Equal(r.bodies[i], r.bodies[0]) || req.Header.Get("Idempotency-Key") != e.ID().String() {
			t.Errorf("attempt %d differs", i+1)
		}
		seen[req.Header.Get("Traceparent")] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d spans for 6 attempts", len(seen))
	}
}

func TestWebhookGivesUp(t *testing.T) {
	redirected := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected = true }))
	defer other.Close()
	for _, c := range []struct {
		name    string
		answers []http.HandlerFunc
		want    []string
	}{
		{"not found", []http.HandlerFunc{status(404)}, []string{"notify.failed webhook a 1 refused"}},
		{"forbidden", []http.HandlerFunc{status(403)}, []string{"notify.failed webhook a 1 auth"}},
		{"redirected", []http.HandlerFunc{status(307, "Location", other.URL)}, []string{"notify.failed webhook a 1 refused"}},
		{"never well", []http.HandlerFunc{status(500), status(500), status(500)}, []string{
			"notify.failed webhook a 1 refused", "notify.failed webhook a 2 refused", "notify.failed webhook a 3 refused",
		}},
		{"come back tomorrow", []http.HandlerFunc{status(503, "Retry-After", "86400")}, []string{"notify.failed webhook a 1 refused"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := receiver{answers: c.answers}
			srv := httptest.NewServer(&r)
			defer srv.Close()
			var pub published
			w := hook(t, WebhookSettings{Name: "a", URL: srv.URL, MaxTries: 3}, &pub)
			w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
			eventually(t, "it is given up", func() bool { s := w.Stats(); return s.Length == 0 })
			wantLines(t, pub.words(), c.want...)
			if d := pub.all()[len(c.want)-1].Detail; !strings.HasSuffix(d, ": given up") {
				t.Errorf("the last one says %q", d)
			}
			if s := w.Stats(); s.Dropped[pub.all()[0].Reason] != 1 || s.Sent != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
	if redirected {
		t.Error("a document followed a redirection")
	}
}

func TestWebhookThatHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	r := receiver{answers: []http.HandlerFunc{func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}}}
	srv := httptest.NewServer(&r)
	defer srv.Close()
	var pub published
	w := hook(t, WebhookSettings{Name: "a", URL: srv.URL, Timeout: time.Second}, &pub)
	w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	eventually(t, "the second attempt", func() bool { return w.Stats().Sent == 1 })
	wantLines(t, pub.words(), "notify.failed webhook a 1 timeout", "notify.sent webhook a 2 ")
}

func TestWebhookUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	var pub published
	w := hook(t, WebhookSettings{Name: "a", URL: "http://" + ln.Addr().String() + "/secret-token", MaxTries: 1}, &pub)
	w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	closed(t, w)
	wantLines(t, pub.words(), "notify.failed webhook a 1 unreachable")
	if d := pub.all()[0].Detail; strings.Contains(d, "secret-token") {
		t.Errorf("the detail shows the URL: %q", d)
	}
}

func TestWebhookTLS(t *testing.T) {
	conf, ca := authority(t)
	conf = conf.Clone()
	conf.ClientAuth = tls.RequireAnyClientCert
	var r receiver
	srv := httptest.NewUnstartedServer(&r)
	srv.TLS = conf
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	for name, c := range map[string]struct {
		ca   string
		want string
	}{"trusted": {ca, "notify.failed webhook a 1 tls"}, "not trusted": {"", "notify.failed webhook a 1 tls"}} {
		t.Run(name, func(t *testing.T) {
			var pub published
			w := hook(t, WebhookSettings{Name: "a", URL: srv.URL, CAFile: c.ca, MaxTries: 1}, &pub)
			w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
			closed(t, w)
			wantLines(t, pub.words(), c.want)
		})
	}
	t.Run("with a certificate", func(t *testing.T) {
		cert, key := pair(t, conf.Certificates[0])
		var pub published
		w := hook(t, WebhookSettings{Name: "a", URL: srv.URL, CAFile: ca, CertFile: cert, KeyFile: key, MaxTries: 1}, &pub)
		w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
		closed(t, w)
		wantLines(t, pub.words(), "notify.sent webhook a 1 ")
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for value, want := range map[string]time.Duration{
			"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999999999": 0,
			time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat):  90 * time.Second,
			time.Now().Add(-90 * time.Second).UTC().Format(http.TimeFormat): 0,
		} {
			if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {value}}}); got != want {
				t.Errorf("Retry-After %q: %v, want %v", value, got, want)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Wed, 21 Oct 2026 07:28:00 GMT")
	f.Fuzz(func(t *testing.T, v string) {
		if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {v}}}); got < 0 {
			t.Errorf("Retry-After %q: %v", v, got)
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		jitter float64
		want   string
	}{{0, "[1s 2s 4s 8s 16s 32s 1m0s 1m0s]"}, {.5, "[750ms 1.5s 3s 6s 12s 24s 45s 45s]"}} {
		o := Options{Jitter: func() float64 { return c.jitter }}
		wait := o.backoff(time.Second, time.Minute)
		var got []time.Duration
		for _, try := range []int{1, 2, 3, 4, 5, 6, 7, 1000} {
			got = append(got, wait(try))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("jitter %v: %v, want %s", c.jitter, got, c.want)
		}
	}
	o := Options{}
	if d := o.backoff(time.Second, time.Minute)(1); d < 500*time.Millisecond || d > time.Second {
		t.Errorf("a random pause of %v", d)
	}
}

func TestWebhooksConfigure(t *testing.T) {
	var a, b receiver
	sa, sb := httptest.NewServer(&a), httptest.NewServer(&b)
	defer sa.Close()
	defer sb.Close()
	var pub published
	w, err := NewWebhooks(&Settings{Webhooks: []WebhookSettings{
		{Name: "kept", URL: sa.URL}, {Name: "gone", URL: sa.URL}, {Name: "bad", URL: "ftp://x"}, {Name: "worse", URL: "https://x", CAFile: "/nonexistent"},
	}}, Options{Publish: pub.publish})
	if err == nil || !strings.Contains(err.Error(), "webhook bad: ") || !strings.Contains(err.Error(), "webhook worse: ") || len(w.list) != 2 {
		t.Errorf("%d webhooks, error %v", len(w.list), err)
	}
	w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	eventually(t, "both are told", func() bool { return a.count() == 2 })
	if err := w.Configure(&Settings{Webhooks: []WebhookSettings{{Name: "kept", URL: sb.URL}, {Name: "new", URL: sb.URL}}}); err != nil {
		t.Fatal(err)
	}
	w.Events([]event.Event{state(2, event.Init, event.Backup, event.Startup), state(3, event.Backup, event.Master, event.Preempt)})
	closed(t, w)
	if a.count() != 2 || b.count() != 3 {
		t.Errorf("%d and %d requests, want 2 and 3: the kept one does not repeat BACKUP, the new one has not told it", a.count(), b.count())
	}
	var names []string
	for _, s := range w.Stats() {
		names = append(names, fmt.Sprintf("%s %d", s.Name, s.Sent))
	}
	wantLines(t, names, "kept 2", "new 2")
}

func TestWebhookCloseIsBounded(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(release)
	var pub published
	w := hook(t, WebhookSettings{Name: "a", URL: srv.URL, Timeout: time.Minute}, &pub)
	w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w.Close(ctx)
	eventually(t, "the attempt is cut", func() bool { return len(pub.all()) == 1 })
	if e := pub.all()[0]; e.Kind != event.NotifyFailed {
		t.Errorf("published %+v", e)
	}
}
