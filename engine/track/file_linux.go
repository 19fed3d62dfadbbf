// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

// Files reads each track_file at the start and whenever it changes.
type Files struct {
	report func(Report)
	mu     sync.Mutex
	files  map[string]FileSettings // by name
	made   map[string]bool         // init_file was done
	last   map[string]int64        // values reported
	dirs   map[int32]string        // watch descriptor to folder
	notify *os.File
	ended  chan struct{}
	// emptyWait is how long a file must stay empty to count as such.
	emptyWait time.Duration
}

// NewFiles returns Files that watch nothing yet.
func NewFiles(report func(Report)) *Files {
	return &Files{report: report, made: map[string]bool{}, emptyWait: 20 * time.Millisecond}
}

// watched are the changes that matter. A file that is being written is read
// when it is closed, so that no half number is ever taken for a value.
const watched = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CREATE |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// Configure goes over to a new list and reports every value that is new.
func (f *Files) Configure(list []FileSettings) error {
	f.stop()
	f.mu.Lock()
	old, values := f.files, f.last
	f.files, f.last, f.dirs = map[string]FileSettings{}, map[string]int64{}, map[int32]string{}
	for i := range list {
		c := list[i]
		f.files[c.Name] = c
		if v, ok := values[c.Name]; ok && old[c.Name].Path == c.Path {
			f.last[c.Name] = v
		}
	}
	f.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	err := errors.Join(f.create(list), f.watch(list))
	f.readAll()
	return err
}

// Close ends all watching.
func (f *Files) Close() { f.stop() }

func (f *Files) stop() {
	if f.notify == nil {
		return
	}
	f.notify.Close()
	<-f.ended
	f.notify = nil
}

// create makes the files that init_file asks for, once in the life of the daemon.
func (f *Files) create(list []FileSettings) error {
	var errs []error
	for i := range list {
		c := &list[i]
		if !c.Init || f.made[c.Name] {
			continue
		}
		f.made[c.Name] = true
		flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
		if c.Overwrite {
			flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		w, err := os.OpenFile(c.Path, flags, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			_, err = fmt.Fprintln(w, c.InitValue)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("track file %s: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Files) watch(list []FileSettings) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch track files: %w", err)
	}
	var errs []error
	for i := range list {
		dir := filepath.Dir(list[i].Path)
		wd, err := unix.InotifyAddWatch(fd, dir, watched)
		if err != nil {
			errs = append(errs, fmt.Errorf("watch %s for track file %s: %w", dir, list[i].Name, err))
			continue
		}
		f.dirs[int32(wd)] = dir
	}
	f.notify = os.NewFile(uintptr(fd), "inotify")
	f.ended = make(chan struct{})
	go f.follow(f.notify, f.ended)
	return errors.Join(errs...)
}

// follow reads changes until the descriptor is closed.
func (f *Files) follow(r *os.File, ended chan struct{}) {
	defer close(ended)
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
			end := unix.SizeofInotifyEvent + int(e.Len)
			if end > len(b) {
				break
			}
			f.changed(e, strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00"))
			b = b[end:]
		}
	}
}

func (f *Files) changed(e *unix.InotifyEvent, name string) {
	if e.Mask&(unix.IN_Q_OVERFLOW|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0 {
		f.readAll()
		return
	}
	path := filepath.Join(f.dirs[e.Wd], name)
	for _, c := range f.list() {
		if c.Path != path && filepath.Clean(c.Path) != path {
			continue
		}
		v, empty := read(c.Path)
		switch {
		case !empty:
			f.say(&c, v)
		case e.Mask&unix.IN_CREATE == 0:
			// Perhaps somebody has just emptied it to write the next number.
			time.AfterFunc(f.emptyWait, func() { f.look(&c) })
		}
	}
}

// look reads a file that is tracked still.
func (f *Files) look(c *FileSettings) {
	f.mu.Lock()
	tracked := f.files[c.Name].Path == c.Path
	f.mu.Unlock()
	if tracked {
		v, _ := read(c.Path)
		f.say(c, v)
	}
}

func (f *Files) list() []FileSettings {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]FileSettings, 0, len(f.files))
	for _, c := range f.files {
		out = append(out, c)
	}
	return out
}

func (f *Files) readAll() {
	for _, c := range f.list() {
		v, _ := read(c.Path)
		f.say(&c, v)
	}
}

// say reports a value unless it is the one that was reported last.
func (f *Files) say(c *FileSettings, v int64) {
	f.mu.Lock()
	last, known := f.last[c.Name]
	f.last[c.Name] = v
	f.mu.Unlock()
	if known && last == v {
		return
	}
	f.report(Report{Subject: event.Subject{Kind: event.SubjectFile, Name: c.Name}, Value: v})
}

// read returns the number in a file: 0 for a missing or empty one (compat).
func read(path string) (v int64, empty bool) {
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, false
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 128))
	if err != nil {
		return 0, false
	}
	return number(string(text)), len(text) == 0
}

// number reads as C's strtol with base 0 does: what follows the digits does
// not matter, and a number out of range is the nearest 32-bit one.
func number(s string) int64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	sign := int64(1)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	base, digits := 10, "0123456789"
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") && strings.IndexByte(hexDigits, s[2]) >= 0:
		base, digits, s = 16, hexDigits, s[2:]
	case strings.HasPrefix(s, "0"):
		base, digits = 8, "01234567"
	}
	end := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(digits, r) })
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return 0
	}
	v, err := strconv.ParseInt(s[:end], base, 64)
	if err != nil {
		v = math.MaxInt64 // only a range error is left
	}
	if sign < 0 {
		return max(-v, math.MinInt32)
	}
	return min(v, math.MaxInt32)
}

const hexDigits = "0123456789abcdefABCDEF"
