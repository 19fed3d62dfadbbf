// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/vigild/vigild/engine/event"
)

// parts are the parts of a multipart mail, decoded.
func parts(t *testing.T, text string) (out []string) {
	t.Helper()
	msg, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("type %q: %v", kind, err)
	}
	r := multipart.NewReader(msg.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Header.Get("Content-Type")+"\n"+strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
}

func TestMailExplained(t *testing.T) {
	var p post
	p.serve(t, false)
	set := p.settings()
	set.SMTP.Style = StyleExplained
	for name, c := range map[string]struct {
		template string
		want     []string
	}{
		"as it comes": {"", []string{"Instance VI_1 on lb1: holds its addresses now (MASTER).", "VI_1 went from BACKUP to MASTER at 2023-11-14 22:13:20.123 UTC.", "master-down timer ran out"}},
		"a template":  {"{{.Router}} {{.Document.Subject.Name}} <{{.Document.To}}> {{.Document.Reason}}", []string{"lb1 VI_1 <MASTER> master_down_timer"}},
		"one that breaks off": {
			"{{range 1000000}}no end {{end}}", []string{"Instance VI_1 on lb1: holds its addresses now (MASTER)."},
		},
		"one that asks too much": {"{{.Document.Nothing}}", []string{"Instance VI_1 on lb1: holds its addresses now (MASTER)."}},
	} {
		t.Run(name, func(t *testing.T) {
			set.SMTP.Template = c.template
			var pub published
			m := mailer(t, set, &pub)
			before := len(p.taken())
			m.Events([]event.Event{state(7, event.Backup, event.Master, event.MasterDownTimer)})
			closed(t, m)
			got := parts(t, p.taken()[before].text)
			if len(got) != 2 || !strings.HasPrefix(got[0], "text/plain") || !strings.HasPrefix(got[1], "text/html") {
				t.Fatalf("parts %q", got)
			}
			for _, want := range c.want {
				escaped := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(want)
				if !strings.Contains(got[0], want) || !strings.Contains(got[1], escaped) {
					t.Errorf("%q is not in\n%s\n%s", want, got[0], got[1])
				}
			}
		})
	}
	if _, err := NewMailer(&Settings{SMTP: SMTPSettings{Template: "{{"}}, Options{}); err == nil {
		t.Error("a template that is none is taken")
	}
}

// Of many changes at once a few are told one by one, and the rest in one mail, all
// of it in order.
func TestMailDigest(t *testing.T) {
	var p post
	p.serve(t, false)
	set := p.settings()
	set.SMTP.DigestAfter, set.SMTP.DigestWait = 3, time.Hour
	for i := range 9 {
		set.Instances = append(set.Instances, SubjectSettings{Name: fmt.Sprint("VI_", i+2), SMTPAlert: true})
	}
	var pub published
	m := mailer(t, set, &pub)
	var es []event.Event
	for i, in := range set.Instances {
		e := state(uint64(i+1), event.Init, event.Backup, event.Startup)
		e.Subject = instance(in.Name)
		es = append(es, e)
	}
	m.Events(append(es, state(20, event.Backup, event.Master, event.MasterDownTimer)))
	eventually(t, "the first ones", func() bool { return len(p.taken()) == 3 })
	eventually(t, "only the others wait", func() bool { return m.Stats().Length == 8 })
	closed(t, m)
	got := p.taken()
	if len(got) != 4 {
		t.Fatalf("%d mails", len(got))
	}
	text := strings.ReplaceAll(got[3].text, "\r\n", "\n")
	for _, want := range []string{"Subject: [lb1] 8 changes\n", "8 changes since 2023-11-14T22:13:20.123456Z, the oldest first:\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	at := 0
	for _, want := range []string{
		"VI_4 - Entering BACKUP state", "VI_5 - ", "VI_6 - ", "VI_7 - ", "VI_8 - ", "VI_9 - ", "VI_10 - ",
		"22:13:20.123  [lb1] VRRP Instance VI_1 - Entering MASTER state  (master_down_timer)",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q is not there, or not in order:\n%s", want, text)
		}
		at += i
	}
}

// A digest of more than it can list says how many are missing, and has the newest.
func TestMailDigestIsBounded(t *testing.T) {
	var p post
	p.serve(t, false)
	set := p.settings()
	set.SMTP.DigestAfter, set.SMTP.DigestWait = 1, time.Hour
	var pub published
	m := mailer(t, set, &pub)
	var es []event.Event
	for i := range crowdMax + 11 {
		e := state(uint64(i+1), event.Backup, event.Master, event.MasterDownTimer)
		if i%2 == 1 {
			e.From, e.To = event.Master, event.Backup
		}
		es = append(es, e)
	}
	m.Events(es)
	closed(t, m)
	got := p.taken()
	if len(got) != 2 || !strings.Contains(got[1].text, fmt.Sprintf("Subject: [lb1] %d changes", crowdMax+10)) ||
		!strings.Contains(got[1].text, "and 10 more in between") || strings.Count(got[1].text, "VRRP Instance VI_1") != crowdMax {
		t.Errorf("%d mails; the last is\n%.400s", len(got), got[len(got)-1].text)
	}
}

// Each check of a real server that changes its mind is a mail, or only the server
// itself is.
func TestMailChecks(t *testing.T) {
	const web = "tcp/10.0.0.1:80"
	outcome := func(seq uint64, c event.Checker, from, to event.State) event.Event {
		e := server(web, "192.0.2.1:8080", from, to, event.FailRefused)
		e.Seq, e.Kind, e.Evidence.Check.Checker, e.Detail = seq, event.CheckOutcome, c, "bad greeting"
		return e
	}
	change := func(seq uint64, c event.Checker, from, to event.State) event.Event {
		e := outcome(seq, c, from, to)
		e.Kind = event.ServerState
		return e
	}
	gone := server(web, "192.0.2.1:8080", event.Up, event.Deleted, event.Reload)
	gone.Seq = 9
	stop := server(web, "192.0.2.1:8080", event.Up, event.Deleted, event.Shutdown)
	stop.Seq = 10
	lost := quorum(web, event.Up, event.Down, event.Shutdown)
	lost.Seq, lost.Evidence.Check.Quorum, lost.Evidence.Check.Hysteresis, lost.Evidence.Check.Alive = 11, 2, 1, 0
	for _, c := range []struct {
		name     string
		checkers bool
		es       []event.Event
		want     []string
	}{
		{
			"checks", true,
			[]event.Event{
				outcome(1, event.CheckerTCP, event.Up, event.Down), change(2, event.CheckerTCP, event.Up, event.Down),
				outcome(3, event.CheckerSMTP, event.Up, event.Down), outcome(4, event.CheckerMisc, event.Down, event.Down),
				outcome(5, event.CheckerTCP, event.Down, event.Up), outcome(6, event.CheckerSMTP, event.Down, event.Up),
				change(7, event.CheckerSMTP, event.Down, event.Up),
			},
			[]string{
				"DOWN: => TCP CHECK failed on service <=", "DOWN: => CHECK failed on service : bad greeting <=",
				"UP: => TCP CHECK succeed on service <=", "UP: => CHECK succeed on service <=",
			},
		},
		{
			"servers", false,
			[]event.Event{
				outcome(1, event.CheckerTCP, event.Up, event.Down), change(2, event.CheckerDNS, event.Up, event.Down),
				change(3, event.CheckerHTTP, event.Down, event.Up), change(4, event.CheckerSSL, event.Up, event.Down),
				change(5, event.CheckerUDP, event.Down, event.Up), change(6, event.CheckerPing, event.Up, event.Down),
			},
			[]string{
				"DOWN: => DNS_CHECK: failed on service <=", "UP: => CHECK succeed on service <=", "DOWN: => CHECK failed on service : HTTP request failed <=",
				"UP: => UDP CHECK succeed on service <=", "DOWN: => ICMP CHECK failed on service <=",
			},
		},
		{"the end", true, []event.Event{gone, stop}, []string{"DOWN: => Removing <=", "DOWN: => Shutting down <="}},
		{"a quorum", true, []event.Event{lost}, []string{"DOWN: => Lost quorum 2+1=1 <= 0 <="}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p post
			p.serve(t, false)
			set := p.settings()
			set.Services, set.CheckerMails = farm().Services, c.checkers
			var pub published
			m := mailer(t, set, &pub)
			m.Events(c.es)
			closed(t, m)
			var got []string
			for _, d := range p.taken() {
				msg, err := netmail.ReadMessage(strings.NewReader(d.text))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(msg.Body)
				if err != nil {
					t.Fatal(err)
				}
				_, state, _ := strings.Cut(msg.Header.Get("Subject"), " - ")
				got = append(got, state+": "+strings.TrimSpace(string(body)))
			}
			wantLines(t, got, c.want...)
		})
	}
}

func TestMailIntoAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mails")
	set := Settings{
		Instances: []SubjectSettings{{Name: "VI_1", SMTPAlert: true}},
		SMTP:      SMTPSettings{RouterID: "lb1", From: "lb@example.org", Recipients: []string{"ops@example.org"}, Helo: "lb1", File: path},
	}
	var pub published
	m := mailer(t, set, &pub)
	m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup), state(2, event.Backup, event.Master, event.MasterDownTimer)})
	closed(t, m)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\nSubject: [lb1] VRRP Instance VI_1 - Entering "); n != 2 || !strings.HasPrefix(string(text), "From lb@example.org ") {
		t.Errorf("%d mails in\n%s", n, text)
	}
	wantLines(t, pub.words(), "notify.sent smtp  1 ", "notify.sent smtp  1 ")
	if d := pub.all()[0].Detail; d != "to ops@example.org in "+path {
		t.Errorf("told %q", d)
	}
}

// Mail goes to a server at an IPv6 address, and the delivery says to whom it went.
func TestMailOverIPv6(t *testing.T) {
	var p post
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(&p)
	srv.Domain = "mx.test"
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	p.addr = ln.Addr().(*net.TCPAddr)
	set := p.settings()
	set.SMTP.Server = "::1"
	var pub published
	m := mailer(t, set, &pub)
	m.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	closed(t, m)
	want := fmt.Sprintf("to ops@example.org, noc@example.org by [::1]:%d", p.addr.Port)
	if len(p.taken()) != 1 || pub.all()[0].Detail != want {
		t.Errorf("%d mails, told %q, not %q", len(p.taken()), pub.all()[0].Detail, want)
	}
}
