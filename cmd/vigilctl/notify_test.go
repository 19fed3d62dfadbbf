// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

func TestNotifyLog(t *testing.T) {
	d, socket := start(t)
	root := d.happen(3*time.Minute, event.Event{Kind: event.VRRPState, Subject: instance("VI_2", 52), From: event.Backup, To: event.Master, Reason: event.MasterDownTimer})
	d.happen(3*time.Minute+200*time.Millisecond, event.Event{
		Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: "pager"}, Root: root, Cause: root, Count: 1, Reason: event.FailTimeout,
	})
	d.happen(3*time.Minute+time.Second, event.Event{
		Kind: event.NotifySent, Subject: event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: "pager"}, Root: root, Cause: root, Count: 2, Detail: "HTTP 204",
	})
	code, out, errs := ctl(t, nil, "--socket", socket, "notify", "log")
	if code != exitOK || errs != "" {
		t.Fatal(code, errs)
	}
	golden(t, "notify-log", out)
	if _, out, _ = ctl(t, nil, "--socket", socket, "notify", "log", "--failed"); strings.Count(out, "\n") != 1 || !strings.Contains(out, "failed (refused)") {
		t.Errorf("failed ones:\n%s", out)
	}
	if _, out, _ = ctl(t, nil, "--socket", socket, "--json", "notify", "log", "--channel", "webhook"); !strings.Contains(out, `"tries": 2`) || strings.Contains(out, "smtp") {
		t.Errorf("as JSON:\n%s", out)
	}
}

func TestNotifyTest(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{ledger: ledger.New()}
	d.server = api.New(d, api.Options{Test: func(_ context.Context, channel string) ([]api.Trial, error) {
		switch channel {
		case "":
			return []api.Trial{
				{Channel: "smtp", Took: 20 * time.Millisecond, Detail: "to ops@example.org by 192.0.2.25:25"},
				{Channel: "webhook:a\x1b[31m", Reason: event.FailRefused, Detail: "HTTP 500 Internal Server Error"},
			}, nil
		case "smtp":
			return []api.Trial{{Channel: "smtp", Took: 20 * time.Millisecond}}, nil
		}
		return nil, errors.New("there is no channel \"" + channel + "\"")
	}})
	// Whoever runs the test is root to it.
	as := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "peer:0:1"
		d.server.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: as}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	code, out, errs := ctl(t, nil, "--socket", socket, "notify", "test")
	want := "smtp  delivered in 20 ms  to ops@example.org by 192.0.2.25:25\nwebhook:a?[31m  failed (refused)  HTTP 500 Internal Server Error\n"
	if code != exitFailure || out != want || errs != "vigilctl: not everything was delivered\n" {
		t.Errorf("%d\n%q\n%q\n%q", code, out, want, errs)
	}
	if code, out, errs = ctl(t, nil, "--socket", socket, "notify", "test", "smtp"); code != exitOK || !strings.HasPrefix(out, "smtp  delivered") || errs != "" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if code, _, errs = ctl(t, nil, "--socket", socket, "notify", "test", "pigeon"); code != exitNotFound || !strings.Contains(errs, "pigeon") {
		t.Errorf("%d %q", code, errs)
	}
}
