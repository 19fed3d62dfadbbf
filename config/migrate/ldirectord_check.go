// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// checked is what one check of ldirectord is about.
type checked struct {
	service          place
	server           place
	line             directive
	request, receive string
	protocol         string
}

// check writes the checker of one real server.
func (m *model) check(v *virtual, r *block, kind string, c checked) {
	if n, err := strconv.Atoi(kind); err == nil {
		m.once(v, "checktype", fmt.Sprintf("a connection alone %d times, then a request, is a request each time", n-1), "")
		kind = "negotiate"
	}
	service := v.get("service", "")
	if service == "" {
		if service = portService[c.service.port]; service == "" {
			service = "none"
		}
	}
	switch kind {
	case "on":
		return
	case "ping":
		m.simple(v, r, "PING_CHECK", "checktimeout", "5")
	case "external", "external-perl":
		m.external(v, r, kind, c)
	case "connect":
		if c.protocol == "udp" {
			m.once(v, "checktype", "UDP has no connections, so ldirectord pings the server, and so does this", "DNS_CHECK or UDP_CHECK say more")
			m.simple(v, r, "PING_CHECK", "checktimeout", "5")
			return
		}
		m.port(v, m.simple(v, r, "TCP_CHECK", "checktimeout", "5"))
	case "negotiate":
		m.negotiate(v, r, service, c)
	default:
		m.once(v, "checktype", "ldirectord has no such check", "")
	}
}

// once tells of a directive that is the same for each server of a service.
func (m *model) once(v *virtual, name, why, do string) {
	d, ok := v.set[name]
	if !ok {
		d = v.directive
	}
	n := Note{v.file, d.line, fmt.Sprintf("%s=%s", name, d.value), why, do}
	if !ok {
		n.What = v.name + "=" + v.value
	}
	if !slices.Contains(m.notes, n) {
		m.notes = append(m.notes, n)
	}
}

// simple opens a checker with its limits.
func (m *model) simple(v *virtual, r *block, keyword, timeout, otherwise string) *block {
	b := r.open("%s", keyword)
	m.limits(v, b, timeout, otherwise)
	return b
}

func (m *model) limits(v *virtual, b *block, timeout, otherwise string) {
	b.add("connect_timeout %s", v.get(timeout, v.get("checktimeout", otherwise)))
	if n, err := strconv.Atoi(v.get("failurecount", "1")); err == nil && n > 1 {
		b.add("retry %d", n-1)
		b.add("delay_before_retry %s", v.get("checkinterval", "10"))
	} else {
		b.add("retry 0")
	}
	if d, ok := v.set["checkcount"]; ok && d.value != "1" {
		m.once(v, "checkcount", "an echo request is sent once for each check", "failurecount, which is retry here")
	}
}

func (m *model) port(v *virtual, b *block) {
	if p := v.get("checkport", ""); p != "" {
		b.add("connect_port %s", p)
	}
}

// external writes a program; it is given what ldirectord gives it.
func (m *model) external(v *virtual, r *block, kind string, c checked) {
	command := v.get("checkcommand", "")
	if command == "" {
		m.once(v, "checktype", "there is no checkcommand", "")
		return
	}
	if kind == "external-perl" {
		command = "/usr/bin/perl " + command
		m.once(v, "checktype", "the program is started anew each time", "")
	}
	port := v.get("checkport", strconv.Itoa(int(c.server.port)))
	address := "NONE"
	if c.service.addr.IsValid() {
		address = c.service.addr.String()
	}
	m.asRoot()
	b := r.open("MISC_CHECK")
	b.add("misc_path %s", quoted(fmt.Sprintf("%s %s %d %s %s", command, address, c.service.port, c.server.addr, port)))
	b.add("misc_timeout %s", v.get("checktimeout", "5"))
}

// withoutEqual are services that ldirectord talks with, and nobody here.
var withoutEqual = map[string]bool{
	"ftp": true, "imap": true, "imaps": true, "ldap": true, "ldaps": true, "mysql": true, "nntp": true, "oracle": true, "pgsql": true,
	"pop": true, "pops": true, "radius": true, "simpletcp": true, "sip": true,
}

// negotiate writes a checker that talks with the server.
func (m *model) negotiate(v *virtual, r *block, service string, c checked) {
	for _, name := range []string{"login", "passwd", "database", "secret"} {
		if _, ok := v.set[name]; ok {
			m.once(v, name, "no checker logs in", "MISC_CHECK with a program that does")
		}
	}
	request, receive := cmp.Or(c.request, v.get("request", "")), cmp.Or(c.receive, v.get("receive", ""))
	switch {
	case service == "http" || service == "https" || service == "http_proxy":
		m.page(v, r, service, request, receive)
	case service == "smtp" || service == "submission":
		m.port(v, m.simple(v, r, "SMTP_CHECK", "negotiatetimeout", "30"))
	case service == "dns":
		b := m.simple(v, r, "DNS_CHECK", "negotiatetimeout", "30")
		m.port(v, b)
		b.add("type A")
		if request != "" {
			b.add("name %s", request)
		}
		if receive != "" {
			m.once(v, "receive", "any answer with records is good", "")
		}
	case c.protocol == "udp":
		m.once(v, "service", "nobody here speaks it, so it is any answer or none, but no refusal", "MISC_CHECK with a program that does")
		m.port(v, m.simple(v, r, "UDP_CHECK", "negotiatetimeout", "30"))
	default:
		if withoutEqual[service] || receive != "" {
			m.once(v, "service", "nobody here speaks "+service+", so it is the connection that is checked", "MISC_CHECK with a program that does")
		}
		m.port(v, m.simple(v, r, "TCP_CHECK", "negotiatetimeout", "30"))
	}
}

// page writes a request for a page.
func (m *model) page(v *virtual, r *block, service, request, receive string) {
	keyword := "HTTP_GET"
	if service == "https" {
		keyword = "SSL_GET"
	}
	if service == "http_proxy" {
		m.once(v, "service", "the page is asked of the server itself, as of a web server", "")
	}
	b := r.open("%s", keyword)
	url := b.open("url")
	if !strings.HasPrefix(request, "/") && !strings.Contains(request, "://") {
		request = "/" + request
	}
	url.add("path %s", quoted(request))
	if receive != "" {
		url.add("regex %s", quoted(receive))
	}
	if method := strings.ToUpper(v.get("httpmethod", "GET")); method != "GET" {
		m.once(v, "httpmethod", "pages are asked for with GET", "")
	}
	m.port(v, b)
	m.limits(v, b, "negotiatetimeout", "30")
}
