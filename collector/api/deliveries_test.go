// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

func channel(name, sub string) event.Subject {
	return event.Subject{Kind: event.SubjectChannel, Name: name, Sub: sub}
}

// toldServer returns a Server that saw a transition told by mail at the third attempt and by
// a webhook not at all.
func toldServer(t *testing.T) *Server {
	t.Helper()
	s := New(steady{&ledger.View{}}, Options{Test: func(_ context.Context, channel string) ([]Trial, error) {
		if channel == "pigeon" {
			return nil, errors.New("there is no channel \"pigeon\"")
		}
		return []Trial{{Channel: "smtp", Took: time.Second}}, nil
	}})
	root := event.Event{
		Epoch: 1, Seq: 1, Wall: 1e9, Kind: event.VRRPState, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1"},
		From: event.Backup, To: event.Master, Reason: event.MasterDownTimer,
	}
	es := []event.Event{root}
	attempt := func(wall int64, kind event.Kind, s event.Subject, try int64, why event.Reason, detail string) {
		es = append(es, event.Event{
			Epoch: 2, Seq: uint64(len(es)), Wall: wall * 1e9, Kind: kind, Subject: s, Count: try, Reason: why, Detail: detail,
			Cause: root.Ref(), Root: root.Ref(), Took: time.Millisecond,
		})
	}
	attempt(2, event.NotifyFailed, channel("smtp", ""), 1, event.FailUnreachable, "connection refused")
	attempt(3, event.NotifyFailed, channel("webhook", "a"), 1, event.FailRefused, "HTTP 500")
	attempt(4, event.NotifyFailed, channel("smtp", ""), 2, event.FailUnreachable, "connection refused")
	attempt(5, event.NotifySent, channel("script", "notify_master"), 1, event.ReasonNone, "/bin/x")
	attempt(6, event.NotifySent, channel("smtp", ""), 3, event.ReasonNone, "to ops@example.org by mx:25")
	s.Events(nil, es)
	return s
}

func ask(t *testing.T, s *Server, method, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = "peer:0:7"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestDeliveries folds attempts into deliveries: what was told, by which channel,
// in how many tries, to whom, and what is open.
func TestDeliveries(t *testing.T) {
	s := toldServer(t)
	for query, want := range map[string]string{
		"":                       "webhook:a 1 refused, script:notify_master 1 , smtp 3 ",
		"?limit=1":               "smtp 3 ",
		"?channel=webhook":       "webhook:a 1 refused",
		"?channel=webhook:b":     "",
		"?channel=smtp":          "smtp 3 ",
		"?failed=1":              "webhook:a 1 refused",
		"?failed=1&channel=smtp": "",
	} {
		code, body := ask(t, s, http.MethodGet, "/api/v1/notify/log"+query)
		var all []Delivery
		if err := json.Unmarshal([]byte(body), &all); err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d %v in %s", query, code, err, body)
		}
		var got []string
		for _, d := range all {
			got = append(got, d.Channel+" "+string('0'+rune(d.Tries))+" "+d.Reason.String())
			if d.About != "VI_1 went from BACKUP to MASTER: no other master was heard before the master-down timer ran out" || len(d.ID) != 32 {
				t.Errorf("%s is about %q, id %q", d.Channel, d.About, d.ID)
			}
			if d.Channel == "smtp" && (d.First != 2e9 || d.Last != 6e9 || !d.Delivered || d.Detail != "to ops@example.org by mx:25") {
				t.Errorf("mail: %+v", d)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s gives %q, not %q", query, got, want)
		}
	}
	if code, _ := ask(t, s, http.MethodGet, "/api/v1/notify/log?limit=many"); code != http.StatusBadRequest {
		t.Errorf("a limit that is none: %d", code)
	}
}

// TestTrial asks for a test: root may, and a channel must exist.
func TestTrial(t *testing.T) {
	s := toldServer(t)
	if code, body := ask(t, s, http.MethodPost, "/api/v1/notify/test?channel=smtp"); code != http.StatusOK || !strings.Contains(body, `"channel":"smtp"`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := ask(t, s, http.MethodPost, "/api/v1/notify/test?channel=pigeon"); code != http.StatusNotFound || !strings.Contains(body, "pigeon") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := ask(t, s, http.MethodGet, "/api/v1/notify/test"); code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", code)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/notify/test", nil)
	r.RemoteAddr = "peer:1000:7"
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("somebody else: %d", w.Code)
	}
}
