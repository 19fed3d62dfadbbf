// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Interfaces are the interfaces that settings speak of, in order of first use.
func Interfaces(list ...*vrrp.Settings) []string {
	var out []string
	add := func(names ...string) {
		for _, name := range names {
			if name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	addresses := func(list []vrrp.Address) {
		for i := range list {
			add(list[i].Interface)
		}
	}
	for _, s := range list {
		for i := range s.Instances {
			in := &s.Instances[i]
			add(in.Interface, in.VMAC)
			addresses(in.Addresses)
			addresses(in.Excluded)
			for k := range in.Routes {
				add(in.Routes[k].Interfaces...)
			}
		}
		addresses(s.StaticAddresses)
		for i := range s.StaticRoutes {
			add(s.StaticRoutes[i].Interfaces...)
		}
		for i := range s.VMACs {
			add(s.VMACs[i].Name, s.VMACs[i].Base)
		}
		add(Followed(s, event.SubjectInterface)...)
	}
	return out
}

// Followed are the objects of a kind that instances and groups follow, by name.
func Followed(s *vrrp.Settings, kind event.SubjectKind) []string {
	var out []string
	add := func(list []vrrp.Track) {
		for _, t := range list {
			if t.Kind == kind && !slices.Contains(out, t.Name) {
				out = append(out, t.Name)
			}
		}
	}
	for i := range s.Instances {
		add(s.Instances[i].Tracks)
	}
	for i := range s.Groups {
		add(s.Groups[i].Tracks)
	}
	return out
}
