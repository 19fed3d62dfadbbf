// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// onlyVRID is the socket filter that lets plain adverts of one virtual router
// through and, on an AH socket, those whose authentication header is followed
// by one: an interface with a virtual MAC address hears every advert that the
// one below does, and what is not for it need not be queued.
func onlyVRID(family, vrid uint8, ah bool) []unix.SockFilter {
	const (
		ldxIPv4  = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // X = length of the IPv4 header at K
		loadByX  = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
		ldxImm   = unix.BPF_LDX | unix.BPF_IMM
		addX     = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X
		toX      = unix.BPF_MISC | unix.BPF_TAX
		ifEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		shift    = unix.BPF_ALU | unix.BPF_LSH | unix.BPF_K
		addK     = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K
		give     = unix.BPF_RET | unix.BPF_K
		wholeLen = 0xffffffff
	)
	// A raw socket sees the IP header with IPv4 and none with IPv6.
	code := []unix.SockFilter{{Code: ldxIPv4, K: 0}}
	if family == 6 {
		code = []unix.SockFilter{{Code: ldxImm, K: 0}}
	}
	if ah {
		// RFC 4302 section 2.2: the second byte is the header's length in units of
		// four bytes, less two.
		code = append(code,
			unix.SockFilter{Code: loadByX, K: 1}, unix.SockFilter{Code: addK, K: 2}, unix.SockFilter{Code: shift, K: 2},
			unix.SockFilter{Code: addX}, unix.SockFilter{Code: toX})
	}
	return append(code,
		unix.SockFilter{Code: loadByX, K: 1},
		unix.SockFilter{Code: ifEqual, K: uint32(vrid), Jf: 1},
		unix.SockFilter{Code: give, K: wholeLen},
		unix.SockFilter{Code: give, K: 0})
}

// filter attaches the filter of the Receiver's VRID, if it has one.
func (r *Receiver) filter() error {
	if r.VRID == 0 {
		return nil
	}
	code := onlyVRID(r.Family, r.VRID, r.AH)
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("filter for virtual router %d: %w", r.VRID, err)
	}
	return nil
}
