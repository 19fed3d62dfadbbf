// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/probe"
	"github.com/vigild/vigild/engine/track"
)

// timing is what checkers inherit from their real server, and that from its virtual server.
type timing struct {
	retry                            maybe[int64]
	retryDelay, warmup, delayConnect maybe[time.Duration]
	delay                            maybe[time.Duration]
	alpha                            maybe[bool]
}

// or takes what is not set from outside.
func (t timing) or(outer timing) timing {
	inherit(&t.retry, outer.retry)
	inherit(&t.retryDelay, outer.retryDelay)
	inherit(&t.warmup, outer.warmup)
	inherit(&t.delayConnect, outer.delayConnect)
	inherit(&t.delay, outer.delay)
	inherit(&t.alpha, outer.alpha)
	return t
}

func inherit[T any](own *maybe[T], outer maybe[T]) {
	if !own.set {
		*own = outer
	}
}

// serviceDraft is a virtual_server as far as it has been read.
type serviceDraft struct {
	timing
	node *syntax.Node
	// One of the three says what it answers at.
	addr   netip.AddrPort
	fwmark opt[int64]
	group  string

	family                opt[int64]
	protocol              opt[uint8]
	scheduler             opt[string]
	flags                 [3]bool
	hashed                opt[bool]
	shFlags, mhFlags      [2]opt[bool] // port, fallback
	ops                   opt[bool]
	forward               maybe[forwarding]
	persistence           opt[time.Duration]
	granularity           opt[int64]
	engine                string
	suspend, omega        bool
	inhibit, sorryInhibit bool
	alert                 maybe[bool]
	virtualHost, snmpName string
	quorum, hysteresis    opt[int64]
	weight                maybe[int64]
	up, down              notify.Script
	sorry                 opt[netip.AddrPort]
	sorryForward          maybe[forwarding]
	servers               []*serverDraft
}

// serverDraft is a real_server as far as it has been read.
type serverDraft struct {
	timing
	node                  *syntax.Node
	addr                  netip.AddrPort // port 0: that of the service
	weight                maybe[int64]
	forward               maybe[forwarding]
	upper, lower          maybe[int64]
	inhibit, alert        maybe[bool]
	virtualHost, snmpName string
	up, down              notify.Script
	checks                []*checkDraft
}

// checkDraft is one checker of a real server.
type checkDraft struct {
	timing
	node   *syntax.Node
	kind   string // its keyword
	logAll maybe[bool]
	user   notify.Script // of MISC_CHECK: User and Group alone
	hosts  []*checkDraft // of SMTP_CHECK
}

// forwarding is lb_kind: how packets reach a real server.
type forwarding struct {
	method, tunnel, checksum string // of TUN the last two
	port                     uint16
}

func (f forwarding) words() []string {
	out := []string{f.method}
	if f.tunnel != "" {
		out = append(out, "type", f.tunnel)
	}
	if f.port != 0 {
		out = append(out, "port", strconv.Itoa(int(f.port)))
	}
	if f.checksum != "" {
		out = append(out, f.checksum)
	}
	return out
}

// groupEntry is one line of a virtual_server_group: a range of addresses, or a mark.
type groupEntry struct {
	first netip.AddrPort
	count int
	mark  int64 // where first is not valid
	six   bool  // of a mark
	pos   syntax.Pos
}

// serviceGroup is a virtual_server_group.
type serviceGroup struct {
	name    string
	node    *syntax.Node
	entries []groupEntry
}

// servers is what is known of the virtual servers while they are read.
type servers struct {
	services []*serviceDraft
	groups   map[string]*serviceGroup
	order    []*serviceGroup
	tls      *probe.TLS      // the SSL block
	programs map[string]bool // of MISC_CHECK, by their name: whether each may be run
	svc      *serviceDraft   // being read, and so are the next two
	rs       *serverDraft
	chk      *checkDraft
}

// timing gives the innermost block that is being read.
func (s *servers) timing() *timing {
	switch {
	case s.chk != nil:
		return &s.chk.timing
	case s.rs != nil:
		return &s.rs.timing
	}
	return &s.svc.timing
}

// readServiceGroup reads a virtual_server_group. compat: several of one name are joined.
func readServiceGroup(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil
	}
	name := b.named(k, n)
	if name == "" {
		return nil
	}
	g := b.lvs.groups[name]
	if g != nil {
		b.note(n.Pos, RuleDuplicateName, "virtual_server_group '"+clip(name)+"' exists already; this one is joined to it", "the first is at "+g.node.Pos.String())
	} else {
		g = &serviceGroup{name: name, node: n}
	}
	var out []*syntax.Node
	for _, c := range n.Children {
		e, words, ok := b.groupEntry(c)
		if !ok {
			continue
		}
		g.entries = append(g.entries, e)
		out = append(out, listed(c, words...))
	}
	if len(g.entries) == 0 {
		b.err(n.Pos, RuleMissingAddress, "virtual_server_group '"+clip(name)+"' has no entries; it is ignored", k.Form)
		return nil
	}
	if b.lvs.groups == nil {
		b.lvs.groups = map[string]*serviceGroup{}
	}
	if b.lvs.groups[name] == nil {
		b.lvs.order = append(b.lvs.order, g)
	}
	b.lvs.groups[name] = g
	return blockOf(k, n, out, name)
}

// groupEntry reads `ADDRESS[-LAST|/BITS] [PORT]` or `fwmark N [inet|inet6]`.
func (b *builder) groupEntry(n *syntax.Node) (e groupEntry, words []string, ok bool) {
	w := n.Words()
	e.pos, e.count = n.Pos, 1
	if w[0].Text == "fwmark" {
		if len(w) < 2 {
			b.err(n.Pos, RuleMissingValue, "'fwmark' lacks its value; the line is ignored", "fwmark N [inet|inet6]")
			return e, nil, false
		}
		if e.mark, ok = b.integer(w[1].Text, w[1].Pos, 0, math.MaxUint32); !ok {
			return e, nil, false
		}
		words = []string{"fwmark", strconv.FormatInt(e.mark, 10)}
		if len(w) > 2 {
			e.six = w[2].Text == "inet6"
			if !e.six && w[2].Text != "inet" {
				b.err(w[2].Pos, RuleBadWord, "'fwmark' does not know '"+clip(w[2].Text)+"'; it is ignored", "inet or inet6")
			}
			if e.six {
				words = append(words, "inet6")
			}
		}
		return e, words, true
	}
	port := int64(0)
	if len(w) > 1 && w[1].Text != "0" { // compat: 0 is none
		if port, ok = b.integer(w[1].Text, w[1].Pos, 1, 65535); !ok {
			return e, nil, false
		}
	}
	if len(w) > 2 {
		b.note(w[2].Pos, RuleExtraWords, "nothing is done with '"+clip(w[2].Text)+"'", "")
	}
	first, text, ok := b.addressRange(&e, w[0])
	if !ok {
		return e, nil, false
	}
	e.first = netip.AddrPortFrom(first, uint16(port))
	words = []string{text}
	if port != 0 {
		words = append(words, strconv.FormatInt(port, 10))
	}
	return e, words, true
}

// addressRange reads ADDRESS, ADDRESS-LAST or NETWORK/BITS. compat: LAST is the last number of an IPv4 address, in
// IPv6 the last group.
func (b *builder) addressRange(e *groupEntry, w syntax.Word) (first netip.Addr, text string, ok bool) {
	if network, bits, has := strings.Cut(w.Text, "/"); has {
		p, err := netip.ParsePrefix(network + "/" + bits)
		switch {
		case err != nil:
			b.err(w.Pos, RuleBadAddress, "'"+clip(w.Text)+"' is not a network; the line is ignored", "ADDRESS/BITS")
			return first, "", false
		case p.Masked() != p:
			b.err(w.Pos, RuleBadAddress, "'"+clip(w.Text)+"' has bits of a host; the line is ignored", p.Masked().String())
			return first, "", false
		case p.Addr().BitLen()-p.Bits() > 16:
			b.err(w.Pos, RuleOutOfRange, "'"+clip(w.Text)+"' is more than 65536 addresses; the line is ignored", "")
			return first, "", false
		}
		e.count = 1 << (p.Addr().BitLen() - p.Bits())
		return p.Addr(), formatPrefix(p), true
	}
	head, last, has := strings.Cut(w.Text, "-")
	first, ok = b.address(head, w.Pos)
	if !ok || !has {
		return first, first.String(), ok
	}
	if end, err := netip.ParseAddr(last); err == nil && end.BitLen() == first.BitLen() && strings.Count(last, ".")+strings.Count(last, ":") > 1 {
		if last, ok = b.lastOf(first, end, w); !ok {
			return first, "", false
		}
	}
	from, to, err := int64(0), int64(0), error(nil)
	if first.Is4() {
		from = int64(first.As4()[3])
		to, err = strconv.ParseInt(last, 10, 32)
	} else {
		a := first.As16()
		from = int64(a[14])<<8 | int64(a[15])
		if i := strings.LastIndexByte(last, ':'); i >= 0 {
			last = last[i+1:]
		}
		to, err = strconv.ParseInt(last, 16, 32)
	}
	if most := int64(0xff); err != nil || to > most && first.Is4() || to > 0xffff {
		b.err(w.Pos, RuleBadAddress, "'"+clip(w.Text)+"' is not a range of addresses; the line is ignored", "ADDRESS-LAST")
		return first, "", false
	}
	if to <= from {
		b.err(w.Pos, RuleOutOfRange, "'"+clip(w.Text)+"' ends before it begins; the line is ignored", "")
		return first, "", false
	}
	e.count = int(to - from + 1)
	base := 10
	if first.Is6() {
		base = 16
	}
	return first, first.String() + "-" + strconv.FormatInt(to, base), true
}

// lastOf gives what ADDRESS-LAST has for a range up to another address, which must differ in its last number alone.
func (b *builder) lastOf(first, last netip.Addr, w syntax.Word) (string, bool) {
	bits := 24
	if first.Is6() {
		bits = 112
	}
	if netip.PrefixFrom(first, bits).Masked() != netip.PrefixFrom(last, bits).Masked() {
		b.err(w.Pos, RuleOutOfRange, "'"+clip(w.Text)+"' ends in another network; the line is ignored", "NETWORK/BITS, or several ranges")
		return "", false
	}
	if first.Is4() {
		return strconv.Itoa(int(last.As4()[3])), true
	}
	a := last.As16()
	return strconv.FormatInt(int64(a[14])<<8|int64(a[15]), 16), true
}

// readService reads a virtual_server.
func readService(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	d, words, ok := b.serviceOf(k, n)
	if !ok {
		return nil
	}
	b.lvs.svc = d
	children := b.statements(n.Children, k.Path())
	b.lvs.svc = nil
	b.lvs.services = append(b.lvs.services, d)
	return blockOf(k, n, children, words...)
}

// serviceOf reads what a service answers at.
func (b *builder) serviceOf(k *Keyword, n *syntax.Node) (d *serviceDraft, words []string, ok bool) {
	d = &serviceDraft{node: n}
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil, nil, false
	}
	switch first := n.Args[0].Text; first {
	case "fwmark", "group":
		if len(n.Args) < 2 {
			b.fatal(n.Pos, RuleMissingValue, "'"+n.Keyword+" "+first+"' lacks its value", k.Name+" "+k.Form)
			return nil, nil, false
		}
		b.extra(n, 2)
		words = []string{first, n.Args[1].Text}
		if first == "group" {
			d.group = n.Args[1].Text
			return d, words, true
		}
		v, ok := b.integer(n.Args[1].Text, n.ArgPos(1), 0, math.MaxUint32)
		d.fwmark = opt[int64]{v, true, n.ArgPos(1)}
		words[1] = strconv.FormatInt(v, 10)
		return d, words, ok
	}
	b.extra(n, 2)
	d.addr, words, ok = b.endpoint(n)
	return d, words, ok
}

// endpoint reads ADDRESS [PORT] from the words of a statement; without a port it is 0.
func (b *builder) endpoint(n *syntax.Node) (at netip.AddrPort, words []string, ok bool) {
	word := n.Args[0].Text
	if i := strings.IndexAny(word, "-/"); i > 0 && n.Keyword != "sorry_server" { // compat
		b.note(n.ArgPos(0), RuleBadAddress, "one address is meant here; of '"+clip(word)+"' "+clip(word[:i])+" is used", "a virtual_server_group takes ranges")
		word = word[:i]
	}
	a, ok := b.address(word, n.ArgPos(0))
	if !ok {
		return at, nil, false
	}
	words = []string{a.String()}
	port := int64(0)
	// compat: a port of 0 is none.
	if len(n.Args) > 1 && n.Args[1].Text != "0" {
		if port, ok = b.integer(n.Args[1].Text, n.ArgPos(1), 1, 65535); !ok {
			return at, nil, false
		}
		words = append(words, strconv.FormatInt(port, 10))
	}
	return netip.AddrPortFrom(a, uint16(port)), words, true
}

// readServer reads a real_server. compat: one of another family than its service cannot be reached but through a tunnel
// or a router of its own, and keepalived takes none.
func readServer(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil
	}
	b.extra(n, 2)
	d := &serverDraft{node: n}
	at, words, ok := b.endpoint(n)
	if !ok {
		return nil
	}
	d.addr = at
	b.lvs.rs = d
	children := b.statements(n.Children, k.Path())
	b.lvs.rs = nil
	b.lvs.svc.servers = append(b.lvs.svc.servers, d)
	return blockOf(k, n, children, words...)
}

// readCheck reads a checker: what all have in common; the rest is for the kind of probe.
func readCheck(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.extra(n, 0)
	d := &checkDraft{node: n, kind: k.Name}
	b.lvs.chk = d
	children := b.statements(n.Children, k.Path())
	b.lvs.chk = nil
	b.lvs.rs.checks = append(b.lvs.rs.checks, d)
	return blockOf(k, n, children)
}

// finishCheck appends the settings of one checker, or of several where SMTP_CHECK has hosts.
func (b *builder) finishCheck(out []health.CheckSettings, d *serviceDraft, rs *serverDraft, c *checkDraft, outer timing) []health.CheckSettings {
	if len(c.hosts) > 0 {
		// compat: each host is a checker of its own, which takes what it lacks from the block around it.
		for _, h := range c.hosts {
			h.logAll = c.logAll
			if n := c.node.Find("connect_timeout"); n != nil {
				if v, ok := parseSeconds(n.Arg(0)); ok && v > 0 {
					outer.delayConnect = maybe[time.Duration]{v, true}
				}
			}
			out = b.oneCheck(out, d, rs, h, h.timing.or(c.timing).or(outer))
		}
		return out
	}
	return b.oneCheck(out, d, rs, c, c.timing.or(outer))
}

func (b *builder) oneCheck(out []health.CheckSettings, d *serviceDraft, rs *serverDraft, c *checkDraft, t timing) []health.CheckSettings {
	s := health.CheckSettings{Alpha: t.alpha.v, LogAll: c.logAll.or(b.c.Global.LogAllFailures)}
	if s.Kind.UnmarshalText([]byte(c.kind)) != nil {
		return out
	}
	if s.Kind != event.CheckerFile && s.Kind != event.CheckerBFD {
		s.Delay = t.delay.or(checkDelay)
		times, after := retryOf(s.Kind, s.Delay)
		s.Retry, s.RetryDelay = uint32(t.retry.or(times)), t.retryDelay.or(after)
		s.Warmup, s.Timeout = t.warmup.or(s.Delay), t.delayConnect.or(checkConnect)
	}
	ok := false
	switch s.Kind {
	case event.CheckerMisc:
		ok = b.miscCheck(&s, c, d.delay.or(checkDelay))
	case event.CheckerFile:
		ok = b.fileCheck(&s, c)
	case event.CheckerBFD:
		ok = b.bfdCheck(&s, c)
	case event.CheckerNone, event.CheckerTCP, event.CheckerHTTP, event.CheckerSSL, event.CheckerSMTP, event.CheckerDNS,
		event.CheckerUDP, event.CheckerPing, event.CheckerExpect:
		ok = b.probeCheck(&s, d, rs, c)
	}
	if !ok {
		return out
	}
	return append(out, s)
}

// miscCheck settles MISC_CHECK: a program, which the parent runs. The worker knows it by its Spec alone, so that nobody
// who talks through the worker can have another one run.
func (b *builder) miscCheck(s *health.CheckSettings, c *checkDraft, limit time.Duration) bool {
	n := c.node.Find("misc_path")
	if n == nil || len(n.Args) == 0 {
		b.err(c.node.Pos, RuleMissingScript, "MISC_CHECK has no program; it is ignored", `misc_path "COMMAND"`)
		return false
	}
	k := b.index["virtual_server/real_server/MISC_CHECK"]["misc_path"]
	script, command, ok := b.parseCommand(k, n)
	if !ok {
		return false
	}
	script.User, script.Group = c.user.User, c.user.Group
	if m := c.node.Find("misc_timeout"); m != nil {
		word, ok := b.value(b.index["virtual_server/real_server/MISC_CHECK"]["misc_timeout"], m)
		if v, good := b.integer(word, m.ArgPos(0), 1, math.MaxUint32/1000000); ok && good {
			limit = time.Duration(v) * second
		}
	}
	s.Dynamic = c.node.Find("misc_dynamic") != nil
	s.Timeout, s.Detail = limit, command
	s.Spec, ok = b.program(command, &script, c.node, limit)
	return ok
}

// program gives the name of a program among Config.Programs, which has it once.
func (b *builder) program(command string, script *notify.Script, n *syntax.Node, limit time.Duration) (string, bool) {
	user, group := script.User, script.Group
	if user == "" {
		user, group = b.c.Global.ScriptUser, b.c.Global.ScriptGroup
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q %q %d", command, user, group, limit)
	name := "misc-" + strconv.FormatUint(h.Sum64(), 16)
	if known, ok := b.lvs.programs[name]; ok {
		if !known {
			b.drop[n] = true
		}
		return name, known
	}
	if b.lvs.programs == nil {
		b.lvs.programs = map[string]bool{}
	}
	how := b.runnable(script, n, "MISC_CHECK")
	b.lvs.programs[name] = how != ""
	if how == "" {
		b.drop[n] = true // the workers must not know of it either
		return "", false
	}
	p := track.ScriptSettings{Name: name, Argv: script.Argv, Timeout: limit}
	if a, _, err := b.account(script); err == nil {
		p.UID, p.GID = a.UID, a.GID
		if b.c.Global.SupplementaryGroups {
			p.Groups = a.Groups
		}
	}
	if how == "shell" {
		p.Argv, p.Shell = []string{command}, true
	}
	b.c.Programs = append(b.c.Programs, p)
	return name, true
}

// fileCheck settles FILE_CHECK.
func (b *builder) fileCheck(s *health.CheckSettings, c *checkDraft) bool {
	n := c.node.Find("track_file")
	if n == nil || len(n.Args) == 0 {
		b.err(c.node.Pos, RuleMissingValue, "FILE_CHECK has no track_file; it is ignored", "track_file NAME")
		return false
	}
	name := n.Args[0].Text
	var file *fileDraft
	for _, f := range b.files {
		if f.s.Name == name {
			file = f
		}
	}
	if file == nil {
		b.err(n.ArgPos(0), RuleUnknownReference, "track_file '"+clip(name)+"' does not exist; the FILE_CHECK is ignored", "")
		return false
	}
	file.used = true
	s.Object, s.Multiplier, s.Reverse = name, int32(file.s.Weight), file.s.Reverse
	if w := c.node.Find("weight"); w != nil && len(w.Args) > 0 {
		v, ok := b.integer(w.Args[0].Text, w.ArgPos(0), -math.MaxInt32, math.MaxInt32)
		if ok {
			s.Multiplier = int32(v)
		}
		switch w.Arg(1) {
		case "reverse", "noreverse":
			s.Reverse = w.Arg(1) == "reverse"
		case "":
		default:
			b.err(w.ArgPos(1), RuleBadWord, "'weight' does not know '"+clip(w.Arg(1))+"'; the word is ignored", "reverse or noreverse")
		}
	}
	s.Spec = fmt.Sprintf("%s %d %t", name, s.Multiplier, s.Reverse)
	return true
}

// bfdCheck settles BFD_CHECK.
func (b *builder) bfdCheck(s *health.CheckSettings, c *checkDraft) bool {
	n := c.node.Find("name")
	if n == nil || len(n.Args) == 0 {
		b.err(c.node.Pos, RuleMissingValue, "BFD_CHECK names no session; it is ignored", "name NAME")
		return false
	}
	name := n.Args[0].Text
	if x := b.c.BFDByName(name); x == nil || !x.Checker {
		b.err(n.ArgPos(0), RuleUnknownReference, "bfd_instance '"+clip(name)+"' does not exist, or is for VRRP alone; the BFD_CHECK is ignored", "")
		return false
	}
	s.Object, s.Spec = name, name
	return true
}

// probeCheck settles a checker that talks to the server.
func (b *builder) probeCheck(s *health.CheckSettings, d *serviceDraft, rs *serverDraft, c *checkDraft) bool {
	p, found := probe.Parse(s.Kind, c.node, probe.Defaults{
		Server: rs.addr, Timeout: s.Timeout, VirtualHost: d.host(rs), TLS: b.lvs.tls, Test: b.e.Test,
	})
	b.found = append(b.found, found...)
	if p == nil {
		return false
	}
	s.Kind, s.Prober, s.Spec, s.Target, s.Detail, s.Timeout, s.Rise = p.Kind, p, p.Key(), p.Target.To, p.Detail, p.Timeout, p.Rise
	return true
}
