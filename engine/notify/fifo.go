// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

const (
	// fifoMode is the mode of a FIFO that we create (compat).
	fifoMode = 0o644
	// fifoPause is the time between two looks at a full FIFO.
	fifoPause = 20 * time.Millisecond
	// fifoDrain is how long Close waits for a reader to take what is in the FIFO.
	fifoDrain = 500 * time.Millisecond
	// lineMax is what the kernel writes to a FIFO in one piece (PIPE_BUF).
	lineMax = 4096
)

// FIFOs writes one line for each transition to each FIFO and runs the programs
// that read them. A FIFO that is full holds its own lines back: they wait, the
// oldest are dropped and counted when too many do, and the newest state of
// each subject is kept.
//
// compat: the lines, the mode and the way of opening are keepalived's; it
// loses every line that finds the FIFO full.
type FIFOs struct {
	book *book
	opt  Options
	mu   sync.Mutex
	list []*fifo
}

type fifo struct {
	set FIFOSettings
	mu  sync.Mutex
	// fd is -1 once closed.
	fd      int
	created bool
	q       *queue
	// reader is closed when the program that reads has ended for good.
	stop   context.CancelFunc
	reader chan struct{}
}

// NewFIFOs opens the FIFOs and starts their readers. One that cannot be opened
// is in the error; the others work.
func NewFIFOs(s *Settings, o Options) (*FIFOs, error) {
	f := &FIFOs{book: newBook(s), opt: o}
	return f, f.open(s.FIFOs)
}

func (f *FIFOs) open(sets []FIFOSettings) error {
	var errs []error
	for _, set := range sets {
		one, err := openFIFO(set)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.mu.Lock()
		f.list = append(f.list, one)
		f.mu.Unlock()
		if set.Script.Set() {
			one.reader = make(chan struct{})
			var ctx context.Context
			ctx, one.stop = context.WithCancel(context.Background())
			go one.read(ctx, &f.opt)
		}
	}
	return errors.Join(errs...)
}

// Configure puts other settings into force. A FIFO whose settings are the same
// stays open and keeps its reader; one that is gone is closed, which takes at
// most half a second. It must not be called while Events runs.
func (f *FIFOs) Configure(ctx context.Context, s *Settings) error {
	f.book.configure(s)
	var keep []*fifo
	var add []FIFOSettings
	wanted := map[string]bool{}
	for _, set := range s.FIFOs {
		wanted[set.key()] = true
	}
	have := map[string]bool{}
	for _, one := range f.all() {
		if !wanted[one.set.key()] {
			one.close(ctx)
			continue
		}
		keep = append(keep, one)
		have[one.set.key()] = true
	}
	for _, set := range s.FIFOs {
		if !have[set.key()] {
			add = append(add, set)
		}
	}
	f.mu.Lock()
	f.list = keep
	f.mu.Unlock()
	return f.open(add)
}

func (f *FIFOs) all() []*fifo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (s *FIFOSettings) key() string { return fmt.Sprintf("%q", *s) }

// Events takes edges in order. It never blocks.
func (f *FIFOs) Events(es []event.Event) {
	for i := range es {
		n, ok := f.book.read(&es[i])
		if !ok {
			continue
		}
		for _, one := range f.all() {
			if one.set.takes(&n) {
				one.push(n, &f.opt)
			}
		}
	}
}

// line is what keepalived writes.
func (n *notice) line() string {
	if n.pooled() {
		return n.scope + " " + n.full() + " " + n.word + "\n"
	}
	return n.scope + ` "` + n.subject.Name + `" ` + n.word + " " + strconv.Itoa(int(n.priority)) + "\n"
}

func (o *fifo) push(n notice, opt *Options) { o.q.push(o.job(n, opt)) }

// job is the writing of a line.
func (o *fifo) job(n notice, opt *Options) *job {
	channel := event.Subject{Kind: event.SubjectChannel, Name: "fifo", Sub: o.set.Keyword}
	line := n.line()
	queued := time.Now()
	return &job{
		key: n.subject, final: n.matter == aboutState,
		do: func(ctx context.Context, _ int) outcome { return o.write(ctx, line) },
		done: func(try int, _ time.Duration, out outcome, over bool) {
			opt.report(&n.ev, channel, try, time.Since(queued), out, over)
		},
	}
}

// write writes one line, and waits while the FIFO is full.
func (o *fifo) write(ctx context.Context, line string) outcome {
	if len(line) > lineMax {
		return outcome{reason: event.FailInvalid, detail: "the line is longer than a FIFO takes in one piece", permanent: true}
	}
	t := time.NewTicker(fifoPause)
	defer t.Stop()
	for {
		err := o.try(line)
		switch {
		case err == nil:
			return outcome{}
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return outcome{reason: event.FailKernel, detail: err.Error(), permanent: true}
		}
		select {
		case <-ctx.Done():
			return outcome{reason: event.FailOverflow, detail: "nobody reads " + o.set.Path, permanent: true}
		case <-t.C:
		}
	}
}

func (o *fifo) try(line string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := unix.Write(o.fd, []byte(line))
	return err
}

// openFIFO creates the FIFO unless it is there, and opens it for both reading
// and writing, so that no reader is needed (compat).
func openFIFO(set FIFOSettings) (*fifo, error) {
	o := &fifo{set: set}
	err := unix.Mkfifo(set.Path, fifoMode)
	switch {
	case err == nil:
		o.created = true
		if err := o.own(); err != nil {
			_ = os.Remove(set.Path)
			return nil, err
		}
	case !errors.Is(err, unix.EEXIST):
		return nil, fmt.Errorf("create %s %s: %w", set.Keyword, set.Path, err)
	}
	o.fd, err = unix.Open(set.Path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s %s: %w", set.Keyword, set.Path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(o.fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		_ = unix.Close(o.fd)
		return nil, fmt.Errorf("open %s %s: it is not a FIFO", set.Keyword, set.Path)
	}
	o.q = newQueue(limits{workers: 1, total: 1024, perLane: 1024, tries: 1})
	return o, nil
}

// own gives a new FIFO its mode, whatever the umask, and its owner.
func (o *fifo) own() error {
	if err := os.Chmod(o.set.Path, fifoMode); err != nil {
		return fmt.Errorf("set the mode of %s: %w", o.set.Keyword, err)
	}
	if o.set.User == "" {
		return nil
	}
	uid, gid, err := account(o.set.User, o.set.Group)
	if err != nil {
		return fmt.Errorf("owner of %s %s: %w", o.set.Keyword, o.set.Path, err)
	}
	if err := os.Chown(o.set.Path, uid, gid); err != nil {
		return fmt.Errorf("set the owner of %s: %w", o.set.Keyword, err)
	}
	return nil
}

// account finds a user and a group by name; no group means the user's own.
func account(name, group string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	id := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return 0, 0, err
		}
		id = g.Gid
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, fmt.Errorf("user id of %s: %w", name, err)
	}
	if gid, err = strconv.Atoi(id); err != nil {
		return 0, 0, fmt.Errorf("group id of %s: %w", name, err)
	}
	return uid, gid, nil
}

// read keeps the program that reads the FIFO running, with a pause that grows
// while it does not last.
func (o *fifo) read(ctx context.Context, opt *Options) {
	defer close(o.reader)
	c := Command{
		Argv: append(append([]string{}, o.set.Script.Argv...), o.set.Path),
		Env:  inherited(opt.Environ), User: o.set.Script.User, Group: o.set.Script.Group,
	}
	channel := event.Subject{Kind: event.SubjectChannel, Name: "fifo", Sub: o.set.Keyword + "_script"}
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		r := opt.Run(ctx, c, 0)
		if ctx.Err() != nil {
			return
		}
		opt.tell(event.Event{
			Kind: event.ExecDone, Subject: channel, Count: int64(r.Status), Reason: r.Reason, Took: r.Took,
			Detail: clip(join(c.Argv[0], join(r.Detail, "started again"))),
		})
		if r.Took > time.Minute {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Close writes what waits, if there is room, gives readers a moment to take
// it, ends them, and removes the FIFOs that were created here.
func (f *FIFOs) Close(ctx context.Context) {
	for _, one := range f.all() {
		one.close(ctx)
	}
	f.mu.Lock()
	f.list = nil
	f.mu.Unlock()
}

func (o *fifo) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fifoDrain)
	defer cancel()
	o.q.close(ctx)
	if o.stop != nil {
		o.drain(ctx)
		o.stop()
		select {
		case <-o.reader:
		case <-ctx.Done():
		}
	}
	o.mu.Lock()
	_ = unix.Close(o.fd)
	o.fd = -1
	o.mu.Unlock()
	if o.created {
		_ = os.Remove(o.set.Path)
	}
}

// drain waits until the reader has taken everything out of the FIFO.
func (o *fifo) drain(ctx context.Context) {
	t := time.NewTicker(fifoPause)
	defer t.Stop()
	for {
		if n, err := unix.IoctlGetInt(o.fd, unix.TIOCINQ); err != nil || n == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Stats returns the counters of each FIFO.
func (f *FIFOs) Stats() []Stats {
	var out []Stats
	for _, one := range f.all() {
		s := one.q.snapshot()
		s.Channel, s.Name = "fifo", one.set.Keyword
		out = append(out, s)
	}
	return out
}
