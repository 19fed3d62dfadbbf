// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

// A filter lets pass what fits all of it.
func TestWebhookFilter(t *testing.T) {
	fault := state(1, event.Backup, event.Fault, event.Interface)
	web := server("tcp/10.0.0.1:80", "192.0.2.7:8080", event.Up, event.Down, event.FailRefused)
	for name, c := range map[string]struct {
		f          WebhookFilter
		fault, web bool
	}{
		"all":                     {WebhookFilter{}, true, true},
		"kind":                    {WebhookFilter{Kinds: []event.Kind{event.GroupState, event.ServerState}}, false, true},
		"name":                    {WebhookFilter{Names: []string{"VI_?"}}, true, false},
		"address of the server":   {WebhookFilter{Names: []string{"192.0.2.*"}}, false, true},
		"state":                   {WebhookFilter{States: []event.State{event.Fault, event.Master}}, true, false},
		"reason":                  {WebhookFilter{Reasons: []event.Reason{event.FailRefused}}, false, true},
		"all must fit":            {WebhookFilter{Names: []string{"VI_1"}, States: []event.State{event.Down}}, false, false},
		"a pattern that fits all": {WebhookFilter{Names: []string{"nothing", "*"}}, true, true},
	} {
		if got := c.f.takes(&fault); got != c.fault {
			t.Errorf("%s: the instance passes: %v", name, got)
		}
		if got := c.f.takes(&web); got != c.web {
			t.Errorf("%s: the server passes: %v", name, got)
		}
	}
	var r receiver
	srv := httptest.NewServer(&r)
	defer srv.Close()
	var pub published
	w := hook(t, WebhookSettings{Name: "n", URL: srv.URL, Node: "lb1", Only: WebhookFilter{States: []event.State{event.Fault}}}, &pub)
	w.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup), state(2, event.Backup, event.Fault, event.Interface)})
	closed(t, w)
	if r.count() != 1 || !strings.Contains(string(r.bodies[0]), `"to":"FAULT"`) {
		t.Errorf("%d requests: %s", r.count(), r.bodies)
	}
}

// What is sent is what the template makes, signed as it is sent, with its type, and
// through the proxy that is named.
func TestWebhookTemplateAndProxy(t *testing.T) {
	var r receiver
	through := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Host == "receiver.test" {
			through++
		}
		r.ServeHTTP(w, req)
	}))
	defer proxy.Close()
	var pub published
	w := hook(t, WebhookSettings{
		Name: "n", URL: "http://receiver.test/hook", Node: "lb1", Template: "{{.Node}}: {{.Title}}", Type: "text/plain", Secret: "s", Proxy: proxy.URL,
	}, &pub)
	w.Events([]event.Event{state(2, event.Backup, event.Fault, event.Interface)})
	closed(t, w)
	if through != 1 || string(r.bodies[0]) != "lb1: VI_1 is FAULT on lb1" {
		t.Fatalf("%d through the proxy: %q", through, r.bodies)
	}
	h := r.seen[0].Header
	if h.Get("Content-Type") != "text/plain" || h.Get(HeaderSignature) != "v1="+Sign("s", h.Get(HeaderTimestamp), r.bodies[0]) {
		t.Errorf("headers %v", h)
	}
	for _, bad := range []WebhookSettings{
		{Name: "n", URL: "http://x", Proxy: "ftp://user:secret@x"}, {Name: "n", URL: "http://x", Template: "slacks"},
	} {
		if _, err := NewWebhook(bad, &Settings{}, Options{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if direct, err := proxyOf(DirectProxy); direct != nil || err != nil {
		t.Error("direct is through a proxy")
	}
}

// A test goes out at once, is told of under its own id, and says what came of it.
func TestTrials(t *testing.T) {
	var p post
	p.serve(t, false)
	var pub published
	set := p.settings()
	m := mailer(t, set, &pub)
	got := m.Test(t.Context())
	closed(t, m)
	if mails := p.taken(); len(mails) != 1 || !strings.Contains(mails[0].text, "Subject: [lb1] Test of mail") || !strings.Contains(mails[0].text, got.ID.String()) {
		t.Errorf("mails %+v", mails)
	}
	if got.Reason != event.ReasonNone || !strings.HasPrefix(got.Detail, "to ops@example.org, noc@example.org by 127.0.0.1:") || got.Took <= 0 {
		t.Errorf("trial %+v", got)
	}
	wantLines(t, pub.words(), "notify.test smtp  0 ", "notify.sent smtp  1 ")
	for _, e := range pub.all() {
		if e.ID() != got.ID {
			t.Errorf("%s has another id", e.Kind)
		}
	}
	if none := mailer(t, Settings{}, &pub).Test(t.Context()); none.Reason != event.FailInvalid {
		t.Errorf("without a server: %+v", none)
	}

	r := receiver{answers: []http.HandlerFunc{status(503)}}
	srv := httptest.NewServer(&r)
	defer srv.Close()
	hooks, err := NewWebhooks(&Settings{Webhooks: []WebhookSettings{
		{Name: "a", URL: srv.URL, Node: "lb1"}, {Name: "b", URL: srv.URL, Node: "lb1", Template: "alertmanager-v2", Only: WebhookFilter{Names: []string{"none"}}},
	}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := append(hooks.Test(t.Context(), "a"), hooks.Test(t.Context(), "b")...)
	if len(all) != 2 || all[0].Reason != event.FailRefused || all[0].Detail != "HTTP 503 Service Unavailable" || all[1].Reason != event.ReasonNone || r.count() != 2 {
		t.Errorf("trials %+v, %d requests", all, r.count())
	}
	var alerts []struct{ Labels map[string]string }
	if err := json.Unmarshal(r.bodies[1], &alerts); err != nil || alerts[0].Labels["alertname"] != "VigilTest" {
		t.Errorf("%s: %v", r.bodies[1], err)
	}
	if n := len(hooks.Test(t.Context(), "")); n != 2 {
		t.Errorf("%d of all tested", n)
	}
	closed(t, hooks)
}

// A test of a server that hangs ends with the patience of who asked, and one of a
// FIFO is a line that nobody takes for a state.
func TestTrialsHang(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	p := post{addr: listen(t, func(net.Conn) { <-release })}
	var pub published
	m := mailer(t, p.settings(), &pub)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := m.Test(ctx); got.Reason != event.FailTimeout || got.Detail != "it still goes on" {
		t.Errorf("trial %+v", got)
	}
	m.Close(ctx)

	path := filepath.Join(t.TempDir(), "fifo")
	f, err := NewFIFOs(&Settings{FIFOs: []FIFOSettings{{Keyword: "notify_fifo", Path: path}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	got, ok := f.Test(t.Context(), "notify_fifo")
	line := make([]byte, 100)
	n, err := unix.Read(fd, line)
	if !ok || got.Reason != event.ReasonNone || err != nil || string(line[:n]) != "TEST \"notify_fifo\" TEST 0\n" {
		t.Errorf("%v %+v, read %q, %v", ok, got, line[:max(n, 0)], err)
	}
	if _, ok := f.Test(t.Context(), "lvs_notify_fifo"); ok {
		t.Error("a FIFO that is not there was tested")
	}
	closed(t, f)
}

// Settings are tried without doing anything.
func TestValidate(t *testing.T) {
	good := Settings{SMTP: SMTPSettings{Spool: "/nowhere/at/all"}, Webhooks: []WebhookSettings{{Name: "n", URL: "https://x"}}}
	if err := Validate(&good); err != nil {
		t.Error(err)
	}
	u := &url.URL{Scheme: "ftp", Host: "x"}
	bad := Settings{SMTP: SMTPSettings{CAFile: "/nowhere"}, Webhooks: []WebhookSettings{{Name: "n", URL: u.String()}}}
	if err := Validate(&bad); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not both: %v", err)
	}
}
