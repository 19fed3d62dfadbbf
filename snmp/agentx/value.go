// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Type is v.type, the SMI type of a value (RFC 2741 §5.4).
type Type uint16

// The value types of RFC 2741 §5.4.
const (
	Integer          Type = 2
	OctetString      Type = 4
	Null             Type = 5
	ObjectIdentifier Type = 6
	IPAddress        Type = 64
	Counter32        Type = 65
	Gauge32          Type = 66
	TimeTicks        Type = 67
	Opaque           Type = 68
	Counter64        Type = 70
	NoSuchObject     Type = 128
	NoSuchInstance   Type = 129
	EndOfMibView     Type = 130
)

var typeNames = map[Type]string{
	Integer: "INTEGER", OctetString: "OCTET STRING", Null: "NULL", ObjectIdentifier: "OBJECT IDENTIFIER",
	IPAddress: "IpAddress", Counter32: "Counter32", Gauge32: "Gauge32", TimeTicks: "TimeTicks",
	Opaque: "Opaque", Counter64: "Counter64", NoSuchObject: "noSuchObject",
	NoSuchInstance: "noSuchInstance", EndOfMibView: "endOfMibView",
}

// String returns the SMI's name of the type.
func (t Type) String() string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("Type(%d)", uint16(t))
}

// A Value is a typed SMI value or one of the three exceptions. It is immutable
// and comparable with ==. The zero Value is invalid: it cannot be encoded.
type Value struct {
	typ Type
	num uint64
	str string
}

// Int returns an INTEGER (Integer32).
func Int(v int32) Value { return Value{typ: Integer, num: uint64(uint32(v))} }

// Text returns an OCTET STRING with the bytes of s.
func Text(s string) Value { return Value{typ: OctetString, str: s} }

// Bytes returns an OCTET STRING with a copy of b.
func Bytes(b []byte) Value { return Value{typ: OctetString, str: string(b)} }

// NullValue returns a NULL.
func NullValue() Value { return Value{typ: Null} }

// ObjectID returns an OBJECT IDENTIFIER.
func ObjectID(o OID) Value { return Value{typ: ObjectIdentifier, str: o.b} }

// IP returns an IpAddress. Anything but an IPv4 (or IPv4-mapped) address
// becomes 0.0.0.0, for the type has no room for more.
func IP(a netip.Addr) Value {
	a = a.Unmap()
	if !a.Is4() {
		return Value{typ: IPAddress}
	}
	b := a.As4()
	return Value{typ: IPAddress, num: uint64(binary.BigEndian.Uint32(b[:]))}
}

// Count32 returns a Counter32.
func Count32(v uint32) Value { return Value{typ: Counter32, num: uint64(v)} }

// Gauge returns a Gauge32 (also Unsigned32).
func Gauge(v uint32) Value { return Value{typ: Gauge32, num: uint64(v)} }

// Ticks returns TimeTicks, in hundredths of a second.
func Ticks(v uint32) Value { return Value{typ: TimeTicks, num: uint64(v)} }

// OpaqueBytes returns an Opaque with a copy of b.
func OpaqueBytes(b []byte) Value { return Value{typ: Opaque, str: string(b)} }

// Count64 returns a Counter64.
func Count64(v uint64) Value { return Value{typ: Counter64, num: v} }

// Exception returns noSuchObject, noSuchInstance or endOfMibView; any other
// type gives the invalid Value.
func Exception(t Type) Value {
	if t == NoSuchObject || t == NoSuchInstance || t == EndOfMibView {
		return Value{typ: t}
	}
	return Value{}
}

// Type returns the type of v, 0 for the invalid Value.
func (v Value) Type() Type { return v.typ }

// Int32 returns an INTEGER's number, 0 for other types.
func (v Value) Int32() int32 {
	if v.typ != Integer {
		return 0
	}
	return int32(uint32(v.num))
}

// Uint64 returns the number of a Counter32, Gauge32, TimeTicks or Counter64,
// 0 for other types.
func (v Value) Uint64() uint64 {
	switch v.typ {
	case Counter32, Gauge32, TimeTicks, Counter64:
		return v.num
	case Integer, OctetString, Null, ObjectIdentifier, IPAddress, Opaque, NoSuchObject, NoSuchInstance, EndOfMibView:
	}
	return 0
}

// Str returns the bytes of an OCTET STRING or Opaque, "" for other types.
func (v Value) Str() string {
	if v.typ == OctetString || v.typ == Opaque {
		return v.str
	}
	return ""
}

// OID returns an OBJECT IDENTIFIER's value, the null one for other types.
func (v Value) OID() OID {
	if v.typ != ObjectIdentifier {
		return OID{}
	}
	return OID{v.str}
}

// Addr returns an IpAddress, the invalid address for other types.
func (v Value) Addr() netip.Addr {
	if v.typ != IPAddress {
		return netip.Addr{}
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(v.num))
	return netip.AddrFrom4(b)
}

// String renders v for people, as "Counter32: 5".
func (v Value) String() string {
	switch v.typ {
	case Integer:
		return fmt.Sprintf("%s: %d", v.typ, v.Int32())
	case OctetString, Opaque:
		return fmt.Sprintf("%s: %q", v.typ, v.str)
	case ObjectIdentifier:
		return fmt.Sprintf("%s: %s", v.typ, v.OID())
	case IPAddress:
		return fmt.Sprintf("%s: %s", v.typ, v.Addr())
	case Counter32, Gauge32, TimeTicks, Counter64:
		return fmt.Sprintf("%s: %d", v.typ, v.num)
	case Null, NoSuchObject, NoSuchInstance, EndOfMibView:
		return v.typ.String()
	}
	return "invalid"
}

// valid reports whether v can be encoded.
func (v Value) valid() bool {
	_, known := typeNames[v.typ]
	return known && (v.typ != ObjectIdentifier || len(v.str) <= 4*MaxSubIDs)
}

// A VarBind is a name with its value (RFC 2741 §5.4).
type VarBind struct {
	Name  OID
	Value Value
}

// String renders the binding for people, as "1.3.6.1.2.1.1.3.0 = TimeTicks: 7".
func (b VarBind) String() string { return b.Name.String() + " = " + b.Value.String() }
