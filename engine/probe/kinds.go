// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// Kind is one kind of checker.
type Kind struct {
	// Checker is the kind's name everywhere; its String is the keyword of the block.
	Checker event.Checker
	// Reasons is every reason its outcomes may have.
	Reasons []event.Reason
	// parse reads what is the kind's own.
	parse func(p *parser, c *Check)
}

// Kinds is every kind that talks to a server, in the order of the documentation. A new one is one file and one line
// here. MISC_CHECK, FILE_CHECK and BFD_CHECK are none of them: a program, a file and a session speak for the server, and
// others follow those.
var Kinds = []*Kind{&tcpCheck, &expectCheck, &httpGet, &sslGet, &smtpCheck, &dnsCheck, &udpCheck, &pingCheck}

// Find gives the kind of a checker, or nil.
func Find(checker event.Checker) *Kind {
	for _, k := range Kinds {
		if k.Checker == checker {
			return k
		}
	}
	return nil
}

// A Prober tries once. It keeps to its own timeout and to that of ctx, and may be used by several goroutines at once.
// Of the outcome it fills everything but Check and Serial.
type Prober interface {
	Probe(ctx context.Context, to *Target) health.Outcome
}

// Parse reads the block of a checker. What is wrong is reported with its place; a nil Check means that the checker
// cannot be used at all. Keywords that are not the kind's own, and those of the schedule (retry, delay_loop and so on),
// are left to others.
func Parse(checker event.Checker, n *syntax.Node, d Defaults) (*Check, []syntax.Problem) {
	k := Find(checker)
	if k == nil {
		return nil, []syntax.Problem{{
			Pos: n.Pos, Level: syntax.Error, Class: syntax.Faulty, Rule: ruleBadWord,
			Message: "there is no checker " + checker.String(),
		}}
	}
	p := &parser{node: n, defaults: d}
	c := &Check{Kind: checker}
	k.parse(p, c)
	if p.useless {
		return nil, p.found
	}
	return c, p.found
}
