// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// MaxSubIDs is the most sub-identifiers an object identifier may have (RFC 2741 §5.1).
const MaxSubIDs = 128

// An OID is an object identifier. It is comparable with ==, may be a map key,
// and its zero value is the null object identifier of RFC 2741 §5.1.
//
// It holds each sub-identifier as four bytes, most significant first, so that
// the order of the strings is the lexicographic order of SNMP.
type OID struct{ b string }

// NewOID returns the object identifier with the given sub-identifiers.
func NewOID(sub ...uint32) OID { return OID{}.Append(sub...) }

// ParseOID reads dotted decimal ("1.3.6.1" or ".1.3.6.1"). It refuses an empty
// string, empty or signed parts, values above 2^32-1 and more than MaxSubIDs.
func ParseOID(s string) (OID, error) {
	rest := strings.TrimPrefix(s, ".")
	var b []byte
	for part := range strings.SplitSeq(rest, ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return OID{}, fmt.Errorf("object identifier %.80q: %q is not a sub-identifier", s, part)
		}
		if len(b) == 4*MaxSubIDs {
			return OID{}, fmt.Errorf("object identifier %.80q: more than %d sub-identifiers", s, MaxSubIDs)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return OID{string(b)}, nil
}

// MustParseOID is ParseOID for constants of the program; it panics on an error.
func MustParseOID(s string) OID {
	o, err := ParseOID(s)
	if err != nil {
		panic(err)
	}
	return o
}

// Len returns the number of sub-identifiers.
func (o OID) Len() int { return len(o.b) / 4 }

// At returns sub-identifier i, counted from 0; i must be below Len.
func (o OID) At(i int) uint32 {
	s := o.b[4*i : 4*i+4]
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}

// SubIDs returns the sub-identifiers in a new slice.
func (o OID) SubIDs() []uint32 {
	out := make([]uint32, o.Len())
	for i := range out {
		out[i] = o.At(i)
	}
	return out
}

// IsZero reports whether o is the null object identifier.
func (o OID) IsZero() bool { return o.b == "" }

// Compare orders object identifiers lexicographically: -1, 0 or +1.
func (o OID) Compare(p OID) int { return strings.Compare(o.b, p.b) }

// HasPrefix reports whether o is p or lies below p.
func (o OID) HasPrefix(p OID) bool { return strings.HasPrefix(o.b, p.b) }

// Append returns o followed by the given sub-identifiers; o is unchanged.
func (o OID) Append(sub ...uint32) OID {
	if len(sub) == 0 {
		return o
	}
	b := make([]byte, 0, len(o.b)+4*len(sub))
	b = append(b, o.b...)
	for _, n := range sub {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return OID{string(b)}
}

// Join returns o followed by the sub-identifiers of p.
func (o OID) Join(p OID) OID { return OID{o.b + p.b} }

// Head returns the first n sub-identifiers of o; n must be between 0 and Len.
func (o OID) Head(n int) OID { return OID{o.b[:4*n]} }

// Tail returns o without its first n sub-identifiers; n must be between 0 and Len.
func (o OID) Tail(n int) OID { return OID{o.b[4*n:]} }

// String returns dotted decimal without a leading dot, or "" for the null one.
func (o OID) String() string {
	var b []byte
	for i := range o.Len() {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(o.At(i)), 10)
	}
	return string(b)
}

// MarshalText returns what String does.
func (o OID) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what ParseOID does, and "" as the null object identifier.
func (o *OID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*o = OID{}
		return nil
	}
	p, err := ParseOID(string(text))
	if err != nil {
		return err
	}
	*o = p
	return nil
}
