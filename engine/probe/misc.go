// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"math"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// miscCheck is a program that says with its exit status how a server is. It is run by the parent, with its user, its
// time and its process group; this is what it is told, and what its end means.
var miscCheck = Kind{
	Checker: event.CheckerMisc,
	Reasons: []event.Reason{event.FailScriptExit, event.FailScriptTimeout, event.FailLocalResource},
	parse: func(p *parser, c *Check) {
		c.Timeout = p.defaults.DelayLoop
		for _, n := range p.node.Children {
			switch n.Keyword {
			case "misc_path":
				words, err := n.ScriptWords()
				if err != nil {
					p.err(n.Pos, ruleBadWord, "'misc_path': "+err.Error()+"; it is ignored", "")
				} else if len(words) > 0 {
					c.Script = words[0].Text
				} else {
					_, _ = p.value(n)
				}
			case "misc_timeout":
				if v, ok := p.integer(n, 1, math.MaxInt32/1000); ok {
					c.Timeout = time.Duration(v) * time.Second
				}
			case "misc_dynamic":
				c.Dynamic = true
			}
		}
		c.Target.To, c.Detail = p.defaults.Server, c.Script
		if c.Script == "" {
			p.drop(p.node.Pos, ruleMissingValue, "'MISC_CHECK' has no misc_path; it is ignored", `misc_path "COMMAND ARGUMENTS"`)
		}
	},
}

// Exit is how a program ended.
type Exit struct {
	// Status is the exit status, if neither of the next three holds.
	Status int
	// Signal ended it, if not 0. TimedOut: it was ended because it took too long. Failed: it could not be started, and
	// this is why.
	Signal   int
	TimedOut bool
	Failed   string
	Took     time.Duration
}

// Exited makes the outcome of a program. compat: with misc_dynamic a status of 2 to 255 means that the server is well and
// its weight is the status less 2, and 0 gives it back its own weight.
func (c *Check) Exited(x Exit) health.Outcome {
	o := health.Outcome{Total: x.Took, Status: int32(x.Status), Phase: event.PhaseScript}
	switch {
	case x.Failed != "":
		o.Reason, o.Detail = event.FailLocalResource, x.Failed
	case x.TimedOut:
		o.Reason, o.Detail = event.FailScriptTimeout, fmt.Sprintf("ended after %s", c.Timeout)
	case x.Signal != 0:
		o.Reason, o.Detail = event.FailScriptExit, fmt.Sprintf("ended by signal %d", x.Signal)
	case x.Status == 0:
		o.Pass, o.Phase = true, event.PhaseNone
	case c.Dynamic && x.Status >= 2 && x.Status <= 255:
		o.Pass, o.Phase = true, event.PhaseNone
		o.HasWeight, o.Weight = true, int32(x.Status-2)
	default:
		o.Reason, o.Detail = event.FailScriptExit, fmt.Sprintf("exit status %d", x.Status)
	}
	return o
}
