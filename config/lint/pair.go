// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/vrrp"
)

// pair compares two instances of one virtual router; problems are at the
// second, with the place of the first as hint.
func (l *linter) pair(a, b *member) {
	x, y := a.set, b.set
	say := func(level syntax.Level, rule string, path []string, format string, args ...any) {
		l.add(b.at(path...), level, rule, a.router.Name+": "+a.at(path...).String(), format, args...)
	}
	if x.VRID != y.VRID {
		say(syntax.Error, RuleVRID, []string{"virtual_router_id"}, "%s has virtual_router_id %d, and %d on %s: they do not hear each other", y.Name, y.VRID, x.VRID, a.router.Name)
	}
	if x.Version != y.Version {
		say(syntax.Error, RuleVersion, []string{"version"}, "%s speaks VRRP version %d, and %d on %s: adverts are refused", y.Name, y.Version, x.Version, a.router.Name)
	}
	if x.AdvertInterval != y.AdvertInterval {
		// RFC 3768 section 7.1 has other intervals refused, RFC 9568 section 6.4.2 learnt.
		level, what := syntax.Error, "adverts are refused"
		if x.Version == 3 && y.Version == 3 {
			level, what = syntax.Warning, "backups follow the one that is master"
		}
		say(level, RuleInterval, []string{"advert_int"}, "%s has advert_int %v, and %v on %s: %s", y.Name, y.AdvertInterval, x.AdvertInterval, a.router.Name, what)
	}
	if why := authDiffers(x, y); why != "" {
		say(syntax.Error, RuleAuth, []string{"authentication"}, "the authentication of %s differs from that on %s (%s): adverts are refused", y.Name, a.router.Name, why)
	}
	l.addresses(a, b, say)
	l.transport(a, b, say)
	if x.V3ChecksumAsV2 != y.V3ChecksumAsV2 && x.Version == 3 && y.Version == 3 && x.Family == 4 {
		say(syntax.Error, RuleChecksum, nil, "only one of %s and %s computes the checksum of %s as in version 2: adverts are refused", a.router.Name, b.router.Name, y.Name)
	}
	if (x.VMAC == "") != (y.VMAC == "") {
		say(syntax.Note, RuleVMAC, []string{"use_vmac"}, "only one of %s and %s uses a virtual MAC address for %s: hosts learn another one at each failover", a.router.Name, b.router.Name, y.Name)
	}
	if x.NoPreempt != y.NoPreempt {
		say(syntax.Warning, RulePreempt, []string{"nopreempt"}, "only one of %s and %s has nopreempt in %s: who is master depends on who was started last", a.router.Name, b.router.Name, y.Name)
	} else if x.PreemptDelay != y.PreemptDelay && !x.NoPreempt {
		say(syntax.Note, RulePreempt, []string{"preempt_delay"}, "%s has preempt_delay %v, and %v on %s", y.Name, y.PreemptDelay, x.PreemptDelay, a.router.Name)
	}
}

// saying notes a problem of a pair.
type saying func(level syntax.Level, rule string, path []string, format string, args ...any)

// authDiffers says how authentications differ, or nothing.
func authDiffers(x, y *vrrp.InstanceSettings) string {
	switch {
	case (x.AuthHMAC == nil) != (y.AuthHMAC == nil):
		return "only one has auth_hmac"
	case x.AuthHMAC != nil:
		knows := func(a, b *vrrp.InstanceSettings) bool {
			for _, k := range a.AuthHMAC.Keys {
				if k.ID != a.AuthHMAC.Active {
					continue
				}
				for _, o := range b.AuthHMAC.Keys {
					if o.ID == k.ID && string(o.Secret) == string(k.Secret) {
						return true
					}
				}
				return false
			}
			return true
		}
		if !knows(x, y) || !knows(y, x) {
			return "one does not know the key of the other"
		}
	case x.Auth != y.Auth:
		return "auth_type"
	case x.Auth != vrrp.AuthNone && x.AuthPass != y.AuthPass:
		return "auth_pass"
	}
	return ""
}

// addresses compares what is advertised, and what is not.
func (l *linter) addresses(a, b *member, say saying) {
	x, y := a.set, b.set
	path := []string{"virtual_ipaddress"}
	if lack, more := differ(x.Addresses, y.Addresses); len(lack)+len(more) > 0 {
		say(syntax.Error, RuleAddresses, path, "the addresses of %s differ from those on %s:%s", y.Name, a.router.Name, lists(lack, more))
	} else {
		l.prefixes(a, b, say)
		if !slices.Equal(plain(x.Addresses), plain(y.Addresses)) {
			say(syntax.Note, RuleAddressOrder, path, "the addresses of %s are in another order than on %s", y.Name, a.router.Name)
		}
	}
	if lack, more := differ(x.Excluded, y.Excluded); len(lack)+len(more) > 0 {
		say(syntax.Error, RuleExcluded, []string{"virtual_ipaddress_excluded"}, "the excluded addresses of %s differ from those on %s:%s", y.Name, a.router.Name, lists(lack, more))
	}
}

// prefixes compares the lengths of networks.
func (l *linter) prefixes(a, b *member, say saying) {
	for i := range a.set.Addresses {
		p := a.set.Addresses[i].Prefix
		for k := range b.set.Addresses {
			if q := b.set.Addresses[k].Prefix; q.Addr() == p.Addr() && q.Bits() != p.Bits() {
				say(syntax.Warning, RuleAddressPrefix, []string{"virtual_ipaddress"}, "%s is %v, and %v on %s", b.set.Name, q, p, a.router.Name)
			}
		}
	}
}

func plain(list []vrrp.Address) []netip.Addr {
	out := make([]netip.Addr, 0, len(list))
	for i := range list {
		out = append(out, list[i].Prefix.Addr())
	}
	return out
}

// differ is what b lacks and what it has more.
func differ(a, b []vrrp.Address) (lack, more []netip.Addr) {
	x, y := plain(a), plain(b)
	for _, v := range x {
		if !slices.Contains(y, v) {
			lack = append(lack, v)
		}
	}
	for _, v := range y {
		if !slices.Contains(x, v) {
			more = append(more, v)
		}
	}
	return lack, more
}

func lists(lack, more []netip.Addr) string {
	var b strings.Builder
	part := func(what string, list []netip.Addr) {
		if len(list) == 0 {
			return
		}
		b.WriteString(" " + what)
		for i, a := range list {
			if i == 8 {
				fmt.Fprintf(&b, " and %d more", len(list)-i)
				return
			}
			b.WriteString(" " + a.String())
		}
	}
	part("lacking", lack)
	if len(lack) > 0 && len(more) > 0 {
		b.WriteString(",")
	}
	part("with", more)
	return b.String()
}

// transport compares how adverts travel.
func (l *linter) transport(a, b *member, say saying) {
	x, y := a.set, b.set
	switch {
	case x.Unicast != y.Unicast:
		say(syntax.Error, RuleTransport, []string{"unicast_peer"}, "%s is unicast on only one of %s and %s: they do not hear each other", y.Name, a.router.Name, b.router.Name)
		return
	case !x.Unicast && x.Multicast != y.Multicast:
		say(syntax.Error, RuleTransport, nil, "the adverts of %s go to %v, and to %v on %s: they do not hear each other", y.Name, y.Multicast, x.Multicast, a.router.Name)
		return
	}
	if x.Source.IsValid() && x.Source == y.Source {
		say(syntax.Error, RuleSource, []string{"unicast_src_ip"}, "%s sends from %v on %s, too", y.Name, y.Source, a.router.Name)
	}
	if !x.Unicast {
		return
	}
	l.mirrors(a, b)
	l.mirrors(b, a)
}

// mirrors says whether a router's peers have it as a peer.
func (l *linter) mirrors(a, b *member) {
	if src := b.set.Source; src.IsValid() && !hasPeer(a.set, src) {
		l.add(a.at("unicast_peer"), syntax.Error, RulePeer, b.router.Name+": "+b.at("unicast_src_ip").String(),
			"%s is sent from %v on %s, which is no peer here: that router does not hear this one", a.set.Name, src, b.router.Name)
		return
	}
	if b.set.Source.IsValid() || len(a.set.Peers) == 0 {
		return
	}
	// Its address is not known: it must be one of ours that nobody else has.
	free := slices.ContainsFunc(a.set.Peers, func(p vrrp.Peer) bool { return !hasPeer(b.set, p.Addr) })
	if !free {
		l.add(a.at("unicast_peer"), syntax.Error, RulePeer, b.router.Name+": "+b.at("unicast_peer").String(),
			"none of the peers of %s can be %s: it has them all as its own peers", a.set.Name, b.router.Name)
	}
}

func hasPeer(s *vrrp.InstanceSettings, a netip.Addr) bool {
	return slices.ContainsFunc(s.Peers, func(p vrrp.Peer) bool { return p.Addr == a })
}
