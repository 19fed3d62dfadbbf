// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// options are settings as text: for all routers under "", for one under its name.
type options map[string]map[string]string

func (o options) clone() options {
	c := options{}
	for who, m := range o {
		c[who] = maps.Clone(m)
	}
	return c
}

// take reads one word: key=value, or x:key=value,key=value for router x.
func (o options) take(word string) error {
	who := ""
	if colon := strings.IndexByte(word, ':'); colon >= 0 && !strings.Contains(word[:colon], "=") {
		who, word = word[:colon], word[colon+1:]
	}
	if o[who] == nil {
		o[who] = map[string]string{}
	}
	for part := range strings.SplitSeq(word, ",") {
		key, value, ok := strings.Cut(part, "=")
		if key == "" {
			continue
		}
		if !ok {
			value = "yes"
		}
		if fields[key] == nil {
			return fmt.Errorf("no setting is called %q", key)
		}
		o[who][key] = value
	}
	return nil
}

// get is a router's own value of a key, or the common one.
func (o options) get(who, key string) (string, bool) {
	if v, ok := o[who][key]; ok {
		return v, true
	}
	v, ok := o[""][key]
	return v, ok
}

// fields are the keys of an instance and how each fills its setting.
var fields = map[string]func(s *vrrp.InstanceSettings, v string) error{
	"vrid":     number(func(s *vrrp.InstanceSettings, n int) { s.VRID = uint8(n) }),
	"version":  number(func(s *vrrp.InstanceSettings, n int) { s.Version = uint8(n) }),
	"prio":     number(func(s *vrrp.InstanceSettings, n int) { s.Priority = uint8(n) }),
	"down":     number(func(s *vrrp.InstanceSettings, n int) { s.DownTimerAdverts = n }),
	"advert":   length(func(s *vrrp.InstanceSettings, d time.Duration) { s.AdvertInterval = d }),
	"if":       func(s *vrrp.InstanceSettings, v string) error { s.Interface = v; return nil },
	"state":    func(s *vrrp.InstanceSettings, v string) error { return s.State.UnmarshalText([]byte(v)) },
	"vip":      list(func(s *vrrp.InstanceSettings, a []vrrp.Address) { s.Addresses = a }),
	"excluded": list(func(s *vrrp.InstanceSettings, a []vrrp.Address) { s.Excluded = a }),
	"routes":   func(s *vrrp.InstanceSettings, v string) error { s.Routes = routes(v); return nil },
	"rules":    func(s *vrrp.InstanceSettings, v string) error { s.Rules = rules(v); return nil },
	"track":    tracks,
	"auth": func(s *vrrp.InstanceSettings, v string) error {
		s.Auth = vrrp.AuthPass
		copy(s.AuthPass[:], v)
		return nil
	},
	"ah": func(s *vrrp.InstanceSettings, v string) error {
		s.Auth = vrrp.AuthAH
		copy(s.AuthPass[:], v)
		return nil
	},
	"hmac":                 hmac,
	"src":                  address(func(s *vrrp.InstanceSettings, a netip.Addr) { s.Source = a }),
	"track_src":            boolean(func(s *vrrp.InstanceSettings) *bool { return &s.TrackSource }),
	"unicast":              boolean(func(s *vrrp.InstanceSettings) *bool { return &s.Unicast }),
	"check_src":            boolean(func(s *vrrp.InstanceSettings) *bool { return &s.CheckUnicastSrc }),
	"peers":                peers,
	"nopreempt":            boolean(func(s *vrrp.InstanceSettings) *bool { return &s.NoPreempt }),
	"preempt_delay":        length(func(s *vrrp.InstanceSettings, d time.Duration) { s.PreemptDelay = d }),
	"garp_delay":           length(func(s *vrrp.InstanceSettings, d time.Duration) { s.GarpDelay = d }),
	"garp_repeat":          number(func(s *vrrp.InstanceSettings, n int) { s.GarpRepeat = n }),
	"garp_refresh":         length(func(s *vrrp.InstanceSettings, d time.Duration) { s.GarpRefresh = d }),
	"garp_refresh_repeat":  number(func(s *vrrp.InstanceSettings, n int) { s.GarpRefreshRepeat = n }),
	"garp_lower_delay":     length(func(s *vrrp.InstanceSettings, d time.Duration) { s.GarpLowerPrioDelay = d }),
	"garp_lower_repeat":    number(func(s *vrrp.InstanceSettings, n int) { s.GarpLowerPrioRepeat = n }),
	"lower_prio_no_advert": boolean(func(s *vrrp.InstanceSettings) *bool { return &s.LowerPrioNoAdvert }),
	"higher_prio_advert":   boolean(func(s *vrrp.InstanceSettings) *bool { return &s.HigherPrioSendAdvert }),
	"owner_ignore":         boolean(func(s *vrrp.InstanceSettings) *bool { return &s.OwnerIgnoreAdverts }),
	"skip_check":           boolean(func(s *vrrp.InstanceSettings) *bool { return &s.SkipCheckAdvAddr }),
	"checksum_as_v2":       boolean(func(s *vrrp.InstanceSettings) *bool { return &s.V3ChecksumAsV2 }),
	"unicast_checksum": func(s *vrrp.InstanceSettings, v string) error {
		s.UnicastChecksum = map[string]vrrp.Checksum{"old": vrrp.ChecksumOld, "never": vrrp.ChecksumNew}[v]
		return nil
	},
	"accept":             boolean(func(s *vrrp.InstanceSettings) *bool { return &s.Accept }),
	"dont_track_primary": boolean(func(s *vrrp.InstanceSettings) *bool { return &s.DontTrackPrimary }),
	"name":               func(s *vrrp.InstanceSettings, v string) error { s.Name = v; return nil },
}

func number(set func(*vrrp.InstanceSettings, int)) func(*vrrp.InstanceSettings, string) error {
	return func(s *vrrp.InstanceSettings, v string) error {
		n, err := strconv.Atoi(v)
		set(s, n)
		return err
	}
}

func length(set func(*vrrp.InstanceSettings, time.Duration)) func(*vrrp.InstanceSettings, string) error {
	return func(s *vrrp.InstanceSettings, v string) error {
		if v == "0" {
			v = "0s"
		}
		d, err := time.ParseDuration(v)
		set(s, d)
		return err
	}
}

func boolean(get func(*vrrp.InstanceSettings) *bool) func(*vrrp.InstanceSettings, string) error {
	return func(s *vrrp.InstanceSettings, v string) error {
		*get(s) = v == "yes"
		if v != "yes" && v != "no" {
			return fmt.Errorf("%q is neither yes nor no", v)
		}
		return nil
	}
}

func address(set func(*vrrp.InstanceSettings, netip.Addr)) func(*vrrp.InstanceSettings, string) error {
	return func(s *vrrp.InstanceSettings, v string) error {
		a, err := netip.ParseAddr(v)
		set(s, a)
		return err
	}
}

// list reads addresses joined with +, each with /length, %interface and !
// (no_track) if wanted.
func list(set func(*vrrp.InstanceSettings, []vrrp.Address)) func(*vrrp.InstanceSettings, string) error {
	return func(s *vrrp.InstanceSettings, v string) error {
		var out []vrrp.Address
		for text := range strings.SplitSeq(v, "+") {
			a := vrrp.Address{PreferredLft: vrrp.Forever}
			text, a.NoTrack = strings.CutSuffix(text, "!")
			text, a.Interface, _ = strings.Cut(text, "%")
			p, err := prefix(text)
			if err != nil {
				return err
			}
			a.Prefix = p
			out = append(out, a)
		}
		set(s, out)
		return nil
	}
}

// prefix reads an address with or without its length.
func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func peers(s *vrrp.InstanceSettings, v string) error {
	s.Peers = nil
	for text := range strings.SplitSeq(v, "+") {
		text, least, limited := strings.Cut(text, "@")
		a, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		p := vrrp.Peer{Addr: a, MinTTL: -1, MaxTTL: -1}
		if limited {
			if p.MinTTL, err = strconv.Atoi(least); err != nil {
				return err
			}
		}
		s.Peers = append(s.Peers, p)
	}
	return nil
}

// trackList reads kind/name[/weight[/reverse]] joined with +.
func trackList(v string) (out []vrrp.Track, err error) {
	for text := range strings.SplitSeq(v, "+") {
		parts := strings.Split(text, "/")
		var t vrrp.Track
		if err := t.Kind.UnmarshalText([]byte(parts[0])); err != nil {
			return nil, err
		}
		if len(parts) > 1 {
			t.Name = parts[1]
		}
		if len(parts) > 2 {
			if t.Weight, err = strconv.Atoi(parts[2]); err != nil {
				return nil, err
			}
		}
		t.Reverse = slices.Contains(parts, "reverse")
		out = append(out, t)
	}
	return out, nil
}

func tracks(s *vrrp.InstanceSettings, v string) (err error) {
	s.Tracks, err = trackList(v)
	return err
}

// instance builds the settings of one instance of one router; keepalived's
// defaults for what is not said.
func (o options) instance(name, who string) (vrrp.InstanceSettings, error) {
	s := vrrp.InstanceSettings{
		Name: name, VRID: 1, Version: 2, Interface: "eth0", State: event.Backup, Priority: 100, AdvertInterval: time.Second,
		DownTimerAdverts: 3, GarpDelay: 5 * time.Second, GarpRepeat: 5, GarpRefreshRepeat: 1,
		GarpLowerPrioDelay: 5 * time.Second, GarpLowerPrioRepeat: 5, Accept: true, Family: 4,
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		v, ok := o.get(who, key)
		if !ok {
			continue
		}
		if err := fields[key](&s, v); err != nil {
			return s, fmt.Errorf("%s of %s: %w", key, name, err)
		}
	}
	if len(s.Addresses) > 0 && s.Addresses[0].Prefix.Addr().Is6() {
		s.Family = 6
		if _, ok := o.get(who, "version"); !ok {
			s.Version = 3
		}
	}
	s.Multicast = netip.MustParseAddr("224.0.0.18")
	if s.Family == 6 {
		s.Multicast = netip.MustParseAddr("ff02::12")
	}
	if s.Unicast {
		s.Multicast = netip.Addr{}
	}
	return s, nil
}
