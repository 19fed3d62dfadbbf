// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// inject gives a router a packet that no simulated router sent. It begins as
// the advert that the router's first instance (or instance=NAME) would send
// itself, from 10.0.0.9 or fe80::9, and then each key spoils one thing:
//
//	src= dst= prio= vrid= version= advert= ttl= vip= auth= authtype=
//	type=       the packet type
//	checksum=   bad, v2 for one without pseudo header, or old for one with 224.0.0.18 in it
//	count=      the number of addresses that the header claims
//	pad=        bytes added at the end;  cut= bytes taken away
//	ah=yes      an authentication header in front
//	if=         the interface
//	ago=        how long it has been in the socket
func inject(w *simulate.World, n *simulate.Node, words []string) error {
	key := map[string]string{}
	for _, word := range words {
		k, v, _ := strings.Cut(word, "=")
		key[k] = v
	}
	id := instanceNamed(n, key["instance"])
	if id == 0 {
		return fmt.Errorf("%s has no instance %q", n.Name, key["instance"])
	}
	v, _ := n.Router.View(id)
	ad, _ := n.Router.Advert(id, v.Settings.Priority)
	p := &vrrp.Packet{Family: v.Settings.Family, Dest: v.Settings.Multicast, TTL: 255, Source: netip.MustParseAddr("10.0.0.9")}
	if p.Family == 6 {
		p.Source = netip.MustParseAddr("fe80::9")
	}
	if v.Settings.Unicast {
		p.Dest = v.Source
	}
	if err := spoil(key, p, &ad); err != nil {
		return err
	}
	if key["checksum"] == "old" {
		ad.Pseudo = netip.MustParseAddr("224.0.0.18")
	}
	p.Payload = wire.Append(nil, &ad, p.Source, p.Dest, key["checksum"] == "v2")
	if err := spoilBytes(key, p); err != nil {
		return err
	}
	iface := v.Settings.Interface
	if key["if"] != "" {
		iface = key["if"]
	}
	l := n.Kernel.Links[iface]
	if l == nil {
		return fmt.Errorf("%s has no %s", n.Name, iface)
	}
	ago, err := age(key["ago"])
	p.IfIndex, p.At, p.Wall = l.Index, w.Now.Add(-ago), n.Wall(w.Now.Add(-ago))
	n.Tell(p)
	return err
}

// instanceNamed is the handle of an instance; the first if name is empty, 0 if
// there is none.
func instanceNamed(n *simulate.Node, name string) int {
	for _, id := range n.Router.Instances(nil) {
		if v, _ := n.Router.View(id); name == "" || v.Settings.Name == name {
			return id
		}
	}
	return 0
}

// spoil changes the fields of an advert and of its IP header.
func spoil(key map[string]string, p *vrrp.Packet, ad *wire.Advert) (err error) {
	num := func(name string, set func(n int)) {
		if v, ok := key[name]; ok {
			n, e := strconv.Atoi(v)
			if e != nil {
				err = e
			}
			set(n)
		}
	}
	addr := func(name string, set func(a netip.Addr)) {
		if v, ok := key[name]; ok {
			a, e := netip.ParseAddr(v)
			if e != nil {
				err = e
			}
			set(a)
		}
	}
	addr("src", func(a netip.Addr) { p.Source = a })
	addr("dst", func(a netip.Addr) { p.Dest = a })
	num("ttl", func(n int) { p.TTL = n })
	num("prio", func(n int) { ad.Priority = uint8(n) })
	num("vrid", func(n int) { ad.VRID = uint8(n) })
	num("version", func(n int) { ad.Version = uint8(n) })
	num("authtype", func(n int) { ad.AuthType = uint8(n) })
	if v, ok := key["auth"]; ok {
		ad.AuthType, ad.Auth = wire.AuthTypePass, [8]byte{}
		copy(ad.Auth[:], v)
	}
	if v, ok := key["advert"]; ok {
		if ad.Interval, err = time.ParseDuration(v); err != nil {
			return err
		}
	}
	if v, ok := key["vip"]; ok {
		ad.List = nil
		for text := range strings.SplitSeq(v, "+") {
			a, e := netip.ParseAddr(text)
			if e != nil {
				return e
			}
			ad.List = wire.AppendAddr(ad.List, ad.Family, a)
		}
	}
	return err
}

// spoilBytes changes the finished packet.
func spoilBytes(key map[string]string, p *vrrp.Packet) error {
	for name, do := range map[string]func(n int){
		"type":  func(n int) { p.Payload[0] = p.Payload[0]&0xf0 | byte(n) },
		"count": func(n int) { p.Payload[3] = byte(n) },
		"pad":   func(n int) { p.Payload = append(p.Payload, make([]byte, n)...) },
		"cut":   func(n int) { p.Payload = p.Payload[:max(0, len(p.Payload)-n)] },
	} {
		if v, ok := key[name]; ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				return err
			}
			do(n)
		}
	}
	if key["checksum"] == "bad" {
		p.Payload[7] ^= 1
	}
	if key["ah"] == "yes" {
		p.AH = make([]byte, 24)
	}
	return nil
}

// age reads a duration that may be missing.
func age(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
