// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrTooLarge is an item that fits no frame even alone.
var ErrTooLarge = errors.New("item is larger than a frame")

// known says whether t is in the closed list.
func (t Type) known() bool {
	switch t {
	case Hello, Prepare, Ready, Commit, Events, Tallies, Rows, SnapshotPlease, TallyPlease,
		Exec, ExecDone, Input, Command, Result, Ack, Bye:
		return true
	}
	return false
}

// Decode reads one message. A type outside the closed list, a Hello of another
// protocol and a message larger than MaxFrame are errors: the link that gave
// it cannot be trusted any further.
func Decode(b []byte) (Frame, error) {
	if len(b) > MaxFrame {
		return Frame{}, fmt.Errorf("frame of %d bytes: %w", len(b), ErrTooLarge)
	}
	var f Frame
	if err := json.Unmarshal(b, &f); err != nil {
		return Frame{}, fmt.Errorf("decode frame: %w", err)
	}
	if !f.Type.known() {
		return Frame{}, fmt.Errorf("decode frame: unknown type %q", f.Type)
	}
	if f.Type == Hello && f.Protocol != Protocol {
		return Frame{}, fmt.Errorf("decode frame: protocol %d, want %d", f.Protocol, Protocol)
	}
	return f, nil
}

// Encode renders a frame as the messages it takes: one, or several when its
// Events, Tallies or Rows do not fit one. Final stays with the last of them.
// Items that fit no message are left out and counted in lost.
func Encode(f *Frame) (messages [][]byte, lost int, err error) {
	s := splitter{frame: *f}
	s.frame.Events, s.frame.Tallies, s.frame.Rows, s.frame.Final = nil, nil, nil, false
	for i := range f.Events {
		s.add("events", &f.Events[i])
	}
	for i := range f.Tallies {
		s.add("tallies", &f.Tallies[i])
	}
	for i := range f.Rows {
		s.add("rows", &f.Rows[i])
	}
	s.frame.Final = f.Final
	s.flush()
	return s.out, s.lost, s.err
}

// splitter packs items into messages by their real size.
type splitter struct {
	frame Frame
	field string
	body  []byte
	out   [][]byte
	lost  int
	err   error
}

// headRoom is what the fields beside the list take at most.
const headRoom = 4 << 10

func (s *splitter) add(field string, item any) {
	b, err := json.Marshal(item)
	if err != nil || len(b) > MaxFrame-headRoom {
		s.lost++
		return
	}
	if s.field != field || len(s.body)+len(b)+1 > MaxFrame-headRoom {
		if s.field != "" {
			s.flush()
		}
		s.field = field
	}
	if len(s.body) > 0 {
		s.body = append(s.body, ',')
	}
	s.body = append(s.body, b...)
}

func (s *splitter) flush() {
	head, err := json.Marshal(&s.frame)
	if err != nil {
		s.err = errors.Join(s.err, fmt.Errorf("encode %s frame: %w", s.frame.Type, err))
		return
	}
	if len(s.body) > 0 {
		head = append(head[:len(head)-1], `,"`...)
		head = append(head, s.field...)
		head = append(head, `":[`...)
		head = append(head, s.body...)
		head = append(head, "]}"...)
	}
	if len(head) > MaxFrame {
		s.err = errors.Join(s.err, fmt.Errorf("encode %s frame: %w", s.frame.Type, ErrTooLarge))
		return
	}
	s.out = append(s.out, head)
	s.body = s.body[:0]
	// The router's counters belong to the first message only.
	s.frame.Router = nil
}
