// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"encoding/binary"
	"fmt"
)

// protocolVersion is h.version (RFC 2741 §6.1).
const protocolVersion = 1

// internetPrefix is 1.3.6.1 and the three high bytes of a sub-identifier below
// 256: what an object identifier must begin with to be compressed.
const internetPrefix = "\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x00"

// AppendMessage appends the encoding of m to dst. It refuses an object
// identifier longer than MaxSubIDs, an invalid Value and a nil Body.
func AppendMessage(dst []byte, m Message) ([]byte, error) {
	if m.Body == nil {
		return dst, fmt.Errorf("encode PDU: no body")
	}
	if err := checkBody(m.Body); err != nil {
		return dst, fmt.Errorf("encode %s: %w", m.Body.pduType(), err)
	}
	m.Flags = contextFlags(m.Body.pduType(), m.Flags)
	w := writer{b: dst, big: m.Flags&FlagNetworkByteOrder != 0}
	start := w.header(Header{
		Type: m.Body.pduType(), Flags: m.Flags, SessionID: m.SessionID,
		TransactionID: m.TransactionID, PacketID: m.PacketID,
	})
	if m.Flags&FlagNonDefaultContext != 0 {
		appendOctets(&w, m.Context)
	}
	w.body(m.Body)
	w.finish(start)
	return w.b, nil
}

// writer appends in one byte order; it never fails, callers check beforehand.
type writer struct {
	b   []byte
	big bool
}

func (w *writer) u8(v ...uint8) { w.b = append(w.b, v...) }

func (w *writer) u16(v uint16) {
	if w.big {
		w.b = binary.BigEndian.AppendUint16(w.b, v)
	} else {
		w.b = binary.LittleEndian.AppendUint16(w.b, v)
	}
}

func (w *writer) u32(v uint32) {
	if w.big {
		w.b = binary.BigEndian.AppendUint32(w.b, v)
	} else {
		w.b = binary.LittleEndian.AppendUint32(w.b, v)
	}
}

func (w *writer) u64(v uint64) {
	if w.big {
		w.b = binary.BigEndian.AppendUint64(w.b, v)
	} else {
		w.b = binary.LittleEndian.AppendUint64(w.b, v)
	}
}

// header appends h with a payload length of 0 and returns where it starts.
func (w *writer) header(h Header) int {
	start := len(w.b)
	w.u8(protocolVersion, uint8(h.Type), uint8(h.Flags&flagsDefined), 0)
	w.u32(h.SessionID)
	w.u32(h.TransactionID)
	w.u32(h.PacketID)
	w.u32(0)
	return start
}

// finish fills in the payload length of the PDU that starts at start.
func (w *writer) finish(start int) {
	n := uint32(len(w.b) - start - HeaderLen)
	at := w.b[start+16 : start+20]
	if w.big {
		binary.BigEndian.PutUint32(at, n)
	} else {
		binary.LittleEndian.PutUint32(at, n)
	}
}

// appendOctets appends an octet string with its padding (RFC 2741 §5.3).
func appendOctets[T string | []byte](w *writer, s T) {
	w.u32(uint32(len(s)))
	w.b = append(w.b, s...)
	for n := len(s); n%4 != 0; n++ {
		w.b = append(w.b, 0)
	}
}

// appendOID appends an object identifier, given as the bytes of OID, in the
// compressed form where there is one (RFC 2741 §5.1).
func appendOID[T string | []byte](w *writer, s T, include bool) {
	var prefix, inc uint8
	if include {
		inc = 1
	}
	if len(s) >= 20 && s[19] != 0 && string(s[:19]) == internetPrefix {
		prefix = s[19]
		s = s[20:]
	}
	w.b = append(w.b, uint8(len(s)/4), prefix, inc, 0)
	if w.big {
		w.b = append(w.b, s...)
		return
	}
	for i := 0; i+3 < len(s); i += 4 {
		w.b = append(w.b, s[i+3], s[i+2], s[i+1], s[i])
	}
}

func (w *writer) value(v Value) {
	switch v.typ {
	case Integer, Counter32, Gauge32, TimeTicks:
		w.u32(uint32(v.num))
	case Counter64:
		w.u64(v.num)
	case OctetString, Opaque:
		appendOctets(w, v.str)
	case ObjectIdentifier:
		appendOID(w, v.str, false)
	case IPAddress:
		// An octet string of four bytes, so never swapped (RFC 2741 §5.4).
		w.u32(4)
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(v.num))
	case Null, NoSuchObject, NoSuchInstance, EndOfMibView:
	}
}

// appendVarBind appends a binding whose name is given as the bytes of an OID.
func appendVarBind[T string | []byte](w *writer, name T, v Value) {
	w.u16(uint16(v.typ))
	w.u16(0)
	appendOID(w, name, false)
	w.value(v)
}

func (w *writer) varBinds(list []VarBind) {
	for _, b := range list {
		appendVarBind(w, b.Name.b, b.Value)
	}
}

func (w *writer) ranges(list []SearchRange) {
	for _, r := range list {
		appendOID(w, r.Start.b, r.Include)
		appendOID(w, r.End.b, false)
	}
}

func (w *writer) body(body Body) {
	switch p := body.(type) {
	case Open:
		w.u8(p.Timeout, 0, 0, 0)
		appendOID(w, p.ID.b, false)
		appendOctets(w, p.Descr)
	case Close:
		w.u8(uint8(p.Reason), 0, 0, 0)
	case Register:
		w.u8(p.Timeout, p.Priority, p.RangeSubID, 0)
		w.subtree(p.Subtree, p.RangeSubID, p.UpperBound)
	case Unregister:
		w.u8(0, p.Priority, p.RangeSubID, 0)
		w.subtree(p.Subtree, p.RangeSubID, p.UpperBound)
	case Get:
		w.ranges(p.Ranges)
	case GetNext:
		w.ranges(p.Ranges)
	case GetBulk:
		w.u16(p.NonRepeaters)
		w.u16(p.MaxRepetitions)
		w.ranges(p.Ranges)
	case TestSet:
		w.varBinds(p.VarBinds)
	case Notify:
		w.varBinds(p.VarBinds)
	case IndexAllocate:
		w.varBinds(p.VarBinds)
	case IndexDeallocate:
		w.varBinds(p.VarBinds)
	case CommitSet, UndoSet, CleanupSet, Ping:
	case AddAgentCaps:
		appendOID(w, p.ID.b, false)
		appendOctets(w, p.Descr)
	case RemoveAgentCaps:
		appendOID(w, p.ID.b, false)
	case Response:
		w.u32(p.SysUpTime)
		w.u16(uint16(p.Error))
		w.u16(p.Index)
		w.varBinds(p.VarBinds)
	}
}

// subtree appends the tail of Register and Unregister; the upper bound is there
// only with a range (RFC 2741 §6.2.3).
func (w *writer) subtree(tree OID, rangeSubID uint8, upper uint32) {
	appendOID(w, tree.b, false)
	if rangeSubID != 0 {
		w.u32(upper)
	}
}

// checkBody refuses what has no encoding.
func checkBody(body Body) error {
	switch p := body.(type) {
	case Open:
		return checkOID(p.ID)
	case Register:
		return checkOID(p.Subtree)
	case Unregister:
		return checkOID(p.Subtree)
	case Get:
		return checkRanges(p.Ranges)
	case GetNext:
		return checkRanges(p.Ranges)
	case GetBulk:
		return checkRanges(p.Ranges)
	case TestSet:
		return checkVarBinds(p.VarBinds)
	case Notify:
		return checkVarBinds(p.VarBinds)
	case IndexAllocate:
		return checkVarBinds(p.VarBinds)
	case IndexDeallocate:
		return checkVarBinds(p.VarBinds)
	case AddAgentCaps:
		return checkOID(p.ID)
	case RemoveAgentCaps:
		return checkOID(p.ID)
	case Response:
		return checkVarBinds(p.VarBinds)
	case Close, CommitSet, UndoSet, CleanupSet, Ping:
	}
	return nil
}

func checkOID(o OID) error {
	if o.Len() > MaxSubIDs {
		return fmt.Errorf("object identifier of %d sub-identifiers, at most %d", o.Len(), MaxSubIDs)
	}
	return nil
}

func checkRanges(list []SearchRange) error {
	for _, r := range list {
		if err := checkOID(r.Start); err != nil {
			return err
		}
		if err := checkOID(r.End); err != nil {
			return err
		}
	}
	return nil
}

func checkVarBinds(list []VarBind) error {
	for _, b := range list {
		if err := checkOID(b.Name); err != nil {
			return err
		}
		if !b.Value.valid() {
			return fmt.Errorf("%s: value of type %s has no encoding", b.Name, b.Value.typ)
		}
	}
	return nil
}
