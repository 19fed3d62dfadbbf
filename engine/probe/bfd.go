// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "github.com/vigild/vigild/engine/event"

// bfdCheck follows a bfd_instance, which somebody else speaks for.
var bfdCheck = Kind{
	Checker: event.CheckerBFD,
	Reasons: []event.Reason{event.FailBFDDown},
	parse: func(p *parser, c *Check) {
		for _, n := range p.node.Children {
			if n.Keyword == "name" {
				c.Object, _ = p.value(n)
			}
		}
		c.Detail = c.Object
		if c.Object == "" {
			p.drop(p.node.Pos, ruleMissingValue, "'BFD_CHECK' has no name; it is ignored", "name BFD_INSTANCE")
		}
	},
}
