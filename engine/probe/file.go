// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"math"

	"github.com/vigild/vigild/engine/event"
)

// fileCheck follows the number in a track_file, which somebody else reads.
var fileCheck = Kind{
	Checker: event.CheckerFile,
	Reasons: []event.Reason{event.FailFileWeight},
	parse: func(p *parser, c *Check) {
		for _, n := range p.node.Children {
			switch n.Keyword {
			case "track_file":
				c.Object, _ = p.value(n)
			case "weight":
				v, ok := p.integer(n, -math.MaxInt32, math.MaxInt32)
				if !ok {
					continue
				}
				c.Multiplier, c.HasMultiplier = int32(v), true
				switch n.Arg(1) {
				case "reverse":
					c.Reverse = true
				case "noreverse", "":
				default:
					p.err(n.ArgPos(1), ruleBadWord, quote(n.Arg(1))+" is not 'reverse'; it is ignored", "weight N [reverse|noreverse]")
				}
			}
		}
		c.Detail = c.Object
		if c.Object == "" {
			p.drop(p.node.Pos, ruleMissingValue, "'FILE_CHECK' has no track_file; it is ignored", "track_file NAME")
		}
	},
}
