// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"syscall"
	"time"
)

// Grace is the time between SIGTERM and SIGKILL of a program that took too
// long (compat: keepalived waits 2 s).
const Grace = 2 * time.Second

// Run runs an external program in a process group of its own and waits for
// its end. When limit (0: none) has passed or ctx is done the group gets
// SIGTERM, Grace later SIGKILL, and Exit.TimedOut is set. A program that could
// not be started is reported by Exit.Err.
func Run(ctx context.Context, c *Command, limit time.Duration) Exit {
	own := *c
	own.OwnGroup = true
	p, err := Start(&own)
	if c.Started != nil {
		c.Started()
	}
	if err != nil {
		return Exit{Status: -1, Err: err}
	}
	var over <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-p.done:
		return p.exit
	case <-over:
	case <-ctx.Done():
	}
	exit := p.Stop(Grace)
	exit.TimedOut = true
	return exit
}

// Stop sends SIGTERM, SIGKILL after grace, and waits for the end.
func (p *Process) Stop(grace time.Duration) Exit {
	var firstErr error
	note := func(err error) {
		if firstErr == nil {
			firstErr = err
		}
	}
	note(p.Signal(syscall.SIGTERM))
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
		note(p.Signal(syscall.SIGKILL))
		<-p.done
	}
	exit := p.exit
	if exit.Err == nil {
		exit.Err = firstErr
	}
	return exit
}
