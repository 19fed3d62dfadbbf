// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
)

// serverName is what is known of names while a checker is read.
type serverName struct {
	host string // virtualhost of the checker, else of the blocks around
	sni  bool
	name string // sni_name

	compliant bool // tls_compliant, which is a matter of the page too
}

// getter reads HTTP_GET and SSL_GET.
func (p *parser) getter(c *Check, s *secure) {
	p.connection(c)
	g := &getter{limits: limits{c.Timeout}, secure: s}
	name := serverName{host: p.defaults.VirtualHost}
	for _, n := range p.node.Children {
		switch n.Keyword {
		case "virtualhost":
			if word, ok := p.value(n); ok {
				name.host = word
			}
		case "http_protocol":
			p.protocol(n, &g.protocol)
		case "enable_sni":
			if v, ok := p.boolean(n); ok {
				name.sni = v
			}
		case "sni_name":
			name.sni, name.name = true, n.Arg(0)
		case "fast_recovery":
			if v, ok := p.boolean(n); ok {
				g.fast = v
			}
		case "tls_verify", "tls_compliant":
			p.security(n, s, &name.compliant)
		}
	}
	for _, n := range p.node.Children {
		if n.Keyword == "url" {
			p.url(n, g, name)
		}
	}
	if len(g.pages) == 0 {
		p.drop(p.node.Pos, ruleMissingBlock, "'"+c.Kind.String()+"' has no url; it is ignored", "url { path / }")
		return
	}
	c.Prober, c.Rise = g, uint32(len(g.pages))+1
	if g.fast {
		g.turn.Store(turnAll)
		c.Rise = 2
	}
	scheme := "http"
	if c.Kind == event.CheckerSSL {
		scheme = "https"
	}
	first := &g.pages[0]
	c.Detail = fmt.Sprintf("%s://%s%s", scheme, cmp.Or(first.host, authority(c.Target.To)), first.path)
	if more := len(g.pages) - 1; more > 0 {
		c.Detail += fmt.Sprintf(" and %d more", more)
	}
}

// security reads what only SSL_GET has.
func (p *parser) security(n *syntax.Node, s *secure, compliant *bool) {
	v, ok := p.boolean(n)
	switch {
	case !ok:
	case s == nil:
		p.warn(n.Pos, ruleNoEffect, "'"+n.Keyword+"' means nothing without TLS", "SSL_GET")
	case n.Keyword == "tls_verify":
		s.verify = v
	default:
		*compliant = v
	}
}

func (p *parser) protocol(n *syntax.Node, to *Protocol) {
	word, ok := p.value(n)
	if !ok {
		return
	}
	versions := map[string]Protocol{"1.0": HTTP10, "1.0C": HTTP10Close, "1.0c": HTTP10Close, "1.1": HTTP11, "2": HTTP2, "2.0": HTTP2}
	v, known := versions[word]
	if !known {
		p.err(n.ArgPos(0), ruleBadWord, "there is no HTTP version "+quote(word)+"; it is ignored", "1.0, 1.0C, 1.1 or 2")
		return
	}
	*to = v
}

// url reads one url block.
func (p *parser) url(n *syntax.Node, g *getter, name serverName) {
	u := page{host: name.host, compliant: name.compliant}
	var o patternOptions
	var regex, first *syntax.Node
	for _, c := range n.Children {
		if strings.HasPrefix(c.Keyword, "regex_") && first == nil {
			first = c
		}
		switch c.Keyword {
		case "path":
			u.path, _ = p.value(c)
		case "digest":
			p.digest(c, &u)
		case "status_code":
			p.statusCodes(c, &u.status)
		case "virtualhost":
			if word, ok := p.value(c); ok {
				u.host = word
			}
		case "regex":
			regex = c
		case "regex_no_match":
			u.noMatch = true
		case "regex_options":
			p.regexOptions(c, &o)
		case "regex_min_offset":
			if v, ok := p.integer(c, 0, math.MaxInt32); ok {
				o.from = int(v)
			}
		case "regex_max_offset":
			if v, ok := p.integer(c, 0, math.MaxInt32); ok {
				o.until, o.hasUntil = int(v), true
			}
		case "regex_stack":
			p.note(c.Pos, ruleNoEffect, "'regex_stack' is about PCRE2's own memory", "")
		case "tls_compliant":
			p.security(c, g.secure, &u.compliant)
		}
	}
	switch {
	case u.path == "":
		p.err(n.Pos, ruleMissingValue, "'url' has no path; it is ignored", "path /")
		return
	case strings.ContainsAny(u.path+u.host, "\r\n\x00"):
		p.err(n.Pos, ruleBadWord, "'path' and 'virtualhost' go into a request and cannot have line ends; the url is ignored", "")
		return
	case regex != nil:
		p.regex(regex, &u, o)
	case first != nil:
		p.note(first.Pos, ruleMissingValue, "'"+first.Keyword+"' without 'regex' means nothing", "regex PATTERN")
	}
	if u.status.empty() {
		u.status.add(200, 299)
	}
	u.sni = name.of(u.host)
	g.pages = append(g.pages, u)
}

// of gives the name that TLS is told, "" for none.
func (s serverName) of(host string) string {
	if !s.sni {
		return ""
	}
	name := cmp.Or(s.name, host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	return name
}

func (p *parser) digest(n *syntax.Node, u *page) {
	word, ok := p.value(n)
	if !ok {
		return
	}
	sum, err := hex.DecodeString(word)
	switch {
	case u.hasDigest:
		p.err(n.Pos, ruleDuplicate, "'digest' stands here twice; the first is used", "")
	case len(word) != 32:
		p.err(n.ArgPos(0), ruleBadWord, "digest "+quote(word)+" has "+strconv.Itoa(len(word))+" characters instead of 32; it is ignored", "what genhash prints")
	case err != nil:
		p.err(n.ArgPos(0), ruleBadWord, "digest "+quote(word)+" is not hexadecimal; it is ignored", "what genhash prints")
	default:
		u.digest, u.hasDigest = [16]byte(sum), true
	}
}

// statusCodes reads N and N-M words.
func (p *parser) statusCodes(n *syntax.Node, s *statusSet) {
	if len(n.Args) == 0 {
		_, _ = p.value(n)
		return
	}
	for i, w := range n.Args {
		from, to, ranged := strings.Cut(w.Text, "-")
		if !ranged {
			to = from
		}
		lo, err := strconv.Atoi(from)
		hi, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || lo < 100 || hi > 599 || lo > hi {
			p.err(n.ArgPos(i), ruleBadWord, quote(w.Text)+" is not a status code or a range of them; it is ignored", "100 to 599, such as 200 or 200-299")
			continue
		}
		s.add(lo, hi)
	}
}

func (p *parser) regexOptions(n *syntax.Node, o *patternOptions) {
	if len(n.Args) == 0 {
		_, _ = p.value(n)
	}
	for i, w := range n.Args {
		effect, ok := o.set(w.Text)
		switch {
		case !ok:
			p.err(n.ArgPos(i), ruleBadWord, "there is no regular expression option "+quote(w.Text)+"; it is ignored", "")
		case !effect:
			p.err(n.ArgPos(i), ruleNoEffect, "the option "+w.Text+" is not supported; it is ignored", "")
		}
	}
}

func (p *parser) regex(n *syntax.Node, u *page, o patternOptions) {
	if o.hasUntil && o.from > o.until {
		p.err(n.Pos, ruleOutOfRange, fmt.Sprintf("regex_min_offset %d is beyond regex_max_offset %d; both are ignored", o.from, o.until), "")
		o.from, o.until, o.hasUntil = 0, 0, false
	}
	text, ok := p.unescaped(n)
	if !ok {
		return
	}
	re, err := compile(text, o)
	if err != nil {
		p.err(n.ArgPos(0), ruleBadWord, "regular expression "+quote(text)+": "+err.Error()+"; it is ignored", "")
		return
	}
	u.regex = re
}
