// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// httpReasons is what both kinds may fail with.
var httpReasons = append([]event.Reason{event.FailHTTPStatus, event.FailDigest, event.FailBody}, readReasons...)

// httpGet asks for pages, each over a connection of its own, and all must be as they should: status, digest of the body,
// text in the body. compat: one page in each attempt, in turn; one that failed is asked for until it is good, and then
// all must be good, one by one, or with fast_recovery all in one attempt. compat: no redirect is followed and no transfer coding undone, so that a digest
// is of what the server sent; the request is keepalived's byte for byte.
//
// compat: keepalived waits for the server to close, whatever length it promised; we are content with that length.
var httpGet = Kind{
	Checker: event.CheckerHTTP,
	Reasons: httpReasons,
	parse:   func(p *parser, c *Check) { p.getter(c, nil) },
}

// sslGet is httpGet over TLS. compat: the server's certificate is not verified; "tls_verify" is ours, and makes it so.
var sslGet = Kind{
	Checker: event.CheckerSSL,
	Reasons: append([]event.Reason{event.FailTLSHandshake, event.FailTLSCertificate}, httpReasons...),
	parse:   func(p *parser, c *Check) { p.getter(c, &secure{TLS: p.defaults.TLS}) },
}

// Protocol is a version of HTTP.
type Protocol uint8

// The versions: 1.0, 1.0 with "Connection: close" (which 1.1 has too), 1.1, and 2.
const (
	HTTP10 Protocol = iota
	HTTP10Close
	HTTP11
	HTTP2
)

// page is one url block.
type page struct {
	path      string
	host      string // virtualhost, "" for the target itself
	sni       string // "" for none
	digest    [16]byte
	hasDigest bool
	status    statusSet
	regex     *pattern
	noMatch   bool
	compliant bool // tls_compliant: an end without a closing alert is a failure
}

// statusSet is a set of status codes from 100 to 599.
type statusSet [8]uint64

func (s *statusSet) add(lo, hi int) {
	for v := lo - 100; v <= hi-100; v++ {
		s[v/64] |= 1 << (v % 64)
	}
}

func (s *statusSet) has(v int) bool {
	return v >= 100 && v <= 599 && s[(v-100)/64]&(1<<((v-100)%64)) != 0
}

func (s *statusSet) empty() bool { return *s == statusSet{} }

// getter is the Prober of both kinds.
type getter struct {
	limits
	protocol Protocol
	secure   *secure // nil for plain HTTP
	pages    []page
	fast     bool // fast_recovery
	turn     atomic.Uint32
}

// A turn is the number of the next page and what is to be done about the others.
const (
	turnAll    = 1 << 31 // all pages in this attempt
	turnFailed = 1 << 30 // this page failed before
)

func (g *getter) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %t", g.protocol, g.fast)
	if g.secure != nil {
		fmt.Fprintf(&b, " tls %s", g.secure.key())
	}
	for i := range g.pages {
		p := &g.pages[i]
		fmt.Fprintf(&b, " [%q %q %q %x %t %x %s %t %t]", p.path, p.host, p.sni, p.digest, p.hasDigest, p.status, p.regex.key(), p.noMatch, p.compliant)
	}
	return b.String()
}

func (g *getter) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, g.limits, to, func(t *try) bool {
		turn := g.turn.Load()
		i := turn &^ (turnAll | turnFailed)
		n := uint32(len(g.pages))
		for {
			if !g.get(t, &g.pages[i]) {
				g.turn.Store(i | turnFailed)
				return false
			}
			if i++; turn&turnAll == 0 || i == n {
				break
			}
		}
		switch {
		case turn&turnFailed == 0:
			g.turn.Store(i % n)
		case g.fast:
			g.turn.Store(turnAll)
		default:
			g.turn.Store(0)
		}
		return true
	})
}

// get asks for one page and judges it.
func (g *getter) get(t *try, p *page) bool {
	r := Request{
		Path: p.path, Host: p.host, Protocol: g.protocol, Digest: p.hasDigest, SNI: p.sni, compliant: p.compliant,
	}
	if p.regex != nil {
		r.Keep = subjectMost
	}
	reply, ok := t.fetch(&r, g.secure)
	t.out.Status = int32(reply.Status)
	if !ok {
		t.out.Detail = p.path + ": " + t.out.Detail
		return false
	}
	if !p.status.has(reply.Status) {
		return t.fail(event.PhaseProcessing, event.FailHTTPStatus, fmt.Sprintf("%s: status %d", p.path, reply.Status))
	}
	if p.hasDigest && reply.Digest != p.digest {
		return t.fail(event.PhaseTransfer, event.FailDigest, fmt.Sprintf("%s: digest %x", p.path, reply.Digest))
	}
	return g.search(t, p, &reply)
}

// search looks for the text that must, or must not, be there.
func (g *getter) search(t *try, p *page, r *Reply) bool {
	if p.regex == nil {
		return true
	}
	if r.Size > int64(len(r.Body)) {
		return t.fail(event.PhaseTransfer, event.FailReplyTooLong, fmt.Sprintf("%s: %d bytes, more than are searched", p.path, r.Size))
	}
	found, err := p.regex.match(r.Body)
	switch {
	case err != nil:
		return t.fail(event.PhaseTransfer, event.FailBody, p.path+": "+err.Error())
	case found == p.noMatch:
		return t.fail(event.PhaseTransfer, event.FailBody, p.path+map[bool]string{false: ": no match", true: ": a match"}[p.noMatch])
	}
	return true
}

// authority gives what a Host header says for a target without virtualhost. compat: with its port, even if that is 80.
func authority(to netip.AddrPort) string {
	return net.JoinHostPort(to.Addr().String(), fmt.Sprint(to.Port()))
}
