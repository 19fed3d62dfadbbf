// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/dial"
)

// Target says where a check goes and from where: address, port, source, interface, mark.
type Target = dial.Spec

// Defaults is what a checker takes from the blocks around it.
type Defaults struct {
	// Server is the address and port of the real server.
	Server netip.AddrPort
	// Timeout is connect_timeout of the real or virtual server, 5 s if neither has one.
	Timeout time.Duration
	// VirtualHost is virtualhost of the real server, else of the virtual server.
	VirtualHost string
	// TLS is the SSL block, nil if there is none.
	TLS *TLS
	// Test makes a number that is not quite one an error, as a configuration test does.
	Test bool
}

// Check is one checker as it is configured.
type Check struct {
	Kind   event.Checker
	Target Target
	// Timeout is connect_timeout: what a connection, and each read, may take.
	Timeout time.Duration
	// Rise is how many attempts must pass in a row before one that failed is good again; 0 means 1.
	Rise uint32
	// Prober tries it.
	Prober Prober
	// Detail is what people call it: a URL, a name.
	Detail string
}

// Fast tells whether the check is a mere connection, which a dial.Engine does for a fraction of the cost.
func (c *Check) Fast() bool { return c.Kind == event.CheckerTCP }

// Key gives a short text that is equal for two checks if they do the same, and only then. It holds no secret.
func (c *Check) Key() string {
	t := &c.Target
	room := make([]byte, 0, 64)
	room = strconv.AppendUint(room, uint64(c.Kind), 10)
	room = t.To.AppendTo(append(room, ' '))
	room = strconv.AppendInt(append(room, ' '), int64(c.Timeout), 10)
	if t.From.Addr().IsValid() || t.From.Port() != 0 || t.Interface != "" || t.Mark != 0 || t.HalfOpen {
		room = t.From.AppendTo(append(room, " from "...))
		room = strconv.AppendQuote(append(room, ' '), t.Interface)
		room = strconv.AppendUint(append(room, ' '), uint64(t.Mark), 10)
		room = strconv.AppendBool(append(room, ' '), t.HalfOpen)
	}
	if k, ok := c.Prober.(interface{ key() string }); ok {
		sum := sha256.Sum256([]byte(k.key()))
		room = hex.AppendEncode(append(room, ' '), sum[:16])
	}
	return string(room)
}

// Connected makes the outcome of a fast check.
func Connected(r dial.Result) health.Outcome {
	o := health.Outcome{Pass: r.Errno == 0, Total: r.Took}
	o.Phases[event.PhaseConnect-event.PhaseResolve] = r.Took
	if !o.Pass {
		o.Phase = event.PhaseConnect
		o.Reason = connectReason(r.Errno, r.Local)
		o.Detail = r.Errno.Error()
	}
	return o
}
