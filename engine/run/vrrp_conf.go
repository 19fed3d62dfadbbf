// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/vrrp"
)

// aliasRoom is how long an alias may be.
const aliasRoom = 255

// confs sets the sysctls that VMACs need on them and on the interfaces around
// them, and remembers what those around were, to restore them.
type confs struct {
	kernel Links
	saved  map[link.Conf]string
}

func newConfs(kernel Links) *confs { return &confs{kernel, map[link.Conf]string{}} }

func conf4(name, key string) link.Conf { return link.Conf{Family: 4, Interface: name, Key: key} }

// needsARP says whether the interface below must leave the answers to ARP
// requests for the VMAC's addresses to the VMAC.
func needsARP(w *vrrp.VMAC) bool { return w.IPv4 && !w.IPVLAN }

// want sets the sysctls around the VMACs, before they are made. compat:
// arp_ignore and arp_filter below; the reverse path filter of all must be off,
// because the strictest of it and an interface's own counts, and a VMAC in
// BACKUP has no address to check against.
func (c *confs) want(list []vrrp.VMAC, say func(string, error)) {
	filter := false
	for i := range list {
		if w := &list[i]; needsARP(w) {
			c.change(conf4(w.Base, "arp_ignore"), "1", say)
			c.change(conf4(w.Base, "arp_filter"), "1", say)
		}
		filter = filter || list[i].IPv4
	}
	if filter {
		c.relax(list, say)
	}
}

// relax switches the reverse path filter of all off, and gives every interface
// that relied on it one of its own.
func (c *confs) relax(list []vrrp.VMAC, say func(string, error)) {
	all := conf4("all", "rp_filter")
	was, err := c.kernel.Get(all)
	if err != nil || was == "0" {
		return
	}
	names, err := c.kernel.Configured()
	if err != nil {
		say("rp_filter", err)
		return
	}
	for _, name := range names {
		vmac := slices.ContainsFunc(list, func(w vrrp.VMAC) bool { return w.Name == name })
		own := conf4(name, "rp_filter")
		if v, err := c.kernel.Get(own); name != "all" && name != "lo" && !vmac && err == nil && number(v) < number(was) {
			c.change(own, was, say)
		}
	}
	c.change(all, "0", say)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// change sets a sysctl and remembers what it was before we first did. One that
// is stricter already (arp_ignore) stays.
func (c *confs) change(k link.Conf, value string, say func(string, error)) {
	was, err := c.kernel.Get(k)
	if errors.Is(err, fs.ErrNotExist) {
		return // its interface is not there
	}
	if err == nil && (was == value || k.Key == "arp_ignore" && was != "0") {
		return
	}
	if err == nil {
		err = c.kernel.Set(k, value)
	}
	if err != nil {
		say(k.String(), err)
		return
	}
	if _, known := c.saved[k]; !known {
		c.saved[k] = was
	}
}

// vmac sets the sysctls of a VMAC itself. compat: keepalived's, but that it
// lets an IPv6 VMAC answer ARP requests for the IPv4 addresses beside it, with
// the wrong MAC address.
func (c *confs) vmac(w *vrrp.VMAC, say func(string, error)) {
	set := func(family uint8, key, value string) {
		k := link.Conf{Family: family, Interface: w.Name, Key: key}
		was, err := c.kernel.Get(k)
		if err == nil && was != value {
			err = c.kernel.Set(k, value)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6 has none of its settings
			say(k.String(), err)
		}
	}
	if !w.IPVLAN {
		set(4, "arp_ignore", "1")
	}
	if w.IPv4 {
		set(4, "accept_local", "1")
		set(4, "rp_filter", "0")
		set(4, "promote_secondaries", "1")
	}
	off := "1"
	if w.IPv6 {
		off = "0"
	}
	set(6, "disable_ipv6", off)
}

// forget restores what no VMAC needs any more.
func (c *confs) forget(list []vrrp.VMAC, say func(string, error)) {
	needed, any4 := map[string]bool{}, false
	for i := range list {
		if needsARP(&list[i]) {
			needed[list[i].Base] = true
		}
		any4 = any4 || list[i].IPv4
	}
	for _, k := range c.order() {
		if k.Key == "rp_filter" && any4 || k.Key != "rp_filter" && needed[k.Interface] {
			continue
		}
		if err := c.kernel.Set(k, c.saved[k]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			say(k.String(), err)
		}
		delete(c.saved, k)
	}
}

// order is what is remembered: first what is of all interfaces, then by name.
func (c *confs) order() []link.Conf {
	keys := make([]link.Conf, 0, len(c.saved))
	for k := range c.saved {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b link.Conf) int {
		if (a.Interface == "all") != (b.Interface == "all") {
			if a.Interface == "all" {
				return -1
			}
			return 1
		}
		return strings.Compare(a.String(), b.String())
	})
	return keys
}

// alias is what the VMACs on an interface carry: whose they are, and what is
// to be restored, as far as there is room.
func (c *confs) alias(mark, base string) string {
	text := mark
	for _, k := range c.order() {
		if k.Key != "rp_filter" && k.Interface != base {
			continue
		}
		if word := " " + k.String() + "=" + c.saved[k]; len(text)+len(word) <= aliasRoom {
			text += word
		}
	}
	return text
}

// recall learns from an alias what a predecessor remembered.
func (c *confs) recall(alias string) {
	words := strings.Fields(alias)
	for _, w := range words[min(1, len(words)):] {
		name, value, ok := strings.Cut(w, "=")
		k, good := link.ParseConf(name)
		if _, known := c.saved[k]; !ok || !good || known || !restorable(k, value) {
			continue
		}
		c.saved[k] = value
	}
}

// restorable says whether it is one of our settings with a value that it can
// have: an alias can be written by others too.
func restorable(k link.Conf, value string) bool {
	n, err := strconv.Atoi(value)
	return err == nil && n >= 0 && n <= 8 && k.Family == 4 && slices.Contains([]string{"arp_ignore", "arp_filter", "rp_filter"}, k.Key)
}
