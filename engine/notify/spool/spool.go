// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
)

const (
	// DefaultMax is how much a spool holds unless something else is said.
	DefaultMax = 64 << 20
	// messageMax bounds one file of it.
	messageMax = 1 << 20
	// Mode is for the owner alone: mail may be confidential.
	Mode      = 0o600
	suffix    = ".mail"
	badSuffix = ".bad"
	// complainEvery is how often a spool that cannot be written is told of.
	complainEvery = time.Minute
)

// Message is a mail as it waits on the disk.
type Message struct {
	Version int `json:"version"`
	// Event is what it is about.
	Event event.Event `json:"event"`
	Lane  string      `json:"lane"`
	// Queued is when it began to wait, in nanoseconds since the Unix epoch.
	Queued int64    `json:"queued"`
	To     []string `json:"to"`
	Text   []byte   `json:"text"`

	// Name is that of its file.
	Name string `json:"-"`
}

// Spool keeps mail on the disk until it is delivered. One goroutine does what it
// is told, in order; telling it never waits for the disk.
type Spool struct {
	dir  string
	max  int64
	tell func(error)

	mu   sync.Mutex
	todo []order
	// now is what is being written.
	now string
	// sizes are the files there are, in bytes; used is their sum.
	sizes map[string]int64
	used  int64
	busy  bool
	idle  chan struct{}
	// errors counts what could not be kept, complained is when that was last told.
	errors     uint64
	complained time.Time
	number     uint64
}

// order is one thing to do: write a file, or remove it if write is nil.
type order struct {
	name  string
	write func() Message
}

// ErrFull is a spool that holds as much as it may.
var ErrFull = errors.New("the spool is full")

// Open opens a folder, which is made if need be, and returns what waits in it,
// the oldest first. Files that cannot be read are put aside and counted.
func Open(dir string, most int64, tell func(error)) (*Spool, []Message, error) {
	if most <= 0 {
		most = DefaultMax
	}
	s := &Spool{dir: dir, max: most, tell: tell, sizes: map[string]int64{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	if err := s.probe(); err != nil {
		return nil, nil, err
	}
	list, err := os.ReadDir(dir) // sorted by name, which is by age
	if err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	var out []Message
	for _, f := range list {
		if !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		one, size, err := s.read(f.Name())
		if err != nil {
			path := filepath.Join(dir, f.Name())
			s.complain(errors.Join(err, os.Rename(path, path+badSuffix)))
			continue
		}
		s.sizes[f.Name()] = size
		s.used += size
		out = append(out, one)
	}
	return s, out, nil
}

// probe finds out whether files can be made, and takes away what a predecessor
// began to write.
func (s *Spool) probe() error {
	left, err := filepath.Glob(filepath.Join(s.dir, ".new-*"))
	if err == nil {
		for _, name := range left {
			err = errors.Join(err, os.Remove(name))
		}
	}
	f, openErr := os.CreateTemp(s.dir, ".new-")
	if openErr != nil {
		return fmt.Errorf("spool: %w", errors.Join(err, openErr))
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func (s *Spool) read(name string) (one Message, size int64, err error) {
	path := filepath.Join(s.dir, name)
	st, err := os.Lstat(path)
	switch {
	case err != nil:
		return one, 0, fmt.Errorf("spool: %w", err)
	case !st.Mode().IsRegular() || st.Size() > messageMax:
		return one, 0, fmt.Errorf("spool: %s is no mail of ours", name)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &one)
	}
	switch {
	case err != nil:
		return one, 0, fmt.Errorf("spool: %s: %w", name, err)
	case one.Version != 1 || len(one.To) == 0 || len(one.Text) == 0 || one.Lane == "":
		return one, 0, fmt.Errorf("spool: %s is no mail of ours", name)
	}
	one.Name = name
	return one, st.Size(), nil
}

// Put has a mail written, and returns the name it has from now on.
func (s *Spool) Put(queued time.Time, write func() Message) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	name := fmt.Sprintf("%020d-%06d%s", queued.UnixNano(), s.number%1_000_000, suffix)
	s.give(order{name, write})
	return name
}

// Replace has another text written under a name.
func (s *Spool) Replace(name string, write func() Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give(order{name, write})
}

// Remove takes a mail out that is delivered or given up.
func (s *Spool) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.todo = slices.DeleteFunc(s.todo, func(o order) bool { return o.name == name }) // it was quicker than the disk
	s.give(order{name: name})
}

func (s *Spool) give(o order) {
	s.todo = append(s.todo, o)
	if !s.busy {
		s.busy, s.idle = true, make(chan struct{})
		go s.work()
	}
}

func (s *Spool) work() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.todo) > 0 {
		o := s.todo[0]
		s.todo = s.todo[1:]
		if s.now = o.name; o.write == nil {
			s.now = ""
		}
		size, room := s.sizes[o.name], s.max-s.used
		s.mu.Unlock()
		size, err := s.carry(o, size, room)
		s.mu.Lock()
		s.used += size - s.sizes[o.name]
		if s.sizes[o.name] = size; size == 0 {
			delete(s.sizes, o.name)
		}
		if err != nil {
			s.complain(err)
		}
	}
	s.busy, s.now = false, ""
	close(s.idle)
}

// carry carries an order out and returns the size of the file afterwards. A mail
// whose writing failed is not in the spool, and removing it does nothing.
func (s *Spool) carry(o order, size, room int64) (int64, error) {
	path := filepath.Join(s.dir, o.name)
	if o.write == nil {
		if size == 0 {
			return 0, nil
		}
		if err := os.Remove(path); err != nil {
			return size, fmt.Errorf("spool: %w", err)
		}
		return 0, nil
	}
	mail := o.write()
	text, err := json.Marshal(&mail)
	switch {
	case err != nil:
		return 0, fmt.Errorf("spool: %w", err)
	case int64(len(text)) > room || len(text) > messageMax:
		return 0, ErrFull
	}
	if err := s.write(path, text); err != nil {
		return 0, fmt.Errorf("spool: %w", err)
	}
	return int64(len(text)), nil
}

// write makes a file that is there whole or not at all.
func (s *Spool) write(path string, text []byte) error {
	f, err := os.CreateTemp(s.dir, ".new-")
	if err != nil {
		return err
	}
	err = f.Chmod(Mode)
	if err == nil {
		_, err = bytes.NewReader(text).WriteTo(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// complain counts what could not be kept, and tells of it once a minute. The
// mail itself is still in memory, and is delivered from there.
func (s *Spool) complain(err error) {
	s.errors++
	if now := time.Now(); now.Sub(s.complained) >= complainEvery {
		s.complained = now
		go s.tell(err)
	}
}

// Settle waits until everything is on the disk.
func (s *Spool) Settle(ctx context.Context) {
	s.mu.Lock()
	idle, busy := s.idle, s.busy
	s.mu.Unlock()
	if !busy {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// Holds says whether a mail is on the disk, or about to be written.
func (s *Spool) Holds(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sizes[name] > 0 || s.now == name || slices.ContainsFunc(s.todo, func(o order) bool { return o.name == name && o.write != nil })
}

func (s *Spool) Failures() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errors
}
