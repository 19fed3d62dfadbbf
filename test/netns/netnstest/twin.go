// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netnstest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/vrrp"
)

// Twin is one virtual router, described once for keepalived and for vigil.
type Twin struct {
	Name      string
	Interface string
	Version   uint8
	Family    uint8
	VRID      uint8
	Priority  uint8
	Interval  time.Duration
	Addresses []string
	Pass      string
	NoPreempt bool
	Master    bool
	// Source and Peers make it unicast.
	Source string
	Peers  []string
}

// Keepalived returns the vrrp_instance block.
func (t *Twin) Keepalived() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	fmt.Fprintf(&b, "vrrp_instance %s {\n", t.Name)
	line("state %s", t.state())
	line("interface %s", t.Interface)
	line("version %d", t.Version)
	line("virtual_router_id %d", t.VRID)
	line("priority %d", t.Priority)
	line("advert_int %g", t.Interval.Seconds())
	if t.NoPreempt {
		line("nopreempt")
	}
	if t.Pass != "" {
		line("authentication {\n auth_type PASS\n auth_pass %s\n }", t.Pass)
	}
	if t.Source != "" {
		line("unicast_src_ip %s", t.Source)
		line("unicast_peer {\n %s\n }", strings.Join(t.Peers, "\n "))
	}
	line("virtual_ipaddress {\n %s\n }", strings.Join(t.Addresses, "\n "))
	b.WriteString("}\n")
	return b.String()
}

func (t *Twin) state() event.State {
	if t.Master {
		return event.Master
	}
	return event.Backup
}

// Settings returns the same for the machine, with keepalived's defaults.
func (t *Twin) Settings() vrrp.InstanceSettings {
	s := vrrp.InstanceSettings{
		Name: t.Name, Family: t.Family, Version: t.Version, VRID: t.VRID, Interface: t.Interface, State: t.state(),
		Priority: t.Priority, AdvertInterval: t.Interval, DownTimerAdverts: 3, NoPreempt: t.NoPreempt,
		Multicast: netip.MustParseAddr("224.0.0.18"), GarpDelay: 5 * time.Second, GarpRepeat: 5, GarpRefreshRepeat: 1,
		GarpLowerPrioDelay: 5 * time.Second, GarpLowerPrioRepeat: 5, Accept: true,
	}
	if t.Family == 6 {
		s.Multicast = netip.MustParseAddr("ff02::12")
	}
	if t.Pass != "" {
		s.Auth = vrrp.AuthPass
		copy(s.AuthPass[:], t.Pass)
	}
	if t.Source != "" {
		s.Unicast, s.Source = true, netip.MustParseAddr(t.Source)
		for _, p := range t.Peers {
			s.Peers = append(s.Peers, vrrp.Peer{Addr: netip.MustParseAddr(p), MinTTL: -1, MaxTTL: -1})
		}
	}
	for _, a := range t.Addresses {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			addr := netip.MustParseAddr(a)
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		s.Addresses = append(s.Addresses, vrrp.Address{Prefix: p, PreferredLft: vrrp.Forever})
	}
	return s
}

// Keepalived starts keepalived with some routers; head is put in front of them.
func (n *Namespace) Keepalived(s proc.Schedule, head string, twins ...Twin) *Program {
	n.lab.tb.Helper()
	var text strings.Builder
	text.WriteString(head)
	for i := range twins {
		text.WriteString(twins[i].Keepalived())
	}
	name := strings.TrimPrefix(n.Name, n.lab.prefix)
	conf := n.lab.File("keepalived-"+name+".conf", text.String())
	pid := filepath.Join(n.lab.dir, "ka-"+name)
	return n.StartWith(s, "keepalived-"+name, nil, "keepalived", "-n", "-l", "-P", "-f", conf, "-p", pid+".pid", "-r", pid+"-vrrp.pid")
}

// Vigil starts the vrrp loop with some routers, in a process of its own.
func (n *Namespace) Vigil(s proc.Schedule, twins ...Twin) *Program {
	n.lab.tb.Helper()
	set := vrrp.Settings{}
	for i := range twins {
		set.Instances = append(set.Instances, twins[i].Settings())
	}
	return n.VigilWith(s, &set)
}

// VigilWith starts the vrrp loop with given settings. The program that calls it
// must call Child first of all.
func (n *Namespace) VigilWith(s proc.Schedule, set *vrrp.Settings) *Program {
	n.lab.tb.Helper()
	text, err := json.Marshal(set)
	if err != nil {
		n.lab.tb.Fatalf("%v", err)
	}
	name := strings.TrimPrefix(n.Name, n.lab.prefix)
	self, err := os.Executable()
	if err != nil {
		n.lab.tb.Fatalf("%v", err)
	}
	return n.StartWith(s, "vigil-"+name, []string{childEnv + "=" + n.lab.File("vigil-"+name+".json", string(text))}, self)
}
