// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// TestWhyOfAnID asks for a change that others have followed, by the id that its
// mail had: the answer is the one of its time, but for what is true now.
func TestWhyOfAnID(t *testing.T) {
	w := newWorld(Options{})
	w.promote()
	first := w.View().Instance("VI_1").Last
	then := get[[]explain.Answer](t, w.server, "/api/v1/why?name=VI_1")[0]
	w.happen(20*time.Second, event.Event{Kind: event.VRRPState, Subject: vi1, From: event.Master, To: event.Backup, Reason: event.HigherPriority, Priority: 100})
	w.happen(30*time.Second, event.Event{Kind: event.VRRPState, Subject: vi1, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 100})
	got := get[[]explain.Answer](t, w.server, "/api/v1/why?name="+first.ID().String())[0]
	if got.ID != then.ID || got.Reason != event.Preempt || got.Cause != then.Cause || len(got.Done) != len(then.Done) || len(got.Done) == 0 {
		t.Errorf("it is explained as\n%+v\nand was as\n%+v", got, then)
	}
	if got.State != event.Master || !strings.Contains(got.What, "from BACKUP to MASTER at 2025-11-20 08:00:10") {
		t.Errorf("%s: %s", got.State, got.What)
	}
	if now := get[[]explain.Answer](t, w.server, "/api/v1/why?name=VI_1")[0]; now.ID == got.ID {
		t.Error("the newest change is the old one")
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, httptest.NewRequest("GET", "/api/v1/why?name="+strings.Repeat("0f", 16), nil))
	if rec.Code != 404 || !strings.Contains(rec.Body.String(), "no change with the id") {
		t.Errorf("unknown: %d %s", rec.Code, rec.Body)
	}
}

// TestWhyOfAnIDOfAServer is the same of a real server, whose mail has its own.
func TestWhyOfAnIDOfAServer(t *testing.T) {
	w := newWorld(Options{})
	rs := event.Subject{Kind: event.SubjectRealServer, Name: "tcp/192.0.2.1:80", Sub: "198.51.100.2:80"}
	verdict := w.happen(5*time.Second, event.Event{Kind: event.CheckOutcome, Subject: rs, From: event.Up, To: event.Down, Reason: event.FailHTTPStatus})
	down := w.happen(5*time.Second, event.Event{Kind: event.ServerState, Subject: rs, From: event.Up, To: event.Down, Reason: event.FailHTTPStatus, Cause: verdict})
	w.happen(6*time.Second, event.Event{Kind: event.ServerState, Subject: rs, From: event.Down, To: event.Up, Reason: event.Recovered})
	for _, ref := range []event.Ref{down, verdict} {
		got := get[[]explain.Answer](t, w.server, "/api/v1/why?name="+ref.ID().String())[0]
		if got.ID != down.ID().String() || got.Reason != event.FailHTTPStatus || !strings.Contains(got.Instance, rs.Sub) {
			t.Errorf("%+v", got)
		}
	}
}
