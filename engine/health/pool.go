// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import "github.com/vigild/vigild/engine/event"

// Pool is all virtual servers of one process: their servers, checks and
// quorums, and the table that the kernel is to have. It is not safe for use by
// two goroutines.
type Pool struct {
	// epoch and seq name the events.
	epoch, seq uint64
	// now and out are those of the Step that is going on.
	now event.Instant
	out *Output
}

// New returns a Pool that is waiting for its first Configure. epoch goes into
// the Ref of every event, and is drawn at random when the process starts.
func New(epoch uint64) *Pool { return &Pool{epoch: epoch} }

// Step gives the Pool one input at the time now and appends to out what is to
// be done and what happened. It cannot fail. now never goes back. A passing
// Outcome that changes nothing does not allocate.
func (p *Pool) Step(now event.Instant, in Input, out *Output) {
	p.now, p.out = max(p.now, now), out
}

// Deadline is when the Pool must next be stepped with Tick; ok is false if
// nothing is due ever.
func (p *Pool) Deadline() (at event.Instant, ok bool) { return 0, false }

// Stopped says that a Stop was given and that every Program and Sync is done.
func (p *Pool) Stopped() bool { return false }

// CheckView is what a shell must know of a check to run it. It is valid until
// the next Step.
type CheckView struct {
	Service *ServiceSettings
	Server  *ServerSettings
	Check   *CheckSettings
	// Subject is the real server.
	Subject event.Subject
	// Serial is that of its last Probe.
	Serial uint32
}

// Check returns the check of a Probe; ok is false for one that is no more.
func (p *Pool) Check(id CheckID) (v CheckView, ok bool) { return CheckView{}, false }

// Snapshot appends to out the present state of services and servers as Edges
// marked so: of at most so many, beginning with the one that next of the call
// before says (0 first). more is false after the last.
func (p *Pool) Snapshot(now event.Instant, from, most int, out *Output) (next int, more bool) {
	return 0, false
}

// Rows appends the description of services and servers to dst: at most so
// many, beginning with the one that next of the call before says (0 first). more
// is false after the last. What only the configuration knows is left empty.
func (p *Pool) Rows(from, most int, dst []event.Row) (rows []event.Row, next int, more bool) {
	return dst, 0, false
}

// Counters adds all counters to c, as of now, but for what the kernel counts:
// Stats and connections are filled in by who has them, with Locate.
func (p *Pool) Counters(now event.Instant, c *event.Counters) {}

// Locate returns the places in Counters.Services and Counters.Servers of a
// service and destination of the kernel; -1 for what is not ours. A zero addr
// asks for the service alone.
func (p *Pool) Locate(service ServiceKey, dest Destination) (serviceAt, serverAt int) { return -1, -1 }

// Wanted returns the table that the kernel is to have.
func (p *Pool) Wanted() Table { return nil }
