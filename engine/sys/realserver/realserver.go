// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vigild/vigild/engine/sys/link"
)

// host is the machine, or what a test puts in its place.
type host interface {
	// has lists the addresses of lo.
	has() ([]netip.Addr, error)
	add(netip.Addr) error
	remove(netip.Addr) error
	get(link.Conf) (string, error)
	set(link.Conf, string) error
}

// settings are what keeps the machine from answering ARP requests for addresses
// of lo, and from naming them in its own: the first value is the one to set, all
// of them do.
var settings = []struct {
	conf link.Conf
	good []string
}{
	{link.Conf{Family: 4, Interface: "all", Key: "arp_ignore"}, []string{"1", "2"}},
	{link.Conf{Family: 4, Interface: "all", Key: "arp_announce"}, []string{"2"}},
	{link.Conf{Family: 4, Interface: "lo", Key: "arp_ignore"}, []string{"1", "2"}},
	{link.Conf{Family: 4, Interface: "lo", Key: "arp_announce"}, []string{"2"}},
}

// Start gives the machine virtual addresses. Those that it has had before are
// left alone, then and later. Done twice it changes nothing more.
func Start(file string, vips []netip.Addr) error {
	for _, a := range vips {
		if err := fit(a); err != nil {
			return err
		}
	}
	return locked(file, func() error { return start(kernel{}, file, vips) })
}

// fit says whether an address can be a virtual one.
func fit(a netip.Addr) error {
	if a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return fmt.Errorf("%s cannot be a virtual address", a)
	}
	return nil
}

func start(h host, file string, vips []netip.Addr) error {
	s, err := load(file)
	if err != nil {
		return err
	}
	there, err := h.has()
	if err != nil {
		return err
	}
	// No request may be answered for an address that has come already.
	if slices.ContainsFunc(vips, netip.Addr.Is4) {
		if err := s.quiet(h, file); err != nil {
			return err
		}
	}
	for _, a := range vips {
		if slices.Contains(there, a) {
			continue
		}
		if !slices.Contains(s.Addresses, a) {
			s.Addresses = append(s.Addresses, a)
			if err := s.save(file); err != nil {
				return err
			}
		}
		if err := h.add(a); err != nil {
			return fmt.Errorf("add %s to lo: %w", a, err)
		}
	}
	return nil
}

// quiet makes the settings, each after it has been written down.
func (s *state) quiet(h host, file string) error {
	for _, one := range settings {
		now, err := h.get(one.conf)
		if err != nil {
			return err
		}
		if slices.Contains(one.good, now) {
			continue
		}
		if i := s.find(one.conf); i < 0 {
			s.Settings = append(s.Settings, setting{one.conf.String(), now, one.good[0]})
			if err := s.save(file); err != nil {
				return err
			}
		}
		if err := h.set(one.conf, one.good[0]); err != nil {
			return err
		}
	}
	return nil
}

// Stop undoes what Start did for these addresses, or for all if there are none.
// With the last IPv4 address the settings go back to what they were. notes tell
// what was left as it is, because somebody else has changed it.
func Stop(file string, vips []netip.Addr) (notes []string, err error) {
	err = locked(file, func() error {
		notes, err = stop(kernel{}, file, vips)
		return err
	})
	return notes, err
}

func stop(h host, file string, vips []netip.Addr) (notes []string, err error) {
	s, err := load(file)
	if err != nil {
		return nil, err
	}
	for _, a := range vips {
		if !slices.Contains(s.Addresses, a) {
			notes = append(notes, fmt.Sprintf("%s was not added by start, and stays as it is", a))
		}
	}
	kept := make([]netip.Addr, 0, len(s.Addresses))
	for _, a := range s.Addresses {
		if len(vips) > 0 && !slices.Contains(vips, a) {
			kept = append(kept, a)
			continue
		}
		if gone := h.remove(a); gone != nil {
			err = errors.Join(err, fmt.Errorf("remove %s from lo: %w", a, gone))
			kept = append(kept, a)
		}
	}
	s.Addresses = kept
	if !slices.ContainsFunc(kept, netip.Addr.Is4) {
		more, wrong := s.restore(h)
		notes, err = append(notes, more...), errors.Join(err, wrong)
	}
	return notes, errors.Join(err, s.save(file))
}

// restore sets back what is still as it was set.
func (s *state) restore(h host) (notes []string, err error) {
	var kept []setting
	for _, one := range slices.Backward(s.Settings) {
		conf, ok := link.ParseConf(one.Name)
		if !ok {
			continue
		}
		now, wrong := h.get(conf)
		switch {
		case wrong != nil:
		case now == one.Set:
			wrong = h.set(conf, one.Was)
		case now != one.Was:
			notes = append(notes, fmt.Sprintf("%s is %s now, not the %s of start, and stays so; it was %s", one.Name, now, one.Set, one.Was))
		}
		if wrong != nil {
			err = errors.Join(err, wrong)
			kept = append(kept, one)
		}
	}
	slices.Reverse(kept)
	s.Settings = kept
	return notes, err
}

// Status is how things stand.
type Status struct {
	// Started says that there is something to stop.
	Started   bool      `json:"started"`
	Addresses []Address `json:"addresses"`
	Settings  []Setting `json:"settings"`
}

// Address is one virtual address.
type Address struct {
	Address netip.Addr `json:"address"`
	// Present says that lo has it, Ours that start added it.
	Present bool `json:"present"`
	Ours    bool `json:"ours"`
}

// Setting is one setting of the kernel.
type Setting struct {
	Name string `json:"name"`
	Now  string `json:"now"`
	// Was is what it is set back to, empty if start did not change it.
	Was  string `json:"was,omitempty"`
	Good bool   `json:"good"`
}

// Whole says whether everything is in place.
func (s *Status) Whole() bool {
	four := false
	for _, a := range s.Addresses {
		if !a.Present {
			return false
		}
		four = four || a.Address.Is4()
	}
	return !four || !slices.ContainsFunc(s.Settings, func(one Setting) bool { return !one.Good })
}

// Look tells how things stand with the addresses that start added, and with
// others that are asked for.
func Look(file string, vips []netip.Addr) (Status, error) { return look(kernel{}, file, vips) }

func look(h host, file string, vips []netip.Addr) (out Status, err error) {
	s, err := load(file)
	if err != nil {
		return out, err
	}
	there, err := h.has()
	if err != nil {
		return out, err
	}
	out.Started = len(s.Addresses)+len(s.Settings) > 0
	list := vips
	if len(list) == 0 {
		list = s.Addresses
	}
	for _, a := range list {
		out.Addresses = append(out.Addresses, Address{a, slices.Contains(there, a), slices.Contains(s.Addresses, a)})
	}
	for _, one := range settings {
		now, err := h.get(one.conf)
		if err != nil {
			return out, err
		}
		line := Setting{Name: one.conf.String(), Now: now, Good: slices.Contains(one.good, now)}
		if i := s.find(one.conf); i >= 0 {
			line.Was = s.Settings[i].Was
		}
		out.Settings = append(out.Settings, line)
	}
	return out, nil
}
