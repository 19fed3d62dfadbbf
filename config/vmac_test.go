// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vigild/vigild/config/syntax"
)

// vmacs is what a configuration makes of interfaces and addresses, as text.
func vmacs(t *testing.T, text string, e Environment) (made, addresses string, found []syntax.Problem) {
	t.Helper()
	c, found := Parse([]byte(text), e)
	for _, v := range c.VRRP.VMACs {
		kind := fmt.Sprintf("%x", v.MAC)
		if v.IPVLAN {
			kind = fmt.Sprintf("ipvlan %d %v", v.Flag, v.Source)
		}
		made += fmt.Sprintf("%s@%s %s", v.Name, v.Base, kind)
		if v.LocalSource {
			made += " local"
		}
		if v.Group >= 0 {
			made += fmt.Sprintf(" group %d", v.Group)
		}
		made += "\n"
	}
	for _, s := range c.VRRP.Instances {
		addresses += fmt.Sprintf("%s: %s %v", s.Name, s.VMAC, s.XmitBase)
		for _, a := range s.Addresses {
			addresses += " " + a.Prefix.Addr().String() + "@" + a.Interface
		}
		for _, a := range s.Excluded {
			addresses += " " + a.Prefix.Addr().String() + "@" + a.Interface
		}
		addresses += "\n"
	}
	return made, addresses, found
}

// inst is one instance on eth0.
func inst(name string, vrid int, use, addresses string) string {
	return fmt.Sprintf("vrrp_instance %s {\ninterface eth0\nvirtual_router_id %d\n%s\nvirtual_ipaddress {\n%s\n}\n}\n", name, vrid, use, addresses)
}

func TestVMACNames(t *testing.T) {
	there := func(list map[string][6]byte) Environment {
		return Environment{MAC: func(name string) ([6]byte, bool) { m, ok := list[name]; return m, ok }}
	}
	four := [6]byte{0, 0, 0x5e, 0, 1, 51}
	excluded := "}\nvirtual_ipaddress_excluded {\n"
	for name, c := range map[string]struct {
		text            string
		e               Environment
		made, addresses string
	}{
		"off": {inst("A", 51, "", "192.0.2.1"), Environment{}, "", "A:  false 192.0.2.1@\n"},
		"both families": {
			inst("A", 51, "use_vmac", "192.0.2.1 dev eth0") + inst("B", 51, "use_vmac", "fe80::1") + inst("C", 52, "use_vmac", "fe80::2"),
			Environment{},
			"vrrp.51@eth0 00005e000133\nvrrp6.51@eth0 00005e000233 local\nvrrp.52@eth0 00005e000234 local\n",
			"A: vrrp.51 false 192.0.2.1@vrrp.51\nB: vrrp6.51 false fe80::1@vrrp6.51\nC: vrrp.52 false fe80::2@vrrp.52\n",
		},
		"below": {
			inst("A", 51, "use_vmac\nvmac_xmit_base", "fe80::1"),
			Environment{},
			"vrrp.51@eth0 00005e000233\n", "A: vrrp.51 true fe80::1@vrrp.51\n",
		},
		"below before": {inst("A", 51, "vmac_xmit_base\nuse_vmac x", "192.0.2.1"), Environment{}, "x@eth0 00005e000133\n", "A: x true 192.0.2.1@x\n"},
		"unicast": {
			inst("A", 51, "use_vmac\nunicast_peer {\n192.0.2.9\n}", "192.0.2.1"),
			Environment{},
			"vrrp.51@eth0 00005e000133\n", "A: vrrp.51 true 192.0.2.1@vrrp.51\n",
		},
		"named": {
			inst("A", 51, "use_vmac name lan 02:11:22:33:44 group 9", "192.0.2.1") + inst("B", 52, "use_vmac wan 02:11:22:33:44:55", "192.0.2.2"),
			Environment{},
			"lan@eth0 021122334433 group 9\nwan@eth0 021122334455\n", "A: lan false 192.0.2.1@lan\nB: wan false 192.0.2.2@wan\n",
		},
		"prefix": {
			"global_defs {\nvmac_prefix p\nvmac_addr_prefix q\n}\n" + inst("A", 51, "use_vmac\nuse_vmac_addr", "192.0.2.1\n192.0.2.2 dev eth1"),
			Environment{},
			"p.51@eth0 00005e000133\nq.51@eth1 00005e000133\n", "A: p.51 false 192.0.2.1@p.51 192.0.2.2@q.51\n",
		},
		"elsewhere": {
			inst("A", 51, "use_vmac\nuse_vmac_addr", "192.0.2.1\n192.0.2.2 dev eth1"+excluded+"2001:db8::1\n2001:db8::2 dev eth0"),
			Environment{},
			"vrrp.51@eth0 00005e000133\nvrrp1.51@eth1 00005e000133\nvrrp6.51@eth0 00005e000233 local\n",
			"A: vrrp.51 false 192.0.2.1@vrrp.51 192.0.2.2@vrrp1.51 2001:db8::1@vrrp6.51 2001:db8::2@vrrp6.51\n",
		},
		"another family stays below": {
			inst("A", 51, "use_vmac", "192.0.2.1\n192.0.2.2 dev eth1"+excluded+"2001:db8::1"),
			Environment{},
			"vrrp.51@eth0 00005e000133\n", "A: vrrp.51 false 192.0.2.1@vrrp.51 192.0.2.2@eth1 2001:db8::1@\n",
		},
		"ipvlan, all addresses": {
			inst("A", 51, "use_ipvlan 192.0.2.7/24\nuse_vmac_addr", "192.0.2.1\n192.0.2.2 dev eth1"),
			Environment{},
			"vrrp.51@eth0 ipvlan 0 192.0.2.7/24\n", "A: vrrp.51 false 192.0.2.1@ 192.0.2.2@eth1\n",
		},
		"single address": {
			inst("A", 51, "", "192.0.2.1 use_vmac\n192.0.2.2"),
			Environment{},
			"vrrp.51@eth0 00005e000133\n", "A:  false 192.0.2.1@vrrp.51 192.0.2.2@\n",
		},
		"name taken": {
			inst("A", 51, "use_vmac", "192.0.2.1"), there(map[string][6]byte{"vrrp.51": {1}, "vrrp1.51": {2}}),
			"vrrp2.51@eth0 00005e000133\n", "A: vrrp2.51 false 192.0.2.1@vrrp2.51\n",
		},
		"found": {
			inst("A", 51, "use_vmac", "192.0.2.1"), there(map[string][6]byte{"vrrp1.51": four}),
			"vrrp1.51@eth0 00005e000133\n", "A: vrrp1.51 false 192.0.2.1@vrrp1.51\n",
		},
		"ipvlan": {
			inst("A", 51, "use_ipvlan 192.0.2.7/24 private", "192.0.2.1") + inst("B", 52, "use_ipvlan ip0 vepa", "fe80::1"),
			Environment{},
			"vrrp.51@eth0 ipvlan 1 192.0.2.7/24\nip0@eth0 ipvlan 2 invalid Prefix\n",
			"A: vrrp.51 false 192.0.2.1@\nB: ip0 false fe80::1@\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, addresses, found := vmacs(t, c.text, c.e)
			if made != c.made {
				t.Errorf("made\n%swant\n%s%v", made, c.made, found)
			}
			if addresses != c.addresses {
				t.Errorf("addresses\n%swant\n%s", addresses, c.addresses)
			}
		})
	}
}

func TestVMACMistakes(t *testing.T) {
	for name, c := range map[string]struct{ text, want, made string }{
		"name twice":    {inst("A", 51, "use_vmac x", "192.0.2.1") + inst("B", 52, "use_vmac x", "192.0.2.2"), "is that of another instance", "x@eth0 00005e000133\nvrrp.52@eth0 00005e000134\n"},
		"no MAC":        {inst("A", 51, "use_vmac x 02:11:22:33:44:zz", "192.0.2.1"), "is no MAC address", "x@eth0 00005e000133\n"},
		"a group's MAC": {inst("A", 51, "use_vmac x 01:11:22:33:44:55", "192.0.2.1"), "is no MAC address", "x@eth0 00005e000133\n"},
		"long name":     {inst("A", 51, "use_vmac name 0123456789abcdef", "192.0.2.1"), "cannot be the name of an interface", "vrrp.51@eth0 00005e000133\n"},
		"path":          {inst("A", 51, "use_vmac a/b", "192.0.2.1"), "cannot be the name of an interface", "vrrp.51@eth0 00005e000133\n"},
		"two names":     {inst("A", 51, "use_vmac a b", "192.0.2.1"), "does not know 'b'", "a@eth0 00005e000133\n"},
		"group":         {inst("A", 51, "use_vmac group x", "192.0.2.1"), "x", "vrrp.51@eth0 00005e000133\n"},
		"ipvlan":        {inst("A", 51, "use_ipvlan", "192.0.2.1"), "an ipvlan needs an address of its own", ""},
		"no interface": {
			"vrrp_instance A {\nvirtual_router_id 51\nuse_vmac\nunicast_src_ip 192.0.2.3\nunicast_peer {\n192.0.2.9\n}\nvirtual_ipaddress {\n192.0.2.1 dev eth0\n}\n}\n",
			"has no interface to put one", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, _, found := vmacs(t, c.text, Environment{})
			if made != c.made {
				t.Errorf("made %q, want %q", made, c.made)
			}
			said := ""
			for _, p := range found {
				said += p.Message + "\n"
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("said %q, want %q", said, c.want)
			}
		})
	}
}

// TestFilterSettings: the table has our name unless another one is configured.
func TestFilterSettings(t *testing.T) {
	c, _ := Parse([]byte("instance one\nglobal_defs {\nnftables\nnftables_counters\n}\n"), Environment{})
	if f := c.VRRP.Filter; f.Table != "" || f.Priority != -1 || !f.Counters || f.Mark != "one" {
		t.Errorf("%+v", f)
	}
	c, _ = Parse([]byte("global_defs {\nnftables mine\nnftables_priority 5\n}\n"), Environment{})
	if f := c.VRRP.Filter; f.Table != "mine" || f.Priority != 5 || f.Counters || f.Mark != "" {
		t.Errorf("%+v", f)
	}
}
