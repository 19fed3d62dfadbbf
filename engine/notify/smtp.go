// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify/spool"
)

// replyMax bounds what a mail server may say in one session.
const replyMax = 1 << 20

// letter is one mail on its way.
type letter struct {
	set SMTPSettings
	tls *tls.Config
	// write composes it, once, when it is first needed: not by whoever queues it.
	write func() []byte
	once  sync.Once
	body  []byte
	// spool is where it is kept under name; nil for memory alone.
	spool *spool.Spool
	name  string
	// rcpts are those who have not got it yet.
	rcpts []string
	conn  *boundedConn
}

// send makes one attempt. Recipients that the server took are not tried
// again; those it refused for good are given up.
func (l *letter) send(ctx context.Context) outcome {
	if l.set.File != "" {
		return l.file()
	}
	var raw net.Conn
	stop := func() bool { return true }
	// The library has no brackets for an IPv6 address.
	dial := func(ctx2 context.Context, network, _ string) (net.Conn, error) {
		conn, err := l.dial(ctx2, network, l.server())
		if err == nil {
			raw = conn
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	defer func() {
		stop()
		if raw != nil {
			_ = raw.Close()
		}
	}()
	c, err := mail.NewClient(l.set.Server, l.options(dial)...)
	if err != nil {
		return outcome{reason: event.FailInvalid, detail: err.Error(), permanent: true}
	}
	session, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return l.slow(judgeSMTP("connect", err))
	}
	asked := slices.Clone(l.rcpts)
	out := l.slow(l.transact(session))
	if out.reason == event.ReasonNone || len(l.rcpts) == 0 {
		_ = session.Quit() // the mail was taken; a bad good-bye changes nothing
	}
	if out.reason == event.ReasonNone {
		out.detail = "to " + strings.Join(asked, ", ") + " by " + l.server()
	}
	return out
}

// server is where it goes.
func (l *letter) server() string {
	return net.JoinHostPort(l.set.Server, strconv.Itoa(int(l.set.Port)))
}

// text is the mail as it goes over the wire, but for leading dots.
func (l *letter) text() []byte {
	l.once.Do(func() { l.body = l.write() })
	return l.body
}

// file appends the mail to a file in the form of mbox (RFC 4155) instead of
// sending it.
func (l *letter) file() outcome {
	f, err := os.OpenFile(l.set.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, spool.Mode)
	if err != nil {
		return outcome{reason: event.FailKernel, detail: err.Error()}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From %s %s\n", address(l.set.From), time.Now().UTC().Format(time.ANSIC))
	for line := range bytes.Lines(bytes.ReplaceAll(l.text(), []byte("\r\n"), []byte("\n"))) {
		if bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			b.WriteByte('>')
		}
		b.Write(line)
	}
	b.WriteByte('\n')
	_, err = f.Write(b.Bytes()) // in one piece
	if err = errors.Join(err, f.Close()); err != nil {
		return outcome{reason: event.FailKernel, detail: err.Error()}
	}
	return outcome{detail: "to " + strings.Join(l.rcpts, ", ") + " in " + l.set.File}
}

// slow sets the reason right where the library took half a reply, cut off by
// the time limit, for a malformed one.
func (l *letter) slow(o outcome) outcome {
	if o.reason == event.FailProtocol && l.conn != nil && isTimeout(l.conn.err) {
		o.reason = event.FailTimeout
	}
	return o
}

func (l *letter) options(dial mail.DialContextFunc) []mail.Option {
	out := []mail.Option{
		mail.WithPort(int(l.set.Port)), mail.WithTimeout(l.set.ConnectTimeout), mail.WithHELO(l.set.Helo),
		mail.WithDialContextFunc(dial), mail.WithTLSConfig(l.tls),
	}
	switch l.set.TLS {
	case TLSStartTLS:
		out = append(out, mail.WithTLSPolicy(mail.TLSMandatory))
	case TLSImplicit:
		// The connection is protected already; this has the client look.
		out = append(out, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case TLSNone:
		out = append(out, mail.WithTLSPolicy(mail.NoTLS))
	}
	if l.set.User != "" {
		out = append(out, mail.WithSMTPAuth(authKinds[l.set.Auth]), mail.WithUsername(l.set.User), mail.WithPassword(l.set.Password))
	}
	if ascii(l.set.From) && ascii(strings.Join(l.set.Recipients, "")) {
		out = append(out, mail.WithoutSMTPUTF8())
	}
	return out
}

// authKinds are the mechanisms by their names in settings.
var authKinds = map[string]mail.SMTPAuthType{
	"": mail.SMTPAuthAutoDiscover, "auto": mail.SMTPAuthAutoDiscover, "plain": mail.SMTPAuthPlain, "login": mail.SMTPAuthLogin,
	"cram-md5": mail.SMTPAuthCramMD5, "scram-sha-1": mail.SMTPAuthSCRAMSHA1, "scram-sha-256": mail.SMTPAuthSCRAMSHA256,
}

func (l *letter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	bounded := &boundedConn{Conn: conn, left: replyMax}
	l.conn = bounded
	if l.set.TLS != TLSImplicit {
		return bounded, nil
	}
	t := tls.Client(bounded, l.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return t, nil
}

// transact says MAIL, RCPT and DATA.
func (l *letter) transact(c *smtp.Client) outcome {
	if err := c.Mail("<" + address(l.set.From) + ">"); err != nil {
		return judgeSMTP("sender "+l.set.From, err)
	}
	var later, taken []string
	var worst outcome
	for _, r := range l.rcpts {
		err := c.Rcpt("<" + address(r) + ">")
		if err == nil {
			taken = append(taken, r)
			continue
		}
		o := judgeSMTP("recipient "+r, err)
		if !o.permanent {
			later = append(later, r)
		}
		if worst.reason == event.ReasonNone || worst.permanent && !o.permanent {
			worst = o
		}
	}
	if len(taken) > 0 {
		if err := l.data(c); err != nil {
			return judgeSMTP("message", err)
		}
	}
	l.rcpts = later
	worst.permanent = len(later) == 0
	return worst
}

func (l *letter) data(c *smtp.Client) error {
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(l.text()); err != nil {
		_ = w.Close()
		return err
	}
	return w.Close()
}

// address is the bare address of "Name <address>".
func address(s string) string {
	if a, err := netmail.ParseAddress(s); err == nil {
		return a.Address
	}
	return strings.Trim(s, "<> ")
}

// judgeSMTP turns what went wrong into a reason. A reply of 500 to 599 is for
// good (RFC 5321 section 4.2.1).
func judgeSMTP(what string, err error) outcome {
	o := outcome{reason: event.FailProtocol, detail: oneLine(join(what, err.Error()))}
	var reply *textproto.Error
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &reply):
		o.reason = event.FailRefused
		if reply.Code == 454 || reply.Code >= 530 && reply.Code < 540 {
			o.reason = event.FailAuth
		}
		o.permanent = reply.Code >= 500 && reply.Code < 600
	case isTimeout(err):
		o.reason = event.FailTimeout
	case isTLS(err), strings.Contains(err.Error(), "STARTTLS"):
		o.reason = event.FailTLS
	case strings.Contains(err.Error(), "SMTP A"): // the library has no type for its SMTP AUTH errors
		o.reason = event.FailAuth
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		o.reason = event.FailUnreachable
	}
	return o
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// boundedConn ends a connection on which too much was said.
type boundedConn struct {
	net.Conn
	left int
	// err is how reading ended.
	err error
}

var errTooMuch = fmt.Errorf("the server said more than %d bytes", replyMax)

func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil {
		b.err = err
	}
	return n, err
}

// sendTime is when the mail says it was written: when the thing happened.
func sendTime(e *event.Event) string {
	return time.Unix(0, e.Wall).Format("Mon, 02 Jan 2006 15:04:05 -0700")
}
