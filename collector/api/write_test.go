// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// steady is a source whose picture does not change.
type steady struct{ v *ledger.View }

func (s steady) View() *ledger.View { return s.v }

func (s steady) Refresh(context.Context) *ledger.View { return s.v }

// reloading returns a Server that can reload, and what it was asked.
func reloading(problem error) (*Server, *[]string) {
	asked := &[]string{}
	v := &ledger.View{Instances: []*ledger.Instance{{
		Row: event.InstanceRow{Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1"}}, State: event.Backup,
		Tally: event.Tally{Master: "192.0.2.9", MasterPriority: 120},
	}}}
	return New(steady{v}, Options{
		Running: func(context.Context) (*Running, error) {
			return &Running{File: "/etc/k.conf", Generation: 3, Text: "vrrp_instance VI_1 {\n}\n"}, nil
		},
		Reload: func(_ context.Context, by string) error {
			*asked = append(*asked, by)
			return problem
		},
	}), asked
}

// TestRootOnly lets root on the control socket write, and nobody else: not
// another user there, not somebody at another listener.
func TestRootOnly(t *testing.T) {
	for _, c := range []struct {
		from, method, path string
		want               int
		asked              string
	}{
		{"peer:0:7", http.MethodPost, "/api/v1/reload", 200, "uid 0, pid 7"},
		{"peer:1000:7", http.MethodPost, "/api/v1/reload", 403, ""},
		{"192.0.2.1:80", http.MethodPost, "/api/v1/reload", 403, ""},
		{"", http.MethodPost, "/api/v1/reload", 403, ""},
		{"@", http.MethodPost, "/api/v1/reload", 403, ""},
		{"peer:x", http.MethodPost, "/api/v1/reload", 403, ""},
		{"peer:0:7", http.MethodGet, "/api/v1/reload", 405, ""},
		{"peer:0:7", http.MethodGet, "/api/v1/running", 200, ""},
		{"peer:1000:7", http.MethodGet, "/api/v1/running", 403, ""},
		{"peer:1000:7", http.MethodGet, "/api/v1/status", 200, ""},
	} {
		s, asked := reloading(nil)
		r := httptest.NewRequest(c.method, c.path, nil)
		r.RemoteAddr = c.from
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s from %q: %d, want %d: %s", c.method, c.path, c.from, w.Code, c.want, w.Body)
		}
		if got := strings.Join(*asked, ";"); got != c.asked {
			t.Errorf("%s %s from %q asked %q, want %q", c.method, c.path, c.from, got, c.asked)
		}
	}
}

// TestPeers asks over a real socket: the kernel says who that is.
func TestPeers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s, asked := reloading(errors.New("line 3 is wrong"))
	server := &http.Server{Handler: s}
	go server.Serve(Peers(l)) //nolint:errcheck // it ends with the test
	defer server.Close()
	c := NewClient(path)
	if os.Getuid() != 0 {
		if _, err := c.Running(t.Context()); err == nil || !strings.Contains(err.Error(), "only root") {
			t.Errorf("somebody else was answered: %v", err)
		}
		return
	}
	r, err := c.Running(t.Context())
	if err != nil || r.Generation != 3 || len(r.Instances) != 1 || r.Instances[0].MasterPriority != 120 || r.Instances[0].State != event.Backup {
		t.Errorf("%+v, %v", r, err)
	}
	if err := c.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "line 3 is wrong") {
		t.Errorf("a refused reload: %v", err)
	}
	if want := fmt.Sprintf("uid 0, pid %d", os.Getpid()); len(*asked) != 1 || (*asked)[0] != want {
		t.Errorf("asked %q, want %q", *asked, want)
	}
}
