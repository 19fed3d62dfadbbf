// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/snmp/agentx"
)

// none is the object that a row does not have.
func none() agentx.Value { return agentx.Value{} }

// some is a text, or no object if it is empty.
func some(s string) agentx.Value {
	if s == "" {
		return none()
	}
	return agentx.Text(s)
}

// displayString is a text cut to the 255 octets that the type has room for,
// without cutting a character.
func displayString(s string) agentx.Value {
	for len(s) > 255 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return agentx.Text(s)
}

// programOf is the first word of a command line as the configuration shows it:
// words in apostrophes.
func programOf(line string) string {
	if rest, quoted := strings.CutPrefix(line, "'"); quoted {
		word, _, _ := strings.Cut(rest, "'")
		return word
	}
	word, _, _ := strings.Cut(line, " ")
	return word
}

// yes is enabled(1) or disabled(2), which is also true(1) or false(2).
func yes(b bool) agentx.Value {
	if b {
		return agentx.Int(1)
	}
	return agentx.Int(2)
}

// seconds is a duration in whole seconds, rounded down (compat).
func seconds(d time.Duration) agentx.Value { return gauge(int64(d / time.Second)) }

// micros is a duration in microseconds; what does not fit is the nearest that does.
func micros(d time.Duration) agentx.Value { return gauge(d.Microseconds()) }

func gauge(n int64) agentx.Value {
	return agentx.Gauge(uint32(max(0, min(n, math.MaxUint32))))
}

// state is a value of VrrpState and VigilState.
func state(s event.State) agentx.Value {
	switch s {
	case event.StateNone, event.Init:
		return agentx.Int(0)
	case event.Backup:
		return agentx.Int(1)
	case event.Master:
		return agentx.Int(2)
	case event.Fault:
		return agentx.Int(3)
	case event.Stop:
		return agentx.Int(5)
	case event.Deleted:
		return agentx.Int(6)
	case event.Up, event.Down, event.Unknown, event.Disabled:
		return agentx.Int(4)
	}
	return agentx.Int(4)
}

// inetType is the InetAddressType of an address, no object if it is not valid.
func inetType(a netip.Addr) agentx.Value {
	switch {
	case !a.IsValid():
		return none()
	case a.Unmap().Is4():
		return agentx.Int(1)
	}
	return agentx.Int(2)
}

// inet is the InetAddress of an address, no object if it is not valid.
func inet(a netip.Addr) agentx.Value {
	if !a.IsValid() {
		return none()
	}
	return agentx.Bytes(a.Unmap().AsSlice())
}

// dateAndTime is a moment in nanoseconds since the Unix epoch as DateAndTime
// (RFC 2579) in UTC, no object for 0.
func dateAndTime(wall int64) agentx.Value {
	if wall == 0 {
		return none()
	}
	t := time.Unix(0, wall).UTC()
	b := binary.BigEndian.AppendUint16(nil, uint16(t.Year()))
	b = append(b, byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()),
		byte(t.Nanosecond()/100_000_000), '+', 0, 0)
	return agentx.Bytes(b)
}

// eventID is the identity of an event's story, no object if there is no event.
func eventID(e *event.Event) agentx.Value {
	if e.Kind == event.KindNone {
		return none()
	}
	return agentx.Text(e.ID().String())
}
