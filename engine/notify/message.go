// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"fmt"
	"html/template"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/notify/document"
)

// compose writes the mail about a notice: keepalived's headers, subject and body,
// and the headers that a mail program needs to file it.
func compose(n *notice, set *SMTPSettings) []byte {
	m := message{subject: subject(n, set.RouterID), text: n.compatBody() + "\r\n\r\n", ev: &n.ev}
	if set.Style == StyleExplained {
		m.explain(n, set)
	}
	return m.render(set)
}

// message is a mail before it is written.
type message struct {
	subject, text string
	// page is the same as HTML; empty means plain text alone.
	page string
	ev   *event.Event
}

// render writes headers and body.
func (m *message) render(set *SMTPSettings) []byte {
	var b bytes.Buffer
	head := func(name, value string) {
		value = oneLine(value)
		if !ascii(value) {
			value = mime.QEncoding.Encode("utf-8", value)
		}
		if strings.HasPrefix(name, "X-Vigil-") {
			value = fold(value, len(name)+2)
		}
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	head("Date", sendTime(m.ev))
	head("From", mailbox(set.From))
	head("Subject", m.subject)
	head("X-Mailer", "Keepalived") // compat: filters look for it
	var to []string
	for _, r := range set.Recipients {
		to = append(to, mailbox(r))
	}
	head("To", strings.Join(to, ", "))
	span := m.ev.Story().DeliverySpan(m.ev.Ref(), event.Subject{Kind: event.SubjectChannel, Name: "smtp"}, 0)
	head("Message-ID", fmt.Sprintf("<%s.%s@%s>", m.ev.ID(), span, set.Helo))
	head("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	head("X-Vigil-Event-Id", m.ev.ID().String())
	head("X-Vigil-Reason", m.ev.Reason.String())
	head("X-Vigil-Cause", explain.Sentence(m.ev))
	m.body(&b)
	return b.Bytes()
}

// fold breaks a header's value at blanks into lines of about 78 characters (RFC
// 5322 section 2.2.3); used is how many the first has already.
func fold(value string, used int) string {
	var b strings.Builder
	for i, word := range strings.Split(value, " ") {
		switch {
		case i == 0:
		case used+1+len(word) > 78:
			b.WriteString("\r\n ")
			used = 1
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

// body writes one part, or two of which the reader shows the one it likes best
// (RFC 2046 section 5.1.4).
func (m *message) body(b *bytes.Buffer) {
	if m.page == "" && ascii(m.text) {
		b.WriteString("\r\n" + m.text)
		return
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	if m.page == "" {
		part(b, "text/plain", m.text)
		return
	}
	between := "=_" + m.ev.Ref().ID().String() // the second character cannot be in quoted-printable text
	fmt.Fprintf(b, "Content-Type: multipart/alternative; boundary=%q\r\n\r\n--%s\r\n", between, between)
	part(b, "text/plain", m.text)
	fmt.Fprintf(b, "\r\n--%s\r\n", between)
	part(b, "text/html", m.page)
	fmt.Fprintf(b, "\r\n--%s--\r\n", between)
}

func part(b *bytes.Buffer, kind, text string) {
	fmt.Fprintf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", kind)
	w := quotedprintable.NewWriter(b)
	_, _ = w.Write([]byte(text)) // a bytes.Buffer takes everything
	_ = w.Close()
}

// MailPage is what the template of explained mail is given.
type MailPage struct {
	// Subject is that of the mail, Router the router_id.
	Subject, Router string
	// What says in one line what happened to what.
	What string
	// Why explains it as vigilctl why does: cause, doubts, evidence.
	Why string
	// Document is the whole event, as webhooks get it.
	Document *document.Document
}

const defaultMail = `{{.What}}

{{.Why}}`

var mailHTML = template.Must(template.New("mail").Parse(`<!DOCTYPE html>
<html><body style="font-family:sans-serif">
<h2 style="font-size:1.1em">{{.What}}</h2>
{{with .Document.Sentence}}<p>{{.}}</p>
{{end}}<pre style="font-size:0.95em;line-height:1.35">{{.Text}}</pre>
</body></html>
`))

// ParseMailTemplate reads the template of explained mail; MailPage is what it is
// given.
func ParseMailTemplate(text string) (*texttemplate.Template, error) {
	if text == "" {
		text = defaultMail
	}
	t, err := texttemplate.New("mail").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("template of mail: %w", err)
	}
	return t, nil
}

// explain words the mail so that a person understands it. A template that cannot
// be filled in is replaced by the built-in one.
func (m *message) explain(n *notice, set *SMTPSettings) {
	page := MailPage{
		Subject: m.subject, Router: set.RouterID, What: n.called() + " on " + set.RouterID + ": " + does(n.state), Why: n.why(),
		Document: document.New(&n.ev, set.RouterID, explain.Sentence(&n.ev)),
	}
	if n.matter == aboutTest {
		page.What = n.compatBody()
	}
	text := page.What + "\n\n" + page.Why
	if t, err := ParseMailTemplate(set.Template); err == nil {
		b := limited{left: pageMax}
		if t.Execute(&b, &page) == nil {
			text = b.String()
		}
	}
	m.text = crlf(text)
	var b bytes.Buffer
	// It has no call that could fail.
	_ = mailHTML.Execute(&b, struct {
		*MailPage
		Text string
	}{&page, text})
	m.page = crlf(b.String())
}

// pageMax bounds what a template may write, in bytes.
const pageMax = 256 << 10

// limited is a buffer that refuses more than it may hold.
type limited struct {
	strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, fmt.Errorf("the template writes more than %d bytes", pageMax)
	}
	return l.Builder.Write(p)
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// why explains the event as far as it does by itself.
func (n *notice) why() string {
	e := &n.ev
	var a explain.Answer
	switch e.Subject.Kind {
	case event.SubjectVirtualServer, event.SubjectRealServer:
		a = explain.WhyPool(&explain.PoolCase{Subject: e.Subject, Name: strings.ToLower(n.called()[:1]) + n.called()[1:], State: e.To, Last: *e})
	case event.SubjectInstance:
		a = explain.Why(&explain.Case{
			Name: e.Subject.Name, State: e.To, SinceWall: e.Wall, Last: *e, Base: e.Evidence.Base, Priority: e.Priority,
			Terms: e.Evidence.Terms[:min(e.Evidence.NTerm, event.TermMax)],
		})
	case event.SubjectNone, event.SubjectGroup, event.SubjectInterface, event.SubjectScript, event.SubjectFile, event.SubjectProcess,
		event.SubjectBFD, event.SubjectWorker, event.SubjectConfig, event.SubjectChannel, event.SubjectRouter:
		return explain.Sentence(e) + "\n"
	}
	return a.Text(explain.Paint{})
}

// subject is keepalived's, word for word: filters look for it.
func subject(n *notice, router string) string {
	switch n.scope {
	case scopeService:
		return fmt.Sprintf("[%s] Virtualserver %s - %s", router, n.title, n.word)
	case scopeServer:
		return fmt.Sprintf("[%s] Realserver %s of virtual server %s - %s", router, n.server, n.title, n.word)
	case scopeTest:
		return fmt.Sprintf("[%s] Test of mail", router)
	}
	what := "Instance"
	if n.subject.Kind == event.SubjectGroup {
		what = "Group"
	}
	return fmt.Sprintf("[%s] VRRP %s %s - %s", router, what, n.subject.Name, deed(n.state))
}

func deed(s event.State) string {
	switch s {
	case event.Stop:
		return "Stopping"
	case event.Deleted:
		return "Deleted"
	case event.Master, event.Backup, event.Fault, event.Init, event.StateNone, event.Up, event.Down, event.Disabled, event.Unknown:
	}
	return "Entering " + s.String() + " state"
}

// digest is one mail about many notices, in their order.
func digest(ns []notice, more int, set *SMTPSettings) []byte {
	last := &ns[len(ns)-1]
	m := message{subject: fmt.Sprintf("[%s] %d changes", set.RouterID, len(ns)+more), ev: &last.ev}
	var b strings.Builder
	fmt.Fprintf(&b, "%d changes since %s, the oldest first:\r\n\r\n", len(ns)+more, document.Stamp(&ns[0].ev))
	for i := range ns {
		n := &ns[i]
		fmt.Fprintf(&b, "%s  %s  (%s)\r\n", time.Unix(0, n.ev.Wall).UTC().Format("15:04:05.000"), oneLine(subject(n, set.RouterID)), n.ev.Reason)
	}
	if more > 0 {
		fmt.Fprintf(&b, "\r\nand %d more in between, which are not listed\r\n", more)
	}
	m.text = b.String()
	return m.render(set)
}

// called is what a notice is about, for people.
func (n *notice) called() string {
	switch n.subject.Kind {
	case event.SubjectGroup:
		return "Group " + n.subject.Name
	case event.SubjectVirtualServer:
		return "Virtual server " + n.title
	case event.SubjectRealServer:
		return "Real server " + n.server + " of virtual server " + n.title
	case event.SubjectNone, event.SubjectInstance, event.SubjectInterface, event.SubjectScript, event.SubjectFile, event.SubjectProcess,
		event.SubjectBFD, event.SubjectWorker, event.SubjectConfig, event.SubjectChannel, event.SubjectRouter:
	}
	return "Instance " + n.subject.Name
}

func does(s event.State) string {
	switch s {
	case event.Up:
		return "is UP."
	case event.Down:
		return "is DOWN."
	case event.Master:
		return "holds its addresses now (MASTER)."
	case event.Backup:
		return "does not hold its addresses (BACKUP)."
	case event.Fault:
		return "cannot take part (FAULT)."
	case event.Stop:
		return "stops."
	case event.Deleted:
		return "was taken out of the configuration."
	case event.Init, event.StateNone, event.Disabled, event.Unknown:
	}
	return s.String() + "."
}

// mailbox is an address as it stands in a header: as configured, with a name
// that is not plain text encoded.
func mailbox(s string) string {
	if !ascii(s) {
		if a, err := netmail.ParseAddress(s); err == nil {
			return a.String()
		}
	}
	return s
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] < 0x20 && s[i] != '\r' && s[i] != '\n' && s[i] != '\t' {
			return false
		}
	}
	return true
}
