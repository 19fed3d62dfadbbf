// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Table reads all services and their destinations, with their counters.
func (c *Conn) Table() (Table, error) {
	var t Table
	err := c.Read(&t)
	return t, err
}

// Read is Table into room that an earlier Read has made. After an error, what
// is in it is incomplete. [ErrUnavailable] says that IPVS has gone: a new Conn is
// needed when it is back.
func (c *Conn) Read(t *Table) error {
	err := c.services(t)
	for i := range t.Services {
		if err != nil {
			break
		}
		err = c.destinations(&t.Services[i])
	}
	if errors.Is(err, unix.ENOENT) {
		err = ErrUnavailable
	}
	if err != nil {
		return fmt.Errorf("read the IPVS table: %w", err)
	}
	return nil
}

func (c *Conn) services(t *Table) error {
	t.Services, t.Wide = t.Services[:0], true
	return c.dump(cmdGetService, nil, func(m message) error {
		e, wide, err := parseService(m)
		if err != nil {
			return err
		}
		// The room of the destinations that were in this place.
		if n := len(t.Services); n < cap(t.Services) {
			e.Destinations = t.Services[:n+1][n].Destinations[:0]
		}
		t.Services = append(t.Services, e)
		t.Wide = t.Wide && wide
		return nil
	})
}

// destinations reads those of one service. Of one that was removed since, the
// kernel says that it has none.
func (c *Conn) destinations(e *Entry) error {
	return c.dump(cmdGetDest, func(b []byte) []byte {
		return appendService(b, &e.Service, false)
	}, func(m message) error {
		d, err := parseDestination(m, e.Family)
		if err == nil {
			e.Destinations = append(e.Destinations, d)
		}
		return err
	})
}

// Flush removes everything from the table.
func (c *Conn) Flush() error {
	if err := c.do(cmdFlush, nil); err != nil {
		return fmt.Errorf("flush the IPVS table: %w", err)
	}
	return nil
}

// Zero sets all counters back.
func (c *Conn) Zero() error {
	if err := c.do(cmdZero, nil); err != nil {
		return fmt.Errorf("zero the IPVS counters: %w", err)
	}
	return nil
}

// Timeouts reads how long connections are remembered.
func (c *Conn) Timeouts() (t Timeouts, err error) {
	err = c.ask(cmdGetConfig, nil, func(m message) (err error) {
		t, err = parseTimeouts(m)
		return err
	})
	if err != nil {
		return t, fmt.Errorf("read the IPVS timeouts: %w", err)
	}
	return t, nil
}

// SetTimeouts sets those that are not zero.
func (c *Conn) SetTimeouts(t Timeouts) error {
	err := c.do(cmdSetConfig, func(b []byte) []byte {
		b = appendU32(b, attrTimeoutTCP, wholeSeconds(t.TCP))
		b = appendU32(b, attrTimeoutFin, wholeSeconds(t.TCPFin))
		return appendU32(b, attrTimeoutUDP, wholeSeconds(t.UDP))
	})
	if err != nil {
		return fmt.Errorf("set the IPVS timeouts: %w", err)
	}
	return nil
}

// Info reads what the kernel says of itself.
func (c *Conn) Info() (i Info, err error) {
	err = c.ask(cmdGetInfo, nil, func(m message) (err error) {
		i, err = parseInfo(m)
		return err
	})
	if err != nil {
		return i, fmt.Errorf("read the IPVS version: %w", err)
	}
	return i, nil
}
