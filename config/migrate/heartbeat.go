// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// haWithout are directives of ha.cf without an equal.
var haWithout = map[string][2]string{
	"baud":                    {"VRRP does not run over a serial line", ""},
	"serial":                  {"VRRP does not run over a serial line", "a bond of two Ethernets carries it when one fails"},
	"udpport":                 {"VRRP is IP protocol 112 and has no port", "let it pass the firewall: ip protocol vrrp accept"},
	"warntime":                {"late advertisements are counted, not logged", "vigilctl why shows each"},
	"debugfile":               {"vigild logs to journald, syslog or its standard error", "log.format in vigil.yaml"},
	"logfile":                 {"vigild logs to journald, syslog or its standard error", "log.format in vigil.yaml"},
	"logfacility":             {"the facility is a flag", "vigild --log-facility"},
	"use_logd":                {"vigild logs by itself", ""},
	"watchdog":                {"systemd watches vigild", ""},
	"stonith":                 {"nobody is switched off", ""},
	"stonith_host":            {"nobody is switched off", ""},
	"respawn":                 {"systemd keeps other programs alive", "a unit with Restart=always"},
	"apiauth":                 {"who may ask is a matter of the control socket", "control in vigil.yaml"},
	"crm":                     {"there is no cluster manager", ""},
	"pacemaker":               {"there is no cluster manager", ""},
	"compression":             {"advertisements are 20 bytes and more", ""},
	"hopfudge":                {"there is no ring of serial lines", ""},
	"deadping":                {"nothing is pinged", ""},
	"ping_group":              {"the way to other hosts is not watched by itself", "a vrrp_script that pings, and track_script"},
	"ping":                    {"the way to other hosts is not watched by itself", "a vrrp_script that pings, and track_script"},
	"hbgenmethod":             {"there is no generation", ""},
	"realtime":                {"the vrrp role runs at real-time priority by itself", "vrrp_rt_priority"},
	"coredumps":               {"the unit decides", "LimitCORE"},
	"conn_logd_time":          {"vigild logs by itself", ""},
	"traditional_compression": {"advertisements are 20 bytes and more", ""},
	"debug":                   {"the log level is not in this file", "log.level in vigil.yaml"},
}

// resourceDo says what takes the place of resources that are programs.
const resourceDo = "notify_master with its start, notify_backup, notify_fault and notify_stop with its stop, in the vrrp_instance"

// heartbeat takes ha.cf and haresources, and of the other files those that
// haresources names.
func (m *model) heartbeat(files []File) error {
	by := map[string]File{}
	for _, f := range files {
		by[path.Base(f.Name)] = f
	}
	ha, ok := by["ha.cf"]
	if !ok {
		return errors.New("there is no ha.cf among the files")
	}
	resources, ok := by["haresources"]
	if !ok {
		return errors.New("there is no haresources among the files")
	}
	used := map[string]bool{"ha.cf": true, "haresources": true}
	h := m.readHA(ha)
	m.haresources(resources, h, by, used)
	// What ldirectord says of the same services comes first.
	for _, f := range m.late {
		m.ipvs(f)
	}
	for _, f := range files {
		if !used[path.Base(f.Name)] {
			m.note(f.Name, 1, path.Base(f.Name), "haresources does not name it, so it is left out", "")
		}
	}
	return nil
}

// cluster is what ha.cf says.
type cluster struct {
	advert   int
	iface    string
	failback bool
}

func (m *model) readHA(f File) cluster {
	c := cluster{failback: true}
	set := map[string]directive{}
	var paths []directive
	n := 0
	for raw := range strings.Lines(f.Text) {
		n++
		text, _, _ := strings.Cut(raw, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		d := directive{n, words[0], strings.Join(words[1:], " ")}
		switch d.name {
		case "node":
			m.directors = append(m.directors, words[1:]...)
		case "bcast", "mcast", "ucast":
			for _, w := range words[1:] {
				paths = append(paths, directive{n, d.name, w})
				if d.name != "bcast" {
					break
				}
			}
		case "keepalive", "deadtime", "initdead", "auto_failback", "nice_failback":
			set[d.name] = d
		default:
			why, known := haWithout[d.name]
			if !known {
				why[0] = "heartbeat has no such directive"
			}
			m.note(f.Name, n, strings.TrimSpace(text), why[0], why[1])
		}
	}
	for i, d := range paths {
		if i == 0 {
			c.iface = d.value
			continue
		}
		m.note(f.Name, d.line, d.name+" "+d.value, "one VRRP instance advertises on one interface, which is that of the addresses", "make it a bond with "+c.iface+", so that either link may fail")
	}
	c.advert = m.interval(f, set["deadtime"], 30)
	if d := set["keepalive"]; d.value != fmt.Sprint(c.advert) {
		m.note(f.Name, d.line, "keepalive", fmt.Sprintf("an advertisement is sent each %d s, a third of deadtime", c.advert), "")
	}
	if d, ok := set["initdead"]; ok {
		if v, err := seconds3(d.value); err == nil {
			m.global = append(m.global, fmt.Sprintf("vrrp_delay_after_boot %g", v))
			m.note(f.Name, d.line, "initdead", "it counts from the boot of the machine, when the network is slow, and not from a later start", "vrrp_startup_delay instead counts from each start")
		}
	}
	if d, ok := set["auto_failback"]; ok && d.value != "on" {
		c.failback = false
		if d.value == "legacy" {
			m.note(f.Name, d.line, "auto_failback legacy", "it is taken for off", "")
		}
	}
	if d, ok := set["nice_failback"]; ok && d.value == "on" {
		c.failback = false
	}
	if len(m.directors) == 0 {
		m.note(f.Name, 1, "node", "there is none", "")
		m.directors = []string{""}
	}
	return c
}

// haresources takes who has which resources.
func (m *model) haresources(f File, c cluster, by map[string]File, used map[string]bool) {
	n, start := 0, 0
	joined := ""
	for raw := range strings.Lines(f.Text) {
		n++
		text, _, _ := strings.Cut(strings.TrimRight(raw, " \t\r\n"), "#")
		if joined == "" {
			start = n
		}
		if more, ok := strings.CutSuffix(text, "\\"); ok {
			joined += more + " "
			continue
		}
		words := strings.Fields(joined + text)
		joined = ""
		if len(words) == 0 {
			continue
		}
		in := &instance{
			name: fmt.Sprintf("VI_%d", len(m.instances)+1), iface: c.iface, preferred: words[0],
			advert: c.advert, nopreempt: !c.failback,
		}
		if !slices.Contains(m.directors, words[0]) {
			m.note(f.Name, start, words[0], "ha.cf has no such node", "")
		}
		for _, r := range words[1:] {
			m.resource(f.Name, start, r, in, by, used)
		}
		if len(in.addresses) == 0 {
			m.note(f.Name, start, strings.Join(words, " "), "it has no address, and without one there is nothing to elect about", "")
			continue
		}
		if in.iface == "" {
			in.iface = "eth0"
			m.note(f.Name, start, words[0], "no interface is named", "check interface in "+in.name)
		}
		m.instances = append(m.instances, in)
		m.note(f.Name, start, words[0], fmt.Sprintf("heartbeat has no virtual router id; %d was chosen", firstID+len(m.instances)-1), "check that nobody else on the network has it")
	}
}

// resource takes one resource of a line.
func (m *model) resource(file string, line int, text string, in *instance, by map[string]File, used map[string]bool) {
	parts := strings.Split(text, "::")
	name, args := parts[0], parts[1:]
	if _, err := netip.ParseAddr(strings.SplitN(name, "/", 2)[0]); err == nil {
		name, args = "IPaddr", []string{parts[0]}
	}
	switch name {
	case "IPaddr", "IPaddr2", "IPv6addr", "IPsrcaddr":
		if len(args) == 0 || name == "IPsrcaddr" {
			m.note(file, line, text, "it is not taken over", "virtual_routes with src")
			return
		}
		m.haAddress(file, line, args[0], in)
	case "ldirectord":
		want := "ldirectord.cf"
		if len(args) > 0 {
			want = path.Base(args[0])
		}
		f, ok := by[want]
		if !ok {
			f, ok = by[want+".cf"]
			want += ".cf"
		}
		if !ok {
			m.note(file, line, text, "there is no "+want+" among the files", "import it, too")
			return
		}
		used[want] = true
		m.ldirectord(f)
	case "ipvsadm":
		found := false
		for _, name := range slices.Sorted(maps.Keys(by)) {
			if strings.HasSuffix(name, ".rules") || name == "ipvsadm" {
				found = true
				if !used[name] {
					m.late = append(m.late, by[name])
				}
				used[name] = true
			}
		}
		if !found {
			m.note(file, line, text, "its rules are not among the files", "import /etc/ipvsadm.rules, too")
		}
	case "MailTo":
		for a := range strings.SplitSeq(first(args), ",") {
			if a != "" && !contains(m.mailTo, a) {
				m.mailTo = append(m.mailTo, a)
			}
		}
		if !contains(in.more, "smtp_alert") {
			in.more = append(in.more, "smtp_alert")
		}
	case "LVSSyncDaemonSwap":
		m.global = append(m.global, "lvs_sync_daemon "+in.iface+" "+in.name)
	default:
		m.note(file, line, text, "it is a program that is started with the addresses and stopped without them", resourceDo)
	}
}

// haAddress takes ADDRESS[/BITS[/INTERFACE][/BROADCAST]].
func (m *model) haAddress(file string, line int, text string, in *instance) {
	parts := strings.Split(text, "/")
	addr, err := netip.ParseAddr(parts[0])
	if err != nil {
		m.note(file, line, text, "it is no address", "")
		return
	}
	out := addr.String()
	rest := parts[1:]
	if len(rest) > 0 && rest[0] != "" && !strings.Contains(rest[0], ".") {
		out += "/" + rest[0]
		rest = rest[1:]
	}
	dev, brd := "", ""
	for _, p := range rest {
		if _, err := netip.ParseAddr(p); err == nil {
			brd = p
		} else if p != "" {
			dev = p
		}
	}
	label := strings.Contains(dev, ":")
	if dev != "" {
		iface, _, _ := strings.Cut(dev, ":")
		in.iface = iface
		out += " dev " + iface
	}
	if brd != "" {
		out += " brd " + brd
	}
	if label {
		out += " label " + dev
	}
	in.addresses = append(in.addresses, out)
}
