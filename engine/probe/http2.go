// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/vigild/vigild/engine/event"
)

// HTTP/2 (RFC 9113), one request on one stream; keepalived does not speak it. Over TLS it is agreed upon by ALPN, in
// the clear it is spoken at once (section 3.3).

// window is how much the server may send before it is told that more is wanted.
const window = 1 << 20

// bounded reads from the connection, each read with its own time, and all together no more than left bytes.
type bounded struct {
	t    *try
	left int64
	any  bool
}

// chatter is how many frames that want an answer a server may send.
const chatter = 1000

// errChatter: it sent more.
var errChatter = errors.New("the server sends nothing but settings and pings")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	b.t.arm()
	n, err := b.t.conn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if n > 0 && !b.any {
		b.any = true
		b.t.done(event.PhaseProcessing)
	}
	return n, err
}

// exchange2 asks for a page and reads it.
func (t *try) exchange2(r *Request, b *body, overTLS bool) bool {
	in := &bounded{t: t, left: bodyMost + headerMost}
	var out bytes.Buffer
	f := http2.NewFramer(&out, in)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.MaxHeaderListSize = headerMost
	f.SetMaxReadFrameSize(1 << 14)
	if err := t.ask2(r, f, &out, overTLS); err != nil {
		return t.failed(event.PhaseProcessing, err)
	}
	for talk := 0; ; {
		frame, err := f.ReadFrame()
		phase := event.PhaseTransfer
		if !in.any {
			phase = event.PhaseProcessing
		}
		if err != nil {
			t.done(phase)
			if errors.Is(err, io.EOF) && !in.any {
				return t.fail(phase, event.FailConnectionClosed, "closed without an answer")
			}
			return t.failed(phase, err)
		}
		done, err := t.frame2(frame, f, b)
		if talk++; err == nil && talk > chatter && b.reply.Status == 0 {
			err = errChatter
		}
		if err == nil && out.Len() > 0 {
			t.arm()
			_, err = out.WriteTo(t.conn)
		}
		if err != nil {
			t.done(phase)
			return t.failed(phase, err)
		}
		if done {
			t.done(event.PhaseTransfer)
			if b.reply.Status == 0 {
				return t.fail(event.PhaseProcessing, event.FailProtocol, "an answer without a status")
			}
			return true
		}
	}
}

// ask2 writes the preface, the settings and the request.
func (t *try) ask2(r *Request, f *http2.Framer, out *bytes.Buffer, overTLS bool) error {
	out.WriteString(http2.ClientPreface)
	scheme := "http"
	if overTLS {
		scheme = "https"
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range []hpack.HeaderField{
		{Name: ":method", Value: "GET"},
		{Name: ":scheme", Value: scheme},
		{Name: ":authority", Value: cmp.Or(r.Host, authority(t.to.To))},
		{Name: ":path", Value: r.Path},
		{Name: "user-agent", Value: "KeepAliveClient"},
	} {
		if err := enc.WriteField(h); err != nil {
			return err
		}
	}
	err := cmp.Or(
		f.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}),
		f.WriteWindowUpdate(0, window),
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}),
	)
	if err != nil {
		return err
	}
	t.arm()
	_, err = out.WriteTo(t.conn)
	return err
}

// frame2 acts upon one frame of the server; done means that the answer is complete.
func (t *try) frame2(frame http2.Frame, f *http2.Framer, b *body) (done bool, err error) {
	switch x := frame.(type) {
	case *http2.SettingsFrame:
		if !x.IsAck() {
			return false, f.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !x.IsAck() {
			return false, f.WritePing(true, x.Data)
		}
	case *http2.GoAwayFrame:
		if x.LastStreamID < 1 {
			return false, fmt.Errorf("the server goes away: %s", x.ErrCode)
		}
	case *http2.RSTStreamFrame:
		if x.StreamID == 1 {
			return false, fmt.Errorf("the server resets the stream: %s", x.ErrCode)
		}
	case *http2.MetaHeadersFrame:
		status, err := strconv.Atoi(x.PseudoValue("status"))
		if err == nil && status >= 200 && x.StreamID == 1 {
			b.reply.Status = status
		}
		return x.StreamEnded() && x.StreamID == 1, nil
	case *http2.DataFrame:
		if x.StreamID != 1 {
			return false, fmt.Errorf("data on stream %d, which nobody opened", x.StreamID)
		}
		if err := b.take(x.Data()); err != nil {
			return false, err
		}
		if n := x.Header().Length; n > 0 && !x.StreamEnded() {
			return false, cmp.Or(f.WriteWindowUpdate(0, n), f.WriteWindowUpdate(1, n))
		}
		return x.StreamEnded(), nil
	}
	return false, nil
}
