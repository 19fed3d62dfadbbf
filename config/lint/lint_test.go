// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/syntax"
)

// base is one half of a pair; each case changes lines of it.
const base = `global_defs {
    router_id NAME
}
vrrp_script chk {
    script "/bin/true"
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.0.2.1/24
        192.0.2.2/24
    }
    MORE
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    priority PRIORITY
    virtual_ipaddress {
        198.51.100.1/24
    }
}
REST
`

// build makes a router; replace are pairs as for strings.NewReplacer.
func build(t *testing.T, name, priority string, replace []string) Router {
	t.Helper()
	var whole []string
	for i := 0; i < len(replace); i += 2 {
		whole = append(whole, replace[i], replace[i+1])
	}
	text := strings.NewReplacer(append(whole, "NAME", name, "PRIORITY", priority, "MORE", "", "REST", "")...).Replace(base)
	tree, found := syntax.Parse(name+".conf", []byte(text), syntax.Options{})
	c, more := config.Build(tree, config.Environment{})
	for _, p := range append(found, more...) {
		if p.Class == syntax.Fatal {
			t.Fatalf("%v", p)
		}
	}
	return Router{name, c}
}

// findings are the problems as RULE FILE:LINE.
func findings(list []syntax.Problem) (out []string) {
	for _, p := range list {
		at := p.Pos
		at.Col = 0
		out = append(out, p.Level.String()+" "+p.Rule+" "+at.String())
	}
	slices.Sort(out)
	return out
}

// TestPairs has for each rule a pair that breaks it, and one beside it, of
// which it could be thought, that does not.
func TestPairs(t *testing.T) {
	v3 := []string{"advert_int 1", "version 3\n    advert_int 1", "authentication {\n        auth_type PASS\n        auth_pass secret\n    }", ""}
	both := func(more ...string) [2][]string { return [2][]string{more, more} }
	weight := func(w string) string { return "track_script {\n        chk weight " + w + "\n    }" }
	unicast := func(src, peer string) []string {
		return []string{"MORE", "unicast_src_ip " + src + "\n    unicast_peer {\n        " + peer + "\n    }"}
	}
	group := []string{"REST", "vrrp_sync_group G {\n    group {\n        VI_1\n        VI_2\n    }\n}"}
	server := func(vip, more string) []string {
		return []string{"REST", "virtual_server " + vip + " 80 {\n    lvs_sched rr\n    protocol TCP\n    " + more + "\n}"}
	}
	real := func(w string) string { return "real_server 10.0.0.1 80 {\n        weight " + w + "\n    }" }
	const other = "real_server 10.0.0.2 80 {\n    }"
	for name, c := range map[string]struct {
		change [2][]string
		want   []string
	}{
		"nothing":                 {},
		"another id":              {[2][]string{nil, {"virtual_router_id 51", "virtual_router_id 61"}}, []string{"error vrid_mismatch b.conf:10"}},
		"another version":         {[2][]string{v3, v3}, nil},
		"versions":                {[2][]string{nil, v3}, []string{"error auth_mismatch b.conf:7", "error version_mismatch b.conf:12"}},
		"interval":                {[2][]string{nil, {"advert_int 1", "advert_int 2"}}, []string{"error interval_mismatch b.conf:12"}},
		"interval of version 3":   {[2][]string{v3, {v3[0], "version 3\n    advert_int 2", v3[2], ""}}, []string{"warning interval_mismatch b.conf:13"}},
		"the same interval":       {both("advert_int 1", "advert_int 2"), nil},
		"password":                {[2][]string{nil, {"auth_pass secret", "auth_pass other"}}, []string{"error auth_mismatch b.conf:13"}},
		"the same other password": {both("auth_pass secret", "auth_pass other"), nil},
		"AH":                      {[2][]string{nil, {"auth_type PASS", "auth_type AH"}}, []string{"error auth_mismatch b.conf:13"}},
		"an address less":         {[2][]string{nil, {"        192.0.2.2/24\n", ""}}, []string{"error address_mismatch b.conf:17"}},
		"order": {
			[2][]string{nil, {"192.0.2.1/24\n        192.0.2.2/24", "192.0.2.2/24\n        192.0.2.1/24"}},
			[]string{"note address_order b.conf:17"},
		},
		"prefix": {[2][]string{nil, {"192.0.2.1/24", "192.0.2.1/25"}}, []string{"warning prefix_mismatch b.conf:17"}},
		"excluded": {
			[2][]string{nil, {"MORE", "virtual_ipaddress_excluded {\n        192.0.2.9\n    }"}},
			[]string{"error excluded_mismatch b.conf:21"},
		},
		"excluded on both": {both("MORE", "virtual_ipaddress_excluded {\n        192.0.2.9\n    }"), nil},
		"unicast":          {[2][]string{unicast("10.0.0.1", "10.0.0.2"), unicast("10.0.0.2", "10.0.0.1")}, nil},
		"unicast on one":   {[2][]string{nil, unicast("10.0.0.2", "10.0.0.1")}, []string{"error transport_mismatch b.conf:22"}},
		"peers":            {[2][]string{unicast("10.0.0.1", "10.0.0.3"), unicast("10.0.0.2", "10.0.0.1")}, []string{"error peer_mismatch a.conf:22"}},
		"one source": {
			[2][]string{unicast("10.0.0.1", "10.0.0.1"), unicast("10.0.0.1", "10.0.0.1")},
			[]string{"error source_duplicate b.conf:21"},
		},
		"sources to be guessed": {
			[2][]string{{"MORE", "unicast_peer {\n        10.0.0.2\n    }"}, {"MORE", "unicast_peer {\n        10.0.0.1\n    }"}}, nil,
		},
		"the same peers": {
			both("MORE", "unicast_peer {\n        10.0.0.2\n    }"), []string{"error peer_mismatch a.conf:21", "error peer_mismatch b.conf:21"},
		},
		"checksum":       {[2][]string{v3, append([]string{"MORE", "v3_checksum_as_v2"}, v3...)}, []string{"error checksum_mismatch b.conf:7"}},
		"VMAC":           {[2][]string{nil, {"MORE", "use_vmac"}}, []string{"note vmac_mismatch b.conf:21"}},
		"nopreempt":      {[2][]string{nil, {"MORE", "nopreempt"}}, []string{"warning preempt_mismatch b.conf:21"}},
		"nopreempt both": {both("MORE", "nopreempt"), nil},
		"preempt_delay":  {[2][]string{nil, {"MORE", "preempt_delay 5"}}, []string{"note preempt_mismatch b.conf:21"}},
		"priority":       {both("PRIORITY", "90"), []string{"warning priority_duplicate b.conf:11", "warning priority_duplicate b.conf:26"}},
		"owners":         {both("PRIORITY", "255"), []string{"error several_owners b.conf:11", "error several_owners b.conf:26"}},
		"masters":        {both("state BACKUP", "state MASTER"), []string{"note several_masters b.conf:8"}},
		"one master":     {[2][]string{{"state BACKUP", "state MASTER"}, nil}, nil},
		"alone":          {[2][]string{nil, {"virtual_router_id 52", "virtual_router_id 53", "198.51.100.1", "198.51.100.2", "VI_2", "VI_3"}}, []string{"warning instance_alone a.conf:23", "warning instance_alone b.conf:23"}},
		"group":          {[2][]string{group, nil}, []string{"warning group_mismatch a.conf:31"}},
		"groups":         {[2][]string{group, group}, nil},
		"weight":         {both("MORE", weight("-60")), nil},
		"weight never":   {both("MORE", weight("-20")), []string{"warning weight_never a.conf:11"}},
		"weight never alone": {
			both("MORE", "track_script {\n        chk weight -30\n    }\n    track_interface {\n        eth5 weight -30\n    }"),
			[]string{"note weight_never a.conf:11", "note weight_never a.conf:11"},
		},
		"weight that is no fault": {both("MORE", weight("0")), nil},
		"weight always":           {[2][]string{nil, {"MORE", weight("100")}}, []string{"warning weight_always a.conf:11"}},
		"weight for nothing":      {[2][]string{{"MORE", weight("-60")}, {"MORE", weight("-5")}}, []string{"note weight_always a.conf:11"}},
		"weight clamped":          {both("MORE", weight("-200")), []string{"warning weight_clamped a.conf:11", "warning weight_clamped b.conf:11"}},
		"router_id":               {both("NAME", "same"), []string{"note router_id_duplicate b.conf:2"}},
		"virtual server":          {[2][]string{server("192.0.2.1", real("1")), server("192.0.2.1", real("1"))}, nil},
		"server on one":           {[2][]string{server("192.0.2.1", real("1")), nil}, []string{"warning service_mismatch a.conf:31"}},
		"server's address":        {[2][]string{server("192.0.2.7", real("1")), server("192.0.2.7", real("1"))}, []string{"note service_address a.conf:31", "note service_address b.conf:31"}},
		"weights of servers":      {[2][]string{server("192.0.2.1", real("1")), server("192.0.2.1", real("2"))}, []string{"warning service_mismatch b.conf:31"}},
		"a real server less":      {[2][]string{server("192.0.2.1", real("1")+"\n"+other), server("192.0.2.1", other)}, []string{"warning service_mismatch b.conf:31"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Check([]Router{build(t, "a", "150", c.change[0]), build(t, "b", "100", c.change[1])})
			if text := findings(got); !slices.Equal(text, c.want) {
				t.Errorf("got %q, want %q\n%v", text, c.want, got)
			}
		})
	}
}

// TestThree looks at three routers: each pair is compared once.
func TestThree(t *testing.T) {
	wrong := []string{"auth_pass secret", "auth_pass other"}
	got := Check([]Router{build(t, "a", "150", nil), build(t, "b", "120", wrong), build(t, "c", "100", nil)})
	want := []string{"error auth_mismatch b.conf:13", "error auth_mismatch c.conf:13"}
	if text := findings(got); !slices.Equal(text, want) {
		t.Errorf("%v", got)
	}
	if hint := got[0].Hint; hint != "a: a.conf:13:5" {
		t.Errorf("hint %q", hint)
	}
}
