// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// udpCheck sends a datagram. compat: silence is good, only an ICMP error is bad, unless a reply is required. compat:
// without max_reply_length a reply may be of any length.
var udpCheck = Kind{
	Checker: event.CheckerUDP,
	Reasons: append([]event.Reason{event.FailBody}, readReasons...),
	parse: func(p *parser, c *Check) {
		p.connection(c)
		x := datagram{limits: limits{c.Timeout}, payload: filler(udpFiller), most: 65535}
		for _, n := range p.node.Children {
			switch n.Keyword {
			case "payload":
				if len(n.Args) == 0 {
					p.err(n.Pos, ruleMissingValue, "'payload' lacks its value; it is ignored", "hexadecimal digits")
				} else if v, _, ok := p.hexadecimal(n, false); ok {
					x.payload = v
				}
			case "require_reply":
				x.required = true
				if len(n.Args) > 0 {
					x.reply, x.mask, _ = p.hexadecimal(n, true)
				}
			case "min_reply_length":
				if v, ok := p.integer(n, 0, 65535); ok {
					x.least = int(v)
				}
			case "max_reply_length":
				if v, ok := p.integer(n, 0, 65535); ok {
					x.most = int(v)
				}
			}
		}
		if x.least > x.most {
			p.warn(p.node.Pos, ruleIncompatible, fmt.Sprintf("min_reply_length %d is more than max_reply_length %d: no reply will do", x.least, x.most), "")
		}
		c.Prober, c.Detail = x, fmt.Sprintf("%.16x", x.payload)
	},
}

// udpFiller is how much is sent when nothing else is configured.
const udpFiller = 32

// filler is what keepalived sends when it has nothing to say.
func filler(n int) []byte {
	const text = "keepalived check - "
	return []byte(strings.Repeat(text, n/len(text)+1)[:n])
}

// datagram is the Prober of UDP_CHECK.
type datagram struct {
	limits
	payload  []byte
	required bool
	reply    []byte // what the reply begins with, where mask has ones
	mask     []byte
	least    int
	most     int
}

func (x datagram) key() string {
	return fmt.Sprintf("%x %t %x %x %d %d", x.payload, x.required, x.reply, x.mask, x.least, x.most)
}

// hexadecimal reads digits in pairs or, before a blank, alone: "Ab12f 3" is AB 12 0F 03. With wild, x is any nibble.
func (p *parser) hexadecimal(n *syntax.Node, wild bool) (value, mask []byte, ok bool) {
	for i, w := range n.Args {
		for text := w.Text; text != ""; {
			digits := text[:min(2, len(text))]
			text = text[len(digits):]
			var v, m byte
			for _, c := range []byte(digits) {
				d := strings.IndexByte("0123456789abcdef", c|0x20)
				switch {
				case c >= '0' && c <= '9' || c|0x20 >= 'a' && d >= 0:
					v, m = v<<4|byte(d), m<<4|0x0f
				case wild && c|0x20 == 'x':
					v, m = v<<4, m<<4
				default:
					p.err(n.ArgPos(i), ruleBadWord, quote(w.Text)+" is not made of hexadecimal digits; '"+n.Keyword+"' is ignored", "")
					return nil, nil, false
				}
			}
			if len(digits) == 1 {
				m |= 0xf0
			}
			value, mask = append(value, v), append(mask, m)
		}
	}
	if len(value) > 65507 {
		p.err(n.Pos, ruleOutOfRange, "'"+n.Keyword+"' is longer than a datagram can be; it is ignored", "")
		return nil, nil, false
	}
	return value, mask, true
}

func (x datagram) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, x.limits, to, func(t *try) bool { return t.connect("udp") && x.exchange(t) })
}

// exchange sends the payload and listens until the time is over.
func (x datagram) exchange(t *try) bool {
	if err := t.conn.SetDeadline(t.deadline()); err != nil {
		return t.failed(event.PhaseProcessing, err)
	}
	if _, err := t.conn.Write(x.payload); err != nil {
		return t.failed(event.PhaseProcessing, err)
	}
	buf := make([]byte, max(x.most, len(x.reply))+1)
	n, err := t.conn.Read(buf)
	t.done(event.PhaseProcessing)
	switch {
	case err != nil && isTimeout(err) && !x.required && t.ctx.Err() == nil:
		return true
	case err != nil:
		return t.failed(event.PhaseProcessing, err)
	case !x.required:
		return true
	case n > x.most:
		return t.fail(event.PhaseProcessing, event.FailReplyTooLong, fmt.Sprintf("a reply of more than %d bytes", x.most))
	case n < x.least:
		return t.fail(event.PhaseProcessing, event.FailBody, fmt.Sprintf("a reply of %d bytes, less than %d", n, x.least))
	case !x.matches(buf[:n]):
		return t.fail(event.PhaseProcessing, event.FailBody, fmt.Sprintf("the reply begins with %.32x", buf[:n]))
	}
	return true
}

// matches compares as far as both go. compat: a shorter reply is compared with the beginning of what is wanted.
func (x datagram) matches(reply []byte) bool {
	for i := range min(len(reply), len(x.reply)) {
		if (reply[i]^x.reply[i])&x.mask[i] != 0 {
			return false
		}
	}
	return true
}
