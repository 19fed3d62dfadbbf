// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/track"
	"github.com/vigild/vigild/engine/vrrp"
)

// finish makes settings of the drafts, when everything has been read.
func (b *builder) finish() {
	b.checkCommands()
	b.finishMail()
	b.finishStatics()
	b.c.VRRP.StartupDelay = b.g.startupDelay
	if boot := b.c.Global.DelayAfterBoot; boot > 0 && b.e.Uptime != nil {
		b.c.VRRP.StartupDelay = max(b.g.startupDelay, boot-b.e.Uptime())
	}
	b.finishFilter()
	b.settleServices()
	groups := b.finishGroups()
	for _, d := range b.drafts {
		d.tracks = b.servicesTracked(d.tracks)
		if b.finishInstance(d, groups[d.s.Name]) {
			b.c.VRRP.Instances = append(b.c.VRRP.Instances, d.s)
			b.c.Instances = append(b.c.Instances, d.extra)
			b.c.Notify.Instances = append(b.c.Notify.Instances, d.told)
		}
	}
	b.checkVRIDs()
	b.settleGroups()
	b.checkLinkDelays()
	b.checkReferences()
	b.finishServices()
	b.finishTracked()
	for _, name := range []string{"notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"} {
		f := b.g.fifos[name]
		if f == nil {
			continue
		}
		if f.s.Path == "" {
			b.note(f.pos, RuleMissingValue, name+"_script needs "+name+"; it is ignored", "") // compat
			continue
		}
		b.c.Notify.FIFOs = append(b.c.Notify.FIFOs, f.s)
	}
}

func (b *builder) finishStatics() {
	missing := false
	for _, a := range b.statics {
		if a.Interface == "" {
			a.Interface = b.c.Global.DefaultInterface
			if missing || !b.known(a.Interface, a.pos) {
				missing = true // said once
				continue
			}
		}
		b.c.VRRP.StaticAddresses = append(b.c.VRRP.StaticAddresses, a.Address)
	}
}

// finishGroups checks the groups against the instances and gives the group of each instance.
func (b *builder) finishGroups() map[string]*groupDraft {
	of := map[string]*groupDraft{}
	for _, g := range b.groups {
		for _, m := range g.members {
			known := slices.ContainsFunc(b.drafts, func(d *draft) bool { return d.s.Name == m.Text })
			switch other := of[m.Text]; {
			case !known:
				b.err(m.Pos, RuleUnknownReference, "vrrp_instance '"+clip(m.Text)+"' of group '"+g.s.Name+"' does not exist; it is left out", "")
			case other == g:
				b.note(m.Pos, RuleDuplicateName, "'"+clip(m.Text)+"' stands in the group already", "")
			case other != nil:
				b.err(m.Pos, RuleGroupMembers, "vrrp_instance '"+clip(m.Text)+"' is in group '"+other.s.Name+"' already; it is left out of '"+g.s.Name+"'", "")
			default:
				of[m.Text] = g
				g.s.Members = append(g.s.Members, m.Text)
			}
		}
	}
	return of
}

// settleGroups keeps the groups that have members among the instances that are left.
func (b *builder) settleGroups() {
	for _, g := range b.groups {
		g.s.Members = slices.DeleteFunc(g.s.Members, func(name string) bool {
			return !slices.ContainsFunc(b.c.VRRP.Instances, func(s vrrp.InstanceSettings) bool { return s.Name == name })
		})
		switch len(g.s.Members) {
		case 0:
			b.err(g.node.Pos, RuleGroupMembers, "sync group '"+g.s.Name+"' has no instance; it is ignored", "")
			continue
		case 1:
			b.note(g.node.Pos, RuleGroupMembers, "sync group '"+g.s.Name+"' has one instance alone, so there is nothing to keep together", "")
		}
		g.tracks = b.servicesTracked(g.tracks)
		for _, t := range g.tracks {
			g.s.Tracks = append(g.s.Tracks, t.Track)
		}
		g.told.SMTPAlert = b.alert(g.alert)
		g.told.PriorityChanges = g.prios.or(b.g.notifyPriority)
		b.c.VRRP.Groups = append(b.c.VRRP.Groups, g.s)
		b.c.Groups = append(b.c.Groups, Group{g.s.Name, g.node.Pos, g.told.SMTPAlert})
		b.c.Notify.Groups = append(b.c.Notify.Groups, g.told)
	}
}

// alert settles smtp_alert: the nearest word counts.
func (b *builder) alert(own opt[bool]) bool {
	for _, t := range []event.Tri{b.c.Global.SMTPAlertVRRP, b.c.Global.SMTPAlert} {
		if !own.set && t != event.TriUnset {
			return t == event.TriOn
		}
	}
	return own.v
}

// finishInstance settles one instance: what was left open by the order of statements, defaults, and what does not go
// together. It tells whether the instance can be used.
func (b *builder) finishInstance(d *draft, group *groupDraft) bool {
	s := &d.s
	at := d.node.Pos
	s.Strict = d.strict.or(b.g.strict)
	s.Family = d.familyOf()
	ok := true
	if s.VRID = uint8(d.vrid.v); !d.vrid.set {
		b.fatal(at, RuleMissingVRID, "vrrp_instance '"+s.Name+"' has no virtual_router_id", "virtual_router_id 1..255")
		ok = false
	}
	b.finishVersion(d)
	b.finishRole(d)
	b.finishTimes(d)
	ok = b.finishAddresses(d) && ok
	ok = b.finishTransport(d) && ok
	b.finishAuth(d)
	b.finishGarp(d)
	b.finishSwitches(d)
	b.finishTracks(d, group)
	d.told.SMTPAlert = b.alert(d.alert)
	d.extra.SMTPAlert = d.told.SMTPAlert
	d.told.PriorityChanges = b.g.notifyPriority
	if group != nil && group.prios.set {
		d.told.PriorityChanges = group.prios.v
	}
	d.told.PriorityChanges = d.prios.or(d.told.PriorityChanges)
	s.NotifyPriority = d.told.PriorityChanges
	if e := d.garpExtra.or(b.g.garpExtra.v); e > 0 {
		d.extra.GarpExtraIf = e
		d.extra.GarpExtraAll = d.extra.GarpExtraAll || b.g.garpExtraAll
		s.GarpExtra, s.GarpExtraAll = e, d.extra.GarpExtraAll
	}
	if d.syncDaemon != "" && b.c.Global.LVSSyncDaemon.Instance == "" {
		b.c.Global.LVSSyncDaemon = SyncDaemon{Interface: d.syncDaemon, Instance: s.Name, ID: -1}
	}
	if ok {
		b.finishVMAC(d)
	}
	return ok
}

// familyOf is 6 when asked for, else that of the first address, of the peers, of the source, of the addresses that are
// not advertised; 4 when nothing tells.
func (d *draft) familyOf() uint8 {
	switch {
	case d.native6:
		return 6
	case len(d.addresses) > 0:
		return family(d.addresses[0].Prefix.Addr())
	case len(d.peers) > 0:
		return family(d.peers[0].Addr)
	case d.source.set:
		return family(d.source.v)
	case len(d.excluded) > 0:
		return family(d.excluded[0].Prefix.Addr())
	}
	return 4
}

func (b *builder) finishVersion(d *draft) {
	s := &d.s
	// compat: version 2 is possible with IPv6 when it is asked for in the instance.
	s.Version = uint8(b.g.version.or(2))
	if s.Family == 6 {
		s.Version = 3
	}
	if d.version.set {
		s.Version = uint8(d.version.v)
	}
	if s.Family == 6 && s.Version == 2 {
		switch {
		case d.native6: // compat: that word means version 3, also behind version 2.
			b.note(d.version.pos, RuleIncompatible, "native_ipv6 makes it version 3; version 2 is ignored", "version 3")
			s.Version = 3
		case s.Strict:
			b.warn(d.version.pos, RuleStrict, "version 2 has no IPv6; version 3 is used", "")
			s.Version = 3
		default:
			b.note(d.version.pos, RuleIncompatible, "version 2 over IPv6 is in no RFC; only keepalived and vigild understand it", "version 3")
		}
	}
}

// finishRole settles state, priority and preemption.
func (b *builder) finishRole(d *draft) {
	s := &d.s
	master := d.state.v == int64(event.Master)
	s.Priority = uint8(d.priority.or(100))
	if !d.priority.set && master {
		s.Priority = 255
		b.note(d.state.pos, RuleIncompatible, "a MASTER without priority is taken for the owner of the addresses, with priority 255", "priority 1..255")
	}
	s.State = event.Backup
	if master || (s.Owner() && !d.state.set) {
		s.State = event.Master
	}
	if s.Strict && d.state.set && master != s.Owner() {
		want := event.Backup
		if s.Owner() {
			want = event.Master
		}
		b.warn(d.state.pos, RuleStrict, "with strict_mode the owner of the addresses starts as MASTER and nobody else; "+want.String()+" is used", "")
		s.State = want
	}
	s.NoPreempt = d.nopreempt.v
	if s.NoPreempt && (s.State == event.Master || s.Owner()) {
		b.warn(d.nopreempt.pos, RuleIncompatible, "nopreempt does not go with the state MASTER or priority 255; it is ignored", "state BACKUP")
		s.NoPreempt = false
	}
	s.PreemptDelay = d.preemptDelay.v
	if s.PreemptDelay == 0 {
		return
	}
	why := ""
	switch {
	case s.Strict:
		why = "strict_mode"
	case s.NoPreempt:
		why = "nopreempt"
	case s.State == event.Master:
		why = "the state MASTER"
	}
	if why != "" {
		b.warn(d.preemptDelay.pos, RuleIncompatible, "preempt_delay does not go with "+why+"; it is ignored", "")
		s.PreemptDelay = 0
	}
}

// finishTimes settles advert_int and down_timer_adverts.
func (b *builder) finishTimes(d *draft) {
	s := &d.s
	s.AdvertInterval = d.advert.or(second)
	switch whole := s.AdvertInterval.Round(second); {
	case s.Version == 2 && whole != s.AdvertInterval:
		whole = max(whole, second)
		b.warn(d.advert.pos, RuleRounded, "version 2 has whole seconds only; "+formatSeconds(whole)+" is used", "version 3")
		s.AdvertInterval = whole
	case s.Version == 3 && s.AdvertInterval > 4095*10*time.Millisecond:
		b.warn(d.advert.pos, RuleRounded, "version 3 has no more than 40.95 s between adverts; 40.95 is used", "")
		s.AdvertInterval = 4095 * 10 * time.Millisecond
	case s.Version == 3 && s.AdvertInterval%(10*time.Millisecond) != 0:
		s.AdvertInterval = s.AdvertInterval.Round(10 * time.Millisecond)
		b.warn(d.advert.pos, RuleRounded, "version 3 has hundredths of a second only; "+formatSeconds(s.AdvertInterval)+" is used", "")
	}
	s.DownTimerAdverts = int(d.downAdverts.or(b.g.downAdverts.or(3)))
	if s.Strict && s.DownTimerAdverts != 3 {
		b.warn(cmp.Or(d.downAdverts.pos, d.node.Pos), RuleStrict, "with strict_mode three missed adverts count; down_timer_adverts is ignored", "")
		s.DownTimerAdverts = 3
	}
}

func (b *builder) finishAddresses(d *draft) bool {
	s := &d.s
	for _, a := range d.addresses {
		if family(a.Prefix.Addr()) != s.Family {
			b.err(a.pos, RuleAddressFamily, a.Prefix.Addr().String()+" is of another family than the instance; it is ignored", "virtual_ipaddress_excluded takes both")
			continue
		}
		s.Addresses = append(s.Addresses, a.Address)
	}
	for _, a := range d.excluded {
		if slices.ContainsFunc(s.Addresses, func(o vrrp.Address) bool { return o.Prefix.Addr() == a.Prefix.Addr() && o.Interface == a.Interface }) {
			b.note(a.pos, RuleDuplicateAddress, a.Prefix.Addr().String()+" is listed already", "")
			continue
		}
		s.Excluded = append(s.Excluded, a.Address)
	}
	if s.Strict && s.Family == 6 && len(s.Addresses) > 0 && !s.Addresses[0].Prefix.Addr().IsLinkLocalUnicast() {
		b.warn(d.addresses[0].pos, RuleStrict, "with strict_mode the first IPv6 address must be link-local", "RFC 9568 section 5.2.9")
	}
	if len(s.Addresses) > 255 {
		b.err(d.addresses[255].pos, RuleOutOfRange, "an advert has room for 255 addresses; the rest is held and not advertised", "virtual_ipaddress_excluded")
		s.Excluded = append(slices.Clone(s.Addresses[255:]), s.Excluded...)
		s.Addresses = s.Addresses[:255]
	}
	switch {
	case len(s.Addresses) > 0:
	case s.Version == 3 || s.Strict:
		b.fatal(d.node.Pos, RuleMissingAddress, "vrrp_instance '"+s.Name+"' has no address, which version 3 and strict_mode demand", "virtual_ipaddress { ADDRESS }")
		return false
	case !d.noAddresses:
		b.warn(d.node.Pos, RuleMissingAddress, "vrrp_instance '"+s.Name+"' has no address", "no_virtual_ipaddress says that this is meant")
	}
	return true
}

// finishTransport settles where adverts come from and go to.
func (b *builder) finishTransport(d *draft) bool {
	s := &d.s
	for _, p := range d.peers {
		if family(p.Addr) != s.Family {
			b.err(p.pos, RuleAddressFamily, "peer "+p.Addr.String()+" is of another family than the instance; it is ignored", "")
			continue
		}
		s.Peers = append(s.Peers, p.Peer)
	}
	s.Unicast = len(s.Peers) > 0
	asked := cmp.Or(d.unicastBlock.pos.Line, d.unicastSource.pos.Line, d.checkSource.pos.Line, d.oldChecksum.Line) > 0
	switch {
	case s.Unicast:
	case asked && d.extra.UnicastFaultNoPeer:
		s.Unicast = true
	case asked:
		at := cmp.Or(d.unicastBlock.pos, d.unicastSource.pos, d.checkSource.pos, d.oldChecksum)
		b.warn(at, RuleMissingValue, "there is no peer, so adverts go to the multicast group", "unicast_peer { ADDRESS }, or unicast_fault_no_peer for FAULT instead")
	}
	if d.ttl.set && !s.Unicast {
		b.warn(d.ttl.pos, RuleMissingValue, "there is no peer, so unicast_ttl is ignored", "unicast_peer { ADDRESS }")
	} else {
		s.UnicastTTL = uint8(d.ttl.v)
	}
	s.CheckUnicastSrc = d.checkSource.or(b.g.checkUnicast) || s.CheckUnicastSrc
	if d.source.set {
		if family(d.source.v) != s.Family {
			b.err(d.source.pos, RuleAddressFamily, d.source.v.String()+" is of another family than the instance; it is ignored", "")
		} else {
			s.Source = d.source.v
		}
	}
	s.Multicast = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	own := b.g.mcast4
	if s.Family == 6 {
		s.Multicast, own = netip.MustParseAddr("ff02::12"), b.g.mcast6
	}
	if own.IsValid() {
		s.Multicast = own
	}
	if d.dest.set {
		if family(d.dest.v) == s.Family {
			s.Multicast = d.dest.v
		} else {
			b.err(d.node.Pos, RuleAddressFamily, d.dest.v.String()+" is of another family than the instance; it is ignored", "")
		}
	}
	return b.finishInterface(d)
}

func (b *builder) finishInterface(d *draft) bool {
	s := &d.s
	if d.vrf.set && s.Interface != "" {
		b.warn(d.vrf.pos, RuleIncompatible, "vrf is for instances without an interface; it is ignored", "")
	} else {
		d.extra.VRF = d.vrf.v
	}
	if s.Interface == "" {
		switch {
		case !s.Unicast:
			b.fatal(d.node.Pos, RuleMissingInterface, "vrrp_instance '"+s.Name+"' has no interface", "interface INTERFACE")
			return false
		case !s.Source.IsValid():
			b.fatal(d.node.Pos, RuleMissingInterface, "vrrp_instance '"+s.Name+"' has neither an interface nor a source address", "unicast_src_ip ADDRESS")
			return false
		}
		return true
	}
	if !b.known(s.Interface, d.interf.pos) {
		return false
	}
	if b.e.Interface == nil {
		return true
	}
	i, ok := b.e.Interface(s.Interface)
	if ok && i.Loopback {
		b.fatal(d.interf.pos, RuleUnknownInterface, "adverts cannot be sent on the loopback interface "+s.Interface, "")
		return false
	}
	if ok && s.Unicast && s.Strict && i.Multicast {
		// compat: the RFC knows no unicast, but keepalived 2.2.7 runs it.
		b.note(d.node.Pos, RuleStrict, "unicast is in no RFC; strict_mode lets it pass", "")
	}
	return true
}

// finishGarp settles announcements: the instance's word, else the global one, else the default.
func (b *builder) finishGarp(d *draft) {
	s := &d.s
	g := &b.g
	delay, repeat := int64(5), int64(5)
	if g.minGarp {
		delay, repeat = 0, 1
	}
	delay = d.garpDelay.or(g.garpDelay.or(delay))
	repeat = d.garpRepeat.or(g.garpRepeat.or(repeat))
	s.GarpDelay = time.Duration(delay) * second
	s.GarpRepeat = int(repeat)
	s.GarpRefresh = time.Duration(d.garpRefresh.or(g.garpRefresh.or(0))) * second
	s.GarpRefreshRepeat = int(d.garpRefreshRepeat.or(g.garpRefreshRepeat.or(1)))
	s.GarpLowerPrioDelay = time.Duration(d.garpLowerDelay.or(g.garpLowerDelay.or(delay))) * second
	s.GarpLowerPrioRepeat = int(d.garpLowerRep.or(g.garpLowerRep.or(repeat)))
	if s.Strict {
		if d.garpLowerRep.set && s.GarpLowerPrioRepeat > 0 {
			b.warn(d.garpLowerRep.pos, RuleStrict, "strict_mode makes no announcements after an advert of lower priority", "")
		}
		s.GarpLowerPrioDelay, s.GarpLowerPrioRepeat = 0, 0
	}
}

// finishSwitches settles what is on or off, with the effects of strict_mode.
func (b *builder) finishSwitches(d *draft) {
	s := &d.s
	s.LowerPrioNoAdvert = d.lowerNoAdvert.or(b.g.lowerNoAdvert.or(s.Strict))
	s.HigherPrioSendAdvert = d.higherSend.or(b.g.higherSend.or(false))
	s.OwnerIgnoreAdverts = d.ownerIgnore.or(b.g.ownerIgnore.or(s.Strict))
	// compat: keepalived turns it on even by a word that says off; here the word counts.
	s.SkipCheckAdvAddr = d.skipCheck.or(b.g.skipCheck)
	s.V3ChecksumAsV2 = d.v3Checksum.or(b.c.Global.V3ChecksumAsV2)
	s.Accept = d.accept.or(!s.Strict) || s.Owner()
	if !s.Strict {
		return
	}
	if !s.LowerPrioNoAdvert {
		b.warn(cmp.Or(d.lowerNoAdvert.pos, d.node.Pos), RuleStrict, "with strict_mode an advert of lower priority is not answered; lower_prio_no_advert is on", "")
		s.LowerPrioNoAdvert = true
	}
	if s.HigherPrioSendAdvert {
		b.warn(cmp.Or(d.higherSend.pos, d.node.Pos), RuleStrict, "with strict_mode a MASTER that is beaten says nothing; higher_prio_send_advert is off", "")
		s.HigherPrioSendAdvert = false
	}
}

// finishTracks settles what the instance follows.
func (b *builder) finishTracks(d *draft, group *groupDraft) {
	s := &d.s
	for _, t := range d.tracks {
		switch {
		case t.Kind == event.SubjectInterface && t.Name == s.Interface && !s.DontTrackPrimary:
			b.warn(t.pos, RuleIncompatible, "the instance follows its own interface anyway", "")
			continue
		case t.Weight != 0 && s.Owner():
			b.warn(t.pos, RuleOwnerWeight, "the priority of an address owner never changes; '"+t.Name+"' is not followed", "weight 0")
			continue
		case t.Weight != 0 && group != nil && !group.s.TrackingWeight:
			b.warn(t.pos, RuleGroupWeight, "the weight of '"+t.Name+"' is ignored in a sync group, so its loss means FAULT", "sync_group_tracking_weight in group "+group.s.Name)
			t.Weight = 0
		}
		if slices.ContainsFunc(s.Tracks, func(o vrrp.Track) bool { return o.Kind == t.Kind && o.Name == t.Name }) {
			b.warn(t.pos, RuleDuplicateName, "'"+clip(t.Name)+"' is followed already", "")
			continue
		}
		s.Tracks = append(s.Tracks, t.Track)
	}
}

// checkVRIDs finds instances that would be the same virtual router. Unicast instances may share an id when they have no
// peer in common: adverts are told apart by their source (compat).
func (b *builder) checkVRIDs() {
	type key struct {
		family, vrid uint8
		where        string
		unicast      bool
		group        netip.Addr
	}
	seen := map[key][]int{}
	for i := range b.c.VRRP.Instances {
		s := &b.c.VRRP.Instances[i]
		k := key{s.Family, s.VRID, s.Interface, s.Unicast, s.Multicast}
		if s.Unicast {
			k.group = s.Source
		}
		for _, j := range seen[k] {
			o := &b.c.VRRP.Instances[j]
			if s.Unicast && !slices.ContainsFunc(s.Peers, func(p vrrp.Peer) bool {
				return slices.ContainsFunc(o.Peers, func(q vrrp.Peer) bool { return p.Addr == q.Addr })
			}) {
				continue
			}
			b.fatal(b.c.Instances[i].Pos, RuleDuplicateVRID, fmt.Sprintf("vrrp_instance '%s' has the virtual_router_id %d of '%s' with IPv%d on %s",
				s.Name, s.VRID, o.Name, s.Family, cmp.Or(s.Interface, s.Source.String())), "the first is at "+b.c.Instances[j].Pos.String())
			break
		}
		seen[k] = append(seen[k], i)
	}
}

// checkLinkDelays caps the delays: while an interface that is down is still believed to be up, the other routers must
// not take over.
func (b *builder) checkLinkDelays() {
	for i := range b.c.VRRP.LinkDelays {
		l := &b.c.VRRP.LinkDelays[i]
		for k := range b.c.VRRP.Instances {
			s := &b.c.VRRP.Instances[k]
			most := time.Duration(s.DownTimerAdverts-1) * s.AdvertInterval
			if s.Interface == l.Interface && l.Down > most {
				b.note(b.c.Instances[k].Pos, RuleOutOfRange, "interface_up_down_delays of "+l.Interface+" is longer than '"+s.Name+"' can bear; "+formatSeconds(most)+" is used", "")
				l.Down = most
			}
		}
	}
}

// finishTracked fills the settings of scripts, files and processes.
func (b *builder) finishTracked() {
	for _, d := range b.scripts {
		interval := d.every.or(second)
		if interval < time.Millisecond {
			b.warn(d.every.pos, RuleOutOfRange, "the interval of a script is at least 0.001; 1 is used", "")
			interval = second
		}
		a, user, err := b.account(&d.script)
		if err != nil {
			continue // checkCommands has told
		}
		b.c.VRRP.Scripts = append(b.c.VRRP.Scripts, d.s)
		b.c.Scripts = append(b.c.Scripts, Script{
			Name: d.s.Name, Pos: d.node.Pos, Command: d.command, Argv: d.script.Argv, User: user, Group: d.script.Group,
			Interval: interval, Timeout: d.limit.v,
		})
		if !d.used {
			b.note(d.node.Pos, RuleUnknownReference, "nothing follows vrrp_script '"+d.s.Name+"', so it is never run", "")
			continue
		}
		t := track.ScriptSettings{Name: d.s.Name, Argv: d.script.Argv, UID: a.UID, GID: a.GID, Interval: interval, Timeout: d.limit.v}
		if b.c.Global.SupplementaryGroups {
			t.Groups = a.Groups
		}
		if b.e.Script != nil && !strings.HasPrefix(t.Argv[0], "<") && b.e.Script(t.Argv[0], a).Shell {
			t.Argv, t.Shell = []string{d.command}, true
		}
		b.c.Track.Scripts = append(b.c.Track.Scripts, t)
	}
	for _, d := range b.files {
		b.c.VRRP.Files = append(b.c.VRRP.Files, d.s)
		if d.used {
			b.c.Track.Files = append(b.c.Track.Files, d.t)
		}
	}
	for _, d := range b.processes {
		b.c.VRRP.Processes = append(b.c.VRRP.Processes, d.s)
		b.c.Processes = append(b.c.Processes, d.t)
		if d.used {
			b.c.Track.Processes = append(b.c.Track.Processes, d.t)
		}
	}
}
