// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"strconv"
	"strings"
)

// portService is the service that ldirectord takes for a port when none is named.
var portService = map[uint16]string{
	20: "ftp", 21: "ftp", 25: "smtp", 53: "dns", 80: "http", 110: "pop", 119: "nntp", 143: "imap", 389: "ldap", 443: "https",
	465: "smtp", 587: "submission", 636: "ldaps", 993: "imaps", 995: "pops", 1521: "oracle", 1812: "radius", 3128: "http_proxy",
	3306: "mysql", 5060: "sip", 5432: "pgsql",
}

// kinds of forwarding.
var gates = map[string]string{"gate": "DR", "masq": "NAT", "ipip": "TUN"}

// virtual writes one virtual service.
func (m *model) virtual(v *virtual) {
	protocol := strings.ToLower(v.get("protocol", ""))
	s := &service{}
	var at place
	if mark, err := strconv.ParseUint(v.value, 10, 32); err == nil {
		s.name, protocol = fmt.Sprintf("fwmark %d", mark), "fwm"
	} else {
		if at, err = m.parsePlace(v.value, protocol); err != nil {
			m.note(v.file, v.line, v.name+"="+v.value, err.Error(), "")
			return
		}
		s.name = at.name()
		if protocol == "" || protocol == "fwm" {
			protocol = "tcp"
			if at.port == 53 {
				protocol = "udp"
			}
		}
	}
	servers := m.reals(v, at, protocol)
	check := v.get("checktype", "negotiate")
	if check == "off" {
		m.noteOf(v, "checktype", "ldirectord activates no server of such a service, so it is left out", "")
		return
	}
	s.mail = v.get("emailalert", "") != ""
	m.services = append(m.services, s)
	b := &s.body
	b.add("delay_loop %s", v.get("checkinterval", "10"))
	b.add("lb_algo %s", v.get("scheduler", "wrr"))
	kind := "DR"
	if len(servers) > 0 {
		kind = servers[0].way
	}
	b.add("lb_kind %s", kind)
	m.properties(v, b, protocol, at, kind)
	if len(servers) == 0 {
		m.note(v.file, v.line, v.name+"="+v.value, "it has no real server", "")
	}
	for _, one := range servers {
		r := b.open("real_server %s", one.place.name())
		r.add("weight %s", one.weight)
		if one.way != kind {
			r.add("lvs_method %s", one.way)
		}
		// The port that is checked is that of the server, or of the service.
		m.check(v, r, check, checked{at, one.place, one.directive, one.request, one.receive, protocol})
	}
}

// real is one real server of ldirectord.cf.
type real struct {
	directive
	place
	way, weight      string
	request, receive string
}

// reals reads the real servers of a service: ADDRESS[->ADDRESS][:PORT] gate [2]
// ["request", "receive"].
func (m *model) reals(v *virtual, at place, protocol string) (servers []real) {
	for _, d := range v.real {
		words := fields(d.value)
		if len(words) < 1 {
			m.note(v.file, d.line, d.name, "it names no server", "")
			continue
		}
		list, err := m.span(words[0], protocol)
		if err != nil {
			m.note(v.file, d.line, d.name+"="+d.value, err.Error(), "")
			continue
		}
		one := real{directive: d, way: "DR", weight: "1"}
		for i, w := range words[1:] {
			_, number := strconv.Atoi(w)
			switch {
			case gates[w] != "":
				one.way = gates[w]
			case number == nil:
				one.weight = w
			case i == len(words)-3 || one.request == "" && i == len(words)-2:
				one.request = strings.TrimSuffix(w, ",")
			default:
				one.receive = w
			}
		}
		for _, p := range list {
			if p.port == 0 || one.way != "NAT" && at.port != 0 && p.port != at.port {
				if p.port != 0 {
					m.note(v.file, d.line, d.name+"="+d.value, "only masq rewrites ports, so it is that of the service", "")
				}
				p.port = at.port
			}
			one.place = p
			servers = append(servers, one)
		}
	}
	return servers
}

// properties writes what a service has besides servers.
func (m *model) properties(v *virtual, b *block, protocol string, at place, kind string) {
	if protocol != "fwm" {
		b.add("protocol %s", strings.ToUpper(protocol))
	} else if v.name == "virtual6" {
		b.add("ip_family inet6")
	}
	if p := v.get("persistent", ""); p != "" {
		b.add("persistence_timeout %s", p)
	}
	if n := v.get("netmask", ""); n != "" {
		b.add("persistence_granularity %s", n)
	}
	if v.get("ops", "no") == "yes" {
		b.add("ops")
	}
	if v.get("quiescent", "yes") == "yes" {
		b.add("inhibit_on_failure")
	}
	if h := v.get("virtualhost", ""); h != "" {
		b.add("virtualhost %s", h)
	}
	name := "fallback"
	if v.name == "virtual6" || at.addr.Is6() {
		if _, ok := v.set["fallback6"]; ok {
			name = "fallback6"
		}
	}
	if d, ok := v.set[name]; ok {
		words := fields(d.value)
		p, err := m.parsePlace(first(words), protocol)
		switch {
		case err != nil:
			m.noteOf(v, name, err.Error(), "")
		case p.addr.Is4() != (v.name == "virtual" && !at.addr.Is6()):
			m.once(v, name, "a virtual service of the other family cannot use it", "")
		default:
			way := kind
			if len(words) > 1 && gates[words[1]] != "" {
				way = gates[words[1]]
			}
			if p.port == 0 || way != "NAT" {
				p.port = at.port // only NAT rewrites ports
			}
			b.add("sorry_server %s", p.name())
			if way != kind {
				b.add("sorry_server_lvs_method %s", way)
			}
		}
	}
	if c := v.get("fallbackcommand", ""); c != "" {
		b.add("quorum_down %s", quoted(c+" start"))
		b.add("quorum_up %s", quoted(c+" stop"))
		m.asRoot()
	}
}

// asRoot has programs run as root, as the old directors did, if only root can
// change them.
func (m *model) asRoot() {
	for _, l := range []string{"script_user root", "enable_script_security"} {
		if !contains(m.global, l) {
			m.global = append(m.global, l)
		}
	}
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// fields splits at blanks, but not within quotes, which are taken off.
func fields(s string) (out []string) {
	var word strings.Builder
	in, quote := false, rune(0)
	for _, c := range s {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if in {
				out = append(out, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(c)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out
}

// spanMost is how many servers one line may stand for.
const spanMost = 4096

// span reads ADDRESS[:PORT] or ADDRESS->ADDRESS[:PORT].
func (m *model) span(text, protocol string) ([]place, error) {
	from, to, many := strings.Cut(text, "->")
	if !many {
		p, err := m.parsePlace(text, protocol)
		return []place{p}, err
	}
	last, err := m.parsePlace(to, protocol)
	if err != nil {
		return nil, err
	}
	p, err := m.parsePlace(from, protocol)
	if err != nil {
		return nil, err
	}
	p.port = last.port
	var out []place
	for ; len(out) < spanMost; p.addr = p.addr.Next() {
		out = append(out, p)
		if p.addr == last.addr {
			return out, nil
		}
		if !p.addr.IsValid() || last.addr.Less(p.addr) {
			break
		}
	}
	return nil, fmt.Errorf("%s is not a span of at most %d addresses", text, spanMost)
}
