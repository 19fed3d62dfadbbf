// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify/spool"
)

// spoolFiles are the names in a folder.
func spoolFiles(t *testing.T, dir string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		out = append(out, f.Name())
	}
	return out
}

// shut closes a mailer as the end of a process does that has no time left.
func shut(t *testing.T, m *Mailer, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	m.Close(ctx)
}

// What cannot be delivered while a process lives is delivered by the next one,
// once and in order, though that one is told of the same events again.
func TestSpoolSurvivesARestart(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := post{addr: dead.Addr().(*net.TCPAddr)}
	set := p.settings()
	dead.Close()
	set.SMTP.Spool = filepath.Join(t.TempDir(), "spool")
	var pub published
	m := mailer(t, set, &pub)
	es := []event.Event{
		state(1, event.Init, event.Backup, event.Startup), state(2, event.Backup, event.Master, event.MasterDownTimer),
		groupState(3, event.Backup, event.Master), state(4, event.Master, event.Fault, event.Interface),
	}
	m.Events(es)
	eventually(t, "an attempt of each subject", func() bool { return len(pub.all()) >= 2 })
	shut(t, m, time.Millisecond)
	eventually(t, "all are kept", func() bool { return len(spoolFiles(t, set.SMTP.Spool)) == 4 })
	kept := 0
	eventually(t, "all are told of", func() bool {
		kept = 0
		for _, e := range pub.all() {
			if strings.HasSuffix(e.Detail, "it waits in the spool for the next start") {
				kept++
			}
		}
		return kept == 4
	})

	var alive post
	alive.serve(t, false)
	set.SMTP.Server, set.SMTP.Port = "127.0.0.1", uint16(alive.addr.Port)
	if err := os.WriteFile(filepath.Join(set.SMTP.Spool, "0-0.mail"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var again published
	m = mailer(t, set, &again)
	m.Events(es)
	eventually(t, "all are delivered", func() bool { return len(alive.taken()) == 4 })
	closed(t, m)
	var subjects []string
	for _, d := range alive.taken() {
		for line := range strings.Lines(d.text) {
			if s, ok := strings.CutPrefix(strings.TrimSpace(line), "Subject: [lb1] VRRP Instance VI_1 - "); ok {
				subjects = append(subjects, s)
			}
		}
	}
	wantLines(t, subjects, "Entering BACKUP state", "Entering MASTER state", "Entering FAULT state")
	wantLines(t, spoolFiles(t, set.SMTP.Spool), "0-0.mail.bad")
	if s := m.Stats(); s.Sent != 4 || s.SpoolFailures != 1 || s.Length != 0 {
		t.Errorf("stats %+v", s)
	}
	eventually(t, "what cannot be read is told of", func() bool {
		for _, e := range again.all() {
			if e.Kind == event.NotifyFailed && e.Subject.Sub == "spool" {
				return true
			}
		}
		return false
	})
}

// The spool knows who has got a mail already, and forgets what is given up.
func TestSpoolRemembersRecipients(t *testing.T) {
	p := post{rcpt: func(to string) error {
		if strings.HasPrefix(to, "busy") {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}}
	p.serve(t, false)
	set := p.settings()
	set.SMTP.Recipients = []string{"ok@example.org", "busy@example.org"}
	set.SMTP.Spool = t.TempDir()
	var pub published
	m := mailer(t, set, &pub)
	m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	eventually(t, "the first attempt", func() bool { return len(pub.all()) > 0 })
	shut(t, m, 5*time.Second)
	_, waiting, err := spool.Open(set.SMTP.Spool, 0, func(err error) { t.Error(err) })
	if err != nil || len(waiting) != 1 || strings.Join(waiting[0].To, " ") != "busy@example.org" || len(p.taken()) != 1 {
		t.Errorf("waiting %+v (%v), taken %d", waiting, err, len(p.taken()))
	}
	p.rcpt = func(string) error { return &smtp.SMTPError{Code: 550, Message: "never"} }
	m = mailer(t, set, &pub)
	eventually(t, "it is given up", func() bool { return m.Stats().Dropped[event.FailRefused] == 1 })
	closed(t, m)
	wantLines(t, spoolFiles(t, set.SMTP.Spool))
}

// A spool that is full, or that cannot be written, delays nothing: mail goes out of
// memory, and what was not kept is counted and told.
func TestSpoolWithoutRoom(t *testing.T) {
	release := make(chan struct{})
	p := post{data: func() error { <-release; return nil }}
	p.serve(t, false)
	for name, prepare := range map[string]func(set *SMTPSettings){
		"full":   func(set *SMTPSettings) { set.Spool, set.SpoolMax = t.TempDir(), 10 },
		"a file": func(set *SMTPSettings) { set.Spool = filepath.Join(t.TempDir(), "file"); touch(t, set.Spool) },
	} {
		t.Run(name, func(t *testing.T) {
			set := p.settings()
			prepare(&set.SMTP)
			var pub published
			m := mailer(t, set, &pub)
			m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
			eventually(t, "it is counted and told of", func() bool {
				return m.Stats().SpoolFailures == 1 && len(pub.all()) == 1 && pub.all()[0].Subject.Sub == "spool"
			})
			release <- struct{}{}
			closed(t, m)
			if s := m.Stats(); s.Sent != 1 || s.Dropped[event.Shutdown] != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
