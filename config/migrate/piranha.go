// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// section is a block of lvs.cf, or all of it.
type section struct {
	line       int
	kind, name string // virtual WEB
	set        map[string]directive
	order      []directive
	inside     []*section
}

func (s *section) get(name, otherwise string) string {
	if d, ok := s.set[name]; ok && d.value != "" {
		return d.value
	}
	return otherwise
}

// piranhaWithout are keys that have no equal, and why.
var piranhaWithout = map[string][2]string{
	"serial_no":                   {"versions of the file are not counted", ""},
	"rsh_command":                 {"nothing is copied to the other director", "copy the file, then reload both"},
	"heartbeat_port":              {"VRRP is IP protocol 112 and has no port", "let it pass the firewall: ip protocol vrrp accept"},
	"reservation_conflict_action": {"there is nothing to reserve", ""},
	"debug_level":                 {"the log level is not in this file", "log.level in vigil.yaml"},
	"primary_private":             {"one path is enough for VRRP to elect", "a bond carries it over two links"},
	"backup_private":              {"one path is enough for VRRP to elect", "a bond carries it over two links"},
	"primary_shared":              {"there is no shared storage", ""},
	"backup_shared":               {"there is no shared storage", ""},
	"hard_shutdown":               {"a director that stops says so and gives up its addresses", ""},
	"load_monitor":                {"the load of a server does not change its weight", "MISC_CHECK with misc_dynamic"},
	"tcp_timeout":                 {"", ""}, "tcpfin_timeout": {"", ""}, "udp_timeout": {"", ""},
	"syncd_iface": {"", ""}, "syncd_id": {"", ""}, "monitor_links": {"", ""}, "primary": {"", ""}, "backup": {"", ""},
	"service": {"", ""}, "backup_active": {"", ""}, "heartbeat": {"", ""}, "keepalive": {"", ""}, "deadtime": {"", ""},
	"network": {"", ""}, "syncdaemon": {"", ""}, "nat_router": {"", ""}, "nat_nmask": {"", ""},
}

// readSections reads lvs.cf.
func (m *model) readSections(f File) *section {
	top := &section{set: map[string]directive{}}
	stack := []*section{top}
	n := 0
	for raw := range strings.Lines(f.Text) {
		n++
		text := strings.TrimSpace(raw)
		if i := strings.IndexByte(text, '#'); i >= 0 && strings.Count(text[:i], `"`)%2 == 0 {
			text = strings.TrimSpace(text[:i])
		}
		now := stack[len(stack)-1]
		switch {
		case text == "":
		case text == "}":
			if len(stack) == 1 {
				m.note(f.Name, n, "}", "it closes nothing", "")
				continue
			}
			stack = stack[:len(stack)-1]
		case strings.HasSuffix(text, "{"):
			words := strings.Fields(strings.TrimSuffix(text, "{"))
			in := &section{line: n, kind: first(words), name: strings.Join(words[min(1, len(words)):], " "), set: map[string]directive{}}
			now.inside = append(now.inside, in)
			stack = append(stack, in)
		default:
			name, value, ok := strings.Cut(text, "=")
			d := directive{n, strings.TrimSpace(name), unquote(strings.TrimSpace(value))}
			if !ok {
				m.note(f.Name, n, text, "it is not KEY = VALUE", "")
				continue
			}
			now.set[d.name] = d
			now.order = append(now.order, d)
		}
	}
	if len(stack) > 1 {
		m.note(f.Name, stack[len(stack)-1].line, stack[len(stack)-1].kind, "it is not closed", "")
	}
	return top
}

// piranha takes a whole lvs.cf: both directors and all services.
func (m *model) piranha(f File) {
	top := m.readSections(f)
	for _, d := range top.order {
		why, known := piranhaWithout[d.name]
		if !known {
			why[0] = "Piranha has no such key"
		}
		if why[0] != "" {
			m.note(f.Name, d.line, d.name, why[0], why[1])
		}
	}
	m.directors = []string{top.get("primary", "primary")}
	if top.get("backup_active", "0") == "1" {
		m.directors = append(m.directors, top.get("backup", "backup"))
	}
	if top.get("monitor_links", "0") != "1" {
		m.note(f.Name, top.set["monitor_links"].line, "monitor_links", "an interface that is down is always noticed", "dont_track_primary in the vrrp_instance, if that is not wanted")
	}
	if top.get("service", "lvs") == "fos" {
		m.note(f.Name, top.set["service"].line, "service", "services that move without IPVS are run by scripts here", "notify_master and notify_backup in the vrrp_instance")
	}
	advert := m.interval(f, top.set["deadtime"], 18)
	if k := top.get("keepalive", "6"); k != strconv.Itoa(advert) {
		m.note(f.Name, top.set["keepalive"].line, "keepalive", fmt.Sprintf("an advertisement is sent each %d s, a third of deadtime", advert), "")
	}
	for _, name := range []string{"tcp", "tcpfin", "udp"} {
		if v := top.get(name+"_timeout", ""); v != "" {
			m.timeouts(name, v)
		}
	}
	byInterface := map[string]*instance{}
	for _, s := range top.inside {
		switch s.kind {
		case "virtual":
			m.piranhaVirtual(f, top, s, advert, byInterface)
		default:
			m.note(f.Name, s.line, s.kind+" "+s.name, "services that move without IPVS are run by scripts here", "a vrrp_instance with the address, and its notify_master and notify_backup")
		}
	}
	if r := top.get("nat_router", ""); r != "" {
		m.router(f, top, r, byInterface)
	}
	if top.get("syncdaemon", "0") == "1" && len(m.instances) > 0 {
		in := m.instances[0]
		line := "lvs_sync_daemon " + top.get("syncd_iface", in.iface) + " " + in.name
		if id := top.get("syncd_id", ""); id != "" {
			line += " id " + id
		}
		m.global = append(m.global, line)
	}
}

// timeouts takes one of the three timeouts of IPVS.
func (m *model) timeouts(name, value string) {
	const keyword = "lvs_timeouts"
	for i, l := range m.global {
		if strings.HasPrefix(l, keyword) {
			m.global[i] = l + " " + name + " " + value
			return
		}
	}
	m.global = append(m.global, keyword+" "+name+" "+value)
}

// interval is how often VRRP advertises so that a dead master is noticed in the
// same time: after three of them.
func (m *model) interval(f File, d directive, otherwise float64) int {
	seconds := otherwise
	if d.value != "" {
		v, err := seconds3(d.value)
		if err != nil {
			m.note(f.Name, d.line, d.name, err.Error(), "")
		} else {
			seconds = v
		}
	}
	out := max(1, min(255, int(seconds/3)))
	if float64(out*3) != seconds {
		m.note(f.Name, d.line, d.name, fmt.Sprintf("a dead director is noticed after 3 advertisements, %d s, and a little", out*3), "advert_int 0.01 to 40 with version 3")
	}
	return out
}

// seconds3 reads seconds as heartbeat does: 10, 1.5 or 1500ms.
func seconds3(s string) (float64, error) {
	unit := 1.0
	if ms, ok := strings.CutSuffix(s, "ms"); ok {
		s, unit = ms, 0.001
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "s"), 64)
	if err != nil || v <= 0 || v > 86400 {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return v * unit, nil
}

// piranhaVirtual takes one virtual server.
func (m *model) piranhaVirtual(f File, top, s *section, advert int, by map[string]*instance) {
	for _, d := range s.order {
		if why, known := piranhaWithout[d.name]; known && why[0] != "" && d.value != "none" {
			m.note(f.Name, d.line, d.name, why[0], why[1])
		} else if !known && !contains(piranhaKeys, d.name) {
			m.note(f.Name, d.line, d.name, "Piranha has no such key", "")
		}
	}
	if s.get("active", "0") != "1" {
		m.note(f.Name, s.line, "virtual "+s.name, "it is not active, so it is left out", "")
		return
	}
	words := strings.Fields(s.get("address", ""))
	addr, err := netip.ParseAddr(first(words))
	if err != nil {
		m.note(f.Name, s.line, "virtual "+s.name, "it has no address", "")
		return
	}
	if len(words) > 1 {
		m.own(addr, words[1], s.get("vip_nmask", ""), advert, by)
	} else {
		m.note(f.Name, s.set["address"].line, "address", "without a device nobody has the address", "a vrrp_instance for it")
	}
	protocol := strings.ToLower(s.get("protocol", "tcp"))
	port, err := strconv.ParseUint(s.get("port", "80"), 10, 16)
	if err != nil {
		m.note(f.Name, s.set["port"].line, "port", "it is no number", "")
		return
	}
	out := &service{name: place{addr, uint16(port)}.name()}
	b := &out.body
	if mark := s.get("fwmark", ""); mark != "" {
		out.name = "fwmark " + mark
	}
	m.services = append(m.services, out)
	b.add("delay_loop %s", s.get("timeout", "6"))
	b.add("lb_algo %s", s.get("scheduler", "wlc"))
	b.add("lb_kind %s", map[string]string{"nat": "NAT", "direct": "DR", "tunnel": "TUN"}[top.get("network", "nat")])
	if !strings.HasPrefix(out.name, "fwmark") {
		b.add("protocol %s", strings.ToUpper(protocol))
	}
	if p := s.get("persistent", ""); p != "" {
		b.add("persistence_timeout %s", p)
	}
	if n := s.get("pmask", ""); n != "" {
		b.add("persistence_granularity %s", n)
	}
	if s.get("quiesce_server", "0") == "1" {
		b.add("inhibit_on_failure")
	}
	if sorry := s.get("sorry_server", ""); sorry != "" {
		if v := strings.TrimSpace(s.get("fwmark", "")); v != "" {
			b.add("sorry_server %s", sorry)
		} else {
			b.add("sorry_server %s %d", sorry, port)
		}
	}
	if d, ok := s.set["reentry"]; ok && d.value != "" {
		m.note(f.Name, d.line, "reentry", "a server that answers again is put back at its next check, after "+s.get("timeout", "6")+" s at most", "delay_loop and the checker's rise decide")
	}
	for _, in := range s.inside {
		if in.kind != "server" {
			m.note(f.Name, in.line, in.kind, "Piranha has no such block", "")
			continue
		}
		m.piranhaServer(f, s, in, b, uint16(port))
	}
}

var piranhaKeys = []string{
	"active", "address", "vip_nmask", "fwmark", "sorry_server", "port", "persistent", "pmask", "send", "expect", "use_regex", "send_program",
	"scheduler", "protocol", "timeout", "reentry", "quiesce_server", "weight",
}

// own gives an address to the instance of its interface: 10.6.1.214 eth0:1.
func (m *model) own(addr netip.Addr, device, mask string, advert int, by map[string]*instance) {
	iface, _, labelled := strings.Cut(device, ":")
	in := by[iface]
	if in == nil {
		in = &instance{name: "VI_" + iface, iface: iface, preferred: m.directors[0], advert: advert}
		by[iface] = in
		m.instances = append(m.instances, in)
	}
	line := fmt.Sprintf("%s/%d dev %s", addr, prefix(addr, mask), iface)
	if labelled {
		line += " label " + device
	}
	if !contains(in.addresses, line) {
		in.addresses = append(in.addresses, line)
	}
}

// prefix is the length of a network mask; without one, of a single host.
func prefix(a netip.Addr, mask string) int {
	p, err := netip.ParseAddr(mask)
	if err != nil {
		return a.BitLen()
	}
	n := 0
	for _, b := range p.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
	}
	return n
}

// router takes the address that real servers have as their gateway.
func (m *model) router(f File, top *section, value string, by map[string]*instance) {
	words := strings.Fields(value)
	addr, err := netip.ParseAddr(first(words))
	if err != nil || len(words) < 2 {
		m.note(f.Name, top.set["nat_router"].line, "nat_router", "it is not ADDRESS DEVICE", "")
		return
	}
	m.own(addr, words[1], top.get("nat_nmask", ""), m.interval(f, top.set["deadtime"], 18), by)
}

// piranhaServer takes one real server with the check of its service.
func (m *model) piranhaServer(f File, v, s *section, b *block, port uint16) {
	for _, d := range s.order {
		if !contains([]string{"address", "active", "weight", "port"}, d.name) {
			m.note(f.Name, d.line, d.name, "Piranha has no such key", "")
		}
	}
	if s.get("active", "0") != "1" {
		m.note(f.Name, s.line, "server "+s.name, "it is not active, so it is left out", "")
		return
	}
	addr, err := netip.ParseAddr(s.get("address", ""))
	if err != nil {
		m.note(f.Name, s.line, "server "+s.name, "it has no address", "")
		return
	}
	p := " " + s.get("port", strconv.Itoa(int(port)))
	checked := p
	if v.get("fwmark", "") != "" {
		if d, ok := s.set["port"]; ok {
			m.note(f.Name, d.line, "port", "behind a firewall mark the port of a packet stays as it is; it is checked alone", "")
		}
		p = ""
	}
	r := b.open("real_server %s%s", addr, p)
	r.add("weight %s", s.get("weight", "1"))
	timeout := s.get("timeout", v.get("timeout", "6"))
	if program := v.get("send_program", ""); program != "" {
		m.asRoot()
		c := r.open("MISC_CHECK")
		c.add("misc_path %s", quoted(strings.ReplaceAll(program, "%h", addr.String())))
		c.add("misc_timeout %s", timeout)
		if e := v.get("expect", ""); e != "" {
			m.onceAt(f.Name, v.set["expect"].line, "expect", "what the program prints is not looked at, its exit status is", "have it end with 0 only when all is well")
		}
		return
	}
	send, expect := v.get("send", ""), v.get("expect", "")
	if path, ok := getOf(send); ok {
		c := r.open("HTTP_GET")
		if p == "" {
			c.add("connect_port%s", checked)
		}
		url := c.open("url")
		url.add("path %s", quoted(path))
		if expect != "" && !strings.HasPrefix("HTTP/1.", expect) {
			if v.get("use_regex", "0") != "1" {
				expect = literal(expect)
			}
			url.add("regex %s", quoted(expect))
		} else {
			m.onceAt(f.Name, v.set["expect"].line, "expect", "any page begins so; it is a status from 200 to 299 that is asked for", "status_code 100-599, if an error is well, too")
		}
		c.add("connect_timeout %s", timeout)
		c.add("retry 0")
		return
	}
	if send != "" || expect != "" {
		m.onceAt(f.Name, cmp.Or(v.set["send"].line, v.set["expect"].line), "send and expect", "it is the connection that is checked, not what is said on it", "MISC_CHECK with a program that does")
	}
	c := r.open("TCP_CHECK")
	if p == "" {
		c.add("connect_port%s", checked)
	}
	c.add("connect_timeout %s", timeout)
	c.add("retry 0")
}

// onceAt is a note that many servers would make.
func (m *model) onceAt(file string, line int, what, why, do string) {
	n := Note{file, line, what, why, do}
	if !slices.Contains(m.notes, n) {
		m.notes = append(m.notes, n)
	}
}

// getOf is the page of a text that asks for one by HTTP.
func getOf(send string) (string, bool) {
	words := strings.Fields(strings.NewReplacer(`\r`, " ", `\n`, " ").Replace(send))
	if len(words) < 2 || words[0] != "GET" || !strings.HasPrefix(words[1], "/") {
		return "", false
	}
	return words[1], true
}

// literal is a pattern that matches the text alone.
func literal(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
