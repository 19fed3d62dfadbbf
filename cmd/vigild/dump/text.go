// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/vrrp"
)

// Source is what dumps are made of. Config and View are of the same generation,
// or an instance that only one of them has is left out.
type Source struct {
	Config *config.Config
	View   *ledger.View
	// Cleared are the counters at the last STATS_CLEAR, by instance: what dumps
	// count begins there. compat: keepalived clears its counters; those of
	// metrics and SNMP never fall here.
	Cleared map[string]event.Tally
	// Primary gives the first address of a family (4 or 6) on an interface; nil
	// where that is not known.
	Primary func(name string, family uint8) netip.Addr
}

// Clear is what Cleared has to be from now on.
func Clear(v *ledger.View) map[string]event.Tally {
	out := make(map[string]event.Tally, len(v.Instances))
	for _, in := range v.Instances {
		out[in.Row.Subject.Name] = in.Tally
	}
	return out
}

// instance is one vrrp_instance from all sides.
type instance struct {
	set   *vrrp.InstanceSettings
	now   *ledger.Instance
	stats stats
}

func (s *Source) instances() []instance {
	var out []instance
	for _, now := range s.View.Instances {
		name := now.Row.Subject.Name
		i := slices.IndexFunc(s.Config.VRRP.Instances, func(x vrrp.InstanceSettings) bool { return x.Name == name })
		if i < 0 {
			continue
		}
		out = append(out, instance{&s.Config.VRRP.Instances[i], now, statsOf(&now.Tally, s.Cleared[name])})
	}
	return out
}

// code is keepalived's number of a state.
func code(s event.State) int {
	return max(slices.Index(event.VRRPStates(), s), 0)
}

var scopes = map[uint8]string{0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}

func scope(n uint8) string { return cmp.Or(scopes[n], strconv.Itoa(int(n))) }

// prefixText leaves out the length of a single address.
func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// addressText is one address line; on is the interface of its instance.
func addressText(a *vrrp.Address, on string, set bool) string {
	w := []string{prefixText(a.Prefix)}
	add := func(yes bool, words ...string) {
		if yes {
			w = append(w, words...)
		}
	}
	add(a.Peer.IsValid(), "peer", prefixText(a.Peer))
	add(a.Broadcast.IsValid(), "brd", a.Broadcast.String())
	add(true, "dev", cmp.Or(a.Interface, on), "scope", scope(a.Scope))
	add(a.Label != "", "label", a.Label)
	add(a.NoTrack, "no_track")
	add(a.Home, "home")
	add(a.DAD, "-nodad")
	add(a.ManageTempAddr, "mngtmpaddr")
	add(a.NoPrefixRoute, "noprefixroute")
	add(a.AutoJoin, "autojoin")
	if a.Prefix.Addr().Is6() {
		switch a.PreferredLft {
		case 0:
			add(true, "deprecated")
		case vrrp.Forever:
			add(true, "preferred_lft", "forever")
		default:
			add(true, "preferred_lft", strconv.FormatUint(uint64(a.PreferredLft), 10))
		}
	}
	add(set, "set")
	return strings.Join(w, " ")
}

// addresses are the lines of some addresses of an instance; from is how many of
// its addresses come before them.
func (in *instance) addresses(list []vrrp.Address, from int) []string {
	var out []string
	for k := range list {
		set := from+k < len(in.now.Addresses) && in.now.Addresses[from+k].Owned
		out = append(out, addressText(&list[k], in.set.Face(), set))
	}
	return out
}

func (in *instance) vips() []string { return in.addresses(in.set.Addresses, 0) }

func (in *instance) excluded() []string {
	return in.addresses(in.set.Excluded, len(in.set.Addresses))
}

// routes and rules are those of an instance, or the static ones for "".
func (s *Source) routes(of string) []string {
	var out []string
	for _, r := range s.View.Routes {
		if r.Instance.Name == of && !r.Rule {
			out = append(out, routeText(r))
		}
	}
	return out
}

func (s *Source) rules(of string) []string {
	var out []string
	for _, r := range s.View.Routes {
		if r.Instance.Name == of && r.Rule {
			out = append(out, ruleText(r))
		}
	}
	return out
}

// routeText is a route with what the kernel will have of it, where that is known.
func routeText(r *event.RouteRow) string {
	p := r.Path
	if p == nil || len(p.Hops) > 0 {
		return r.Text
	}
	w := []string{"prepend"} // compat: how a route is added
	if p.Type != "" && p.Type != "unicast" {
		w = append(w, p.Type)
	}
	destination := "default"
	if p.Destination.IsValid() && p.Destination.Bits() > 0 {
		destination = prefixText(p.Destination)
	}
	w = append(w, destination)
	if p.From.IsValid() {
		w = append(w, "from", prefixText(p.From))
	}
	if p.Source.IsValid() {
		w = append(w, "src", p.Source.String())
	}
	if p.Gateway.IsValid() {
		w = append(w, "via", familyWord(p.Gateway), p.Gateway.String())
	}
	if p.Interface != "" {
		w = append(w, "dev", p.Interface)
	}
	if p.Table != 0 && p.Table != 254 {
		w = append(w, "table", strconv.FormatUint(uint64(p.Table), 10))
	}
	if p.Protocol != 0 {
		w = append(w, "proto", strconv.Itoa(int(p.Protocol)))
	}
	if p.Scope != 0 {
		w = append(w, "scope", scope(p.Scope))
	}
	if p.Metric != 0 {
		w = append(w, "metric", strconv.FormatUint(uint64(p.Metric), 10))
	}
	for _, m := range p.Metrics {
		w = append(w, m.Name, strconv.FormatUint(uint64(m.Value), 10))
	}
	return strings.Join(w, " ")
}

func familyWord(a netip.Addr) string {
	if a.Is4() {
		return "inet"
	}
	return "inet6"
}

// ruleText is a rule; what is not known of it is left as it was written.
func ruleText(r *event.RouteRow) string {
	f := strings.Fields(r.Text)
	var head, tail []string
	priority := ""
	for len(f) > 0 {
		switch key := f[0]; {
		case (key == "preference" || key == "priority") && len(f) > 1:
			priority, f = f[1], f[2:]
		case (key == "table" || key == "lookup") && len(f) > 1:
			tail, f = append(tail, "lookup", f[1]), f[2:]
		default:
			head, f = append(head, key), f[1:]
		}
	}
	if priority != "" {
		head = append(head, "priority", priority)
	}
	return strings.Join(append(append(head, "tos", "0x0", "protocol", "18"), tail...), " ")
}

// stamp is a time as keepalived writes it: seconds, and the same for people.
func stamp(wall int64) string {
	t := time.Unix(0, wall)
	return fmt.Sprintf("%s (%s.%06d %d)", seconds(wall), t.Format("Mon Jan _2 15:04:05"), t.Nanosecond()/1000, t.Year())
}

// seconds is a time with the six places that keepalived gives it.
func seconds(wall int64) string { return strconv.FormatFloat(float64(wall)/1e9, 'f', 6, 64) }
