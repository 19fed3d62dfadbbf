// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package mib

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// theirs is where Debian's keepalived puts the modules that it serves.
const theirs = "/usr/share/snmp/mibs/"

// excuse is the reason why objects are not served.
type excuse struct {
	names *regexp.Regexp
	why   string
}

// notOurs are the objects of keepalived's modules that are not served, with the
// reason.
var notOurs = []excuse{
	{regexp.MustCompile(`^vrrpRouteSecondaryGateway$`), "compat: keepalived 2.2.7 makes a nexthop of it, which stands in vrrpRouteNextHopTable"},
	{regexp.MustCompile(`^vrrpRoute(NextHop)?Encap`), "what a route is wrapped in is not in the rows that exits are shown; its line is"},
	{regexp.MustCompile(`^vrrpRule(Protocol|IPProto|(Src|Dst)Port(Start|End))$`), "likewise of rules"},
}

var (
	definition = regexp.MustCompile(`(?ms)^[ \t]*(\w+)\s+(OBJECT-TYPE|NOTIFICATION-TYPE)\b(.*?)::=\s*\{\s*([\w-]+)\s+(\d+)\s*\}`)
	node       = regexp.MustCompile(`(?m)^[ \t]*(\w+)\s+(?:OBJECT IDENTIFIER\s+|MODULE-IDENTITY\b[\s\S]*?)::=\s*\{\s*([\w-]+)\s+(\d+)\s*\}`)
	maxAccess  = regexp.MustCompile(`MAX-ACCESS\s+([\w-]+)`)
)

// defined reads the objects and notifications of a module, with their numbers
// below a root that has the given name.
func defined(t *testing.T, file, root, number string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(theirs + file)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)--.*$|"[^"]*"`).ReplaceAllString(string(b), "")
	parents := map[string][2]string{}
	for _, m := range node.FindAllStringSubmatch(text, -1) {
		parents[m[1]] = [2]string{m[2], m[3]}
	}
	access := map[string]string{}
	for _, m := range definition.FindAllStringSubmatch(text, -1) {
		parents[m[1]] = [2]string{m[4], m[5]}
		access[m[1]] = "notification"
		if m[2] == "OBJECT-TYPE" {
			a := maxAccess.FindStringSubmatch(m[3])
			if a == nil {
				delete(access, m[1]) // it is in the list of imports
				continue
			}
			access[m[1]] = a[1]
		}
	}
	var oid func(string) string
	oid = func(name string) string {
		if p, ok := parents[name]; ok && name != root {
			return oid(p[0]) + "." + p[1]
		}
		return number
	}
	out := map[string]string{}
	for name, a := range access {
		if a != "not-accessible" {
			out[name] = oid(name)
		}
	}
	return out
}

// Every object and notification that keepalived's modules name is served at its
// number, or there is a reason why not.
func TestNothingOfTheirsIsMissing(t *testing.T) {
	for _, c := range []struct {
		file, root, number string
		module             *Module
		least              int
	}{
		{"KEEPALIVED-MIB.txt", "keepalived", Keepalived, &Compat, 380},
		{"VRRP-MIB.txt", "vrrpMIB", RFC2787, &VRRPv2, 30},
		{"VRRPv3-MIB.txt", "vrrpv3MIB", RFC6527, &VRRPv3, 30},
	} {
		all := defined(t, c.file, c.root, c.number)
		if len(all) < c.least {
			t.Errorf("%s: only %d objects were read", c.file, len(all))
		}
		for name, number := range all {
			got := c.module.OID(name)
			excused := slices.ContainsFunc(notOurs, func(n excuse) bool { return n.names.MatchString(name) })
			switch {
			case got == "" && !excused:
				t.Errorf("%s: %s (%s) is not served", c.file, name, strings.TrimPrefix(number, c.number+"."))
			case got != "" && got != number:
				t.Errorf("%s: %s is %s, not %s", c.file, name, number, got)
			case got != "" && excused:
				t.Errorf("%s: %s is served, and excused", c.file, name)
			}
		}
	}
}
