// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"slices"
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
		Subject: subject, Index: i + 1, Interface: s.Interface, IfIndex: r.index(s.Interface), Version: s.Version,
		InitialState: s.State, Priority: s.Priority, AdvertInterval: s.AdvertInterval, Preempt: !s.NoPreempt,
		PreemptDelay: s.PreemptDelay, AuthType: uint8(s.Auth), Source: s.Source, TrackPrimary: !s.DontTrackPrimary,
		GarpDelay: s.GarpDelay, GarpRefresh: s.GarpRefresh, SMTPAlert: x.SMTPAlert, NotifyDeleted: s.NotifyDeleted,
		Accept: s.Accept, PromoteSecondaries: s.PromoteSecondaries, Linkbeat: x.Linkbeat, V3ChecksumAsV2: s.V3ChecksumAsV2,
		Strict: s.Strict, ScriptMaster: r.line(n.Master), ScriptBackup: r.line(n.Backup), ScriptFault: r.line(n.Fault),
		ScriptStop: r.line(n.Stop), ScriptDeleted: r.line(n.Deleted), Script: r.line(n.Generic), ScriptRxLower: r.line(n.MasterRxLowerPri),
	}
	row.NotifyExec = n.Master.Set() || n.Backup.Set() || n.Fault.Set() || n.Stop.Set() || n.Deleted.Set() || n.Generic.Set() || n.MasterRxLowerPri.Set()
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
		r.add(event.Row{Route: &event.RouteRow{Instance: instance, Index: i + 1, Text: quoteAll(routes[i].Words)}})
	}
	for i := range rules {
		r.add(event.Row{Route: &event.RouteRow{Instance: instance, Index: i + 1, Text: quoteAll(rules[i].Words), Rule: true}})
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
