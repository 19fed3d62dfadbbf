// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// limits say how a channel delivers.
type limits struct {
	// workers is how many deliveries may be under way at once.
	workers int
	// total and perLane bound what waits. The newest state of a subject is
	// kept even beyond them, so the true bound is total plus one per subject.
	total, perLane int
	// tries and age bound the attempts for one job; 0 means no bound.
	tries int
	age   time.Duration
	// wait is the pause before attempt try+1 (try from 1).
	wait func(try int) time.Duration
	// stopGrace is how long a delivery may go on once a last job waits behind it.
	stopGrace time.Duration
	// inTurn has deliveries of different lanes begin one after the other, in the
	// order in which they became possible; they need not end for that.
	inTurn bool
}

// turnLimit is how long one delivery that does not begin may keep others from it.
const turnLimit = time.Second

// job is one thing to deliver.
type job struct {
	// lane is what is served in order, one job at a time.
	lane string
	// key is whose state it tells. A final job that is the newest of its key
	// is never dropped for want of room.
	key   event.Subject
	final bool
	// last drops what waits in the lane before it.
	last bool
	// with is the job before it in the lane, if this one need not wait for its
	// end, only for its beginning.
	with *job
	// do makes one attempt. It must return soon after ctx is done.
	do func(ctx context.Context, try int) outcome
	// done is told of each attempt and of a drop, without a lock held; over
	// says that nothing more will be done for the job.
	done func(try int, took time.Duration, o outcome, over bool)

	// queued is when it came; the zero time means now.
	queued time.Time
	tries  int
	// before is closed when it is this job's turn to begin, begun is to be
	// closed when it has; nil if there are no turns.
	before <-chan struct{}
	begun  chan struct{}
	once   sync.Once
}

// began says that the job has begun: the next one may.
func (j *job) began() {
	if j.begun != nil {
		j.once.Do(func() { close(j.begun) })
	}
}

// outcome is how an attempt ended.
type outcome struct {
	// reason is event.ReasonNone for success.
	reason event.Reason
	detail string
	// permanent says that another attempt is useless.
	permanent bool
	// after is the least time before another attempt.
	after time.Duration
	// cut says, to done, that there is no other attempt only because the queue
	// closes.
	cut bool
	// kept says that it was not given up: it waits on the disk.
	kept bool
}

// queue is the one queue discipline: bounded, ordered per lane, push never
// blocks, drops are counted, and the final state of each subject is kept.
type queue struct {
	lim  limits
	ctx  context.Context
	stop context.CancelFunc

	mu     sync.Mutex
	lanes  map[string]*lane
	ready  []*lane
	active int
	length int
	// baton is closed when the last delivery so far has begun.
	baton  <-chan struct{}
	closed bool
	idle   chan struct{}
	stats  counters
	// fallen are dropped jobs that are still to be told of; telling says that
	// a goroutine does.
	fallen  []fallen
	telling bool
}

// fallen is a job that was dropped, and why.
type fallen struct {
	job *job
	why event.Reason
}

// fallenMax bounds the drops that are told one by one; all are counted.
const fallenMax = 1024

// tellGrace is how long close waits until drops are told.
const tellGrace = 100 * time.Millisecond

// lane is the jobs that must be delivered one after the other.
type lane struct {
	name string
	jobs []*job
	// running is how many jobs, from the first on, are being delivered; cancel
	// ends that.
	running int
	ctx     context.Context
	cancel  context.CancelFunc
	queued  bool
	timer   *time.Timer
}

func newQueue(lim limits) *queue {
	ctx, stop := context.WithCancel(context.Background())
	return &queue{lim: lim, ctx: ctx, stop: stop, lanes: map[string]*lane{}, idle: make(chan struct{}), stats: newCounters()}
}

// push accepts a job. It never blocks; what finds no room is dropped, counted
// and told.
func (q *queue) push(j *job) {
	if j.queued.IsZero() {
		j.queued = time.Now()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.queued++
	if q.closed {
		q.drop([]*job{j}, event.Shutdown)
		return
	}
	l := q.lanes[j.lane]
	if l == nil {
		l = &lane{name: j.lane}
		q.lanes[j.lane] = l
	}
	if j.last {
		q.drop(q.supersede(l), event.Shutdown)
	}
	l.jobs = append(l.jobs, j)
	q.length++
	if len(l.jobs) > q.lim.perLane {
		q.drop(q.evict(l), event.FailOverflow)
	} else if q.length > q.lim.total {
		q.drop(q.evict(q.longest()), event.FailOverflow)
	}
	q.join(l)
	q.enqueue(l)
	q.pump()
}

// supersede takes what waits in l out of it and bounds what is under way.
func (q *queue) supersede(l *lane) []*job {
	if l.running > 0 {
		time.AfterFunc(q.lim.stopGrace, l.cancel)
	}
	out := slices.Clone(l.jobs[l.running:])
	l.jobs = l.jobs[:l.running]
	q.length -= len(out)
	l.unwait()
	return out
}

// evict takes the oldest waiting job of l whose loss leaves the newest state
// of every subject in place.
func (q *queue) evict(l *lane) []*job {
	newest := map[event.Subject]int{}
	for i, j := range l.jobs {
		if j.final {
			newest[j.key] = i
		}
	}
	for i := l.running; i < len(l.jobs); i++ {
		j := l.jobs[i]
		if at, ok := newest[j.key]; ok && at == i {
			continue
		}
		l.jobs = slices.Delete(l.jobs, i, i+1)
		q.length--
		return []*job{j}
	}
	return nil
}

func (q *queue) longest() *lane {
	var out *lane
	for _, l := range q.lanes {
		if out == nil || len(l.jobs) > len(out.jobs) || len(l.jobs) == len(out.jobs) && l.name < out.name {
			out = l
		}
	}
	return out
}

// enqueue marks l as having something to deliver now.
func (q *queue) enqueue(l *lane) {
	if l.running > 0 || l.queued || l.timer != nil || len(l.jobs) == 0 {
		return
	}
	l.queued = true
	q.ready = append(q.ready, l)
}

// pump starts as many deliveries as are allowed.
func (q *queue) pump() {
	for q.active < q.lim.workers && len(q.ready) > 0 {
		l := q.ready[0]
		q.ready = q.ready[1:]
		l.queued = false
		if len(l.jobs) == 0 {
			q.forget(l)
			continue
		}
		l.ctx, l.cancel = context.WithCancel(q.ctx)
		q.start(l)
		q.join(l)
	}
}

// join starts those jobs of l that need not wait for the end of the one before.
func (q *queue) join(l *lane) {
	for n := l.running; n > 0 && n < len(l.jobs) && l.jobs[n].with == l.jobs[n-1]; n = l.running {
		q.start(l)
	}
}

// start starts the first job of l that is not being delivered.
func (q *queue) start(l *lane) {
	j := l.jobs[l.running]
	l.running++
	q.active++
	j.tries++
	if q.lim.inTurn {
		j.before, j.begun = q.baton, make(chan struct{})
		q.baton = j.begun
	}
	go q.attempt(l.ctx, l, j, j.tries)
}

// await waits until it is the turn of j; the returned function ends the turn.
func (j *job) await(ctx context.Context) func() bool {
	if j.before != nil {
		select {
		case <-j.before:
		case <-ctx.Done():
		}
	}
	return time.AfterFunc(turnLimit, j.began).Stop
}

func (q *queue) attempt(ctx context.Context, l *lane, j *job, try int) {
	over := j.await(ctx)
	start := time.Now()
	o := j.do(ctx, try)
	j.began()
	over()
	took := time.Since(start)
	q.mu.Lock()
	wait, again := q.judge(j, o)
	o.cut = !again && q.closed && !o.permanent && o.reason != event.ReasonNone
	q.mu.Unlock()
	// Told before the next job of the lane may start, so that what is told of
	// a lane is in order too.
	if j.done != nil {
		j.done(try, took, o, !again)
	}
	q.mu.Lock()
	if l.running--; l.running == 0 {
		l.cancel()
	}
	q.settle(l, j, o, wait, again)
	q.active--
	q.enqueue(l)
	q.forget(l)
	q.pump()
	q.mu.Unlock()
}

// judge says whether another attempt follows, and after how long.
func (q *queue) judge(j *job, o outcome) (wait time.Duration, again bool) {
	if o.reason == event.ReasonNone || o.permanent || q.closed || q.lim.tries > 0 && j.tries >= q.lim.tries {
		return 0, false
	}
	if q.lim.wait != nil {
		wait = max(q.lim.wait(j.tries), o.after)
	}
	return wait, q.lim.age == 0 || time.Since(j.queued)+wait <= q.lim.age
}

// settle counts an attempt and takes its job out of the queue, or has it wait.
func (q *queue) settle(l *lane, j *job, o outcome, wait time.Duration, again bool) {
	if o.reason == event.ReasonNone {
		q.stats.deliver(time.Since(j.queued))
		q.pop(l, j)
		return
	}
	q.stats.failed[o.reason]++
	if !again || q.closed {
		q.stats.dropped[o.reason]++
		q.pop(l, j)
		return
	}
	l.timer = time.AfterFunc(wait, func() { q.wake(l) })
}

// pop takes a job out that was delivered, or will not be.
func (q *queue) pop(l *lane, j *job) {
	i := slices.Index(l.jobs, j)
	l.jobs = slices.Delete(l.jobs, i, i+1)
	q.length--
	if q.closed && q.length == 0 {
		close(q.idle)
	}
}

// wake ends the pause of l.
func (q *queue) wake(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.timer = nil
	q.enqueue(l)
	q.forget(l)
	q.pump()
}

func (l *lane) unwait() {
	if l.timer != nil && l.timer.Stop() {
		l.timer = nil
	}
}

// forget lets go of a lane in which nothing waits.
func (q *queue) forget(l *lane) {
	if len(l.jobs) == 0 && l.running == 0 && !l.queued && l.timer == nil && q.lanes[l.name] == l {
		delete(q.lanes, l.name)
	}
}

// drop counts jobs that will not be delivered, and has them told of by a
// goroutine: whoever pushes may be the one who takes what is told.
func (q *queue) drop(jobs []*job, why event.Reason) {
	q.stats.dropped[why] += uint64(len(jobs))
	for _, j := range jobs {
		if j.done != nil && len(q.fallen) < fallenMax {
			q.fallen = append(q.fallen, fallen{j, why})
		}
	}
	if len(q.fallen) > 0 && !q.telling {
		q.telling = true
		go q.tell()
	}
}

func (q *queue) tell() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.fallen) > 0 {
		list := q.fallen
		q.fallen = nil
		q.mu.Unlock()
		for _, f := range list {
			f.job.done(f.job.tries, 0, outcome{reason: f.why, detail: "dropped while it waited"}, true)
		}
		q.mu.Lock()
	}
	q.telling = false
}

// close accepts no more, tries once more what waits, and returns when all is
// delivered or ctx is done; then it drops the rest.
func (q *queue) close(ctx context.Context) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.closed = true
	if q.length == 0 {
		close(q.idle)
	}
	for _, l := range q.lanes {
		l.unwait()
		q.enqueue(l)
	}
	q.pump()
	q.mu.Unlock()
	select {
	case <-q.idle:
	case <-ctx.Done():
	}
	q.mu.Lock()
	// Under the lock, so that no attempt that this cuts makes room for another.
	q.stop()
	var rest []*job
	for _, l := range q.lanes {
		n := l.running // their attempts settle them
		rest = append(rest, l.jobs[n:]...)
		q.length -= len(l.jobs) - n
		l.jobs = l.jobs[:n]
	}
	q.ready = nil
	q.drop(rest, event.Shutdown)
	q.mu.Unlock()
	q.told()
}

// told waits a moment until what was dropped is told.
func (q *queue) told() {
	limit := time.Now().Add(tellGrace)
	for time.Now().Before(limit) {
		q.mu.Lock()
		busy := q.telling
		q.mu.Unlock()
		if !busy {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// snapshot returns the statistics of the channel.
func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats.snapshot()
	s.Length = q.length
	now := time.Now()
	for _, l := range q.lanes {
		if len(l.jobs) > 0 {
			s.OldestAge = max(s.OldestAge, now.Sub(l.jobs[0].queued))
		}
	}
	return s
}
