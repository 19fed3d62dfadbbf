// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
)

// Running is a worker that was started: a process, or a goroutine in one process.
type Running struct {
	Link *ipc.Link
	// PID is 0 for a goroutine.
	PID int
	// Denied is what the kernel refused of its scheduling and limits.
	Denied []error
	// Done is closed when it has ended; Exit then says how.
	Done <-chan struct{}
	Exit func() proc.Exit
	// Signal sends it a signal; one that has ended is no error.
	Signal func(syscall.Signal) error
}

// Launcher starts workers.
type Launcher interface {
	Launch(role event.Role, g *Generation) (*Running, error)
}

// Exit statuses of the daemon (compat). ExitFatal and ExitPermission of a
// worker make no sense to repeat: the parent ends with the same. ExitConfig is
// the parent's alone: a worker says what is wrong with a configuration in a
// frame, and 2 is the status of a Go program that panicked.
const (
	ExitFatal      = 1
	ExitConfig     = 2
	ExitPermission = 4
)

func fatalExit(x proc.Exit) bool {
	return x.Err == nil && x.Signal == 0 && (x.Status == ExitFatal || x.Status == ExitPermission)
}

// Times of restarting (compat): a worker that lived shortLife is started at
// once; one that did not, at once the first time, then after 1 s, 2 s, 4 s and
// so on up to longestWait. One that somebody killed did not crash: if it has
// lived settled it is started at once however often that happens, and if not,
// hasty times in a row.
const (
	shortLife   = 60 * time.Second
	longestWait = 60 * time.Second
	settled     = time.Second
	hasty       = 4
)

// patience is the memory of one worker's restarts.
type patience struct {
	short  int // lives in a row that were short
	killed int // kills in a row of lives that had not settled
}

// next says how long to wait before the next start after a life of lived that
// was ended from outside or not.
func (p *patience) next(lived time.Duration, outside bool) time.Duration {
	switch {
	case outside && lived >= settled:
		p.killed = 0
		return 0
	case outside && p.killed < hasty:
		p.killed++
		return 0
	}
	if lived >= shortLife {
		p.short = 0
		return 0
	}
	p.short++
	if p.short == 1 {
		return 0
	}
	if p.short > 7 {
		return longestWait
	}
	return min(time.Second<<(p.short-2), longestWait)
}

// phase is how far a worker has come.
type phase uint8

const (
	// away: not running; again says when it will be started.
	away phase = iota
	// preparing: started, asked to prepare a generation.
	preparing
	// standing: ready, not committed yet.
	standing
	// active: committed.
	active
)

// worker is one role under supervision.
type worker struct {
	role event.Role
	run  *Running
	// life ends with the worker; what runs for it ends then too.
	life     context.Context //nolint:containedctx // that of the worker
	end      context.CancelFunc
	phase    phase
	patience patience
	// epoch is what its Hello said.
	epoch uint64
	// started is when this life began, lost when the last one ended that had
	// been active: those after it did nothing.
	started, lost event.Instant
	// again is when it is to be started, zero if it is not; last is when it is to
	// be killed because it did not answer.
	again, last time.Time
	// replacing says that another one is started as soon as it has ended.
	replacing bool
	// asked says that it was asked to end, bye that it said goodbye, killed
	// that it was not given the choice.
	asked, bye, killed bool
	// gone is closed when this life has ended.
	gone chan struct{}
}

func (w *worker) alive() bool { return w.run != nil }

// subject is what events about the worker are about.
func (w *worker) subject() event.Subject { return workerSubject(w.role) }

func workerSubject(r event.Role) event.Subject {
	return event.Subject{Kind: event.SubjectWorker, Name: r.String()}
}

// lossOf words the end of a worker as an event.
func lossOf(role event.Role, x proc.Exit, lived time.Duration) event.Event {
	e := event.Event{
		Kind: event.WorkerLost, Subject: workerSubject(role), From: event.Up, To: event.Down,
		Reason: event.FailExit, Count: int64(x.Status), Took: lived,
		Detail: fmt.Sprintf("exited with status %d", x.Status),
	}
	switch {
	case x.Err != nil:
		e.Reason, e.Detail = event.FailCrash, x.Err.Error()
	case x.Signal != 0:
		e.Reason, e.Count = event.FailSignal, int64(x.Signal)
		e.Detail = fmt.Sprintf("ended by signal %d (%v)", int(x.Signal), x.Signal)
	case x.Status == 0:
		e.Reason = event.FailCrash
		e.Detail = "ended by itself"
	case x.Status == 2:
		e.Reason = event.FailCrash
	}
	return e
}
