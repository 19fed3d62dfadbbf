// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// directive is one line of ldirectord.cf.
type directive struct {
	line        int
	name, value string
}

// virtual is one virtual service of ldirectord.cf.
type virtual struct {
	file string
	directive
	real []directive
	// set is what its own lines say, and what the top of the file does.
	set map[string]directive
}

// Where a directive may stand.
const (
	atTop = 1 << iota
	inVirtual
)

// known lists the directives of ldirectord.cf that mean something here; those
// with a reason have no equal.
var known = map[string]struct {
	where   int
	why, do string
}{
	"checktimeout": {atTop | inVirtual, "", ""}, "negotiatetimeout": {atTop | inVirtual, "", ""},
	"checkinterval": {atTop | inVirtual, "", ""}, "failurecount": {atTop | inVirtual, "", ""},
	"checkcount":     {atTop | inVirtual, "", ""},
	"emailalert":     {atTop | inVirtual, "", ""},
	"emailalertfrom": {atTop | inVirtual, "", ""}, "emailalertfreq": {atTop | inVirtual, "", ""},
	"smtp": {atTop | inVirtual, "", ""}, "quiescent": {atTop | inVirtual, "", ""},
	"fallback": {atTop | inVirtual, "", ""}, "fallback6": {atTop | inVirtual, "", ""},
	"fallbackcommand": {atTop | inVirtual, "", ""}, "virtual": {atTop, "", ""}, "virtual6": {atTop, "", ""},
	"real": {inVirtual, "", ""}, "real6": {inVirtual, "", ""}, "checktype": {inVirtual, "", ""}, "service": {inVirtual, "", ""},
	"checkcommand": {inVirtual, "", ""}, "checkport": {inVirtual, "", ""}, "request": {inVirtual, "", ""},
	"receive": {inVirtual, "", ""}, "httpmethod": {inVirtual, "", ""}, "virtualhost": {inVirtual, "", ""},
	"login": {inVirtual, "", ""}, "passwd": {inVirtual, "", ""}, "database": {inVirtual, "", ""}, "secret": {inVirtual, "", ""},
	"scheduler": {inVirtual, "", ""}, "persistent": {inVirtual, "", ""}, "netmask": {inVirtual, "", ""},
	"protocol": {inVirtual, "", ""}, "ops": {inVirtual, "", ""},

	"autoreload":       {atTop, "vigild reads its configuration when it is told to", "systemctl reload vigild, after vigilctl plan FILE"},
	"callback":         {atTop, "it is run when the file changes, which nobody watches", "copy the file to the other director, then reload both"},
	"logfile":          {atTop, "vigild logs to journald, syslog or its standard error", "log.format in vigil.yaml"},
	"execute":          {atTop, "one vigild does it all", "import the other file too"},
	"supervised":       {atTop, "the unit runs vigild in the foreground", ""},
	"fork":             {atTop, "checks are not processes here", ""},
	"cleanstop":        {atTop | inVirtual, "services are removed at a stop, unless vigild is started with --dont-release-ipvs", ""},
	"readdquiescent":   {atTop | inVirtual, "a server is added with the weight that it has at that time", ""},
	"maintenancedir":   {atTop, "a file does not take a server out", "FILE_CHECK in the real_server, or reload without it"},
	"emailalertstatus": {atTop | inVirtual, "mail is sent for every change of a server, UP and DOWN", "filter it, or use the webhooks of vigil.yaml"},
	"load":             {inVirtual, "the load of a server does not change its weight", "MISC_CHECK with misc_dynamic"},
	"monitorfile":      {inVirtual, "checks are not logged to a file of their own", "vigilctl events -f"},
	"checkintervalneg": {atTop | inVirtual, "a server that is down is checked as often as one that is up", ""},
}

// ldirectord takes the services of one ldirectord.cf.
func (m *model) ldirectord(f File) {
	top := map[string]directive{}
	var list []*virtual
	var v *virtual
	n := 0
	for raw := range strings.Lines(f.Text) {
		n++
		text := strings.TrimRight(raw, " \t\r\n")
		inside := strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t")
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		d := directive{n, strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))}
		k, is := known[d.name]
		switch {
		case !ok:
			m.note(f.Name, n, text, "it is not a directive: there is no =", "")
		case !is:
			m.note(f.Name, n, d.name, "ldirectord has no such directive", "")
		case inside && v == nil:
			m.note(f.Name, n, d.name, "it is indented, but belongs to no virtual service", "")
		case inside && k.where&inVirtual == 0, !inside && k.where&atTop == 0:
			m.note(f.Name, n, d.name, "it does not belong here", map[bool]string{true: "at the beginning of a line", false: "indented below a virtual service"}[inside])
		case k.why != "":
			m.note(f.Name, n, d.name, k.why, k.do)
		case d.name == "virtual" || d.name == "virtual6":
			v = &virtual{file: f.Name, directive: d, set: map[string]directive{}}
			list = append(list, v)
		case inside && strings.HasPrefix(d.name, "real"):
			v.real = append(v.real, d)
		case inside:
			v.set[d.name] = d
		default:
			top[d.name] = d
		}
	}
	m.alerts(f.Name, top)
	for _, v := range list {
		m.alerts(f.Name, v.set)
		for name, d := range top {
			if _, own := v.set[name]; !own {
				v.set[name] = d
			}
		}
		m.virtual(v)
	}
}

// unquote takes the quotes off a value.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// alerts takes what is said about mail; there is one list of it for all.
func (m *model) alerts(file string, set map[string]directive) {
	if d, ok := set["emailalert"]; ok {
		for a := range strings.FieldsFuncSeq(d.value, func(r rune) bool { return r == ',' || r == ' ' }) {
			if !contains(m.mailTo, a) {
				m.mailTo = append(m.mailTo, a)
			}
		}
	}
	one := func(name string, into *string) {
		d, ok := set[name]
		switch {
		case !ok:
		case *into == "" || *into == d.value:
			*into = d.value
		default:
			m.note(file, d.line, name, "there is one for all services, which is "+*into, "")
		}
	}
	one("emailalertfrom", &m.mailFrom)
	one("smtp", &m.smtp)
	if d, ok := set["emailalertfreq"]; ok && d.value != "0" {
		m.folded = true
		m.note(file, d.line, "emailalertfreq", "mail is sent when a server changes and not repeated; many at once become one mail",
			"to be reminded, use the alerts: vigilctl alerts export, and repeat_interval of Alertmanager")
	}
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// get is the value of a directive, or another.
func (v *virtual) get(name, otherwise string) string {
	if d, ok := v.set[name]; ok {
		return d.value
	}
	return otherwise
}

// note tells of a directive of a virtual service.
func (m *model) noteOf(v *virtual, name, why, do string) {
	d, ok := v.set[name]
	if !ok {
		d = v.directive
	}
	m.note(v.file, d.line, fmt.Sprintf("%s=%s", name, d.value), why, do)
}
