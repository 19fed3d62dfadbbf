// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// sysUpTime0 and snmpTrapOID0 open every notification (RFC 2741 §6.2.10).
var (
	sysUpTime0   = NewOID(1, 3, 6, 1, 2, 1, 1, 3, 0)
	snmpTrapOID0 = NewOID(1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
)

// A Notification is a trap or inform for the master to send.
type Notification struct {
	// Context is the SNMP context, "" for the default one.
	Context string
	// Trap is the value of snmpTrapOID.0.
	Trap OID
	// VarBinds are the objects of the notification. A leading sysUpTime.0 is kept
	// as its time; otherwise the master puts in its own at the time of sending.
	VarBinds []VarBind
	// Done, if not nil, is called once with the outcome: nil when the master has
	// acknowledged it, else why it was given up (*ResponseError, ErrTimeout,
	// ErrSessionLost, ErrExpired or ErrClosed). It must not block.
	Done func(error)
}

// Notify queues n and returns at once. Notifications are sent in order, one at a
// time, as soon as there is a session; one whose session is lost before the
// master acknowledged it is sent again, up to Config.NotifyTries times, so
// a receiver may see it twice. The error is ErrQueueFull or ErrClosed (n is
// dropped, Done is not called, and it is counted), or says why n has no encoding.
func (c *Client) Notify(n Notification) error {
	binds := make([]VarBind, 0, len(n.VarBinds)+1)
	rest := n.VarBinds
	if len(rest) > 0 && rest[0].Name == sysUpTime0 {
		binds, rest = append(binds, rest[0]), rest[1:]
	}
	binds = append(binds, VarBind{Name: snmpTrapOID0, Value: ObjectID(n.Trap)})
	binds = append(binds, rest...)
	if err := checkVarBinds(binds); err != nil {
		c.count.notifyDropped.Add(1)
		return fmt.Errorf("notification %s: %w", n.Trap, err)
	}
	if err := c.queue.push(&queued{context: n.Context, binds: binds, done: n.Done, at: time.Now()}); err != nil {
		c.count.notifyDropped.Add(1)
		return err
	}
	c.wake()
	return nil
}

// Flush waits until every notification handed over so far and since has been
// delivered or given up, or ctx ends; then it returns the error of ctx.
func (c *Client) Flush(ctx context.Context) error {
	select {
	case <-c.queue.idle():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush notifications: %w", ctx.Err())
	}
}

// queued is a Notification in the queue.
type queued struct {
	context string
	binds   []VarBind
	done    func(error)
	at      time.Time
	tries   int // times sent
}

// queue is the bounded queue of notifications. The first one stays in it until
// its outcome is known.
type queue struct {
	count *counters
	max   int

	mu      sync.Mutex
	items   []*queued
	closed  bool
	waiting chan struct{} // closed when the queue is empty; nil if nobody waits
}

func (q *queue) push(n *queued) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if len(q.items) >= q.max {
		return ErrQueueFull
	}
	q.items = append(q.items, n)
	q.publish()
	return nil
}

// head returns the first notification without removing it, nil if there is none.
func (q *queue) head() *queued {
	if q.count.notifyQueued.Load() == 0 { // spares the lock in a walk
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0]
}

// pop removes the first notification and reports its outcome.
func (q *queue) pop(err error) {
	q.mu.Lock()
	n := q.items[0]
	q.items[0] = nil
	q.items = q.items[1:]
	if err == nil {
		q.count.notifySent.Add(1)
	} else {
		q.count.notifyDropped.Add(1)
	}
	q.publish()
	q.mu.Unlock()
	if n.done != nil {
		n.done(err)
	}
}

// expire gives up what has waited longer than maxAge, if that is above 0.
func (q *queue) expire(now time.Time, maxAge time.Duration) {
	for n := q.head(); n != nil && maxAge > 0 && now.Sub(n.at) > maxAge; n = q.head() {
		q.pop(ErrExpired)
	}
}

// close refuses further notifications and gives up the waiting ones.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	for q.head() != nil {
		q.pop(ErrClosed)
	}
}

// idle returns a channel that is closed once the queue is empty.
func (q *queue) idle() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = make(chan struct{})
	}
	ch := q.waiting
	q.publish()
	return ch
}

// publish brings the counters, and who waits for the queue to be empty, up to
// date. The caller holds the lock.
func (q *queue) publish() {
	q.count.notifyQueued.Store(int64(len(q.items)))
	if len(q.items) > 0 {
		q.count.notifyOldest.Store(q.items[0].at.UnixNano())
		return
	}
	q.count.notifyOldest.Store(0)
	if q.waiting != nil {
		close(q.waiting)
		q.waiting = nil
	}
}
