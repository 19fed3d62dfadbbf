// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"encoding/binary"
	"fmt"
)

// DecodeHeader reads the header at the start of b. It returns ErrShort when b
// has fewer than HeaderLen bytes and ErrMalformed for a version other than 1,
// an unknown type, or a payload that is no multiple of 4 or above lim.
func DecodeHeader(b []byte, lim Limits) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, ErrShort
	}
	h := Header{Type: PDUType(b[1]), Flags: Flags(b[2])}
	r := reader{b: b[4:HeaderLen], big: h.Flags&FlagNetworkByteOrder != 0}
	h.SessionID, h.TransactionID, h.PacketID = r.u32(), r.u32(), r.u32()
	n := r.u32()
	switch {
	case b[0] != protocolVersion:
		return Header{}, fmt.Errorf("%w: version %d", ErrMalformed, b[0])
	case !h.Type.valid():
		return Header{}, fmt.Errorf("%w: unknown type %d", ErrMalformed, b[1])
	case n%4 != 0:
		return Header{}, fmt.Errorf("%w: payload of %d bytes is not a multiple of 4", ErrMalformed, n)
	case int64(n) > int64(lim.MaxPayload):
		return Header{}, fmt.Errorf("%w: payload of %d bytes, at most %d", ErrMalformed, n, lim.MaxPayload)
	}
	h.PayloadLen = int(n)
	return h, nil
}

// Decode reads the PDU at the start of b and returns it with its length. It
// returns ErrShort when b ends before the PDU does, else ErrMalformed wrapped
// with what is wrong. The Message shares no memory with b.
func Decode(b []byte, lim Limits) (Message, int, error) {
	h, err := DecodeHeader(b, lim)
	if err != nil {
		return Message{}, 0, err
	}
	n := HeaderLen + h.PayloadLen
	if len(b) < n {
		return Message{}, 0, ErrShort
	}
	m, err := decodePayload(h, b[HeaderLen:n], lim)
	return m, n, err
}

// decodePayload reads the payload that belongs to h.
func decodePayload(h Header, payload []byte, lim Limits) (Message, error) {
	r := reader{b: payload, big: h.Flags&FlagNetworkByteOrder != 0, max: lim.MaxVarBinds}
	m := Message{Flags: contextFlags(h.Type, h.Flags) & flagsDefined, SessionID: h.SessionID, TransactionID: h.TransactionID, PacketID: h.PacketID}
	m.Context = string(r.context(h))
	m.Body = r.body(h.Type)
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes after the end", len(r.b))
	}
	if r.err != nil {
		return Message{}, fmt.Errorf("%s: %w", h.Type, r.err)
	}
	return m, nil
}

// reader consumes a payload. After the first error every read gives zero.
type reader struct {
	b   []byte
	big bool
	max int // varbinds or ranges
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// take returns the next n bytes, nil after an error.
func (r *reader) take(n int, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.fail("%s of %d bytes, %d left", what, n, len(r.b))
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// quad returns the next four bytes, zeros after an error.
func (r *reader) quad() [4]byte {
	if b := r.take(4, "word"); b != nil {
		return [4]byte(b)
	}
	return [4]byte{}
}

func (r *reader) u16(b []byte) uint16 {
	if r.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (r *reader) u32() uint32 {
	b := r.quad()
	if r.big {
		return binary.BigEndian.Uint32(b[:])
	}
	return binary.LittleEndian.Uint32(b[:])
}

func (r *reader) u64() uint64 {
	b := r.take(8, "Counter64")
	if b == nil {
		return 0
	}
	if r.big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// octets returns an octet string that aliases the payload (RFC 2741 §5.3).
func (r *reader) octets() []byte {
	n := r.u32()
	if int64(n) > int64(len(r.b)) {
		r.fail("octet string of %d bytes, %d left", n, len(r.b))
		return nil
	}
	b := r.take((int(n)+3)&^3, "octet string")
	if b == nil {
		return nil
	}
	return b[:n]
}

// appendOID appends the bytes of the next object identifier, as OID holds them,
// to dst and returns them with the include flag (RFC 2741 §5.1).
func (r *reader) appendOID(dst []byte) ([]byte, bool) {
	q := r.quad()
	n, prefix, include := int(q[0]), q[1], q[2] != 0
	total := n
	if prefix != 0 {
		total += 5
		dst = append(dst, internetPrefix...)
		dst = append(dst, prefix)
	}
	if total > MaxSubIDs {
		r.fail("object identifier of %d sub-identifiers", total)
		return dst, false
	}
	b := r.take(4*n, "object identifier")
	if r.big {
		return append(dst, b...), include
	}
	for i := 0; i+3 < len(b); i += 4 {
		dst = append(dst, b[i+3], b[i+2], b[i+1], b[i])
	}
	return dst, include
}

func (r *reader) oid() (OID, bool) {
	var scratch [4 * (MaxSubIDs + 5)]byte
	b, include := r.appendOID(scratch[:0])
	if r.err != nil {
		return OID{}, false
	}
	return OID{string(b)}, include
}

// context returns the context of a PDU that has one.
func (r *reader) context(h Header) []byte {
	if contextFlags(h.Type, h.Flags)&FlagNonDefaultContext == 0 {
		return nil
	}
	return r.octets()
}

// contextFlags returns f without FlagNonDefaultContext for the PDUs that never
// carry a context. RFC 2741 §6.1.1 names those that may; a Response is not among
// them, but net-snmp puts a context into it when the request had one.
func contextFlags(t PDUType, f Flags) Flags {
	switch t {
	case TypeOpen, TypeClose, TypeCommitSet, TypeUndoSet, TypeCleanupSet:
		return f &^ FlagNonDefaultContext
	case TypeRegister, TypeUnregister, TypeGet, TypeGetNext, TypeGetBulk, TypeTestSet, TypeNotify, TypePing,
		TypeIndexAllocate, TypeIndexDeallocate, TypeAddAgentCaps, TypeRemoveAgentCaps, TypeResponse:
	}
	return f
}

func (r *reader) value(t Type) Value {
	v := Value{typ: t}
	switch t {
	case Integer, Counter32, Gauge32, TimeTicks:
		v.num = uint64(r.u32())
	case Counter64:
		v.num = r.u64()
	case OctetString, Opaque:
		v.str = string(r.octets())
	case ObjectIdentifier:
		o, _ := r.oid()
		v.str = o.b
	case IPAddress:
		b := r.octets()
		if r.err == nil && len(b) != 4 {
			r.fail("IpAddress of %d bytes", len(b))
		}
		if r.err == nil {
			v.num = uint64(binary.BigEndian.Uint32(b))
		}
	case Null, NoSuchObject, NoSuchInstance, EndOfMibView:
	default: // not an enum of ours: the number comes from the wire
		r.fail("unknown value type %d", uint16(t))
	}
	return v
}

func (r *reader) varBinds() []VarBind {
	var list []VarBind
	for r.err == nil && len(r.b) > 0 {
		if len(list) == r.max {
			r.fail("more than %d varbinds", r.max)
			break
		}
		q := r.quad()
		name, _ := r.oid()
		list = append(list, VarBind{Name: name, Value: r.value(Type(r.u16(q[:2])))})
	}
	return list
}

func (r *reader) ranges() []SearchRange {
	var list []SearchRange
	for r.err == nil && len(r.b) > 0 {
		if len(list) == r.max {
			r.fail("more than %d search ranges", r.max)
			break
		}
		start, include := r.oid()
		end, _ := r.oid()
		list = append(list, SearchRange{Start: start, Include: include, End: end})
	}
	return list
}

func (r *reader) body(t PDUType) Body {
	switch t {
	case TypeOpen:
		q := r.quad()
		id, _ := r.oid()
		return Open{Timeout: q[0], ID: id, Descr: string(r.octets())}
	case TypeClose:
		return Close{Reason: CloseReason(r.quad()[0])}
	case TypeRegister:
		q := r.quad()
		tree, upper := r.subtree(q[2])
		return Register{Timeout: q[0], Priority: q[1], RangeSubID: q[2], Subtree: tree, UpperBound: upper}
	case TypeUnregister:
		q := r.quad()
		tree, upper := r.subtree(q[2])
		return Unregister{Priority: q[1], RangeSubID: q[2], Subtree: tree, UpperBound: upper}
	case TypeGet:
		return Get{Ranges: r.ranges()}
	case TypeGetNext:
		return GetNext{Ranges: r.ranges()}
	case TypeGetBulk:
		q := r.quad()
		return GetBulk{NonRepeaters: r.u16(q[:2]), MaxRepetitions: r.u16(q[2:]), Ranges: r.ranges()}
	case TypeTestSet:
		return TestSet{VarBinds: r.varBinds()}
	case TypeCommitSet:
		r.b = nil // the header is all (RFC 2741 §6.2.9); masters differ in what follows
		return CommitSet{}
	case TypeUndoSet:
		r.b = nil
		return UndoSet{}
	case TypeCleanupSet:
		r.b = nil
		return CleanupSet{}
	case TypeNotify:
		return Notify{VarBinds: r.varBinds()}
	case TypePing:
		return Ping{}
	case TypeIndexAllocate:
		return IndexAllocate{VarBinds: r.varBinds()}
	case TypeIndexDeallocate:
		return IndexDeallocate{VarBinds: r.varBinds()}
	case TypeAddAgentCaps:
		id, _ := r.oid()
		return AddAgentCaps{ID: id, Descr: string(r.octets())}
	case TypeRemoveAgentCaps:
		id, _ := r.oid()
		return RemoveAgentCaps{ID: id}
	case TypeResponse:
		up, q := r.u32(), r.quad()
		return Response{SysUpTime: up, Error: ErrorStatus(r.u16(q[:2])), Index: r.u16(q[2:]), VarBinds: r.varBinds()}
	}
	return nil
}

func (r *reader) subtree(rangeSubID uint8) (OID, uint32) {
	tree, _ := r.oid()
	if rangeSubID == 0 {
		return tree, 0
	}
	return tree, r.u32()
}
