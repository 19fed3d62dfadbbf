// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// ErrStuck is a peer that does not read.
var ErrStuck = errors.New("peer does not read")

// conn carries whole frames; write and read block.
type conn interface {
	write(f *Frame) (lost int, err error)
	read() (Frame, error)
	close() error
}

// Link is one end of a connection between two roles. Its sending methods never
// block and may be called from any goroutine; frames arrive at the other end
// in the order in which they were sent.
type Link struct {
	conn conn
	out  *queue
	in   chan Frame
	// done is closed when the link has ended, written when the writer has.
	done, written chan struct{}
	once          sync.Once
	mu            sync.Mutex
	err           error
	lost          atomic.Uint64
}

// flushTime bounds how long Close waits for a peer to take what is queued.
const flushTime = time.Second

func newLink(c conn) *Link {
	l := &Link{conn: c, out: newQueue(), in: make(chan Frame, 64), done: make(chan struct{}), written: make(chan struct{})}
	go l.writer()
	go l.reader()
	return l
}

// Send queues a frame and takes over its descriptors. A peer that lets
// thousands of frames pile up loses the link.
func (l *Link) Send(f Frame) {
	if !l.out.send(f) {
		closeAll(f.FDs)
		l.end(ErrStuck)
	}
}

// Publish queues edges in order; they are copied. When the peer is too slow,
// edges are counted and a link.gap event is sent in their place.
func (l *Link) Publish(es []event.Event) { l.out.publish(es) }

// Tally queues counters: of each subject only the newest that wait are sent.
func (l *Link) Tally(epoch uint64, ts []event.Tally, router *event.RouterTally) {
	l.out.tally(epoch, ts, router)
}

// Frames delivers what the peer sent. It is closed when the link ends; Err
// then says why.
func (l *Link) Frames() <-chan Frame { return l.in }

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err returns why the link ended: nil while it lives or when it was closed here,
// io.EOF when the peer closed it.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Lost counts the edges that found the queue full.
func (l *Link) Lost() uint64 {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return l.out.lost + l.lost.Load()
}

// Close sends what is queued, for at most a second, and ends the link.
func (l *Link) Close() {
	l.out.close()
	t := time.NewTimer(flushTime)
	defer t.Stop()
	select {
	case <-l.written:
	case <-l.done:
	case <-t.C:
	}
	l.end(nil)
}

func (l *Link) end(err error) {
	l.once.Do(func() {
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
		close(l.done)
		l.out.close()
		l.conn.close()
	})
}

func (l *Link) writer() {
	defer close(l.written)
	for {
		frames, open := l.out.take()
		if !open {
			return
		}
		for i := range frames {
			lost, err := l.conn.write(&frames[i])
			l.lost.Add(uint64(lost))
			if err != nil {
				l.drain(frames[i+1:])
				if !errors.Is(readError(err), io.EOF) {
					l.end(err)
				}
				// A peer that is gone may have said something before: the reader
				// ends the link when it has delivered that.
				return
			}
		}
		if frames != nil {
			continue
		}
		select {
		case <-l.out.wake:
		case <-l.done:
			return
		}
	}
}

// drain closes the descriptors of frames that will not be sent.
func (l *Link) drain(frames []Frame) {
	for {
		for i := range frames {
			closeAll(frames[i].FDs)
		}
		l.out.close()
		if frames, _ = l.out.take(); frames == nil {
			return
		}
	}
}

func (l *Link) reader() {
	defer close(l.in)
	for {
		f, err := l.conn.read()
		if err != nil {
			select {
			case <-l.done:
			default:
				l.end(readError(err))
			}
			return
		}
		select {
		case l.in <- f:
		case <-l.done:
			closeAll(f.FDs)
			return
		}
	}
}

// readError tells a peer that is gone from one that talks nonsense.
func readError(err error) error {
	if errors.Is(err, io.EOF) || isReset(err) {
		return io.EOF
	}
	return err
}
