// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// room is what one read may give, and the most that a header may have.
const room = 4095

// Main runs genhash with its arguments, called name, and returns the exit
// status: 1 for a command line that cannot be followed. compat: 0 for a page that
// cannot be fetched, too.
func Main(name string, args []string, out, complaints io.Writer) int {
	o, err := parse(args)
	if wrong, ok := errors.AsType[*usageError](err); ok {
		for _, s := range wrong.said {
			fmt.Fprintln(complaints, s)
		}
		fmt.Fprint(complaints, usage(name))
		return 1
	}
	began := time.Now()
	f := &fetch{options: &o, out: out, complaints: complaints, sum: md5.New()}
	if why := f.run(); why != "" {
		fmt.Fprintln(out, why)
	}
	if o.verbose {
		fmt.Fprintf(out, "\nGlobal response time for [%s] = %d usecs\n", o.url, time.Since(began).Microseconds())
	}
	return 0
}

// fetch is one page on its way.
type fetch struct {
	*options
	out, complaints io.Writer

	conn net.Conn
	head []byte
	// length is what Content-Length promises, -1 without.
	length int64
	size   int64
	inBody bool
	sum    hash.Hash
}

// run fetches the page and prints it; what it returns is why it did not.
func (f *fetch) run() string {
	if why := f.connect(); why != "" {
		return why
	}
	defer f.conn.Close()
	f.arm()
	if _, err := io.WriteString(f.conn, f.request()); err != nil {
		if isTimeout(err) {
			return "Timeout WEB write"
		}
		return "Write error"
	}
	buf := make([]byte, room)
	for {
		f.arm()
		space := buf
		if !f.inBody {
			// compat: the page begins within the first room bytes, or there is none.
			space = buf[:room-len(f.head)]
		}
		if len(space) == 0 {
			break
		}
		n, err := f.conn.Read(space)
		if n > 0 {
			f.take(space[:n])
		}
		if err != nil {
			if ended(err, f.tls) {
				break
			}
			return f.why(err)
		}
	}
	f.end()
	return ""
}

// ended says whether the server has closed the connection. compat: with TLS,
// every end but a time-out is one, with its closing alert or without.
func ended(err error, overTLS bool) bool {
	return errors.Is(err, io.EOF) || overTLS && !isTimeout(err)
}

// why says what kept the rest of the page away.
func (f *fetch) why(err error) string {
	switch {
	case !isTimeout(err):
		return "Read error with"
	case f.tls:
		return "Timeout SSL read"
	case len(f.head) > 0:
		return "Timeout HTTP read"
	}
	return "Timeout WEB read"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// arm bounds the next wait.
func (f *fetch) arm() { _ = f.conn.SetDeadline(time.Now().Add(f.timeout)) }

// connect opens the connection.
func (f *fetch) connect() string {
	// A dialer without any time would have as much as it wants.
	ctx, cancel := context.WithTimeout(context.Background(), max(f.timeout, time.Second))
	defer cancel()
	d := net.Dialer{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) (err error) {
		if f.mark == 0 {
			return nil
		}
		if other := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(f.mark)) }); other != nil {
			return other
		}
		return err
	}}
	conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(f.server, f.port).String())
	if err != nil {
		if isTimeout(err) {
			return "Timeout connecting"
		}
		return "Connection failed"
	}
	if f.conn = conn; !f.tls {
		return ""
	}
	// What a check verifies is its business; any page has a digest.
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} //nolint:gosec // as above
	if f.sni {
		// keepalived tells TLS the port too, which is no part of a name (RFC 6066 section 3).
		c.ServerName, _, _ = strings.Cut(f.host, ":")
	}
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		if isTimeout(err) {
			return "Timeout connecting"
		}
		return "SSL handshake/communication error connecting to"
	}
	f.conn = secure
	return ""
}

// request is what keepalived's checks send, too.
func (f *fetch) request() string {
	closing := ""
	if f.closing {
		closing = "Connection: close\r\n"
	}
	return "GET " + f.url + " HTTP/1." + string(rune(f.minor)) + "\r\nUser-Agent: KeepAliveClient\r\n" + closing +
		"Host: " + cmp.Or(f.host, netip.AddrPortFrom(f.server, f.port).String()) + "\r\n\r\n"
}

// take takes one piece as it was read.
func (f *fetch) take(p []byte) {
	if !f.inBody {
		f.title("    HTTP Header Buffer    ")
		f.head = append(f.head, p...)
		end := bytes.Index(f.head, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		f.head, p = f.head[:end+4], f.head[end+4:]
		f.inBody, f.length = true, promised(f.head)
		f.dump(f.head)
		f.title(" HTTP Header Ascii Buffer ")
		f.say(string(f.head) + "\n")
		if len(p) == 0 {
			return
		}
		f.title("        HTML Buffer        ")
	}
	if f.length >= 0 {
		p = p[:min(int64(len(p)), f.length-f.size)]
	}
	f.size += int64(len(p))
	f.sum.Write(p)
	f.dump(p)
}

// promised is what Content-Length says, -1 if it says nothing. keepalived's finds
// it in this very spelling only; our checks, and so this, in any.
func promised(head []byte) int64 {
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if v, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 62); err == nil {
				return int64(v)
			}
		}
	}
	return -1
}

// end prints the digest.
func (f *fetch) end() {
	digest := f.sum.Sum(nil)
	f.say("\n")
	f.title("    HTML hash resulting    ")
	f.dump(digest)
	f.title(" HTML hash final resulting ")
	if !f.inBody {
		fmt.Fprintln(f.complaints, "no data received from remote webserver")
		return
	}
	fmt.Fprintln(f.out, hex.EncodeToString(digest))
}

func (f *fetch) say(s string) {
	if f.verbose {
		fmt.Fprint(f.out, s)
	}
}

// title is the line above a part.
func (f *fetch) title(s string) {
	f.say("-----------------------[" + s + "]-----------------------\n")
}

// dump writes bytes in rows of sixteen, as numbers and as characters.
func (f *fetch) dump(p []byte) {
	if !f.verbose {
		return
	}
	for at := 0; at < len(p); at += 16 {
		row := p[at:min(at+16, len(p))]
		var numbers, letters strings.Builder
		for i := range 16 {
			if i == 8 {
				numbers.WriteString("- ")
			}
			if i >= len(row) {
				numbers.WriteString("   ")
				letters.WriteByte(' ')
				continue
			}
			fmt.Fprintf(&numbers, "%02x ", row[i])
			if c := row[i]; c >= ' ' && c < 0x7f {
				letters.WriteByte(c)
			} else {
				letters.WriteByte('.')
			}
		}
		fmt.Fprintf(f.out, "%04d  %s  %s\n", at, numbers.String(), letters.String())
	}
}
