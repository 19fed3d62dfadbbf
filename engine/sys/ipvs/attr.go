// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"

	"golang.org/x/sys/unix"
)

// errMalformed is an answer that no kernel gives.
var errMalformed = errors.New("malformed netlink message")

var host = binary.NativeEndian

// align is a length rounded up to where the next attribute or message starts.
func align(n int) int { return (n + 3) &^ 3 }

// open appends a message or attribute header whose length close fills in.
func openMessage(b []byte, kind, flags uint16, seq uint32, command, version byte) []byte {
	b = host.AppendUint32(b, 0)
	b = host.AppendUint16(b, kind)
	b = host.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = host.AppendUint32(b, seq)
	b = host.AppendUint32(b, 0) // the kernel knows who we are
	return append(b, command, version, 0, 0)
}

func closeMessage(b []byte, start int) []byte {
	host.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

func openNest(b []byte, kind uint16) []byte {
	b = host.AppendUint16(b, 0)
	return host.AppendUint16(b, kind|unix.NLA_F_NESTED)
}

func closeNest(b []byte, start int) []byte {
	host.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

func attrHeader(b []byte, kind uint16, length int) []byte {
	b = host.AppendUint16(b, uint16(4+length))
	return host.AppendUint16(b, kind)
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendU8(b []byte, kind uint16, v uint8) []byte {
	return pad(append(attrHeader(b, kind, 1), v))
}

func appendU16(b []byte, kind, v uint16) []byte {
	return pad(host.AppendUint16(attrHeader(b, kind, 2), v))
}

// appendPort appends a number in the order of the network.
func appendPort(b []byte, kind, v uint16) []byte {
	return pad(binary.BigEndian.AppendUint16(attrHeader(b, kind, 2), v))
}

func appendU32(b []byte, kind uint16, v uint32) []byte {
	return host.AppendUint32(attrHeader(b, kind, 4), v)
}

func appendBytes(b []byte, kind uint16, v []byte) []byte {
	return pad(append(attrHeader(b, kind, len(v)), v...))
}

func appendString(b []byte, kind uint16, s string) []byte {
	b = append(attrHeader(b, kind, len(s)+1), s...)
	return pad(append(b, 0))
}

// message is one netlink message of an answer.
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte // after the header
}

// next takes the first message off a datagram. A length that does not fit is
// malformed: the kernel never cuts a message.
func next(b []byte) (m message, rest []byte, err error) {
	if len(b) < unix.NLMSG_HDRLEN {
		return m, nil, errMalformed
	}
	n := host.Uint32(b)
	if n < unix.NLMSG_HDRLEN || uint64(n) > uint64(len(b)) {
		return m, nil, errMalformed
	}
	m = message{kind: host.Uint16(b[4:]), flags: host.Uint16(b[6:]), seq: host.Uint32(b[8:]), body: b[unix.NLMSG_HDRLEN:n]}
	return m, b[min(align(int(n)), len(b)):], nil
}

// attributes walks over the attributes of a message or nest; it ends at the
// first that does not fit.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			n := int(host.Uint16(b))
			if n < 4 || n > len(b) {
				return
			}
			kind := host.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, b[4:n]) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

// The readers of values give zero for what is too short: a field that is not
// there and one that is cut mean the same.
func u8(v []byte) uint8 {
	if len(v) < 1 {
		return 0
	}
	return v[0]
}

func u16(v []byte) uint16 {
	if len(v) < 2 {
		return 0
	}
	return host.Uint16(v)
}

func port(v []byte) uint16 {
	if len(v) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(v)
}

func u32(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return host.Uint32(v)
}

// number reads a counter of whichever width the kernel has for it.
func number(v []byte) uint64 {
	if len(v) >= 8 {
		return host.Uint64(v)
	}
	return uint64(u32(v))
}

// words are strings that are read again and again.
var words = []string{"wlc", "wrr", "rr", "lc", "sh", "mh", "dh", "lblc", "lblcr", "sed", "nq", "fo", "ovf", "twos", "sip"}

// word reads a string that ends at its first zero byte, of at most 64 bytes:
// names in IPVS have 16.
func word(v []byte) string {
	v = v[:min(len(v), 64)]
	if i := bytes.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	for _, w := range words {
		if string(v) == w {
			return w
		}
	}
	return string(v)
}
