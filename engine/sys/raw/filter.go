// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Instructions of socket filters.
const (
	ldxIPv4 = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // X = length of the IPv4 header at K
	loadByX = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
	loadImm = unix.BPF_LD | unix.BPF_IMM
	loadMem = unix.BPF_LD | unix.BPF_MEM
	ldxImm  = unix.BPF_LDX | unix.BPF_IMM
	store   = unix.BPF_ST
	toX     = unix.BPF_MISC | unix.BPF_TAX
	addX    = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X
	addK    = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K
	andK    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	shiftK  = unix.BPF_ALU | unix.BPF_LSH | unix.BPF_K
	backK   = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	backX   = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_X
	ifEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	give    = unix.BPF_RET | unix.BPF_K
	giveA   = unix.BPF_RET | unix.BPF_A

	wholeLen = 0xffffffff
)

// toAdvert leaves in X where the advert begins, on an AH socket behind the
// authentication header. A load beyond the end of the packet drops it.
func toAdvert(family uint8, ah bool) []unix.SockFilter {
	// A raw socket sees the IP header with IPv4 and none with IPv6.
	code := []unix.SockFilter{{Code: ldxIPv4, K: 0}}
	if family == 6 {
		code = []unix.SockFilter{{Code: ldxImm, K: 0}}
	}
	if ah {
		// RFC 4302 section 2.2: the second byte is the header's length in units of
		// four bytes, less two.
		code = append(code,
			unix.SockFilter{Code: loadByX, K: 1}, unix.SockFilter{Code: addK, K: 2}, unix.SockFilter{Code: shiftK, K: 2},
			unix.SockFilter{Code: addX}, unix.SockFilter{Code: toX})
	}
	return code
}

// onlyVRID is the socket filter that lets plain adverts of one virtual router
// through and, on an AH socket, those whose authentication header is followed
// by one: an interface with a virtual MAC address hears every advert that the
// one below does, and what is not for it need not be queued.
func onlyVRID(family, vrid uint8, ah bool) []unix.SockFilter {
	return append(toAdvert(family, ah),
		unix.SockFilter{Code: loadByX, K: 1},
		unix.SockFilter{Code: ifEqual, K: uint32(vrid), Jf: 1},
		unix.SockFilter{Code: give, K: wholeLen},
		unix.SockFilter{Code: give, K: 0})
}

// VRIDs is a set of virtual router IDs.
type VRIDs [8]uint32

// Add puts an ID into the set.
func (s *VRIDs) Add(id uint8) { s[id/32] |= 1 << (id % 32) }

// urgent is the socket filter that lets adverts of priority 0 through and all
// those of the given virtual routers.
func urgent(family uint8, ah bool, of *VRIDs) []unix.SockFilter {
	const vrid = 0 // a place in memory
	code := append(toAdvert(family, ah),
		unix.SockFilter{Code: loadByX, K: 2},
		unix.SockFilter{Code: ifEqual, K: 0, Jf: 1},
		unix.SockFilter{Code: give, K: wholeLen},
		unix.SockFilter{Code: loadByX, K: 1},
		unix.SockFilter{Code: store, K: vrid},
		unix.SockFilter{Code: andK, K: 31},
		unix.SockFilter{Code: toX},
		unix.SockFilter{Code: loadMem, K: vrid},
		unix.SockFilter{Code: backK, K: 5})
	const each = 5
	for i, word := range of {
		// Bit X of the word that A has the number of.
		code = append(code,
			unix.SockFilter{Code: ifEqual, K: uint32(i), Jf: each - 1},
			unix.SockFilter{Code: loadImm, K: word},
			unix.SockFilter{Code: backX},
			unix.SockFilter{Code: andK, K: 1},
			unix.SockFilter{Code: giveA}) // 1 is a byte of it, 0 nothing
	}
	return append(code, unix.SockFilter{Code: give, K: 0})
}

// filter puts a filter on a socket, in place of the one it has.
func filter(fd int, code []unix.SockFilter) error {
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}
