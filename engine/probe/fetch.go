// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// What is read of one answer.
const (
	headerMost = 64 << 10
	bodyMost   = 16 << 20
)

// Request is one GET.
type Request struct {
	// Path is the request target; Host what the Host header says, "" for the address and port of the target.
	Path, Host string
	Protocol   Protocol
	// SNI is the name that TLS is told, "" for none.
	SNI string
	// Digest asks for the MD5 of the body; Keep for as many of its first bytes.
	Digest bool
	Keep   int

	compliant bool
}

// Reply is what came back.
type Reply struct {
	Status int
	// Header is the header as received, with the line that has the status (HTTP/1 only).
	Header []byte
	Body   []byte
	Size   int64
	Digest [16]byte
}

// Fetch does one GET, over TLS if asked for, with every limit that a check has. genhash prints the digest of its reply.
func Fetch(ctx context.Context, to *Target, r Request, overTLS bool, timeout time.Duration) (reply Reply, o health.Outcome) {
	var s *secure
	if overTLS {
		s = &secure{}
	}
	o = attempt(ctx, limits{timeout}, to, func(t *try) (ok bool) {
		reply, ok = t.fetch(&r, s)
		return ok
	})
	return reply, o
}

// fetch opens a connection, asks, and reads the answer.
func (t *try) fetch(r *Request, s *secure) (Reply, bool) {
	var reply Reply
	t.until = time.Now().Add(whole * t.step)
	if end, ok := t.ctx.Deadline(); ok && end.Before(t.until) {
		t.until = end
	}
	if t.conn != nil { // of the page before
		t.stop()
		_ = t.conn.Close() // what it could say changes nothing
		t.conn = nil
	}
	t.last = time.Now()
	if !t.connect("tcp") || s != nil && !t.handshake(s, r) {
		return reply, false
	}
	b := body{reply: &reply, keep: r.Keep}
	if r.Digest {
		b.sum = md5.New()
	}
	ok := false
	if r.Protocol == HTTP2 {
		ok = t.exchange2(r, &b, s != nil)
	} else {
		ok = t.exchange1(r, &b)
	}
	if b.sum != nil {
		b.sum.Sum(reply.Digest[:0])
	}
	return reply, ok
}

// text gives the request of HTTP/1, which is keepalived's.
func (r *Request) text(to *Target) string {
	minor, closing := "0", ""
	if r.Protocol == HTTP11 {
		minor = "1"
	}
	if r.Protocol != HTTP10 {
		closing = "Connection: close\r\n"
	}
	return "GET " + r.Path + " HTTP/1." + minor + "\r\nUser-Agent: KeepAliveClient\r\n" + closing +
		"Host: " + cmp.Or(r.Host, authority(to.To)) + "\r\n\r\n"
}

// body takes what the server sends as its page.
type body struct {
	reply *Reply
	sum   hash.Hash
	keep  int
}

func (b *body) take(p []byte) error {
	b.reply.Size += int64(len(p))
	if b.reply.Size > bodyMost {
		return errTooLong
	}
	if b.sum != nil {
		b.sum.Write(p)
	}
	if room := b.keep - len(b.reply.Body); room > 0 {
		b.reply.Body = append(b.reply.Body, p[:min(room, len(p))]...)
	}
	return nil
}

// exchange1 speaks HTTP/1: the request, then a header, then bytes up to the promised length or the end.
func (t *try) exchange1(r *Request, b *body) bool {
	t.arm()
	if _, err := io.WriteString(t.conn, r.text(t.to)); err != nil {
		return t.failed(event.PhaseProcessing, err)
	}
	buf := make([]byte, 4096)
	var head []byte
	length := int64(-1)
	inBody := false
	for {
		t.arm()
		n, err := t.conn.Read(buf)
		chunk := buf[:n]
		if n > 0 && len(head) == 0 {
			t.done(event.PhaseProcessing)
		}
		if !inBody && n > 0 {
			head = append(head, chunk...)
			end := headerEnd(head)
			if end < 0 && len(head) > headerMost {
				return t.fail(event.PhaseTransfer, event.FailReplyTooLong, fmt.Sprintf("a header of more than %d bytes", headerMost))
			}
			if end >= 0 {
				inBody, chunk = true, head[end:]
				b.reply.Header = head[:end]
				if b.reply.Status, length = readHeader(head[:end]); b.reply.Status == 0 {
					return t.fail(event.PhaseProcessing, event.FailProtocol, fmt.Sprintf("the answer begins with %.40q", head[:end]))
				}
			} else {
				chunk = nil
			}
		}
		if inBody && len(chunk) > 0 {
			if length >= 0 {
				chunk = chunk[:min(int64(len(chunk)), length-b.reply.Size)]
			}
			if err := b.take(chunk); err != nil {
				return t.failed(event.PhaseTransfer, err)
			}
		}
		if inBody && length >= 0 && b.reply.Size >= length {
			t.done(event.PhaseTransfer)
			return true
		}
		if err != nil {
			return t.ended(err, inBody, head, r.compliant)
		}
	}
}

// ended judges the end of a connection. compat: a page shorter than promised is good.
func (t *try) ended(err error, inBody bool, head []byte, compliant bool) bool {
	phase := event.PhaseTransfer
	if len(head) == 0 {
		phase = event.PhaseProcessing
	}
	t.done(phase)
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return t.failed(phase, err)
	case compliant && t.wire != nil && t.wire.ended:
		return t.fail(phase, event.FailConnectionClosed, "closed without TLS's closing alert")
	case inBody:
		return true
	case len(head) == 0:
		return t.fail(phase, event.FailConnectionClosed, "closed without an answer")
	}
	return t.fail(phase, event.FailProtocol, fmt.Sprintf("closed within its header, which begins with %.40q", head))
}

// headerEnd gives the index after the empty line, or -1. compat: bare line feeds end nothing.
func headerEnd(head []byte) int {
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		return i + 4
	}
	return -1
}

// readHeader gives the status, 0 if there is none, and the promised length, -1 if there is none. compat: the status is
// three digits between blanks, whatever protocol stands before them.
func readHeader(head []byte) (status int, length int64) {
	length = -1
	first := true
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if first {
			first = false
			_, rest, ok := bytes.Cut(line, []byte(" "))
			if !ok || len(rest) < 4 || rest[3] != ' ' {
				return 0, -1
			}
			v, err := strconv.ParseUint(string(rest[:3]), 10, 16)
			if err != nil {
				return 0, -1
			}
			status = int(v)
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if v, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 62); err == nil {
				length = int64(v)
			}
		}
	}
	return status, length
}
