// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dbus

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// SystemBus is where the system bus is if nobody says otherwise.
const SystemBus = "unix:path=/var/run/dbus/system_bus_socket"

// The bus itself.
const (
	busName = "org.freedesktop.DBus"
	busPath = "/org/freedesktop/DBus"
)

// handshake bounds authentication and the first calls; writing bounds one message
// that the bus does not take.
const (
	handshake = 5 * time.Second
	writing   = 2 * time.Second
)

// Conn is a connection to a message bus. Send may be called from any goroutine,
// Receive from one.
type Conn struct {
	c  net.Conn
	in *bufio.Reader
	// Name is the unique name that the bus gave.
	Name string

	mu     sync.Mutex
	serial uint32
}

// Dial connects to the first address of a list that answers
// (unix:path=/run/x;unix:abstract=y), authenticates as the user of this process,
// and gets a unique name.
func Dial(ctx context.Context, addresses string) (*Conn, error) {
	var errs []error
	for one := range strings.SplitSeq(addresses, ";") {
		name, err := socketOf(one)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conn, err := open(c)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, errors.Join(err, c.Close()))
	}
	return nil, fmt.Errorf("message bus: %w", errors.Join(errs...))
}

// socketOf reads a server address (specification, Server Addresses).
func socketOf(address string) (string, error) {
	transport, rest, _ := strings.Cut(address, ":")
	for pair := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value)
		if transport != "unix" || err != nil || value == "" {
			continue
		}
		switch key {
		case "path":
			return value, nil
		case "abstract":
			return "@" + value, nil
		}
	}
	return "", fmt.Errorf("%q is no address of a UNIX socket", address)
}

// open authenticates (specification, Authentication Protocol) and says Hello.
func open(c net.Conn) (*Conn, error) {
	if err := c.SetDeadline(time.Now().Add(handshake)); err != nil {
		return nil, err
	}
	conn := &Conn{c: c, in: bufio.NewReaderSize(c, 4096)}
	id := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := io.WriteString(c, "\x00AUTH EXTERNAL "+id+"\r\n"); err != nil {
		return nil, err
	}
	line, err := conn.in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	if !strings.HasPrefix(string(line), "OK ") {
		return nil, fmt.Errorf("authentication: the bus says %.40q", line)
	}
	if _, err := io.WriteString(c, "BEGIN\r\n"); err != nil {
		return nil, err
	}
	answer, err := conn.ask("Hello", "", nil)
	if err != nil {
		return nil, err
	}
	conn.Name = answer.Args().String()
	return conn, nil
}

// ask calls the bus itself, before anything else is received.
func (c *Conn) ask(member, signature string, body []byte) (*Message, error) {
	call := &Message{
		Type: Call, Path: busPath, Interface: busName, Member: member, Destination: busName, Signature: signature, Body: body,
	}
	if err := c.c.SetDeadline(time.Now().Add(handshake)); err != nil {
		return nil, err
	}
	if err := c.Send(call); err != nil {
		return nil, err
	}
	for {
		m, err := c.Receive()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", member, err)
		case m.Reply != call.Serial:
			continue // signals of the bus
		case m.Type == Error:
			return nil, fmt.Errorf("%s: %s: %s", member, m.ErrorName, m.Args().String())
		}
		return m, c.c.SetDeadline(time.Time{})
	}
}

// ErrQueued is a name that somebody else has; it comes when that one goes.
var ErrQueued = errors.New("somebody else has the name")

// Own asks for a name. It must be called before the first Receive. With ErrQueued
// the connection is good all the same.
func (c *Conn) Own(name string) error {
	if !ValidBusName(name) {
		return fmt.Errorf("%q cannot be the name of a service", name)
	}
	var w Writer
	w.String(name)
	w.Uint32(0)
	m, err := c.ask("RequestName", "su", w.Bytes())
	if err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	if r := m.Args(); r.Uint32() == 2 {
		return fmt.Errorf("name %s: %w", name, ErrQueued)
	}
	return nil
}

// Send writes a message and gives it its serial number. A bus that does not take
// it for a while has lost this connection.
func (c *Conn) Send(m *Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serial++; c.serial == 0 {
		c.serial = 1
	}
	m.Serial = c.serial
	text := m.Append(nil)
	if len(text) > MessageMax {
		return errLong
	}
	if err := c.c.SetWriteDeadline(time.Now().Add(writing)); err != nil {
		return err
	}
	if _, err := c.c.Write(text); err != nil {
		return errors.Join(fmt.Errorf("message bus: %w", err), c.c.Close()) // half of it may be there
	}
	return nil
}

// Receive reads the next message. After an error the connection is of no use.
func (c *Conn) Receive() (*Message, error) {
	head, err := c.in.Peek(headerSize)
	if err != nil {
		return nil, err
	}
	n, err := size(head)
	if err != nil {
		return nil, err
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(c.in, text); err != nil {
		return nil, err
	}
	return Parse(text)
}

// Close ends the connection.
func (c *Conn) Close() error { return c.c.Close() }
