// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// tcpCheck: the server accepts a connection. It is closed at once, nothing is said.
//
// half_open is ours: the server's SYN-ACK is answered with a reset, so that its program never hears of the check and
// neither side keeps a trace of it. compat: keepalived completes the connection, and so do we unless told otherwise.
var tcpCheck = Kind{
	Checker: event.CheckerTCP,
	Reasons: connectReasons,
	parse: func(p *parser, c *Check) {
		p.connection(c)
		for _, n := range p.node.Children {
			switch n.Keyword {
			case "half_open":
				if v, ok := p.boolean(n); ok {
					c.Target.HalfOpen = v
				}
			case "send", "expect", "expect_regex":
				c.Kind = event.CheckerExpect
			}
		}
		c.Prober = connector{limits{c.Timeout}}
		if c.Kind == event.CheckerExpect {
			p.expectations(c)
		}
	},
}

// connector is the Prober of TCP_CHECK for who has no dial.Engine at hand.
type connector struct{ limits }

func (x connector) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, x.limits, to, func(t *try) bool { return t.connect("tcp") })
}
