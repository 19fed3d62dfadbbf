// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// alertmanager starts the real one and returns its URL.
func alertmanager(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf.yml")
	if err := os.WriteFile(conf, []byte("route:\n  receiver: none\nreceivers:\n- name: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	cmd := exec.CommandContext(t.Context(), "prometheus-alertmanager", "--config.file="+conf, "--storage.path="+dir,
		"--web.listen-address="+addr, "--cluster.listen-address=")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	limit := time.Now().Add(60 * time.Second)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		select {
		case <-done:
			t.Fatalf("it ended:\n%s", said.String())
		default:
		}
		if res, err := http.Get("http://" + addr + "/-/ready"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return "http://" + addr
			}
		}
		if time.Now().After(limit) {
			t.Fatal("it is not ready in time")
		}
	}
}

// firing asks Alertmanager which alerts are active: name and subject.
func firing(t *testing.T, url string) (out []string) {
	t.Helper()
	res, err := http.Get(url + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var alerts []struct {
		Labels      map[string]string
		Annotations map[string]string
	}
	if err := json.NewDecoder(res.Body).Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts {
		out = append(out, fmt.Sprint(a.Labels["alertname"], " ", a.Labels["name"], " ", a.Annotations["state"]))
	}
	slices.Sort(out)
	return out
}

// The ready template is what Debian's Alertmanager takes: an alert begins with what
// is wrong and is gone when that is right again; a failover and a test are alerts,
// too.
func TestRealAlertmanager(t *testing.T) {
	url := alertmanager(t)
	var pub published
	w := hook(t, WebhookSettings{Name: "am", URL: url + "/api/v2/alerts", Node: "lb1", Template: "alertmanager-v2"}, &pub)
	w.book.configure(farm())
	at := func(e event.Event, seq uint64) event.Event {
		e.Seq, e.Wall = seq, time.Now().UnixNano()
		return e
	}
	down := at(server("tcp/10.0.0.1:80", "192.0.2.1:8080", event.Up, event.Down, event.FailRefused), 3)
	w.Events([]event.Event{
		at(state(1, event.Init, event.Backup, event.Startup), 1), at(state(2, event.Backup, event.Fault, event.Interface), 2), down,
	})
	eventually(t, "two alerts", func() bool { return len(firing(t, url)) == 2 })
	wantLines(t, firing(t, url), "VigilInstanceFault VI_1 FAULT", "VigilServerDown tcp/10.0.0.1:80 DOWN")
	w.Events([]event.Event{at(state(4, event.Fault, event.Backup, event.Interface), 4)})
	eventually(t, "one is over", func() bool { return len(firing(t, url)) == 1 })
	w.Events([]event.Event{at(state(5, event.Backup, event.Master, event.MasterDownTimer), 5)})
	eventually(t, "a failover", func() bool { return strings.Contains(strings.Join(firing(t, url), "\n"), "VigilFailover VI_1 ") })
	if got := w.test(t.Context()); got.Reason != event.ReasonNone {
		t.Errorf("test: %+v", got)
	}
	closed(t, w)
	if s := w.Stats(); s.Sent != 6 || len(s.Failed) != 0 {
		t.Errorf("stats %+v, %q", s, pub.words())
	}
}
