// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// expectCheck is a TCP_CHECK that speaks, as ldirectord and Piranha have it and keepalived has not:
//
//	send "PING\r\n"        what is said first (Piranha's send, ldirectord's request); nothing if it is left out
//	expect "+PONG"         what the reply must have in it; "*" takes any reply
//	expect_regex "PATTERN" what the reply must match (ldirectord's receive)
//
// Backslash escapes are those of commands (\r \n \t \xHH ...). The server may take connect_timeout for each part of its
// reply; it is enough that the expected text has come, whatever follows.
var expectCheck = Kind{
	Checker: event.CheckerExpect,
	Reasons: append([]event.Reason{event.FailBody}, readReasons...),
	parse:   tcpCheck.parse,
}

// expectMost is how much of a reply is looked at.
const expectMost = 64 << 10

type expecter struct {
	limits
	send   []byte
	expect []byte
	any    bool
	regex  *pattern
}

// expectations reads send, expect and expect_regex.
func (p *parser) expectations(c *Check) {
	x := &expecter{limits: limits{c.Timeout}}
	for _, n := range p.node.Children {
		switch n.Keyword {
		case "send":
			if text, ok := p.unescaped(n); ok {
				x.send = []byte(text)
			}
		case "expect":
			if text, ok := p.unescaped(n); ok {
				x.expect, x.any = []byte(text), text == "*"
			}
		case "expect_regex":
			x.regex = p.pattern(n)
		}
	}
	if c.Target.HalfOpen {
		p.err(p.node.Pos, ruleIncompatible, "half_open closes before anything is said; it is ignored beside send and expect", "")
		c.Target.HalfOpen = false
	}
	if len(x.expect) > 0 && x.regex != nil {
		p.warn(p.node.Pos, ruleIncompatible, "expect and expect_regex: the reply must fulfil both", "")
	}
	c.Prober, c.Detail = x, fmt.Sprintf("%.40q", x.expect)
}

// pattern reads a regular expression without options.
func (p *parser) pattern(n *syntax.Node) *pattern {
	text, ok := p.unescaped(n)
	if !ok {
		return nil
	}
	re, err := compile(text, patternOptions{})
	if err != nil {
		p.err(n.ArgPos(0), ruleBadWord, "regular expression "+quote(text)+": "+err.Error()+"; it is ignored", "")
		return nil
	}
	return re
}

func (x *expecter) key() string {
	return fmt.Sprintf("%q %q %t %s", x.send, x.expect, x.any, x.regex.key())
}

func (x *expecter) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, x.limits, to, func(t *try) bool { return t.connect("tcp") && x.say(t) && x.hear(t) })
}

func (x *expecter) say(t *try) bool {
	if len(x.send) == 0 {
		return true
	}
	t.arm()
	if _, err := t.conn.Write(x.send); err != nil {
		return t.failed(event.PhaseProcessing, err)
	}
	return true
}

// hear reads until what is expected has come.
func (x *expecter) hear(t *try) bool {
	if len(x.expect) == 0 && x.regex == nil {
		return true
	}
	phase := event.PhaseProcessing
	buf := make([]byte, 0, 1024)
	looks := 0
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= expectMost {
				return t.fail(phase, event.FailReplyTooLong, fmt.Sprintf("not what is expected in the first %d bytes", len(buf)))
			}
			buf = append(make([]byte, 0, min(4*cap(buf), expectMost)), buf...)
		}
		t.arm()
		n, err := t.conn.Read(buf[len(buf):cap(buf)])
		if n > 0 && phase == event.PhaseProcessing {
			t.done(phase)
			phase = event.PhaseTransfer
		}
		buf = buf[:len(buf)+n]
		// A server that sends byte by byte is not to cost a search for each.
		if looks++; looks <= 64 || err != nil || len(buf) == expectMost {
			found, serr := x.found(buf)
			if found {
				t.done(phase)
				return true
			}
			if serr != nil {
				return t.fail(phase, event.FailBody, serr.Error())
			}
		}
		if err != nil {
			t.done(phase)
			if len(buf) > 0 && (errors.Is(err, io.EOF) || isTimeout(err)) {
				return t.fail(phase, event.FailBody, fmt.Sprintf("the reply is %.60q", buf))
			}
			return t.failed(phase, err)
		}
	}
}

// found looks for what is expected in what has come so far.
func (x *expecter) found(buf []byte) (bool, error) {
	if len(x.expect) > 0 && !(x.any && len(buf) > 0) && !bytes.Contains(buf, x.expect) {
		return false, nil
	}
	if x.regex == nil {
		return true, nil
	}
	return x.regex.match(buf)
}
