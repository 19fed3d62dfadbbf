// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import "time"

// AgentX does not say which requests belong to one walk, and several managers
// share the session. But a walk goes on where its last answer ended: so each
// answer to a GETNEXT is remembered with the Snapshot it came from, and a
// request that starts there, or has the same transaction, gets that Snapshot
// again. Any other request starts a walk, and sees what is true now. Where two
// walks stand at the same name, the one whose next request is due at this moment
// goes on; a wrong guess can only happen when their Snapshots differ.
const (
	maxWalks   = 32
	maxCursors = 64 // names remembered of one answer, the last ones count
)

// walk is one walk under way.
type walk struct {
	snap    *Snapshot
	context string
	txn     uint32
	cursors []OID
	began   time.Time
	used    time.Time
	gap     time.Duration // between its last two transactions
}

// walks holds the walks of a session, at most maxWalks of them.
type walks struct {
	hold   time.Duration // a walk ends when not continued within
	maxAge time.Duration // a walk may not see older data than this
	list   []*walk

	started uint64 // walks begun, until someone has counted them
}

// find returns the walk that a request continues, or nil.
func (c *walks) find(context string, txn uint32, ranges []rawRange, now time.Time) *walk {
	var best *walk
	var bestOff time.Duration
	for _, w := range c.list {
		if w.context != context || c.over(w, now) {
			continue
		}
		if w.txn == txn {
			return w
		}
		if !w.continuedBy(ranges) {
			continue
		}
		if off := (now.Sub(w.used) - w.gap).Abs(); best == nil || off < bestOff {
			best, bestOff = w, off
		}
	}
	return best
}

func (w *walk) continuedBy(ranges []rawRange) bool {
	for _, c := range w.cursors {
		for i := range ranges {
			if c.b == string(ranges[i].start) {
				return true
			}
			if i == 7 { // a request that goes on, goes on in its first columns
				break
			}
		}
	}
	return false
}

func (c *walks) over(w *walk, now time.Time) bool {
	return now.Sub(w.used) > c.hold || now.Sub(w.began) > c.maxAge
}

// start begins a walk in snap and returns it; the walk unused for longest makes
// room if need be.
func (c *walks) start(context string, snap *Snapshot, now time.Time) *walk {
	c.started++
	w := &walk{}
	if len(c.list) < maxWalks {
		c.list = append(c.list, w)
	} else {
		oldest := 0
		for i := range c.list {
			if c.list[i].used.Before(c.list[oldest].used) {
				oldest = i
			}
		}
		w = c.list[oldest]
	}
	*w = walk{snap: snap, context: context, began: now, used: now, cursors: w.cursors[:0]}
	return w
}

// expire forgets the walks that are over, so that their Snapshots can be freed,
// and returns when to look again, the zero time if never.
func (c *walks) expire(now time.Time) time.Time {
	var next time.Time
	kept := c.list[:0]
	for _, w := range c.list {
		if c.over(w, now) {
			continue
		}
		kept = append(kept, w)
		if at := w.used.Add(c.hold + time.Millisecond); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	clear(c.list[len(kept):])
	c.list = kept
	return next
}

// take makes the walk go on with the transaction txn.
func (w *walk) take(txn uint32, now time.Time) {
	if w.txn != txn {
		w.gap = now.Sub(w.used)
	}
	w.txn, w.used = txn, now
	w.cursors = w.cursors[:0]
}

// answered notes a name given to the walk.
func (w *walk) answered(name OID) {
	if len(w.cursors) == maxCursors {
		copy(w.cursors, w.cursors[1:])
		w.cursors = w.cursors[:maxCursors-1]
	}
	w.cursors = append(w.cursors, name)
}
