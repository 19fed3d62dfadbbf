// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

const lintConf = `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  advert_int 1
  priority PRIORITY
  authentication {
    auth_type PASS
    auth_pass secret
  }
  virtual_ipaddress {
    10.0.0.200/16
  }
}
`

// TestLintOfKeepalived has pairs of keepalived that do what vigilctl config
// lint says of their configurations: where adverts do not get through, both are
// masters; where they do, one is.
func TestLintOfKeepalived(t *testing.T) {
	t.Parallel()
	for rule, change := range map[string][]string{
		"":                   nil,
		"vrid_mismatch":      {"virtual_router_id 51", "virtual_router_id 52"},
		"interval_mismatch":  {"advert_int 1", "advert_int 2"},
		"auth_mismatch":      {"auth_pass secret", "auth_pass other"},
		"version_mismatch":   {"advert_int 1", "version 3\n  advert_int 1"},
		"transport_mismatch": {"advert_int 1", "unicast_peer {\n    10.0.0.1\n  }"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			w := l.Wire()
			a, b := l.Router("a", w), l.Router("b", w)
			texts := []string{
				strings.NewReplacer("PRIORITY", "150").Replace(lintConf),
				strings.NewReplacer(append(change, "PRIORITY", "100")...).Replace(lintConf),
			}
			first := a.Start(lab.Keepalived, texts[0])
			first.Wait("VI_1", lab.Master, starting)
			second := b.Start(lab.Keepalived, texts[1])
			if rule == "" {
				second.Wait("VI_1", lab.Backup, starting)
			} else {
				second.Wait("VI_1", lab.Master, starting)
			}
			out, err := exec.Command(lab.Binary(t, "vigilctl"), "config", "lint",
				l.File("a.conf", texts[0], 0o644), l.File("b.conf", texts[1], 0o644)).CombinedOutput()
			if (err == nil) != (rule == "") {
				t.Errorf("lint says %v: %s", err, out)
			}
			out, err = exec.Command(lab.Binary(t, "vigilctl"), "config", "lint", "--json",
				l.File("a.conf", texts[0], 0o644), l.File("b.conf", texts[1], 0o644)).Output()
			if rule != "" && !strings.Contains(string(out), `"level":"error","rule":"`+rule+`"`) {
				t.Errorf("no %s: %v: %s", rule, err, out)
			}
			if state := first.State("VI_1"); state != lab.Master {
				t.Errorf("the first one is %s", state)
			}
		})
	}
}
