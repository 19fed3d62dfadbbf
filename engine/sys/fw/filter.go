// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package fw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Table is the name of our table, in the inet family.
const Table = "vigild"

// Filter drops what is sent to some addresses. The table exists from the
// first Block to Close. It belongs to one goroutine.
type Filter struct {
	fd    int
	seq   uint32
	owned map[int][]netip.Addr
	ready bool
}

// Open opens a Filter in the network namespace of the calling thread. Nothing
// is changed yet. A kernel without nftables is no error until the first Block.
func Open() (*Filter, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return &Filter{fd: -1, owned: map[int][]netip.Addr{}}, nil
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
	return &Filter{fd: fd, owned: map[int][]netip.Addr{}}, nil
}

// Block drops packets to the addresses, but for neighbour discovery, in one
// transaction. owner is who asks, for Unblock.
func (f *Filter) Block(owner int, addrs []netip.Addr) error {
	if f.fd < 0 {
		return errors.New("the kernel has no nftables")
	}
	if len(addrs) == 0 {
		return nil
	}
	b := &batch{}
	if !f.ready {
		b.table()
	}
	b.elements(newSetElem, addrs)
	if err := f.commit(b); err != nil {
		return fmt.Errorf("drop packets to %d addresses: %w", len(addrs), err)
	}
	f.ready = true
	f.owned[owner] = append(f.owned[owner], addrs...)
	return nil
}

// Unblock ends what owner asked for. An address that another owner still
// wants dropped stays.
func (f *Filter) Unblock(owner int) error {
	addrs := f.owned[owner]
	if len(addrs) == 0 {
		return nil
	}
	delete(f.owned, owner)
	still := map[netip.Addr]bool{}
	for _, list := range f.owned {
		for _, a := range list {
			still[a] = true
		}
	}
	var gone []netip.Addr
	for _, a := range addrs {
		if !still[a] {
			still[a] = true // named twice, removed once
			gone = append(gone, a)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	b := &batch{}
	b.elements(delSetElem, gone)
	if err := f.commit(b); err != nil {
		return fmt.Errorf("let packets in to %d addresses: %w", len(gone), err)
	}
	return nil
}

// Close removes the table.
func (f *Filter) Close() error {
	if f.fd < 0 {
		return nil
	}
	var err error
	if f.ready {
		b := &batch{}
		b.message(delTable, 0, str(attrTableName, Table))
		err = f.commit(b)
	}
	return errors.Join(err, unix.Close(f.fd))
}

// commit sends a transaction and waits for its outcome.
func (f *Filter) commit(b *batch) error {
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
