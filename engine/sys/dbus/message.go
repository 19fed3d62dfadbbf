// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MessageMax is the longest message that is read or written, in bytes. The
// protocol allows 128 MiB; the calls that are answered here take a few hundred.
const MessageMax = 64 << 10

// Type is what a message is.
type Type byte

// The types of message.
const (
	Call   Type = 1
	Return Type = 2
	Error  Type = 3
	Signal Type = 4
)

// The flags of a message.
const (
	// NoReply: the caller expects no answer.
	NoReply = 1
	// NoAutoStart: nothing is to be started for it.
	NoAutoStart = 2
)

// Message is one message. Strings are checked when it is read, and must be right
// when it is written.
type Message struct {
	Type  Type
	Flags byte
	// Serial is given by Conn when it is sent; Reply is that of the call that is
	// answered.
	Serial, Reply uint32

	Path, Interface, Member string
	ErrorName               string
	Destination, Sender     string
	// Signature says what Body holds.
	Signature string
	Body      []byte
	order     binary.ByteOrder
}

// The fields of a header.
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReply       = 5
	fieldDestination = 6
	fieldSender      = 7
	fieldSignature   = 8
	fieldFDs         = 9
)

// headerSize is the fixed part of a header: order, type, flags, version, length of
// the body, serial, length of the fields.
const headerSize = 16

// Errors of malformed messages. Each ends the connection.
var (
	errOrder  = errors.New("the byte order is none")
	errLong   = fmt.Errorf("a message of more than %d bytes", MessageMax)
	errShort  = errors.New("the message ends too early")
	errString = errors.New("a string is not what it has to be")
	errField  = errors.New("a header field is missing, double or of the wrong type")
	errPad    = errors.New("padding is not zero")
)

// size says how long the message is that begins with a fixed header.
func size(head []byte) (int, error) {
	order, err := orderOf(head[0])
	if err != nil {
		return 0, err
	}
	body, fields := uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[12:]))
	n := headerSize + (fields+7)/8*8 + body
	if n > MessageMax {
		return 0, errLong
	}
	return int(n), nil
}

func orderOf(b byte) (binary.ByteOrder, error) {
	switch b {
	case 'l':
		return binary.LittleEndian, nil
	case 'B':
		return binary.BigEndian, nil
	}
	return nil, errOrder
}

// Parse reads a whole message.
func Parse(b []byte) (*Message, error) {
	if len(b) < headerSize {
		return nil, errShort
	}
	n, err := size(b)
	if err != nil {
		return nil, err
	}
	if n != len(b) {
		return nil, errShort
	}
	order, _ := orderOf(b[0])
	m := &Message{Type: Type(b[1]), Flags: b[2], Serial: order.Uint32(b[8:]), order: order}
	if b[3] != 1 {
		return nil, fmt.Errorf("version %d of the protocol", b[3])
	}
	if m.Serial == 0 {
		return nil, errField
	}
	body := int(order.Uint32(b[4:]))
	end := headerSize + int(order.Uint32(b[12:]))
	r := Reader{data: b[:end], at: headerSize, order: order}
	for seen := 0; r.at < end && r.err == nil; {
		seen = m.field(&r, seen)
	}
	if r.err != nil {
		return nil, r.err
	}
	for _, pad := range b[end : len(b)-body] {
		if pad != 0 {
			return nil, errPad
		}
	}
	m.Body = b[len(b)-body:]
	return m, m.complete()
}

// field reads one header field. Unknown ones are passed over, as the
// specification demands; seen has a bit for each that was read.
func (m *Message) field(r *Reader, seen int) int {
	r.align(8)
	code, sig := r.Byte(), r.Signature()
	if code != 0 && code < 16 {
		if seen&(1<<code) != 0 {
			r.fail(errField)
		}
		seen |= 1 << code
	}
	want := map[byte]string{fieldPath: "o", fieldReply: "u", fieldSignature: "g", fieldFDs: "u"}[code]
	if want == "" {
		want = "s"
	}
	if code == 0 || code <= fieldFDs && sig != want {
		r.fail(errField)
		return seen
	}
	switch code {
	case fieldPath:
		m.Path = r.Path()
	case fieldInterface:
		m.Interface = r.name(validInterface)
	case fieldMember:
		m.Member = r.name(validMember)
	case fieldErrorName:
		m.ErrorName = r.name(validInterface)
	case fieldReply:
		m.Reply = r.Uint32()
	case fieldDestination:
		m.Destination = r.name(validBusName)
	case fieldSender:
		m.Sender = r.name(validBusName)
	case fieldSignature:
		m.Signature = r.Signature()
	default:
		r.skip(sig)
	}
	return seen
}

// complete says whether the fields are there that a message of its type needs.
func (m *Message) complete() error {
	var ok bool
	switch m.Type {
	case Call:
		ok = m.Path != "" && m.Member != ""
	case Signal:
		ok = m.Path != "" && m.Member != "" && m.Interface != ""
	case Return:
		ok = m.Reply != 0
	case Error:
		ok = m.Reply != 0 && m.ErrorName != ""
	default:
		ok = m.Type != 0 // later versions may have others; they are ignored
	}
	if !ok || m.Signature == "" && len(m.Body) > 0 {
		return errField
	}
	return nil
}

// Append writes the message.
func (m *Message) Append(out []byte) []byte {
	w := Writer{data: make([]byte, headerSize, 256)}
	w.data[0], w.data[1], w.data[2], w.data[3] = 'l', byte(m.Type), m.Flags, 1
	binary.LittleEndian.PutUint32(w.data[4:], uint32(len(m.Body)))
	binary.LittleEndian.PutUint32(w.data[8:], m.Serial)
	text := func(code byte, kind, s string) {
		if s != "" {
			w.align(8)
			w.Byte(code)
			w.Signature(kind)
			w.String(s)
		}
	}
	text(fieldPath, "o", m.Path)
	text(fieldInterface, "s", m.Interface)
	text(fieldMember, "s", m.Member)
	text(fieldErrorName, "s", m.ErrorName)
	if m.Reply != 0 {
		w.align(8)
		w.Byte(fieldReply)
		w.Signature("u")
		w.Uint32(m.Reply)
	}
	text(fieldDestination, "s", m.Destination)
	text(fieldSender, "s", m.Sender)
	if m.Signature != "" {
		w.align(8)
		w.Byte(fieldSignature)
		w.Signature("g")
		w.Signature(m.Signature)
	}
	binary.LittleEndian.PutUint32(w.data[12:], uint32(len(w.data)-headerSize))
	w.align(8)
	return append(append(out, w.data...), m.Body...)
}

// Args reads the body of a message.
func (m *Message) Args() *Reader { return &Reader{data: m.Body, order: m.order} }

// The forms of names (specification, Valid Names).
func validMember(s string) bool { return len(s) <= 255 && element(s, false) }

func validInterface(s string) bool {
	return len(s) <= 255 && strings.Contains(s, ".") && each(s, ".", func(e string) bool { return element(e, false) })
}

func validBusName(s string) bool {
	unique := strings.HasPrefix(s, ":")
	s = strings.TrimPrefix(s, ":")
	return len(s) <= 254 && strings.Contains(s, ".") && each(s, ".", func(e string) bool { return unique && e != "" && word(e) || element(e, true) })
}

// ValidBusName says whether a name can be that of a service.
func ValidBusName(s string) bool { return !strings.HasPrefix(s, ":") && validBusName(s) }

func validPath(s string) bool {
	return s == "/" || strings.HasPrefix(s, "/") && each(s[1:], "/", func(e string) bool { return e != "" && !strings.Contains(e, "-") && word(e) })
}

func each(s, sep string, ok func(string) bool) bool {
	for e := range strings.SplitSeq(s, sep) {
		if !ok(e) {
			return false
		}
	}
	return true
}

// element is a part of a name: it does not begin with a digit.
func element(e string, dash bool) bool {
	return e != "" && (e[0] < '0' || e[0] > '9') && (dash || !strings.Contains(e, "-")) && word(e)
}

func word(e string) bool {
	for i := range len(e) {
		c := e[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func validText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
