// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package realserver

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/sys/link"
)

// kernel is the machine itself, in the network namespace of the caller.
type kernel struct{}

func (kernel) has() ([]netip.Addr, error) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, err
	}
	list, err := lo.Addrs()
	var out []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out, err
}

func (kernel) add(a netip.Addr) error {
	return change(a, (*link.Addresses).Add)
}

func (kernel) remove(a netip.Addr) error {
	return change(a, (*link.Addresses).Delete)
}

// change adds or removes one address of lo: never the source of what the machine
// itself begins, and usable at once.
func change(a netip.Addr, how func(*link.Addresses, []link.Address) (int, []link.Failure, error)) error {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	c, err := link.OpenAddresses()
	if err != nil {
		return err
	}
	one := link.Address{IfIndex: lo.Index, Prefix: netip.PrefixFrom(a, a.BitLen()), PreferredLft: link.Forever, Scope: unix.RT_SCOPE_HOST}
	if a.Is6() {
		one.Scope, one.Flags, one.PreferredLft = unix.RT_SCOPE_UNIVERSE, unix.IFA_F_NODAD, 0
	}
	_, failed, err := how(c, []link.Address{one})
	for _, f := range failed {
		err = errors.Join(err, f.Err)
	}
	return errors.Join(err, c.Close())
}

func (kernel) get(c link.Conf) (string, error) { return c.Get() }

func (kernel) set(c link.Conf, value string) error { return c.Set(value) }
