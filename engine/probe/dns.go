// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// dnsCheck asks a name server one question over UDP. compat: any answer with our id and without an error will do,
// whatever it says; NXDOMAIN is an error.
var dnsCheck = Kind{
	Checker: event.CheckerDNS,
	Reasons: append([]event.Reason{event.FailDNSRcode}, readReasons...),
	parse: func(p *parser, c *Check) {
		p.connection(c)
		x := asker{limits: limits{c.Timeout}, name: ".", typ: dnsTypes["SOA"]}
		typ := "SOA"
		named := false
		for _, n := range p.node.Children {
			switch n.Keyword {
			case "type":
				word, ok := p.value(n)
				if v, known := dnsTypes[strings.ToUpper(word)]; known {
					x.typ, typ = v, strings.ToUpper(word)
				} else if ok {
					p.err(n.ArgPos(0), ruleBadWord, "DNS type "+quote(word)+" is not known; SOA is used", "A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG or DNSKEY")
				}
			case "name":
				if named {
					p.err(n.Pos, ruleDuplicate, "'name' stands here twice; the first is used", "")
					continue
				}
				named = p.domain(n, &x)
			}
		}
		x.question = question(x.name, x.typ)
		c.Prober, c.Detail = x, x.name+" "+typ
	},
}

var dnsTypes = map[string]uint16{
	"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "RRSIG": 46, "DNSKEY": 48,
}

type asker struct {
	limits
	name     string
	typ      uint16
	question []byte // the query behind its id
}

func (x asker) key() string { return fmt.Sprintf("%q %d", x.name, x.typ) }

// domain reads a name: labels of 1 to 63 bytes, 253 in all (RFC 1035 section 2.3.4).
func (p *parser) domain(n *syntax.Node, x *asker) bool {
	word, ok := p.value(n)
	if !ok {
		return false
	}
	if word != "." {
		for label := range strings.SplitSeq(strings.TrimSuffix(word, "."), ".") {
			if label == "" || len(label) > 63 {
				p.err(n.ArgPos(0), ruleBadWord, quote(word)+" has an empty label or one of more than 63 bytes; it is ignored", "")
				return false
			}
		}
	}
	if len(word) > 253 {
		p.err(n.ArgPos(0), ruleOutOfRange, quote(word)+" is longer than 253 bytes; it is ignored", "")
		return false
	}
	x.name = word
	return true
}

// question builds a query without its id: recursion desired, one question, class IN (RFC 1035 section 4.1).
func question(name string, typ uint16) []byte {
	out := []byte{1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	if trimmed := strings.TrimSuffix(name, "."); trimmed != "" {
		for label := range strings.SplitSeq(trimmed, ".") {
			out = append(append(out, byte(len(label))), label...)
		}
	}
	out = append(out, 0)
	out = binary.BigEndian.AppendUint16(out, typ)
	return binary.BigEndian.AppendUint16(out, 1)
}

func (x asker) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, x.limits, to, func(t *try) bool { return t.connect("udp") && x.ask(t) })
}

// ask sends the query and waits for its answer; datagrams that are no answer to it are passed over.
func (x asker) ask(t *try) bool {
	query := make([]byte, 2, 2+len(x.question))
	_, _ = rand.Read(query) // never fails
	query = append(query, x.question...)
	t.arm()
	if _, err := t.conn.Write(query); err != nil {
		return t.failed(event.PhaseQuery, err)
	}
	until := t.deadline()
	if err := t.conn.SetDeadline(until); err != nil {
		return t.failed(event.PhaseQuery, err)
	}
	var buf [4096]byte
	why := ""
	for {
		n, err := t.conn.Read(buf[:])
		if err != nil {
			t.done(event.PhaseProcessing)
			if why != "" && isTimeout(err) {
				return t.fail(event.PhaseQuery, event.FailProtocol, why)
			}
			return t.failed(event.PhaseQuery, err)
		}
		rcode, what := answerTo(query, buf[:n])
		if what != "" {
			why = what
			continue
		}
		t.done(event.PhaseProcessing)
		t.out.Status = int32(rcode)
		if rcode != 0 {
			return t.fail(event.PhaseQuery, event.FailDNSRcode, rcodeText(rcode))
		}
		return true
	}
}

// answerTo gives the response code of an answer to the query, or what is wrong with it.
func answerTo(query, reply []byte) (rcode int, wrong string) {
	switch {
	case len(reply) < 12:
		return 0, fmt.Sprintf("an answer of %d bytes", len(reply))
	case reply[0] != query[0] || reply[1] != query[1]:
		return 0, "an answer to another query"
	case reply[2]&0x80 == 0:
		return 0, "a query instead of an answer"
	}
	return int(reply[3] & 0x0f), ""
}

func rcodeText(rcode int) string {
	names := []string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}
	if rcode < len(names) {
		return names[rcode]
	}
	return fmt.Sprintf("response code %d", rcode)
}
