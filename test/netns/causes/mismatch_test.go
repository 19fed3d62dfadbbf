// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// odd is the instance of a director that may differ from the other's.
type odd struct {
	version, vrid, priority int
	interval                string
	address                 string
	more                    string
}

func (c odd) String() string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version %d
    virtual_router_id %d
    priority %d
    advert_int %s
    %s
    virtual_ipaddress {
        %s/16 dev eth0
    }
}
`, c.version, c.vrid, c.priority, c.interval, c.more, c.address)
}

// TestConfigurationsThatDiffer gives the backup a configuration that does not fit
// that of the master. Both are masters then, and the backup says why.
func TestConfigurationsThatDiffer(t *testing.T) {
	t.Parallel()
	o := observe(t)
	three := odd{version: 3, vrid: 51, priority: 150, interval: "0.2", address: "10.0.0.100"}
	two := three
	two.version, two.interval = 2, "1"
	backup := func(c odd, change func(*odd)) odd {
		c.priority = 100
		change(&c)
		return c
	}
	pass := func(word string) string { return "authentication {\n auth_type PASS\n auth_pass " + word + "\n }" }
	with := func(c odd, more string) odd { c.more = more; return c }
	cases := []struct {
		what     string
		a, b     odd
		errors   string // reason of receive_errors, if they are of the instance
		sentence string
	}{
		{
			"authentication: password", with(two, pass("one")), backup(two, func(c *odd) { c.more = pass("two") }), "auth_failure",
			`what arrived from 10\.0\.0\.1 was refused because .*password`,
		},
		{
			"authentication: type", with(two, pass("one")), backup(two, func(*odd) {}), "auth_type_mismatch",
			`what arrived from 10\.0\.0\.1 was refused because it is authenticated in another way \(it says PASS, expected is none\)`,
		},
		{
			"interval of version 2", two, backup(two, func(c *odd) { c.interval = "2" }), "advert_interval",
			`what arrived from 10\.0\.0\.1 was refused because it has another advertisement interval \(it says 1s, expected is 2s\)`,
		},
		{
			"version", three, backup(three, func(c *odd) { c.version, c.interval = 2, "1" }), "version",
			`what arrived from 10\.0\.0\.1 was refused because .*version`,
		},
		{
			"virtual router id", three, backup(three, func(c *odd) { c.vrid = 52 }), "",
			`10\.0\.0\.1 advertises the same addresses as virtual router 51, and here they are those of virtual router 52`,
		},
	}
	for _, c := range cases {
		f := o.takesOver(fault{what: c.what, sentence: c.sentence, why: []string{"configurations of the two routers, which differ"}})
		o.start(o.a, c.a.String())
		o.a.Wait("VI_1", lab.Master, starting)
		told := len(o.hooks.since(0))
		o.start(o.b, c.b.String())
		o.judge(t, &f, told, 0, map[string]float64{f.reason: 0})
		if c.errors != "" {
			if n := o.count(o.b, "vigil_vrrp_receive_errors_total", fmt.Sprintf("reason=%q", c.errors)); n == 0 {
				t.Errorf("%s: no advert is counted as refused for %s", c.what, c.errors)
			}
		}
		o.a.Stop()
		o.b.Stop()
	}
}

// TestTwoOfOneRank is about routers whose configurations do not say who is to be
// master, or say it of both.
func TestTwoOfOneRank(t *testing.T) {
	t.Parallel()
	o := observe(t)
	one := odd{version: 3, vrid: 51, priority: 100, interval: "0.2", address: "10.0.0.100"}
	// The same priority: the higher address decides, which is b's.
	both := func(c odd) { // both become master, cut off from each other
		o.a.Mute(0)
		o.start(o.a, c.String())
		o.start(o.b, c.String())
		o.a.Wait("VI_1", lab.Master, starting)
		o.b.Wait("VI_1", lab.Master, starting)
	}
	both(one)
	o.try(t, fault{
		what: "equal priorities", act: func() { o.a.Unmute(0) }, at: o.a,
		kind: "vrrp.state", subject: "VI_1", to: "BACKUP", reason: "higher_address",
		sentence: `10\.0\.0\.2 \(priority 100\) advertises the same priority as this router and has the higher address`,
	})
	o.a.Stop()
	o.b.Stop()
	// A stranger of a higher priority, with our id and other addresses.
	o.start(o.a, one.String())
	o.a.Wait("VI_1", lab.Master, starting)
	stranger := one
	stranger.priority, stranger.address = 200, "10.0.0.200"
	o.try(t, fault{
		what: "a stranger with our id", act: func() { o.start(o.b, strings.ReplaceAll(stranger.String(), "VI_1", "OTHER")) }, at: o.a,
		kind: "vrrp.state", subject: "VI_1", to: "BACKUP", reason: "higher_priority",
		sentence: `10\.0\.0\.2 \(priority 200\) advertises a higher priority than this router \(100\)`,
		why:      []string{`refused advert\s+from 10\.0\.0\.2: .*addresses.*10\.0\.0\.200`},
	})
}
