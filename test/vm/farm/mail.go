// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package farm

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/vigild/vigild/test/netns/lab"
)

// Mailbox is a mail server that takes everything.
type Mailbox struct {
	// Port is where it listens on 127.0.0.1.
	Port int

	mu    sync.Mutex
	mails []string
}

// Mailbox makes one on a host.
func (f *Farm) Mailbox(r *lab.Router) *Mailbox { return f.MailboxAt(r, "127.0.0.1:0") }

// MailboxAt makes one at an address and port of a host.
func (f *Farm) MailboxAt(r *lab.Router, at string) *Mailbox {
	f.t.Helper()
	m := &Mailbox{}
	var l net.Listener
	r.Do(func() (err error) {
		l, err = net.Listen("tcp4", at)
		return err
	})
	m.Port = l.Addr().(*net.TCPAddr).Port
	var talks sync.WaitGroup
	talks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talks.Go(func() { m.talk(c) })
		}
	})
	f.t.Cleanup(func() { l.Close(); talks.Wait() })
	return m
}

// talk is one session (RFC 5321).
func (m *Mailbox) talk(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 mailbox SMTP\r\n")
	var mail strings.Builder
	for in := bufio.NewScanner(c); in.Scan(); {
		line := strings.TrimRight(in.Text(), "\r")
		switch word, _, _ := strings.Cut(line, " "); word {
		case "MAIL", "RCPT":
			mail.WriteString(line + "\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			mail.WriteString(m.read(in))
			m.mu.Lock()
			m.mails = append(m.mails, mail.String())
			m.mu.Unlock()
			mail.Reset()
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		}
		fmt.Fprint(c, "250 fine\r\n")
	}
}

// read reads a mail without what differs from mail to mail, or from program to
// program for a reason: only vigild gives a mail an id, that of its event, says
// that nobody wrote it, so that nobody's absence notice answers it, and says in
// the header what led to it.
func (m *Mailbox) read(in *bufio.Scanner) string {
	var out strings.Builder
	header, ours := true, false
	for in.Scan() {
		line := strings.TrimRight(in.Text(), "\r")
		if line == "." {
			break
		}
		header = header && line != ""
		folded := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		name, _, _ := strings.Cut(line, ":")
		switch {
		case !header:
		case folded && ours:
			continue
		default:
			ours = name == "Message-ID" || name == "Auto-Submitted" || strings.HasPrefix(name, "X-Vigil-")
			if ours {
				continue
			}
			if name == "Date" {
				line = name
			}
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// Mails are those that came so far, without date and id.
func (m *Mailbox) Mails() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}
