// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Claims hears who speaks for some addresses on one interface: ARP packets that
// name one as their sender's, or neighbour advertisements for one. What this host
// sends itself is not heard.
type Claims struct {
	family uint8
	file   *os.File
	conn   syscall.RawConn
	buffer [256]byte
	oob    [64]byte
	mu     sync.Mutex
	addrs  map[netip.Addr]bool
}

// A Claim is one of them: the address and the hardware address it is said to have.
type Claim struct {
	Addr netip.Addr
	MAC  [6]byte
}

// ClaimsMost is how many IPv4 addresses of one interface are watched; the kernel
// takes programs of up to 4096 steps, and each address costs two.
const ClaimsMost = 2000

// claimsRoom is the receive buffer in bytes. What finds no room is lost: one
// claim says what a thousand say.
const claimsRoom = 16 << 10

// ListenClaims opens Claims of a family, 4 or 6, that hear nothing until Watch
// says what for. It needs CAP_NET_RAW and may wait for the kernel's network
// configuration lock.
func ListenClaims(ifindex int, family uint8) (c *Claims, err error) {
	c = &Claims{family: family}
	var fd int
	if family == 6 {
		fd, err = claims6(ifindex)
	} else {
		fd, err = claims4(ifindex)
	}
	if err != nil {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
		return nil, fmt.Errorf("listen for claims on interface %d: %w", ifindex, err)
	}
	// A descriptor that does not block waits in the runtime's poller.
	c.file = os.NewFile(uintptr(fd), "claims")
	if c.conn, err = c.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, c.file.Close())
	}
	return c, nil
}

// claims4 opens a socket that sees ARP alone, so that other traffic costs nothing.
func claims4(ifindex int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, claimsRoom); err != nil {
		return fd, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fd, err
	}
	if err = attach(fd, nil); err != nil {
		return fd, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap16(unix.ETH_P_ARP), Ifindex: ifindex})
}

// claims6 opens a socket that sees neighbour advertisements alone.
func claims6(ifindex int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return -1, err
	}
	filter := &unix.ICMPv6Filter{}
	for i := range filter.Data {
		filter.Data[i] = ^uint32(0)
	}
	filter.Data[typeNA/32] &^= 1 << (typeNA % 32)
	if err = unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, filter); err != nil {
		return fd, err
	}
	for _, o := range [][3]int{
		{unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, ifindex}, {unix.SOL_SOCKET, unix.SO_RCVBUF, claimsRoom}, {unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
	} {
		if err = unix.SetsockoptInt(fd, o[0], o[1], o[2]); err != nil {
			return fd, err
		}
	}
	return fd, nil
}

// typeNA is the ICMPv6 type of a neighbour advertisement (RFC 4861 section 4.4).
const typeNA = 136

// senderAt is where an ARP packet in its Ethernet frame has its sender's address.
const senderAt = 28

// attach gives a socket the program that lets ARP packets of these senders in.
func attach(fd int, addrs []netip.Addr) error {
	const drop, take = 0, 64
	load := uint16(unix.BPF_LD | unix.BPF_W | unix.BPF_ABS)
	same := uint16(unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K)
	prog := []unix.SockFilter{{Code: load, K: senderAt}}
	for i, a := range addrs {
		if i == ClaimsMost {
			break
		}
		b := a.As4()
		prog = append(prog, unix.SockFilter{Code: same, Jf: 1, K: binary.BigEndian.Uint32(b[:])}, unix.SockFilter{Code: unix.BPF_RET, K: take})
	}
	prog = append(prog, unix.SockFilter{Code: unix.BPF_RET, K: drop})
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}

// Watch says for which addresses claims are heard from now on.
func (c *Claims) Watch(addrs []netip.Addr) (err error) {
	set := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		set[a] = true
	}
	c.mu.Lock()
	c.addrs = set
	c.mu.Unlock()
	if c.family == 6 {
		return nil
	}
	if e := c.conn.Control(func(fd uintptr) { err = attach(int(fd), addrs) }); e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("filter for claims: %w", err)
	}
	return nil
}

// Next waits for a claim. It returns os.ErrClosed after Close.
func (c *Claims) Next() (Claim, error) {
	for {
		var n, oob int
		var errno error
		err := c.conn.Read(func(fd uintptr) bool {
			n, oob, _, _, errno = unix.Recvmsg(int(fd), c.buffer[:], c.oob[:], 0)
			return !errors.Is(errno, unix.EAGAIN)
		})
		switch {
		case errors.Is(err, os.ErrClosed):
			return Claim{}, os.ErrClosed
		case err != nil:
			return Claim{}, fmt.Errorf("wait for claims: %w", err)
		case errno != nil:
			// An interface that went down says so once.
			continue
		}
		claim, ok := arpClaim(c.buffer[:n])
		if c.family == 6 {
			claim, ok = naClaim(c.buffer[:n])
			ok = ok && hops(c.oob[:oob]) == 255
		}
		c.mu.Lock()
		ok = ok && c.addrs[claim.Addr]
		c.mu.Unlock()
		if ok {
			return claim, nil
		}
	}
}

// Close closes the socket and ends Next.
func (c *Claims) Close() error { return c.file.Close() }

// arpClaim reads an ARP packet in its frame (RFC 826).
func arpClaim(f []byte) (Claim, bool) {
	const head, length = 14, 28
	if len(f) < head+length || binary.BigEndian.Uint16(f[12:]) != unix.ETH_P_ARP {
		return Claim{}, false
	}
	p := f[head:]
	// Ethernet and IPv4, hardware addresses of 6 bytes, protocol addresses of 4.
	if [6]byte(p[:6]) != [6]byte{0, 1, 8, 0, 6, 4} {
		return Claim{}, false
	}
	return Claim{netip.AddrFrom4([4]byte(p[14:18])), [6]byte(p[8:14])}, true
}

// naClaim reads a neighbour advertisement; one that does not say the hardware
// address is of no use.
func naClaim(p []byte) (Claim, bool) {
	const head, option = 24, 8
	if len(p) < head || p[0] != typeNA || p[1] != 0 {
		return Claim{}, false
	}
	addr := netip.AddrFrom16([16]byte(p[8:24]))
	for p = p[head:]; len(p) >= option; {
		size := int(p[1]) * 8
		if size == 0 || size > len(p) {
			return Claim{}, false
		}
		if p[0] == 2 && size == option { // target link-layer address
			return Claim{addr, [6]byte(p[2:8])}, true
		}
		p = p[size:]
	}
	return Claim{}, false
}

// hops is the hop limit that came with a packet, -1 if none did.
func hops(oob []byte) int {
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1
	}
	for _, m := range list {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			return int(int32(binary.NativeEndian.Uint32(m.Data)))
		}
	}
	return -1
}
