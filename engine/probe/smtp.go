// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// smtpCheck greets a mail server: 220, HELO, 250, QUIT. What is answered to QUIT does not matter, but that something
// is (compat). compat: keepalived 2.2.7 takes no reply of several lines; RFC 5321 allows them, and so do we.
//
// A block has either its own connection keywords or, in the old style, some host blocks with one checker in each; those
// are given to Parse one by one.
var smtpCheck = Kind{
	Checker: event.CheckerSMTP,
	Reasons: append([]event.Reason{event.FailSMTPReply}, readReasons...),
	parse: func(p *parser, c *Check) {
		p.connection(c)
		x := greeter{limits{c.Timeout}, "smtpchecker.keepalived.org"}
		for _, n := range p.node.Children {
			if n.Keyword != "helo_name" {
				continue
			}
			word, ok := p.value(n)
			switch {
			case !ok:
			case word == "" || len(word) > 255 || strings.ContainsAny(word, "\r\n\x00"):
				p.err(n.ArgPos(0), ruleBadWord, quote(word)+" cannot be the name of a HELO; it is ignored", "")
			default:
				x.helo = word
			}
		}
		c.Prober, c.Detail = x, "HELO "+x.helo
	},
}

// smtpMost is the longest reply: RFC 5321 section 4.5.3.1.5 has 512 bytes a line, and a reply is some lines.
const smtpMost = 16 << 10

type greeter struct {
	limits
	helo string
}

func (x greeter) key() string { return fmt.Sprintf("%q", x.helo) }

func (x greeter) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, x.limits, to, func(t *try) bool {
		m := mail{try: t}
		return t.connect("tcp") && m.reply("220", event.PhaseProcessing) && m.say("HELO "+x.helo) && m.reply("250", event.PhaseTransfer) &&
			m.say("QUIT") && m.bye()
	})
}

// mail is one SMTP connection.
type mail struct {
	*try
	buf []byte // what was read and not yet looked at
}

func (m *mail) say(command string) bool {
	m.arm()
	if _, err := io.WriteString(m.conn, command+"\r\n"); err != nil {
		return m.failed(event.PhaseTransfer, err)
	}
	return true
}

// line reads one line, without its end.
func (m *mail) line() (string, error) {
	for {
		if i := bytes.IndexByte(m.buf, '\n'); i >= 0 {
			text := string(bytes.TrimRight(m.buf[:i], "\r"))
			m.buf = m.buf[i+1:]
			return text, nil
		}
		if len(m.buf) >= smtpMost {
			return "", errTooLong
		}
		var room [1024]byte
		m.arm()
		n, err := m.conn.Read(room[:])
		m.buf = append(m.buf, room[:n]...)
		if err != nil && n == 0 {
			return "", err
		}
	}
}

// answer reads a reply, which may be several lines (RFC 5321 section 4.2.1), and gives its code and last line.
func (m *mail) answer() (code, text string, err error) {
	for read := 0; ; {
		line, err := m.line()
		if err != nil {
			return "", "", err
		}
		if read += len(line) + 2; read > smtpMost {
			return "", "", errTooLong
		}
		if len(line) < 3 || strings.Trim(line[:3], "0123456789") != "" || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
			return "", line, nil
		}
		if len(line) == 3 || line[3] == ' ' {
			return line[:3], line, nil
		}
	}
}

// reply wants this code.
func (m *mail) reply(want string, phase event.Phase) bool {
	code, text, err := m.answer()
	m.done(phase)
	if err != nil {
		return m.failed(phase, err)
	}
	if code == "" {
		return m.fail(phase, event.FailProtocol, fmt.Sprintf("%.60q is no reply", text))
	}
	m.out.Status = int32(code[0]-'0')*100 + int32(code[1]-'0')*10 + int32(code[2]-'0')
	if code != want {
		return m.fail(phase, event.FailSMTPReply, fmt.Sprintf("%.60q instead of %s", text, want))
	}
	return true
}

// bye reads what is said to QUIT, whatever it is. compat: one who hangs up without a word has failed.
func (m *mail) bye() bool {
	_, _, err := m.answer()
	m.done(event.PhaseTransfer)
	return err == nil || m.failed(event.PhaseTransfer, err)
}
