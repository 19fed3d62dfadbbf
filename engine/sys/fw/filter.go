// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package fw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Table is the name of our tables unless another is configured.
const Table = "vigild"

// Options say how the tables look. The zero Options mean the defaults.
type Options struct {
	// Table is the name of the tables, one in the family ip and one in ip6. What
	// has that name is ours to remove.
	Table string
	// Priority is that of the chains among others at the same hook.
	Priority int32
	// Counters puts a counter into each rule.
	Counters bool
}

// Blocked is an address that packets are not let in to. IfIndex matters for a
// link-local one.
type Blocked struct {
	Addr    netip.Addr
	IfIndex int
}

func (b Blocked) family() *family {
	if b.Addr.Is6() {
		return ip6
	}
	return ip4
}

// element is the set that an address belongs into, and its key.
func (b Blocked) element() (set string, k []byte) {
	if b.Addr.Is6() && b.Addr.IsLinkLocalUnicast() {
		return setLocal, binary.NativeEndian.AppendUint32(b.Addr.AsSlice(), uint32(b.IfIndex))
	}
	return setAddrs, b.Addr.AsSlice()
}

// VMAC is an interface whose group membership reports leave by the one below.
type VMAC struct {
	IfIndex, Base int
	IPv4, IPv6    bool
}

func (v VMAC) in(f *family) bool { return f == ip4 && v.IPv4 || f == ip6 && v.IPv6 }

// Filter drops what is sent to and from some addresses, and mends what VMACs
// send. A table exists from the first need of it to Close. It belongs to one
// goroutine.
type Filter struct {
	fd    int
	seq   uint32
	opts  Options
	owned map[int][]Blocked
	vmacs map[VMAC]bool
	// tables, blocking and redirecting say what exists of each family.
	tables, blocking, redirecting map[*family]bool
	// commit carries out a transaction.
	commit func(*batch) error
}

var errMissing = errors.New("the kernel has no nftables")

// Open opens a Filter in the network namespace of the calling thread. Nothing
// is changed yet. A kernel without nftables is no error until the first need.
func Open() (*Filter, error) {
	f := &Filter{
		fd: -1, opts: Options{Table: Table}, owned: map[int][]Blocked{}, vmacs: map[VMAC]bool{},
		tables: map[*family]bool{}, blocking: map[*family]bool{}, redirecting: map[*family]bool{},
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open packet filter: %w", err)
	}
	tv := unix.NsecToTimeval(int64(10 * time.Second))
	err = errors.Join(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up packet filter: %w", err), unix.Close(fd))
	}
	f.fd, f.commit = fd, f.transact
	return f, nil
}

// Configure puts options into force. Tables of the name that are there without
// our doing were left behind, and are removed. Tables of ours that look
// otherwise are made again with what is in them, in one transaction.
func (f *Filter) Configure(o Options) error {
	if o.Table == "" {
		o.Table = Table
	}
	was := f.opts
	f.opts = o
	if f.fd < 0 {
		return nil
	}
	b := &batch{}
	again := len(f.tables) > 0
	if again && was == o {
		return nil
	}
	for _, x := range [...]*family{ip4, ip6} {
		if f.tables[x] && was.Table != o.Table {
			b.add(delTable, 0, x.number, 0, str(attrTableName, was.Table))
		}
		if again {
			f.rebuild(b, x)
			continue
		}
		// One by one, because one that is not there spoils its transaction.
		stale := &batch{}
		stale.add(delTable, 0, x.number, 0, str(attrTableName, o.Table))
		if err := f.commit(stale); err != nil && !errors.Is(err, unix.ENOENT) && !missing(err) {
			return fmt.Errorf("remove old table %s: %w", o.Table, err)
		}
	}
	if len(b.messages) == 0 {
		return nil
	}
	if err := f.commit(b); err != nil {
		return fmt.Errorf("make table %s again: %w", o.Table, err)
	}
	return nil
}

// missing says whether an error means that the kernel lacks nftables.
func missing(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)
}

// rebuild adds what makes a table anew with all that is in it.
func (f *Filter) rebuild(b *batch, x *family) {
	if !f.tables[x] {
		return
	}
	b.table(&f.opts, x)
	if f.blocking[x] {
		b.blocks(&f.opts, x)
		var all []Blocked
		for _, list := range f.owned {
			all = append(all, list...)
		}
		f.change(b, newSetElem, x, all)
	}
	if f.redirecting[x] {
		b.redirects(&f.opts, x)
		f.enlist(b, newSetElem, x, f.vmacs)
	}
}

// change adds the elements of one family to their sets, or removes them.
func (f *Filter) change(b *batch, kind uint16, x *family, list []Blocked) {
	sets := map[string][]attr{}
	for _, a := range list {
		if a.family() == x {
			set, k := a.element()
			sets[set] = append(sets[set], key(k))
		}
	}
	for _, set := range [...]string{setAddrs, setLocal} {
		b.elements(kind, &f.opts, x, set, sets[set])
	}
}

// enlist adds VMACs to the map and set of one family, or removes them.
func (f *Filter) enlist(b *batch, kind uint16, x *family, list map[VMAC]bool) {
	var pairs, keys []attr
	for v := range list {
		if v.in(x) {
			pairs, keys = append(pairs, pair(index(v.IfIndex), index(v.Base))), append(keys, key(index(v.IfIndex)))
		}
	}
	b.elements(kind, &f.opts, x, mapBases, pairs)
	if x == ip6 {
		b.elements(kind, &f.opts, x, setVMACs, keys)
	}
}

// anyIn says whether one of the VMACs is of a family.
func anyIn(list map[VMAC]bool, x *family) bool {
	for v := range list {
		if v.in(x) {
			return true
		}
	}
	return false
}

func index(i int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(i)) }

// need adds what must exist of a family before its sets can be filled, and
// notes it; undo forgets that if the transaction is refused.
func (f *Filter) need(b *batch, x *family, what map[*family]bool, make func(*Options, *family)) (undo func()) {
	table, part := f.tables[x], what[x]
	if !table {
		b.table(&f.opts, x)
	}
	if !part {
		make(&f.opts, x)
	}
	f.tables[x], what[x] = true, true
	return func() {
		if !table {
			delete(f.tables, x)
		}
		if !part {
			delete(what, x)
		}
	}
}

// Block drops packets to and from the addresses, but for neighbour discovery,
// in one transaction. owner is who asks, for Unblock.
func (f *Filter) Block(owner int, addrs []Blocked) error {
	if len(addrs) == 0 {
		return nil
	}
	if f.fd < 0 {
		return errMissing
	}
	b := &batch{}
	var undo []func()
	for _, x := range [...]*family{ip4, ip6} {
		for _, a := range addrs {
			if a.family() == x {
				undo = append(undo, f.need(b, x, f.blocking, b.blocks))
				break
			}
		}
		f.change(b, newSetElem, x, addrs)
	}
	if err := f.commit(b); err != nil {
		for _, u := range undo {
			u()
		}
		return fmt.Errorf("drop packets to %d addresses: %w", len(addrs), err)
	}
	f.owned[owner] = append(f.owned[owner], addrs...)
	return nil
}

// Unblock ends what owner asked for, all of it or only some. An address that
// another owner still wants dropped stays.
func (f *Filter) Unblock(owner int, only []Blocked) error {
	addrs := f.owned[owner]
	ends := func(a Blocked) bool { return only == nil || slices.Contains(only, a) }
	rest := slices.DeleteFunc(slices.Clone(addrs), ends)
	if len(rest) == len(addrs) {
		return nil
	}
	if f.owned[owner] = rest; len(rest) == 0 {
		delete(f.owned, owner)
	}
	still := map[Blocked]bool{}
	for _, list := range f.owned {
		for _, a := range list {
			still[a] = true
		}
	}
	var gone []Blocked
	for _, a := range addrs {
		if ends(a) && !still[a] {
			still[a] = true // named twice, removed once
			gone = append(gone, a)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	b := &batch{}
	for _, x := range [...]*family{ip4, ip6} {
		f.change(b, delSetElem, x, gone)
	}
	if err := f.commit(b); err != nil {
		return fmt.Errorf("let packets in to %d addresses: %w", len(gone), err)
	}
	return nil
}

// Redirect says which VMACs there are, in one transaction: group membership
// reports of these leave by the interface below instead, router solicitations
// not at all.
func (f *Filter) Redirect(list []VMAC) error {
	want := map[VMAC]bool{}
	for _, v := range list {
		want[v] = true
	}
	come, gone := minus(want, f.vmacs), minus(f.vmacs, want)
	if len(come)+len(gone) == 0 {
		return nil
	}
	if f.fd < 0 {
		return errMissing
	}
	b := &batch{}
	var undo []func()
	for _, x := range [...]*family{ip4, ip6} {
		f.enlist(b, delSetElem, x, gone)
		if anyIn(come, x) {
			undo = append(undo, f.need(b, x, f.redirecting, b.redirects))
		}
		f.enlist(b, newSetElem, x, come)
	}
	if err := f.commit(b); err != nil {
		for _, u := range undo {
			u()
		}
		return fmt.Errorf("redirect reports of %d interfaces: %w", len(list), err)
	}
	f.vmacs = want
	return nil
}

// minus is what of a is not in b.
func minus(a, b map[VMAC]bool) map[VMAC]bool {
	out := map[VMAC]bool{}
	for v := range a {
		if !b[v] {
			out[v] = true
		}
	}
	return out
}

// Close removes the tables.
func (f *Filter) Close() error {
	if f.fd < 0 {
		return nil
	}
	var err error
	if len(f.tables) > 0 {
		b := &batch{}
		for x := range f.tables {
			b.add(delTable, 0, x.number, 0, str(attrTableName, f.opts.Table))
		}
		err = f.commit(b)
	}
	return errors.Join(err, unix.Close(f.fd))
}

// transact sends a transaction and waits for its outcome.
func (f *Filter) transact(b *batch) error {
	out, first, last := b.finish(f.seq + 1)
	f.seq = last + 1
	if err := unix.Sendto(f.fd, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	in := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(f.fd, in, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		done, err := answer(in[:n], first, last)
		if done || err != nil {
			return err
		}
	}
}

// answer looks for the first error or the last acknowledgement.
func answer(b []byte, first, last uint32) (done bool, err error) {
	e := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr+4 {
		n := int(e.Uint32(b))
		if n < unix.SizeofNlMsghdr+4 || n > len(b) {
			return true, fmt.Errorf("answer of %d bytes in %d", n, len(b))
		}
		seq := e.Uint32(b[8:])
		if e.Uint16(b[4:]) == unix.NLMSG_ERROR && seq >= first && seq <= last {
			if errno := unix.Errno(-int32(e.Uint32(b[unix.SizeofNlMsghdr:]))); errno != 0 {
				return true, errno
			}
			done = done || seq == last
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return done, nil
}
