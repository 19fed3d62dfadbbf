// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
)

// words are the statements of global_defs as the configuration prints them: what
// is only a default for instances is not kept anywhere else.
type words map[string]string

func globalWords(c *config.Config) words {
	w := words{}
	inside := false
	for line := range strings.Lines(string(config.Print(c))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.HasPrefix(line, "global_defs"):
			inside = true
		case strings.HasPrefix(line, "}"):
			inside = false
		case inside:
			w[key] = value
		}
	}
	return w
}

// or is the value of a keyword, or its default.
func (w words) or(key, otherwise string) string { return cmp.Or(w[key], otherwise) }

// on says whether a keyword stands there that is no other way of saying no.
func (w words) on(key string) bool {
	v, ok := w[key]
	return ok && v != "off" && v != "no" && v != "false"
}

// globals are the global settings, in keepalived's order.
func (s *Source) globals(p *page) {
	c := s.Config
	g := &c.Global
	w := globalWords(c)
	p.head("Global definitions")
	p.line(1, "Network namespace = %s", cmp.Or(g.NetNamespace, "(default)"))
	p.line(1, "Network namespace ipvs = %s", cmp.Or(g.NetNamespaceIPVS, "(main namespace)"))
	if g.Instance != "" {
		p.line(1, "Instance name = %s", g.Instance)
	}
	p.line(1, "Router ID = %s", g.RouterID)
	s.mail(p)
	p.line(1, "Default smtp_alert = %s", tri(g.SMTPAlert))
	p.line(1, "Default smtp_alert_vrrp = %s", tri(g.SMTPAlertVRRP))
	p.line(1, "Default smtp_alert_checker = %s", tri(g.SMTPAlertChecker))
	p.line(1, "Checkers log all failures = %t", g.LogAllFailures)
	s.reloads(p)
	p.line(1, "Dynamic interfaces = %t", g.DynamicInterfaces)
	p.line(1, "Default interface = %s", g.DefaultInterface)
	p.line(1, "Disable local IGMP = %s", word(g.DisableLocalIGMP, "yes", "no"))
	p.line(1, "LVS flush = %t", g.LVSFlush)
	p.line(1, "LVS flush on stop = %s", cmp.Or(g.LVSFlushEnd, "disabled"))
	for _, f := range c.Notify.FIFOs {
		title := map[string]string{"notify_fifo": "Global", "vrrp_notify_fifo": "VRRP", "lvs_notify_fifo": "LVS"}[f.Keyword]
		p.line(1, "%s notify fifo = %s", title, f.Path)
	}
	p.line(1, "FIFO write vrrp states on reload = %t", g.FIFOStatesOnReload)
	p.line(1, "VRRP notify priority changes = %t", w.on("vrrp_notify_priority_changes"))
	s.defaults(p, w)
	s.processesOf(p)
	s.snmp(p)
	p.line(1, "Script security %s", word(g.ScriptSecurity, "enabled", "disabled"))
	if g.ScriptUser != "" {
		p.line(1, "Default script user = %s", g.ScriptUser)
	}
	s.buffers(p)
	p.line(1, "umask = 0%o", g.Umask)
}

func tri(t event.Tri) string {
	return [...]string{"unset", "off", "on"}[min(t, event.TriOn)]
}

func (s *Source) mail(p *page) {
	m := &s.Config.Notify.SMTP
	if m.Server != "" {
		port := cmp.Or(m.Port, 25)
		p.line(1, "Smtp server = %s", m.Server)
		p.line(1, "Smtp server port = %d", port)
	}
	if m.Helo != "" {
		p.line(1, "Smtp HELO name = %s", m.Helo)
	}
	if m.ConnectTimeout > 0 {
		p.line(1, "Smtp server connection timeout = %d", int(m.ConnectTimeout/time.Second))
	}
	if m.From != "" {
		p.line(1, "Email notification from = %s", m.From)
	}
	if len(m.Recipients) > 0 {
		p.line(1, "Email notification to:")
		for _, r := range m.Recipients {
			p.line(2, "%s", r)
		}
	}
}

func (s *Source) reloads(p *page) {
	r := &s.Config.Global.Reload
	if r.Check {
		p.line(1, "Test config before reload, log to %s", cmp.Or(r.CheckLog, "/dev/null"))
	} else {
		p.line(1, "No test config before reload")
	}
	if r.TimeFile != "" {
		p.line(1, "Reload time file = %s%s", r.TimeFile, word(r.Repeat, " (repeat)", ""))
	}
	if r.File != "" {
		p.line(1, "Reload file = %s", r.File)
	}
}

// defaults are those that instances take where they say nothing.
func (s *Source) defaults(p *page, w words) {
	v := &s.Config.VRRP
	delay, repeat := w.or("vrrp_garp_master_delay", "5"), w.or("vrrp_garp_master_repeat", "5")
	p.line(1, "VRRP IPv4 mcast group = %s", w.or("vrrp_mcast_group4", "224.0.0.18"))
	p.line(1, "VRRP IPv6 mcast group = %s", w.or("vrrp_mcast_group6", "ff02::12"))
	p.line(1, "Gratuitous ARP delay = %s", delay)
	p.line(1, "Gratuitous ARP repeat = %s", repeat)
	p.line(1, "Gratuitous ARP refresh timer = %s", w.or("vrrp_garp_master_refresh", "0"))
	p.line(1, "Gratuitous ARP refresh repeat = %s", w.or("vrrp_garp_master_refresh_repeat", "1"))
	p.line(1, "Gratuitous ARP lower priority delay = %s", w.or("vrrp_garp_lower_prio_delay", delay))
	p.line(1, "Gratuitous ARP lower priority repeat = %s", w.or("vrrp_garp_lower_prio_repeat", repeat))
	p.line(1, "Num adverts before down = %s", w.or("vrrp_down_timer_adverts", "3"))
	p.line(1, "Gratuitous ARP for each secondary VMAC = %ss", w.or("vrrp_garp_extra_if", "0"))
	p.line(1, "Send advert after receive lower priority advert = %t", !w.on("vrrp_lower_prio_no_advert"))
	p.line(1, "Send advert after receive higher priority advert = %t", w.on("vrrp_higher_prio_send_advert"))
	p.line(1, "Gratuitous ARP interval = %f", v.GarpInterval.Seconds())
	p.line(1, "Gratuitous NA interval = %f", v.GnaInterval.Seconds())
	if v.StartupDelay > 0 {
		p.line(1, "VRRP startup delay = %g", v.StartupDelay.Seconds())
	}
	p.line(1, "VRRP default protocol version = %s", w.or("vrrp_version", "2"))
	if f := &s.Config.Global.Firewall; f.Chosen {
		p.line(1, "nftables table = %s", f.Table)
		p.line(1, "nftables base chain priority = %d", f.Priority)
	}
	p.line(1, "nftables with%s counters", word(s.Config.Global.Firewall.Counters, "", "out"))
	p.line(1, "VRRP check unicast_src = %t", w.on("vrrp_check_unicast_src"))
	p.line(1, "VRRP skip check advert addresses = %t", w.on("vrrp_skip_check_adv_addr"))
	p.line(1, "VRRP strict mode = %t", w.on("vrrp_strict"))
}

func (s *Source) processesOf(p *page) {
	g := &s.Config.Global
	p.line(1, "Max auto priority = %d", g.MaxAutoPriority)
	p.line(1, "Min auto priority delay = %d usecs", g.MinAutoPriorityDelay.Microseconds())
	for _, x := range []struct {
		title string
		p     *config.Process
	}{{"VRRP", &g.Processes.VRRP}, {"Checker", &g.Processes.Checker}, {"BFD", &g.Processes.BFD}} {
		p.line(1, "%s process priority = %d", x.title, x.p.Nice)
		p.line(1, "%s don't swap = %t", x.title, x.p.NoSwap)
		p.line(1, "%s realtime priority = %d", x.title, x.p.RealTime)
		if len(x.p.CPUs) > 0 {
			var list []string
			for _, n := range x.p.CPUs {
				list = append(list, strconv.Itoa(n))
			}
			p.line(1, "%s CPU Affinity = %s", x.title, strings.Join(list, " "))
		}
		p.line(1, "%s realtime limit = %d", x.title, cmp.Or(x.p.RTTime, 10000))
	}
}

func (s *Source) snmp(p *page) {
	n := &s.Config.Global.SNMP
	for _, x := range []struct {
		title string
		on    bool
	}{{"vrrp", n.VRRP}, {"checker", n.Checker}, {"RFCv2", n.RFC2}, {"RFCv3", n.RFC3}, {"traps", n.Traps}} {
		p.line(1, "SNMP %s %s", x.title, word(x.on, "enabled", "disabled"))
	}
	p.line(1, "SNMP socket = %s", cmp.Or(n.Socket, "default (unix:/var/agentx/master)"))
	p.line(1, "DBus %s", word(s.Config.Global.DBus, "enabled", "disabled"))
	p.line(1, "DBus service name = %s", s.Config.Global.DBusName)
}

func (s *Source) buffers(p *page) {
	g := &s.Config.Global
	b := &g.Buffers
	for _, x := range []struct {
		title string
		bytes uint32
		force bool
	}{
		{"vrrp_netlink_cmd", b.NetlinkCommand, b.NetlinkCommandForce},
		{"vrrp_netlink_monitor", b.NetlinkMonitor, b.NetlinkMonitorForce},
		{"process_monitor", b.ProcessMonitor, b.ProcessMonitorForce},
	} {
		p.line(1, "%s_rcv_bufs = %d", x.title, x.bytes)
		p.line(1, "%s_rcv_bufs_force = %d", x.title, bit(x.force))
	}
	p.line(1, "rs_init_notifies = %d", bit(g.InitNotifies))
	p.line(1, "no_checker_emails = %d", bit(g.NoCheckerEmails))
	p.line(1, "rx_bufs_multiples = %d", cmp.Or(b.RxMultiplier, 3))
}
