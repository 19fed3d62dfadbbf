// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/vrrp"
)

// page is a dump in the making: keys with values, indented as keepalived's are.
type page struct{ strings.Builder }

func (p *page) head(title string) { fmt.Fprintf(p, "------< %s >------\n", title) }

// line writes one line at a depth of 1 or 2 or 3.
func (p *page) line(depth int, format string, args ...any) {
	p.WriteString([]string{"", " ", "   ", "     "}[depth])
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

func (p *page) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.line(2, "%s", title)
	for _, l := range lines {
		p.line(3, "%s", l)
	}
}

func word(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// Data is keepalived.data: what the vrrp role knows.
func Data(s *Source) []byte {
	p := &page{}
	s.globals(p)
	if c := s.Config; len(c.VRRP.StaticAddresses)+len(c.VRRP.StaticRoutes)+len(c.VRRP.StaticRules) > 0 {
		s.static(p)
	}
	if list := s.instances(); len(list) > 0 {
		p.head("VRRP Topology")
		for i := range list {
			s.instance(p, &list[i])
		}
	}
	if len(s.View.Groups) > 0 {
		p.head("VRRP Sync groups")
		for _, g := range s.View.Groups {
			s.group(p, g)
		}
	}
	s.objects(p)
	if len(s.View.Interfaces) > 0 {
		p.head("Interfaces")
		for _, i := range s.View.Interfaces {
			s.iface(p, i)
		}
	}
	return []byte(p.String())
}

// Parent is keepalived_parent.data: the global settings alone.
func Parent(s *Source) []byte {
	p := &page{}
	s.globals(p)
	return []byte(p.String())
}

func (s *Source) static(p *page) {
	c := s.Config
	section := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		p.head(title)
		for _, l := range lines {
			p.line(3, "%s", l)
		}
	}
	var addresses []string
	for k := range c.VRRP.StaticAddresses {
		set := k < len(s.View.Static) && s.View.Static[k].Owned
		addresses = append(addresses, addressText(&c.VRRP.StaticAddresses[k], c.Global.DefaultInterface, set))
	}
	section("Static Addresses", addresses)
	section("Static Routes", s.routes(""))
	section("Static Rules", s.rules(""))
}

func (s *Source) instance(p *page, in *instance) {
	set, now := in.set, in.now
	t := &now.Tally
	p.line(1, "VRRP Instance = %s", set.Name)
	p.line(2, "VRRP Version = %d", set.Version)
	if now.Row.SyncGroup != "" {
		p.line(2, "Sync group = %s", now.Row.SyncGroup)
	}
	if set.Family == 6 {
		p.line(2, "Using Native IPv6")
	}
	p.line(2, "State = %s", now.State)
	if now.State == event.Backup {
		p.line(2, "Master router = %s", word(t.Master == "", "0.0.0.0", t.Master))
		p.line(2, "Master priority = %d", t.MasterPriority)
		if set.Version == 3 {
			p.line(2, "Master advert int = %d milli-sec", t.MasterInterval.Milliseconds())
		}
	}
	in.flags(p)
	p.line(2, "Wantstate = %s", now.State)
	fault := now.State == event.Fault
	p.line(2, "Number of config faults = 0")
	p.line(2, "Number of interface and track script faults = %d", bit(fault))
	p.line(2, "Number of track scripts init = %d", s.waiting(set))
	p.line(2, "Last transition = %s", stamp(now.SinceWall))
	if t.At != 0 {
		due := t.LastAdvert.Add(t.MasterDown)
		if t.LastAdvert == 0 {
			due = now.Since.Add(t.MasterDown)
		}
		p.line(2, "Read timeout = %s", stamp(s.View.Wall+int64(due.Sub(s.View.At))))
	}
	p.line(2, "Master down timer = %d usecs", t.MasterDown.Microseconds())
	in.interfaces(p, s)
	in.announcements(p)
	in.election(p)
	in.carries(p, s)
	s.tracks(p, set)
	in.scripts(p, s)
}

func (in *instance) flags(p *page) {
	var flags []string
	if in.set.Unicast {
		flags = append(flags, "Using unicast")
	}
	if len(flags) == 0 {
		p.line(2, "Flags: none")
		return
	}
	p.list("Flags:", flags)
}

// waiting is how many tracked scripts have not given their first verdict.
func (s *Source) waiting(set *vrrp.InstanceSettings) (n int) {
	for _, t := range set.Tracks {
		for _, x := range s.View.Scripts {
			if t.Kind == event.SubjectScript && x.Row.Subject.Name == t.Name && x.State == event.Unknown {
				n++
			}
		}
	}
	return n
}

func (in *instance) interfaces(p *page, s *Source) {
	set := in.set
	if set.VMAC != "" {
		p.line(2, "Interface = %s, vmac on %s, xmit_base %s", set.VMAC, set.Interface, word(set.XmitBase, "yes", "no"))
	} else {
		p.line(2, "Interface = %s", set.Interface)
	}
	if set.DontTrackPrimary {
		p.line(2, "VRRP interface tracking disabled")
	}
	a := set.Source
	if !a.IsValid() && s.Primary != nil {
		a = s.Primary(set.Interface, set.Family)
	}
	if a.IsValid() {
		p.line(2, "Using src_ip = %s%s", a, word(set.Source.IsValid(), " (from configuration)", ""))
	}
	switch {
	case set.Unicast:
	case set.Family == 6:
		p.line(2, "Multicast address %s, ifindex %d", set.Multicast, in.now.Row.IfIndex)
	default:
		p.line(2, "Multicast address %s", set.Multicast)
	}
}

func (in *instance) announcements(p *page) {
	set := in.set
	whole := func(d time.Duration) int64 { return int64(d / time.Second) }
	p.line(2, "Gratuitous ARP delay = %d", whole(set.GarpDelay))
	p.line(2, "Gratuitous ARP repeat = %d", set.GarpRepeat)
	p.line(2, "Gratuitous ARP refresh = %d", whole(set.GarpRefresh))
	p.line(2, "Gratuitous ARP refresh repeat = %d", set.GarpRefreshRepeat)
	p.line(2, "Gratuitous ARP lower priority delay = %d", whole(set.GarpLowerPrioDelay))
	p.line(2, "Gratuitous ARP lower priority repeat = %d", set.GarpLowerPrioRepeat)
	p.line(2, "Down timer adverts = %d", set.DownTimerAdverts)
	p.line(2, "Send advert after receive lower priority advert = %t", !set.LowerPrioNoAdvert)
	p.line(2, "Send advert after receive higher priority advert = %t", set.HigherPrioSendAdvert)
}

func (in *instance) election(p *page) {
	set, now := in.set, in.now
	p.line(2, "Virtual Router ID = %d", set.VRID)
	p.line(2, "Priority = %d", set.Priority)
	p.line(2, "Effective priority = %d", now.Priority)
	total := int(set.Priority)
	for _, t := range now.Terms {
		total += int(t.Delta)
	}
	p.line(2, "Total priority = %d", total)
	if set.Version == 2 {
		p.line(2, "Advert interval = %d sec", int(set.AdvertInterval/time.Second))
	} else {
		p.line(2, "Advert interval = %d milli-sec", set.AdvertInterval.Milliseconds())
	}
	p.line(2, "Accept = %s", word(set.Accept || set.Owner(), "enabled", "disabled"))
	p.line(2, "Preempt = %s", word(!set.NoPreempt, "enabled", "disabled"))
	if set.PreemptDelay > 0 {
		p.line(2, "Preempt delay = %d secs", int(set.PreemptDelay/time.Second))
	}
	p.line(2, "Promote_secondaries = %s", word(set.PromoteSecondaries, "enabled", "disabled"))
	switch set.Auth {
	case vrrp.AuthNone:
	case vrrp.AuthPass:
		p.line(2, "Authentication type = SIMPLE_PASSWORD")
		p.line(2, "Password = %s", masked)
	case vrrp.AuthAH:
		p.line(2, "Authentication type = IPSEC_AH")
		p.line(2, "Password = %s", masked)
	}
}

func (in *instance) carries(p *page, s *Source) {
	set := in.set
	p.list(fmt.Sprintf("Virtual IP (%d):", len(set.Addresses)), in.vips())
	p.list("Virtual IP Excluded :", in.excluded())
	if set.Unicast {
		if set.Family == 4 {
			ttl := set.UnicastTTL
			if ttl == 0 {
				ttl = 255
			}
			p.line(2, "Unicast TTL = %d", ttl)
		}
		p.line(2, "Check unicast src : %s", word(set.CheckUnicastSrc, "yes", "no"))
		var peers []string
		for _, x := range set.Peers {
			low, high := x.MinTTL, x.MaxTTL
			if low < 0 {
				low = 0
			}
			if high < 0 {
				high = 255
			}
			peers = append(peers, fmt.Sprintf("%s min_ttl %d max_ttl %d", x.Addr, low, high))
		}
		p.list("Unicast Peer :", peers)
		if set.Family == 4 {
			p.line(2, "Unicast checksum compatibility = %s", [...]string{"no", "yes", "never"}[set.UnicastChecksum])
		}
	}
	p.list("Virtual Routes :", s.routes(set.Name))
	p.list("Virtual Rules :", s.rules(set.Name))
}

func (in *instance) scripts(p *page, s *Source) {
	row := &in.now.Row
	p.line(2, "Using smtp notification = %s", word(row.SMTPAlert, "yes", "no"))
	p.line(2, "Notify deleted = %s", word(in.set.NotifyDeleted, "Deleted", "Fault"))
	for _, x := range []struct{ title, command string }{
		{"Backup", row.ScriptBackup},
		{"Master", row.ScriptMaster},
		{"Fault", row.ScriptFault},
		{"Stop", row.ScriptStop},
		{"Deleted", row.ScriptDeleted},
		{"Generic", row.Script},
		{"Master rx lower pri", row.ScriptRxLower},
	} {
		if x.command != "" {
			p.line(2, "%s state transition script = %s", x.title, x.command)
		}
	}
	changes := false
	for i := range s.Config.Notify.Instances {
		if n := &s.Config.Notify.Instances[i]; n.Name == in.set.Name {
			changes = n.PriorityChanges
		}
	}
	p.line(2, "Notify priority changes = %t", changes)
}

func (s *Source) group(p *page, g *ledger.Group) {
	row := &g.Row
	p.line(1, "VRRP Sync Group = %s, %s", row.Subject.Name, g.State)
	faults, inits := 0, 0
	for _, m := range row.Members {
		for _, in := range s.View.Instances {
			if in.Row.Subject.Name == m {
				faults += bit(in.State == event.Fault)
				inits += bit(in.State == event.Init)
			}
		}
	}
	p.line(2, "Num member fault %d, num member init %d", faults, inits)
	p.list("VRRP member instances :", row.Members)
	p.line(2, "Using smtp notification = %s", word(row.SMTPAlert, "yes", "no"))
	for _, x := range []struct{ title, command string }{
		{"Backup", row.ScriptBackup},
		{"Master", row.ScriptMaster},
		{"Fault", row.ScriptFault},
		{"Stop", row.ScriptStop},
		{"Generic", row.Script},
	} {
		if x.command != "" {
			p.line(2, "%s state transition script = %s", x.title, x.command)
		}
	}
}
