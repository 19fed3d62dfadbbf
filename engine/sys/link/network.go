// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Network changes addresses, routes and rules. It belongs to one goroutine.
type Network struct {
	*Addresses
	sockets map[int]*nl.SocketHandle
}

// OpenNetwork opens a Network in the network namespace of the calling thread.
func OpenNetwork() (*Network, error) {
	a, err := OpenAddresses()
	if err != nil {
		return nil, err
	}
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open netlink socket: %w", err), a.Close())
	}
	// Without it (before Linux 4.12) an error has no text, and that is all.
	_ = s.SetExtAck(true)
	return &Network{a, map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}}, nil
}

// Close closes the sockets.
func (n *Network) Close() error {
	for _, s := range n.sockets {
		s.Close()
	}
	return n.Addresses.Close()
}

// AddRoute adds a route, given as the words of a line of virtual_routes. One
// that is there already is no error.
func (n *Network) AddRoute(words []string, family uint8) error {
	r, err := parseRoute(words, family, n.Names())
	if err != nil {
		return err
	}
	return r.unsupported(n.change(r.request(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|r.how), unix.EEXIST))
}

// DeleteRoute removes a route. One that is gone is no error.
func (n *Network) DeleteRoute(words []string, family uint8) error {
	r, err := parseRoute(words, family, n.Names())
	if err != nil {
		return unless(unix.ENODEV, err) // its interface is gone, and it with it
	}
	// What the kernel has no support for, it has not got.
	return unless(unix.EOPNOTSUPP, n.change(r.request(unix.RTM_DELROUTE, 0), unix.ESRCH))
}

// AddRule adds a rule, given as the words of a line of virtual_rules. One that
// is there already is no error.
func (n *Network) AddRule(words []string, family uint8) error {
	r, err := parseRule(words, family)
	if err != nil {
		return err
	}
	return n.change(r.request(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL), unix.EEXIST)
}

// DeleteRule removes a rule. One that is gone is no error.
func (n *Network) DeleteRule(words []string, family uint8) error {
	r, err := parseRule(words, family)
	if err != nil {
		return err
	}
	return n.change(r.request(unix.RTM_DELRULE, 0), unix.ENOENT)
}

func (n *Network) change(req *nl.NetlinkRequest, fine unix.Errno) error {
	req.Sockets = n.sockets
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return unless(fine, err)
}

func unless(fine unix.Errno, err error) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}

// Names finds interfaces and VRFs by asking the kernel.
func (n *Network) Names() Names {
	return Names{n.index, func(name string) (uint32, error) { return vrfTable(name, n.sockets) }}
}

// Port is the port of the socket that changes routes and rules.
func (n *Network) Port() (uint32, error) { return n.sockets[unix.NETLINK_ROUTE].Socket.GetPid() }

// errNoVRF is the error of an interface that is none.
var errNoVRF = errors.New("the interface is no VRF")

// VRFTable returns the table of a VRF, in the network namespace of the calling thread.
func VRFTable(name string) (uint32, error) { return vrfTable(name, nil) }

// vrfTable asks by one of the sockets, or by one of its own.
func vrfTable(name string, sockets map[int]*nl.SocketHandle) (uint32, error) {
	index, err := indexByName(name)
	if err != nil {
		return 0, err
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	req.Sockets = sockets
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	for _, b := range answers {
		if table, ok := parseVRF(b); ok {
			return table, nil
		}
	}
	return 0, errNoVRF
}

// iflaVRFTable is IFLA_VRF_TABLE.
const iflaVRFTable = 1

// parseVRF takes the table from a message about a VRF.
func parseVRF(b []byte) (table uint32, ok bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return 0, false
	}
	kind, data := "", []byte(nil)
	eachAttr(b[unix.SizeofIfInfomsg:], func(of uint16, v []byte) {
		if of != unix.IFLA_LINKINFO {
			return
		}
		eachAttr(v, func(of uint16, v []byte) {
			switch of {
			case unix.IFLA_INFO_KIND:
				kind = unix.ByteSliceToString(v)
			case unix.IFLA_INFO_DATA:
				data = v
			}
		})
	})
	eachAttr(data, func(of uint16, v []byte) {
		if kind == "vrf" && of == iflaVRFTable && len(v) == 4 {
			table, ok = binary.NativeEndian.Uint32(v), true
		}
	})
	return table, ok
}

func (n *Network) index(name string) (int, error) { return indexByName(name) }

func indexByName(name string) (int, error) {
	l, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, unix.ENODEV)
	}
	return l.Index, nil
}

// Forwards6 says whether an interface forwards IPv6, which makes what it
// announces a router (RFC 4861 section 4.4).
func Forwards6(name string) bool {
	b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/forwarding")
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

// PromoteSecondaries makes the kernel keep the other addresses of a network
// when the first of it is removed.
func PromoteSecondaries(name string) error {
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/promote_secondaries", []byte("1"), 0); err != nil {
		return fmt.Errorf("promote secondary addresses of %s: %w", name, err)
	}
	return nil
}

// words reads the words of a line one after the other.
type words struct {
	list []string
	err  error
}

func (w *words) next() (string, bool) {
	if len(w.list) == 0 || w.err != nil {
		return "", false
	}
	s := w.list[0]
	w.list = w.list[1:]
	return s, true
}

func (w *words) fail(key, value, want string) {
	if w.err == nil {
		w.err = fmt.Errorf("%s %q: %s", key, value, want)
	}
}

func (w *words) value(key string) string {
	s, ok := w.next()
	if !ok {
		w.fail(key, "", "a value is missing")
	}
	return s
}

// number reads a number of at most bits bits.
func (w *words) number(key string, bits int) int {
	s := w.value(key)
	v, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		w.fail(key, s, "not a number that fits")
	}
	return int(v)
}

// named reads a number, one of some names, or one of iproute2's names.
func (w *words) named(key string, bits int, names map[string]int) int {
	if len(w.list) > 0 {
		if v, ok := names[w.list[0]]; ok {
			w.list = w.list[1:]
			return v
		}
		if _, err := strconv.ParseUint(w.list[0], 0, bits); err != nil && nameFiles[key] != "" {
			if v, ok := lookup(nameDirs, nameFiles[key], w.list[0]); ok && v>>bits == 0 {
				w.list = w.list[1:]
				return int(v)
			}
		}
	}
	return w.number(key, bits)
}

// addr reads an address, with the family in front of it if it is there.
func (w *words) addr(key string) net.IP {
	s := w.value(key)
	if s == "inet" || s == "inet6" {
		s = w.value(key)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		w.fail(key, s, "not an address")
	}
	return a.AsSlice()
}

// prefix reads a network or an address; nil means everything.
func (w *words) prefix(key string, family int) *net.IPNet {
	s := w.value(key)
	switch s {
	case "default", "any", "all", "default6":
		if family == unix.AF_INET6 || s == "default6" {
			return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		}
		return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	}
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			w.fail(key, s, "not an address")
			return nil
		}
		return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		w.fail(key, s, "not a network")
		return nil
	}
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
