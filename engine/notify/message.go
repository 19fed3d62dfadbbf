// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// compose writes the mail about a notice: keepalived's headers and subject,
// then ours that a mail program needs to file it, and a short text.
func compose(n *notice, set *SMTPSettings, sentence string) []byte {
	var b bytes.Buffer
	head := func(name, value string) {
		value = oneLine(value)
		if !ascii(value) {
			value = mime.QEncoding.Encode("utf-8", value)
		}
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	head("Date", sendTime(&n.ev))
	head("From", mailbox(set.From))
	head("Subject", subject(n, set.RouterID))
	head("X-Mailer", "Keepalived") // compat: filters look for it
	var to []string
	for _, r := range set.Recipients {
		to = append(to, mailbox(r))
	}
	head("To", strings.Join(to, ", "))
	head("Message-ID", fmt.Sprintf("<%s.%s@%s>", n.ev.ID(), n.ev.Ref().Span("", 0), set.Helo))
	head("Auto-Submitted", "auto-generated")
	head("X-Vigil-Event-Id", n.ev.ID().String())
	text := body(n, set.RouterID, sentence)
	if ascii(text) {
		b.WriteString("\r\n" + text)
		return b.Bytes()
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// subject is keepalived's, word for word: filters look for it.
func subject(n *notice, router string) string {
	switch n.scope {
	case scopeService:
		return fmt.Sprintf("[%s] Virtualserver %s - %s", router, n.title, n.word)
	case scopeServer:
		return fmt.Sprintf("[%s] Realserver %s of virtual server %s - %s", router, n.server, n.title, n.word)
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

// body is what a person reads.
func body(n *notice, router, sentence string) string {
	e := &n.ev
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %s\r\n", oneLine(n.called()), oneLine(router), does(n.state))
	if sentence != "" {
		fmt.Fprintf(&b, "\r\n%s\r\n", oneLine(sentence))
	}
	fmt.Fprintf(&b, "\r\nTime:     %s\r\nState:    %s to %s\r\nReason:   %s\r\n", stamp(e), e.From, e.To, e.Reason)
	if n.subject.Kind == event.SubjectInstance {
		fmt.Fprintf(&b, "VRID:     %d\r\nPriority: %d\r\n", e.Subject.VRID, e.Priority)
	}
	fmt.Fprintf(&b, "Event:    %s\r\n", e.ID())
	return b.String()
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
