// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dbus

import (
	"encoding/binary"
	"strings"
)

// depthMax is how deep containers may be in each other (specification: 32 arrays
// and 32 structures).
const depthMax = 64

// Reader reads values one after the other. After the first mistake it gives zero
// values, and Err says what was wrong.
type Reader struct {
	data  []byte
	at    int
	order binary.ByteOrder
	err   error
}

// Err is the first mistake, or nil.
func (r *Reader) Err() error { return r.err }

// Rest says how many bytes were not read.
func (r *Reader) Rest() int { return len(r.data) - r.at }

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// take gives the next n bytes, or nil.
func (r *Reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.data)-r.at {
		r.fail(errShort)
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

// align passes over padding, which must be zero.
func (r *Reader) align(n int) {
	for _, b := range r.take((n - r.at%n) % n) {
		if b != 0 {
			r.fail(errPad)
		}
	}
}

// Byte reads a y.
func (r *Reader) Byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint32 reads a u.
func (r *Reader) Uint32() uint32 {
	r.align(4)
	if b := r.take(4); b != nil {
		return r.order.Uint32(b)
	}
	return 0
}

// String reads an s.
func (r *Reader) String() string { return r.text(int(r.Uint32())) }

// Path reads an o.
func (r *Reader) Path() string { return r.name(validPath) }

// Signature reads a g.
func (r *Reader) Signature() string {
	s := r.text(int(r.Byte()))
	if !validSignature(s) {
		r.fail(errString)
		return ""
	}
	return s
}

func (r *Reader) text(n int) string {
	b := r.take(n)
	end := r.take(1)
	if end == nil || end[0] != 0 || !validText(string(b)) {
		r.fail(errString)
		return ""
	}
	return string(b)
}

func (r *Reader) name(valid func(string) bool) string {
	s := r.String()
	if r.err == nil && !valid(s) {
		r.fail(errString)
		return ""
	}
	return s
}

// skip passes over a value of one complete type.
func (r *Reader) skip(sig string) { r.pass(sig, 0) }

// pass passes over the first complete type of sig, and returns what is behind it.
func (r *Reader) pass(sig string, depth int) string {
	if depth > depthMax || sig == "" {
		r.fail(errString)
	}
	if r.err != nil {
		return ""
	}
	switch sig[0] {
	case 'y':
		r.take(1)
	case 'n', 'q':
		r.align(2)
		r.take(2)
	case 'b', 'i', 'u', 'h':
		r.Uint32()
	case 'x', 't', 'd':
		r.align(8)
		r.take(8)
	case 's':
		r.text(int(r.Uint32()))
	case 'o':
		r.name(validPath)
	case 'g':
		r.Signature()
	case 'v':
		inner := r.Signature()
		if rest := r.pass(inner, depth+1); rest != "" {
			r.fail(errString)
		}
	case 'a':
		return r.array(sig[1:], depth)
	case '(', '{':
		r.align(8)
		rest := sig[1:]
		for r.err == nil && rest != "" && rest[0] != ')' && rest[0] != '}' {
			rest = r.pass(rest, depth+1)
		}
		if rest == "" {
			r.fail(errString)
			return ""
		}
		return rest[1:]
	default:
		r.fail(errString)
	}
	return sig[1:]
}

// array passes over an array of the first complete type of sig.
func (r *Reader) array(sig string, depth int) string {
	end := typeEnd(sig, 0)
	if strings.HasPrefix(sig, "{") {
		end = entryEnd("a"+sig, 0) - 1
	}
	if end <= 0 {
		r.fail(errString)
		return ""
	}
	n := int(r.Uint32())
	r.align(alignment(sig[0]))
	if r.err != nil || n > r.Rest() {
		r.fail(errShort)
		return ""
	}
	for stop := r.at + n; r.at < stop && r.err == nil; {
		before := r.at
		r.pass(sig[:end], depth+1)
		if r.at > stop || r.at == before {
			r.fail(errShort)
		}
	}
	return sig[end:]
}

func alignment(kind byte) int {
	switch kind {
	case 'y', 'g', 'v':
		return 1
	case 'n', 'q':
		return 2
	case 'x', 't', 'd', '(', '{':
		return 8
	}
	return 4
}

// validSignature says whether a signature is a sequence of complete types.
func validSignature(s string) bool {
	for s != "" {
		n := typeEnd(s, 0)
		if n <= 0 {
			return false
		}
		s = s[n:]
	}
	return true
}

// typeEnd is the length of the first complete type of s, 0 if there is none.
func typeEnd(s string, depth int) int {
	if s == "" || depth > depthMax {
		return 0
	}
	switch s[0] {
	case 'y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g', 'v', 'h':
		return 1
	case 'a':
		if len(s) > 1 && s[1] == '{' {
			return entryEnd(s, depth)
		}
		if n := typeEnd(s[1:], depth+1); n > 0 {
			return 1 + n
		}
	case '(':
		at := 1
		for at < len(s) && s[at] != ')' {
			n := typeEnd(s[at:], depth+1)
			if n == 0 {
				return 0
			}
			at += n
		}
		if at > 1 && at < len(s) {
			return at + 1
		}
	}
	return 0
}

// entryEnd is typeEnd of a dictionary: a{, a basic type, a complete type, }.
func entryEnd(s string, depth int) int {
	if len(s) < 4 || alignmentOnly(s[2]) {
		return 0
	}
	n := typeEnd(s[3:], depth+2)
	if n == 0 || 3+n >= len(s) || s[3+n] != '}' {
		return 0
	}
	return 4 + n
}

// alignmentOnly says whether a type cannot be the key of a dictionary.
func alignmentOnly(kind byte) bool { return typeEnd(string(kind), 0) != 1 || kind == 'v' }

// Writer writes values one after the other, in little-endian order.
type Writer struct{ data []byte }

// Bytes are what was written.
func (w *Writer) Bytes() []byte { return w.data }

func (w *Writer) align(n int) {
	for len(w.data)%n != 0 {
		w.data = append(w.data, 0)
	}
}

// Byte writes a y.
func (w *Writer) Byte(b byte) { w.data = append(w.data, b) }

// Uint32 writes a u.
func (w *Writer) Uint32(n uint32) {
	w.align(4)
	w.data = binary.LittleEndian.AppendUint32(w.data, n)
}

// String writes an s or o.
func (w *Writer) String(s string) {
	w.Uint32(uint32(len(s)))
	w.data = append(append(w.data, s...), 0)
}

// Signature writes a g.
func (w *Writer) Signature(s string) {
	w.data = append(w.data, byte(len(s)))
	w.data = append(append(w.data, s...), 0)
}

// Struct begins a structure or dictionary entry.
func (w *Writer) Struct() { w.align(8) }

// Array writes an array whose elements are aligned at align bytes.
func (w *Writer) Array(align int, elements func()) {
	w.Uint32(0)
	at := len(w.data) - 4
	w.align(align)
	from := len(w.data)
	elements()
	binary.LittleEndian.PutUint32(w.data[at:], uint32(len(w.data)-from))
}
