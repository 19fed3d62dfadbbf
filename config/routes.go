// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/vrrp"
)

// What an option of a route or rule takes.
type optionKind uint8

const (
	takesNothing  optionKind = iota
	takesWord                // a name or number that is looked up when it is applied
	takesNumber              // 0 to 2^32-1
	takesByte                // 0 to 255
	takesLocked              // [lock] and a word
	takesAddress             // [inet|inet6] and an address
	takesPrefix              // a network
	takesDevice              // an interface
	takesEncap               // a tunnel with words of its own
	takesNextHop             // all that follows, up to the next one
	takesMark                // N[/MASK]
	takesInterval            // A-B
)

// option is one row of the grammar of a line.
type option struct {
	name string
	same []string // other spellings
	kind optionKind
	four bool // for IPv4 alone
}

// routeOptions are in canonical order.
var routeOptions = []option{
	{"src", nil, takesAddress, false},
	{"via", []string{"gw"}, takesAddress, false},
	{"or", nil, takesAddress, false},
	{"from", nil, takesPrefix, false},
	{"tos", []string{"dsfield"}, takesWord, false},
	{"table", nil, takesWord, false},
	{"protocol", nil, takesWord, false},
	{"scope", nil, takesWord, false},
	{"metric", []string{"priority", "preference"}, takesNumber, false},
	{"dev", []string{"oif"}, takesDevice, false},
	{"vrf", nil, takesDevice, false},
	{"onlink", nil, takesNothing, false},
	{"encap", nil, takesEncap, false},
	{"expires", nil, takesNumber, false},
	{"mtu", nil, takesLocked, false},
	{"hoplimit", nil, takesByte, false},
	{"advmss", nil, takesLocked, false},
	{"rtt", nil, takesLocked, false},
	{"rttvar", nil, takesLocked, false},
	{"reordering", nil, takesLocked, false},
	{"window", nil, takesNumber, false},
	{"cwnd", nil, takesLocked, false},
	{"ssthresh", nil, takesLocked, false},
	{"realms", []string{"realm"}, takesWord, true},
	{"rto_min", nil, takesLocked, false},
	{"initcwnd", nil, takesNumber, false},
	{"initrwnd", nil, takesNumber, false},
	{"features", nil, takesWord, false},
	{"quickack", nil, takesByte, false},
	{"congctl", nil, takesLocked, false},
	{"pref", nil, takesWord, false},
	{"ttl-propagate", nil, takesWord, false},
	{"fastopen_no_cookie", nil, takesByte, false},
	{"add", nil, takesNothing, false},
	{"prepend", nil, takesNothing, false},
	{"append", nil, takesNothing, false},
	{"no_track", nil, takesNothing, false},
	{"track_group", nil, takesWord, false},
	{"nexthop", nil, takesNextHop, false},
}

var hopOptions = []option{
	{"via", nil, takesAddress, false},
	{"dev", []string{"oif"}, takesDevice, false},
	{"weight", nil, takesByte, false},
	{"onlink", nil, takesNothing, false},
	{"encap", nil, takesEncap, false},
	{"realms", []string{"realm"}, takesWord, true},
}

// ruleOptions are in canonical order.
var ruleOptions = []option{
	{"not", nil, takesNothing, false},
	{"from", nil, takesPrefix, false},
	{"to", nil, takesPrefix, false},
	{"preference", []string{"priority", "order"}, takesNumber, false},
	{"iif", []string{"dev"}, takesDevice, false},
	{"oif", nil, takesDevice, false},
	{"tos", []string{"dsfield"}, takesWord, false},
	{"fwmark", nil, takesMark, false},
	{"uidrange", nil, takesInterval, false},
	{"ipproto", []string{"ip_proto"}, takesWord, false},
	{"sport", nil, takesInterval, false},
	{"dport", nil, takesInterval, false},
	{"tunnel-id", nil, takesWord, false},
	{"table", []string{"lookup"}, takesWord, false},
	{"suppress_prefixlength", []string{"sup_pl"}, takesNumber, false},
	{"suppress_ifgroup", []string{"sup_group"}, takesWord, false},
	{"realms", []string{"realm"}, takesWord, true},
	{"l3mdev", nil, takesNothing, false},
	{"protocol", nil, takesByte, false},
	{"goto", nil, takesNumber, false},
	{"nop", nil, takesNothing, false},
	{"blackhole", nil, takesNothing, false},
	{"unreachable", nil, takesNothing, false},
	{"prohibit", nil, takesNothing, false},
	{"no_track", nil, takesNothing, false},
	{"track_group", nil, takesWord, false},
}

var routeTypes = []string{
	"unicast", "local", "broadcast", "brd", "multicast", "throw", "unreachable", "prohibit", "blackhole", "nat", "anycast", "xresolve",
}

var encapWords = map[string][]string{
	"ip":   {"id", "dst", "src", "tos", "ttl", "flags"},
	"ip6":  {"id", "dst", "src", "tc", "hoplimit", "flags"},
	"mpls": {"labels"},
	"ila":  {"locator"},
}

// lineReader reads the options of one route or rule.
type lineReader struct {
	b       *builder
	w       []syntax.Word
	i       int
	rule    string // of problems
	family  uint8
	devices []string
	bad     bool
	hops    [][]string
}

func (r *lineReader) fail(at syntax.Pos, message string) {
	r.b.err(at, r.rule, message+"; the line is ignored", "")
	r.bad = true
}

// next gives the word after an option.
func (r *lineReader) next(name string) (syntax.Word, bool) {
	if r.i+1 >= len(r.w) {
		r.fail(r.w[r.i].Pos, "'"+name+"' lacks its value")
		return syntax.Word{}, false
	}
	r.i++
	return r.w[r.i], true
}

// options reads words by a grammar until one is not in it, and gives them by canonical name.
func (r *lineReader) options(grammar []option) map[string][]string {
	values := map[string][]string{}
	for ; r.i < len(r.w) && !r.bad; r.i++ {
		at, word := r.w[r.i].Pos, r.w[r.i].Text
		k := slices.IndexFunc(grammar, func(o option) bool { return o.name == word || slices.Contains(o.same, word) })
		if k < 0 {
			return values
		}
		o := grammar[k]
		if o.four && r.family == 6 {
			r.fail(at, "'"+word+"' is for IPv4 alone")
			return values
		}
		if _, twice := values[o.name]; twice && o.kind != takesNextHop {
			r.b.note(at, RuleDuplicateKeyword, "'"+o.name+"' stands twice in this line; the later one counts", "")
		}
		values[o.name] = r.value(o)
	}
	return values
}

func (r *lineReader) value(o option) []string {
	if o.kind == takesNothing {
		return []string{}
	}
	if o.kind == takesNextHop {
		r.i++
		hop := r.options(hopOptions)
		r.i--
		r.hops = append(r.hops, canonical(hop, hopOptions))
		return []string{}
	}
	w, ok := r.next(o.name)
	if !ok {
		return nil
	}
	switch o.kind {
	case takesNothing, takesNextHop:
	case takesWord:
		r.word(o, w)
	case takesNumber, takesByte:
		most := uint64(math.MaxUint32)
		if o.kind == takesByte {
			most = 255
		}
		if o.name == "quickack" || o.name == "fastopen_no_cookie" {
			most = 1
		}
		if o.name == "expires" {
			r.onlyIPv6(o, w)
		}
		if v, err := strconv.ParseUint(w.Text, 0, 64); err != nil || v > most {
			r.fail(w.Pos, "'"+clip(w.Text)+"' is not a number from 0 to "+strconv.FormatUint(most, 10))
		}
	case takesLocked:
		if w.Text != "lock" {
			r.locked(o, w)
			break
		}
		v, _ := r.next(o.name)
		r.locked(o, v)
		return []string{"lock", v.Text}
	case takesAddress:
		return r.address(o, w)
	case takesPrefix:
		if w.Text == "all" || w.Text == "any" || w.Text == "default" {
			return []string{"all"}
		}
		if p, ok := r.prefix(w); ok {
			if o.name == "from" && r.rule == RuleBadRoute {
				r.onlyIPv6(o, w)
			}
			return []string{formatPrefix(p)}
		}
	case takesDevice:
		if !r.b.known(w.Text, w.Pos) {
			r.bad = true
		}
		if o.name != "vrf" && !slices.Contains(r.devices, w.Text) {
			r.devices = append(r.devices, w.Text)
		}
	case takesEncap:
		return r.encap(w)
	case takesMark, takesInterval:
		sep := "-"
		if o.kind == takesMark {
			sep = "/"
		}
		for part := range strings.SplitSeq(w.Text, sep) {
			if _, err := strconv.ParseUint(part, 0, 32); err != nil {
				r.fail(w.Pos, "'"+clip(w.Text)+"' is not N["+sep+"N]")
			}
		}
	}
	return []string{w.Text}
}

// The words of options that have no others.
var optionWords = map[string][]string{
	"features": {"ecn"}, "pref": {"low", "medium", "high"}, "ttl-propagate": {"enabled", "disabled"},
}

// word checks a value that is one of a few words, or a number that may have a name.
func (r *lineReader) word(o option, w syntax.Word) {
	words, few := optionWords[o.name]
	switch _, err := strconv.ParseUint(w.Text, 0, 8); {
	case o.name == "pref" && !r.onlyIPv6(o, w):
	case few && !slices.Contains(words, w.Text) && (o.name != "pref" || err != nil):
		r.fail(w.Pos, "'"+o.name+"' does not know '"+clip(w.Text)+"'")
	case few:
	case o.name == "realms":
		from, to, two := strings.Cut(w.Text, "/")
		if !r.named(o.name, from, 16) || two && !r.named(o.name, to, 16) {
			r.fail(w.Pos, "'"+clip(w.Text)+"' is not [REALM/]REALM")
		}
	case slices.Contains([]string{"table", "tos", "scope", "protocol", "suppress_ifgroup"}, o.name):
		bits := 8
		if o.name == "table" || o.name == "suppress_ifgroup" {
			bits = 32
		}
		if !r.named(o.name, w.Text, bits) {
			r.fail(w.Pos, "there is no "+o.name+" '"+clip(w.Text)+"'")
		}
	}
}

// wellKnown are names that hold without any file of them.
var wellKnown = map[string][]string{
	"table": {"default", "main", "local"}, "scope": {"global", "universe", "site", "link", "host", "nowhere"},
	"protocol": {"keepalived", "redirect", "kernel", "boot", "static", "ra", "dhcp"},
}

// named tells whether a word is a number of so many bits, or a name of one; where nobody can be asked it may be.
func (r *lineReader) named(option, word string, bits int) bool {
	if _, err := strconv.ParseUint(word, 0, bits); err == nil {
		return true
	}
	return word != "" && (slices.Contains(wellKnown[option], word) || r.b.e.RouteName == nil || r.b.e.RouteName(option, word))
}

// locked checks a metric: a number, or a time; congctl takes the name of an algorithm.
func (r *lineReader) locked(o option, w syntax.Word) {
	text := w.Text
	switch o.name {
	case "congctl":
		return
	case "rtt", "rttvar", "rto_min":
		text, _ = strings.CutSuffix(strings.TrimSuffix(text, "s"), "m")
		if v, err := strconv.ParseFloat(text, 64); err == nil && v >= 0 && v <= math.MaxUint32 {
			return
		}
	}
	if _, err := strconv.ParseUint(text, 0, 32); err != nil {
		r.fail(w.Pos, "'"+clip(w.Text)+"' is not a value for '"+o.name+"'")
	}
}

// onlyIPv6 refuses an option of IPv6 in a line that is about IPv4.
func (r *lineReader) onlyIPv6(o option, w syntax.Word) bool {
	if r.family == 4 {
		r.fail(w.Pos, "'"+o.name+"' is for IPv6 alone")
		return false
	}
	return true
}

func (r *lineReader) address(o option, w syntax.Word) []string {
	var words []string
	if w.Text == "inet" || w.Text == "inet6" {
		words = append(words, w.Text)
		w, _ = r.next(o.name)
	}
	a, err := netip.ParseAddr(w.Text)
	switch {
	case err != nil:
		r.fail(w.Pos, "'"+clip(w.Text)+"' is not an IP address")
	case len(words) > 0 && (words[0] == "inet6") != a.Is6():
		r.fail(w.Pos, "'"+clip(w.Text)+"' is not of the family "+words[0])
	case len(words) == 0 && r.family != 0 && family(a) != r.family:
		r.fail(w.Pos, "'"+clip(w.Text)+"' is of another family")
	case len(words) == 0:
		r.family = family(a)
	}
	return append(words, a.String())
}

func (r *lineReader) prefix(w syntax.Word) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(w.Text)
	if err != nil {
		a, aerr := netip.ParseAddr(w.Text)
		if aerr != nil {
			r.fail(w.Pos, "'"+clip(w.Text)+"' is not a network")
			return p, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if r.family != 0 && family(p.Addr()) != r.family {
		r.fail(w.Pos, "'"+clip(w.Text)+"' is of another family")
		return p, false
	}
	r.family = family(p.Addr())
	return p, true
}

func (r *lineReader) encap(w syntax.Word) []string {
	known, ok := encapWords[w.Text]
	if !ok {
		r.fail(w.Pos, "unknown encapsulation '"+clip(w.Text)+"'")
		return nil
	}
	words := []string{w.Text}
	if w.Text == "mpls" || w.Text == "ila" { // one value, with no word before it; we take one
		v, ok := r.next("encap " + w.Text)
		if ok && slices.Contains(known, v.Text) {
			v, ok = r.next(v.Text)
		}
		if !ok {
			return nil
		}
		return append(words, v.Text)
	}
	for r.i+2 < len(r.w) && slices.Contains(known, r.w[r.i+1].Text) {
		words = append(words, r.w[r.i+1].Text, r.w[r.i+2].Text)
		r.i += 2
	}
	return words
}

// canonical writes options in the order of their grammar.
func canonical(values map[string][]string, grammar []option) []string {
	var words []string
	for _, o := range grammar {
		if v, ok := values[o.name]; ok && o.kind != takesNextHop {
			words = append(append(words, o.name), v...)
		}
	}
	return words
}

// ownProtocol drops the protocol of what is tracked. compat: keepalived finds its
// own routes and rules by their protocol, 18.
func (b *builder) ownProtocol(n *syntax.Node, rule string, values map[string][]string) {
	p, ok := values["protocol"]
	if v := strings.Join(p, ""); !ok || v == "18" || v == "keepalived" {
		return
	}
	b.warn(n.Pos, rule, "what is tracked has protocol 18; the protocol of this line is ignored", "add no_track")
	delete(values, "protocol")
}

// route reads one line of static_routes or virtual_routes.
func (b *builder) route(n *syntax.Node, static bool) (vrrp.Route, bool) {
	r := &lineReader{b: b, w: n.Words(), rule: RuleBadRoute}
	kind, destination := "", ""
	values := map[string][]string{}
	for r.i < len(r.w) && !r.bad {
		maps.Copy(values, r.options(routeOptions))
		if r.bad || r.i >= len(r.w) {
			break
		}
		switch w := r.w[r.i]; {
		case w.Text == "inet":
			r.family = 4
		case w.Text == "inet6":
			r.family = 6
		case slices.Contains(routeTypes, w.Text) && kind == "":
			kind = w.Text
		case w.Text == "to" && r.i+1 < len(r.w):
		case w.Text == "as":
			b.note(w.Pos, RuleNoEffect, "'as' is understood and has no effect", "")
		case destination != "":
			r.fail(w.Pos, "a route has no option '"+clip(w.Text)+"'")
		case slices.Contains([]string{"default", "any", "all"}, w.Text):
			destination = "default"
		case w.Text == "default6":
			destination, r.family = "default", 6
		default:
			if p, ok := r.prefix(w); ok {
				destination = formatPrefix(p)
			}
		}
		r.i++
	}
	if destination == "" && !r.bad {
		r.fail(n.Pos, "a route needs a destination")
	}
	if r.bad {
		return vrrp.Route{}, false
	}
	_, noTrack := values["no_track"]
	if _, grouped := values["track_group"]; grouped && !static {
		b.err(n.Pos, RuleBadRoute, "'track_group' is for static routes alone", "")
		delete(values, "track_group")
	}
	b.follow(n, values["track_group"], r.devices)
	if !noTrack {
		b.ownProtocol(n, RuleBadRoute, values)
		// compat: those of its nexthops do not count.
		if _, dev := values["dev"]; !dev {
			b.warn(n.Pos, RuleBadRoute, "a route without interface cannot be followed", "add dev INTERFACE or no_track")
			noTrack = true
		}
	}
	out := vrrp.Route{Family: max(r.family, 4), NoTrack: noTrack, Interfaces: r.devices}
	if r.family == 6 && destination == "default" {
		out.Words = append(out.Words, "inet6")
	}
	if kind != "" {
		out.Words = append(out.Words, kind)
	}
	out.Words = append(append(out.Words, destination), canonical(values, routeOptions)...)
	for _, hop := range r.hops {
		out.Words = append(append(out.Words, "nexthop"), hop...)
	}
	return out, true
}

// ruleAt reads one line of static_rules or virtual_rules.
func (b *builder) ruleAt(n *syntax.Node, static bool) (vrrp.Rule, bool) {
	r := &lineReader{b: b, w: n.Words(), rule: RuleBadRule}
	values := map[string][]string{}
	for r.i < len(r.w) && !r.bad {
		maps.Copy(values, r.options(ruleOptions))
		if r.bad || r.i >= len(r.w) {
			break
		}
		switch w := r.w[r.i]; w.Text {
		case "inet":
			r.family = 4
		case "inet6":
			r.family = 6
		default:
			r.fail(w.Pos, "a rule has no option '"+clip(w.Text)+"'")
		}
		r.i++
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, ok := values[name]; return ok })
	}
	if !r.bad && !has("table", "goto", "nop", "blackhole", "unreachable", "prohibit", "l3mdev") {
		r.fail(n.Pos, "a rule needs an action: a table, goto, nop, blackhole, unreachable or prohibit")
	}
	if !r.bad && has("goto") && has("preference") && value(values["goto"]) <= value(values["preference"]) {
		r.fail(n.Pos, "a rule can only go to one with a larger preference")
	}
	if r.bad {
		return vrrp.Rule{}, false
	}
	if !has("preference") {
		p := b.nextPreference(max(r.family, 4))
		values["preference"] = []string{p}
		b.warn(n.Pos, RuleBadRule, "a rule without preference gets one by its place among the rules; "+p+" is used", "add preference N")
	}
	if has("track_group") && !static {
		b.err(n.Pos, RuleBadRule, "'track_group' is for static rules alone", "")
		delete(values, "track_group")
	}
	b.follow(n, values["track_group"], r.devices)
	if !has("no_track") {
		b.ownProtocol(n, RuleBadRule, values)
	}
	out := vrrp.Rule{Family: max(r.family, 4), NoTrack: has("no_track")}
	if r.family == 6 {
		out.Words = append(out.Words, "inet6")
	}
	out.Words = append(out.Words, canonical(values, ruleOptions)...)
	return out, true
}

// follower is a line with track_group: the instances of the group follow these interfaces.
type follower struct {
	group   string
	devices []string
	pos     syntax.Pos
}

// follow notes the track_group of a static route or rule.
func (b *builder) follow(n *syntax.Node, group, devices []string) {
	if len(group) > 0 {
		b.followers = append(b.followers, follower{group[0], devices, n.Pos})
	}
}

// nextPreference is the preference of a rule that has none. compat: from 16384 on downwards, for each family.
func (b *builder) nextPreference(family uint8) string {
	k := 0
	if family == 6 {
		k = 1
	}
	b.unpreferred[k]++
	return strconv.Itoa(16385 - b.unpreferred[k])
}

func value(words []string) uint64 {
	v, _ := strconv.ParseUint(strings.Join(words, ""), 0, 64)
	return v
}

// readRoutes makes the reader of a block of routes.
func (b *builder) readRoutes(k *Keyword, n *syntax.Node, static bool, add func(vrrp.Route)) *syntax.Node {
	var out []*syntax.Node
	for _, c := range n.Children {
		if r, ok := b.route(c, static); ok {
			add(r)
			out = append(out, syntax.Statement(quoteAll(r.Words), c.Pos))
		}
	}
	return blockOf(k, n, out)
}

func (b *builder) readRules(k *Keyword, n *syntax.Node, static bool, add func(vrrp.Rule)) *syntax.Node {
	var out []*syntax.Node
	for _, c := range n.Children {
		if r, ok := b.ruleAt(c, static); ok {
			add(r)
			out = append(out, syntax.Statement(quoteAll(r.Words), c.Pos))
		}
	}
	return blockOf(k, n, out)
}

func readVirtualRoutes(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return b.readRoutes(k, n, false, func(r vrrp.Route) { b.inst.s.Routes = append(b.inst.s.Routes, r) })
}

func readVirtualRules(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return b.readRules(k, n, false, func(r vrrp.Rule) { b.inst.s.Rules = append(b.inst.s.Rules, r) })
}

func readStaticRoutes(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return b.readRoutes(k, n, true, func(r vrrp.Route) { b.c.VRRP.StaticRoutes = append(b.c.VRRP.StaticRoutes, r) })
}

func readStaticRules(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return b.readRules(k, n, true, func(r vrrp.Rule) { b.c.VRRP.StaticRules = append(b.c.VRRP.StaticRules, r) })
}
