// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/track"
	"github.com/vigild/vigild/engine/vrrp"
)

// RowsOf is what rows say that the configuration does not know.
type RowsOf struct {
	// Version is the version text of vigild; Generation counts the configurations since the start, from 1.
	Version    string
	Generation int
	// Index gives the index of an interface, 0 when it does not exist; nil: all are 0.
	Index func(name string) int
}

// Rows describes the configuration to those that show it and must not read it.
func (c *Config) Rows(of RowsOf) []event.Row {
	if of.Index == nil {
		of.Index = func(string) int { return 0 }
	}
	r := &rowWriter{c: c, of: of}
	r.add(event.Row{Global: r.global()})
	for i := range c.VRRP.Instances {
		r.instance(i)
	}
	for i, a := range c.VRRP.StaticAddresses {
		r.address(event.Subject{}, i+1, &a, a.Interface, false)
	}
	r.routes(event.Subject{}, c.VRRP.StaticRoutes, c.VRRP.StaticRules)
	for i := range c.VRRP.Groups {
		r.group(i)
	}
	for i := range c.Scripts {
		r.script(i)
	}
	r.files()
	r.processes()
	r.sessions()
	for i := range r.c.ServiceGroups {
		r.add(event.Row{ServiceGroup: &r.c.ServiceGroups[i]})
	}
	for _, name := range r.interfaces {
		r.add(event.Row{Interface: &event.InterfaceRow{Name: name, IfIndex: of.Index(name)}})
	}
	return r.rows
}

type rowWriter struct {
	c          *Config
	of         RowsOf
	rows       []event.Row
	interfaces []string
}

func (r *rowWriter) add(row event.Row) { r.rows = append(r.rows, row) }

func (r *rowWriter) index(name string) int {
	if name == "" {
		return 0
	}
	if !slices.Contains(r.interfaces, name) {
		r.interfaces = append(r.interfaces, name)
	}
	return r.of.Index(name)
}

func (r *rowWriter) global() *event.GlobalRow {
	g, m := &r.c.Global, &r.c.Notify.SMTP
	row := &event.GlobalRow{
		Version: r.of.Version, RouterID: g.RouterID, Generation: r.of.Generation, Hash: r.c.Hash, Warnings: r.c.Warnings,
		EmailFrom: m.From, Emails: m.Recipients, EmailFaults: !m.NoFaults,
		SMTPAlert: g.SMTPAlert, SMTPAlertVRRP: g.SMTPAlertVRRP, SMTPAlertChecker: g.SMTPAlertChecker,
		Traps: g.SNMP.Traps, LinkbeatPolling: g.LinkbeatPoll, LVSFlush: g.LVSFlush, LVSFlushOnStop: g.LVSFlushEnd,
		NetNamespace: g.NetNamespace, DBus: g.DBus, DynamicInterfaces: g.DynamicInterfaces, V3ChecksumAsV2: g.V3ChecksumAsV2,
		SNMPVRRP: g.SNMP.VRRP, SNMPChecker: g.SNMP.Checker, SNMPRFC2: g.SNMP.RFC2, SNMPRFC3: g.SNMP.RFC3,
	}
	if m.Server != "" {
		row.SMTPServer = m.Server
		if a := r.c.mailServer; a.IsValid() {
			row.SMTPServer = a.String() // compat: the address, not the name
		}
		row.SMTPPort, row.SMTPTimeout = cmp.Or(m.Port, 25), m.ConnectTimeout
	}
	h := &r.c.Health
	row.LVSTCP, row.LVSTCPFin, row.LVSUDP = h.Timeouts.TCP, h.Timeouts.TCPFin, h.Timeouts.UDP
	if s := h.Sync; s != nil {
		row.Sync = &event.SyncRow{
			Interface: s.Interface, Instance: s.Instance, ID: s.ID, MaxLen: s.MaxLen, Port: s.Port, TTL: s.TTL, Group: s.Group,
		}
	}
	return row
}

// Subject names an instance in events.
func Subject(s *vrrp.InstanceSettings) event.Subject {
	return event.Subject{Kind: event.SubjectInstance, Name: s.Name, Family: s.Family, VRID: s.VRID}
}

func (r *rowWriter) instance(i int) {
	s, x, n := &r.c.VRRP.Instances[i], &r.c.Instances[i], &r.c.Notify.Instances[i]
	subject := Subject(s)
	row := &event.InstanceRow{
		Subject: subject, Index: i + 1, Interface: s.Face(), IfIndex: r.index(s.Face()), Version: s.Version,
		InitialState: s.State, Priority: s.Priority, AdvertInterval: s.AdvertInterval, Preempt: !s.NoPreempt,
		PreemptDelay: s.PreemptDelay, AuthType: uint8(s.Auth), Source: s.Source, TrackPrimary: !s.DontTrackPrimary,
		GarpDelay: s.GarpDelay, GarpRefresh: s.GarpRefresh, SMTPAlert: x.SMTPAlert, NotifyDeleted: s.NotifyDeleted,
		Accept: s.Accept, PromoteSecondaries: s.PromoteSecondaries, Linkbeat: x.Linkbeat, V3ChecksumAsV2: s.V3ChecksumAsV2,
		Strict: s.Strict, ScriptMaster: r.line(n.Master), ScriptBackup: r.line(n.Backup), ScriptFault: r.line(n.Fault),
		ScriptStop: r.line(n.Stop), ScriptDeleted: r.line(n.Deleted), Script: r.line(n.Generic), ScriptRxLower: r.line(n.MasterRxLowerPri),
	}
	row.NotifyExec = n.Master.Set() || n.Backup.Set() || n.Fault.Set() || n.Stop.Set() || n.Deleted.Set() || n.Generic.Set() || n.MasterRxLowerPri.Set()
	if s.Face() != s.Interface {
		row.Below, row.BelowIndex = s.Interface, r.of.Index(s.Interface)
	}
	if !s.Unicast {
		row.Multicast = s.Multicast
	}
	for _, p := range s.Peers {
		row.Peers = append(row.Peers, p.Addr)
	}
	for k := range r.c.VRRP.Groups {
		if slices.Contains(r.c.VRRP.Groups[k].Members, s.Name) {
			row.SyncGroup = r.c.VRRP.Groups[k].Name
		}
	}
	if d := r.c.Global.LVSSyncDaemon; d.Instance == s.Name {
		row.LVSSyncDaemon = d.Interface
	}
	r.add(event.Row{Instance: row})
	number := 0
	for _, list := range [][]vrrp.Address{s.Addresses, s.Excluded} {
		for k := range list {
			number++
			r.address(subject, number, &list[k], cmp.Or(list[k].Interface, s.Interface), number <= len(s.Addresses))
		}
	}
	r.routes(subject, s.Routes, s.Rules)
	r.tracks(subject, s.Tracks)
}

func (r *rowWriter) address(instance event.Subject, number int, a *vrrp.Address, on string, advertised bool) {
	r.add(event.Row{Address: &event.AddressRow{
		Instance: instance, Index: number, Prefix: a.Prefix, Peer: a.Peer, Broadcast: a.Broadcast, Scope: a.Scope,
		Interface: on, IfIndex: r.index(on), Label: a.Label, Advertised: advertised,
	}})
}

func (r *rowWriter) routes(instance event.Subject, routes []vrrp.Route, rules []vrrp.Rule) {
	for i := range routes {
		r.add(event.Row{Route: &event.RouteRow{Instance: instance, Index: i + 1, Text: quoteAll(routes[i].Words), Path: r.path(&routes[i])}})
	}
	for i := range rules {
		r.add(event.Row{Route: &event.RouteRow{Instance: instance, Index: i + 1, Text: quoteAll(rules[i].Words), Rule: true, Match: match(&rules[i])}})
	}
}

func (r *rowWriter) tracks(owner event.Subject, tracks []vrrp.Track) {
	for i, t := range tracks {
		row := &event.TrackRow{Owner: owner, Object: event.Subject{Kind: t.Kind, Name: t.Name}, Index: i + 1, Weight: t.Weight, Reverse: t.Reverse}
		if t.Kind == event.SubjectInterface {
			row.IfIndex = r.index(t.Name)
		}
		r.add(event.Row{Track: row})
	}
}

func (r *rowWriter) group(i int) {
	s, n := &r.c.VRRP.Groups[i], &r.c.Notify.Groups[i]
	subject := event.Subject{Kind: event.SubjectGroup, Name: s.Name}
	r.add(event.Row{Group: &event.GroupRow{
		Subject: subject, Index: i + 1, Members: s.Members, SMTPAlert: n.SMTPAlert, TrackingWeight: s.TrackingWeight,
		NotifyExec:   n.Master.Set() || n.Backup.Set() || n.Fault.Set() || n.Stop.Set() || n.Generic.Set(),
		ScriptMaster: r.line(n.Master), ScriptBackup: r.line(n.Backup), ScriptFault: r.line(n.Fault), ScriptStop: r.line(n.Stop), Script: r.line(n.Generic),
	}})
	r.tracks(subject, s.Tracks)
}

func (r *rowWriter) script(i int) {
	s := &r.c.Scripts[i]
	row := &event.ScriptRow{
		Subject: event.Subject{Kind: event.SubjectScript, Name: s.Name}, Index: i + 1, Command: commandLine(s.Argv), Path: s.Argv[0],
		Interval: s.Interval, Timeout: cmp.Or(s.Timeout, s.Interval),
	}
	for _, v := range r.c.VRRP.Scripts {
		if v.Name == s.Name {
			row.Weight, row.Reverse, row.Rise, row.Fall = v.Weight, v.Reverse, v.Rise, v.Fall
		}
	}
	r.add(event.Row{Script: row})
}

// files are the files that somebody follows. compat: the others are forgotten when the configuration is read.
func (r *rowWriter) files() {
	for i := range r.c.VRRP.Files {
		s := &r.c.VRRP.Files[i]
		if slices.ContainsFunc(r.c.Track.Files, func(t track.FileSettings) bool { return t.Name == s.Name }) {
			r.add(event.Row{File: &event.FileRow{
				Subject: event.Subject{Kind: event.SubjectFile, Name: s.Name}, Index: i + 1, Path: s.Path, Weight: s.Weight, Reverse: s.Reverse,
			}})
		}
	}
}

func (r *rowWriter) processes() {
	for i := range r.c.VRRP.Processes {
		s, t := &r.c.VRRP.Processes[i], &r.c.Processes[i]
		match := ""
		switch t.Match {
		case track.ParamsIgnored:
		case track.ParamsExact:
			match = "exact"
		case track.ParamsPartial:
			match = "partial"
		case track.ParamsInitial:
			match = "initial"
		}
		r.add(event.Row{Process: &event.ProcessRow{
			Subject: event.Subject{Kind: event.SubjectProcess, Name: s.Name}, Index: i + 1,
			Command: t.Command, Params: strings.Join(t.Params, " "), Match: match,
			// compat: who compares parameters compares the whole command.
			FullCommand: t.Full || t.Match != track.ParamsIgnored,
			Weight:      s.Weight, Reverse: s.Reverse, Quorum: s.Quorum, QuorumMax: s.QuorumMax,
			ForkDelay: s.ForkDelay, TerminateDelay: s.TerminateDelay,
		}})
	}
}

// line writes a script as one line, empty when there is none. compat: also when its program was not there.
func (r *rowWriter) line(s notify.Script) string {
	if !s.Set() || slices.Contains(r.c.unfound, s.Argv[0]) {
		return ""
	}
	return commandLine(s.Argv)
}

// commandLine writes words as keepalived shows a command: each in apostrophes. compat: an apostrophe in a word is not
// told apart. A file that is to be opened stands as it was written.
func commandLine(argv []string) string {
	if strings.HasPrefix(argv[0], "<") {
		return strings.Join(argv, " ")
	}
	return "'" + strings.Join(argv, "' '") + "'"
}

// routeProtocol is what keepalived's routes carry (rtnetlink).
const routeProtocol = 18

// The kernel's numbers of what may be given by name (rtnetlink).
var (
	routeTables    = map[string]uint64{"local": 255, "main": 254, "default": 253}
	routeProtocols = map[string]uint64{
		"unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11,
		"bird": 12, "dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "keepalived": routeProtocol,
	}
	routeScopes = map[string]uint64{"global": 0, "universe": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
)

// written are the options of a canonical line, with their values.
type written map[string][]string

// readWritten reads the options at the beginning of canonical words and gives what is left.
func readWritten(words []string, grammar []option) (written, []string) {
	o := written{}
	for len(words) > 0 {
		k := slices.IndexFunc(grammar, func(g option) bool { return g.name == words[0] })
		if k < 0 || grammar[k].kind == takesNextHop {
			break
		}
		n := min(1+grammar[k].values(words[1:]), len(words))
		o[words[0]], words = words[1:n], words[n:]
	}
	return o, words
}

// values says how many of the words behind an option belong to it.
func (o *option) values(after []string) int {
	switch o.kind {
	case takesNothing:
		return 0
	case takesLocked:
		if len(after) > 0 && after[0] == "lock" {
			return 2
		}
	case takesAddress:
		if len(after) > 0 && (after[0] == "inet" || after[0] == "inet6") {
			return 2
		}
	case takesEncap:
		n := 1
		for len(after) > n+1 && slices.Contains(encapWords[after[0]], after[n]) {
			n += 2
		}
		return n
	case takesWord, takesNumber, takesByte, takesPrefix, takesDevice, takesNextHop, takesMark, takesInterval:
	}
	return 1
}

// text is the last value of an option, empty when it is not there.
func (o written) text(name string) string {
	v := o[name]
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

func (o written) has(name string) bool { _, ok := o[name]; return ok }

func (o written) addr(name string) netip.Addr {
	a, _ := netip.ParseAddr(o.text(name)) //nolint:errcheck // zero without it; the reader of the line has checked it
	return a
}

// number is a value as number or name, otherwise when it is neither.
func (o written) number(name string, names map[string]uint64, otherwise uint64) uint64 {
	s := o.text(name)
	if n, ok := names[s]; ok {
		return n
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// signed is number with -1 for nothing.
func (o written) signed(name string) int64 {
	if !o.has(name) {
		return -1
	}
	return int64(o.number(name, nil, 0))
}

// network is a network, of length 0 for all.
func (o written) network(name string, family uint8) netip.Prefix {
	return networkOf(o.text(name), family)
}

func networkOf(s string, family uint8) netip.Prefix {
	if s == "all" || s == "default" {
		if family == 6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	p, err := netip.ParsePrefix(s)
	if a, aerr := netip.ParseAddr(s); err != nil && aerr == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return p
}

// realms are those of the destination and the source: TO or FROM/TO.
func (o written) realms() (to, from uint16) {
	a, b, both := strings.Cut(o.text("realms"), "/")
	if !both {
		a, b = "", a
	}
	f, _ := strconv.ParseUint(a, 0, 16) //nolint:errcheck // 0 for what is no number
	t, _ := strconv.ParseUint(b, 0, 16) //nolint:errcheck // as above
	return uint16(t), uint16(f)
}

// pathMetrics are the metrics that stand as numbers, with what the kernel's number is divided by when no unit was
// given; 0 for metrics that are no times.
var pathMetrics = []struct {
	name string
	unit uint64
}{
	{"mtu", 0},
	{"hoplimit", 0},
	{"advmss", 0},
	{"rtt", 8},
	{"rttvar", 4},
	{"reordering", 0},
	{"window", 0},
	{"cwnd", 0},
	{"ssthresh", 0},
	{"rto_min", 1},
	{"initcwnd", 0},
	{"initrwnd", 0},
	{"fastopen_no_cookie", 0},
}

// milliseconds reads a time with or without unit. compat: less than 200 ms is shown as 200.
func milliseconds(s string, raw uint64) uint64 {
	number, unit := s, 0.0
	if n, ok := strings.CutSuffix(s, "ms"); ok {
		number, unit = n, 1
	} else if n, ok := strings.CutSuffix(s, "s"); ok {
		number, unit = n, 1000
	}
	v, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || v < 0 || v > 1<<31:
		return 0
	case unit == 0:
		return max(uint64(v)/raw, 200)
	}
	return max(uint64(v*unit), 200)
}

// path makes typed values of the words of a route.
func (r *rowWriter) path(route *vrrp.Route) *event.RoutePath {
	p := &event.RoutePath{Type: "unicast"}
	words := route.Words
	if len(words) > 0 && words[0] == "inet6" {
		words = words[1:]
	}
	if len(words) > 0 && slices.Contains(routeTypes, words[0]) {
		p.Type, words = words[0], words[1:]
	}
	if len(words) == 0 {
		return p
	}
	p.Destination = networkOf(words[0], route.Family)
	o, rest := readWritten(words[1:], routeOptions)
	p.Gateway, p.Source, p.From = o.addr("via"), o.addr("src"), o.network("from", route.Family)
	p.Metric, p.Table = uint32(o.number("metric", nil, 0)), uint32(o.number("table", routeTables, 254))
	p.Scope, p.TOS = uint8(o.number("scope", routeScopes, 0)), uint8(o.number("tos", nil, 0))
	p.Interface = o.text("dev")
	p.IfIndex = r.index(p.Interface)
	if !slices.Contains(route.Words, "no_track") {
		p.Protocol = routeProtocol // compat: or it could not be followed
	} else if o.has("protocol") {
		p.Protocol = uint8(o.number("protocol", routeProtocols, 0))
	}
	p.ECN, p.QuickACK = o.text("features") == "ecn", o.number("quickack", nil, 0) != 0
	p.Expires = uint32(o.number("expires", nil, 0))
	for _, m := range pathMetrics {
		if !o.has(m.name) {
			continue
		}
		v := o.number(m.name, nil, 0)
		if m.unit > 0 {
			v = milliseconds(o.text(m.name), m.unit)
		}
		p.Metrics = append(p.Metrics, event.RouteMetric{Name: m.name, Value: uint32(v), Locked: o[m.name][0] == "lock"})
	}
	p.Congestion, p.Preference = o.text("congctl"), o.text("pref")
	p.RealmTo, p.RealmFrom = o.realms()
	if o.has("or") {
		p.Hops = []event.RouteHop{{Gateway: p.Gateway}, {Gateway: o.addr("or")}}
		p.Gateway = netip.Addr{}
	}
	for len(rest) > 0 && rest[0] == "nexthop" {
		var h written
		h, rest = readWritten(rest[1:], hopOptions)
		p.Hops = append(p.Hops, r.hop(h))
	}
	return p
}

func (r *rowWriter) hop(o written) event.RouteHop {
	h := event.RouteHop{
		Gateway: o.addr("via"), Interface: o.text("dev"), IfIndex: r.index(o.text("dev")), Weight: int(o.number("weight", nil, 0)), OnLink: o.has("onlink"),
	}
	h.RealmTo, h.RealmFrom = o.realms()
	return h
}

// match makes typed values of the words of a rule.
func match(rule *vrrp.Rule) *event.RuleMatch {
	words := rule.Words
	if len(words) > 0 && words[0] == "inet6" {
		words = words[1:]
	}
	o, _ := readWritten(words, ruleOptions)
	m := &event.RuleMatch{
		Invert: o.has("not"), From: o.network("from", rule.Family), To: o.network("to", rule.Family), Action: "table",
		Preference: o.signed("preference"), TOS: uint8(o.number("tos", nil, 0)), Mark: -1, Mask: -1, In: o.text("iif"), Out: o.text("oif"),
		SuppressPrefix: int(o.signed("suppress_prefixlength")), SuppressGroup: o.text("suppress_ifgroup"),
		TunnelID: o.number("tunnel-id", nil, 0), UIDFirst: -1, UIDLast: -1, L3MDev: o.has("l3mdev"),
	}
	for _, action := range []string{"goto", "nop", "blackhole", "unreachable", "prohibit"} {
		if o.has(action) {
			m.Action = action
		}
	}
	if m.Action == "table" {
		m.Table = uint32(o.number("table", routeTables, 0))
	}
	m.Target = uint32(o.number("goto", nil, 0))
	m.RealmTo, m.RealmFrom = o.realms()
	if mark, mask, both := strings.Cut(o.text("fwmark"), "/"); mark != "" {
		m.Mark = written{"": {mark}}.signed("")
		if both {
			m.Mask = written{"": {mask}}.signed("")
		}
	}
	if first, last, ok := strings.Cut(o.text("uidrange"), "-"); ok {
		m.UIDFirst, m.UIDLast = written{"": {first}}.signed(""), written{"": {last}}.signed("")
	}
	return m
}
