// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"golang.org/x/sys/unix"
)

// scripted is a kernel that answers each datagram with what a test has written
// down.
type scripted struct {
	sent    [][]byte
	answers func(request []byte) [][]byte
	queue   [][]byte
	lost    error // in place of an answer, when the queue is empty
	closed  bool
}

func (s *scripted) send(b []byte) error {
	s.sent = append(s.sent, append([]byte(nil), b...))
	s.queue = append(s.queue, s.answers(b)...)
	return nil
}

func (s *scripted) receive(b []byte) (int, error) {
	if len(s.queue) == 0 {
		return 0, s.lost
	}
	n := copy(b, s.queue[0])
	s.queue = s.queue[1:]
	return n, nil
}

func (s *scripted) close() error { s.closed = true; return nil }

const testFamily = 32

// answer is one message to a request, with the sequence number of its message i.
func answer(request []byte, i int, kind, flags uint16, body []byte) []byte {
	var m message
	for rest := request; i >= 0; i-- {
		m, rest, _ = next(rest)
	}
	b := host.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = host.AppendUint16(b, kind)
	b = host.AppendUint16(b, flags)
	b = host.AppendUint32(b, m.seq)
	b = host.AppendUint32(b, 0)
	return pad(append(b, body...))
}

// refuse is an error message, or for 0 an acknowledgement.
func refuse(request []byte, i int, no unix.Errno) []byte {
	return answer(request, i, unix.NLMSG_ERROR, 0, append(host.AppendUint32(nil, uint32(-int32(no))), make([]byte, 16)...))
}

// generic is a message body with the header of generic netlink.
func generic(command byte, attributes []byte) []byte {
	return append([]byte{command, version, 0, 0}, attributes...)
}

// connected is a connection to a scripted kernel.
func connected(answers func([]byte) [][]byte) (*Conn, *scripted) {
	s := &scripted{answers: answers, lost: unix.ENOBUFS}
	return &Conn{t: s, family: testFamily, in: make([]byte, datagramMost)}, s
}
