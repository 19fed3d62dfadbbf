// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mark makes the file of reload_file, or empties it, for as long as the
// configuration is read; a path that is a name stands for the file of that name
// beside the pid file. It returns what takes it away. An empty path asks for
// nothing.
func Mark(path, pidFile string) (unmark func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(pidFile), path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return func() {}, fmt.Errorf("reload_file: %w", err)
	}
	f.Close()
	// Who waits for it to go may have taken it away.
	return func() { _ = os.Remove(path) }, nil
}

// reloadTimes are what a line of reload_time_file may be; compat: to the letter.
var reloadTimes = []string{"15:04:05", "06-01-02 15:04:05", "2006-01-02 15:04:05"}

// errPast is a time that is over.
var errPast = errors.New("the time is over")

// reloadTime reads the first line of reload_time_file: a time of today or
// tomorrow, or a time of a day; with a Z at its end it is UTC.
func reloadTime(line string, now time.Time) (time.Time, error) {
	text, utc := strings.CutSuffix(line, "Z")
	zone := now.Location()
	if utc {
		zone = time.UTC
	}
	for _, layout := range reloadTimes {
		if len(text) != len(layout) {
			continue
		}
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		if layout == reloadTimes[0] {
			n := now.In(zone)
			t = time.Date(n.Year(), n.Month(), n.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
			if !t.After(now) {
				t = t.AddDate(0, 0, 1)
			}
			return t, nil
		}
		if !t.After(now) {
			return t, errPast
		}
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: HH:MM:SS, or with YY-MM-DD or YYYY-MM-DD before it", line)
}

// look is how often reload_time_file is looked at.
const look = time.Second

// Timetable reloads at the time that a file says.
type Timetable struct {
	// Reload asks for a reload, and Say tells of what was scheduled or is wrong.
	Reload func()
	Say    func(what string, err error)

	wanted chan timetable
	done   chan struct{}
}

// timetable is what the configuration says of it.
type timetable struct {
	path   string
	repeat bool
}

// Start begins; nothing happens before Configure.
func (t *Timetable) Start() {
	t.wanted, t.done = make(chan timetable, 1), make(chan struct{})
	go t.run()
}

// Configure names the file, none if path is empty. compat: only an absolute path
// is looked at.
func (t *Timetable) Configure(path string, repeat bool) {
	select {
	case <-t.wanted: // overtaken
	default:
	}
	t.wanted <- timetable{path, repeat}
}

// Close ends it.
func (t *Timetable) Close() {
	close(t.wanted)
	<-t.done
}

func (t *Timetable) run() {
	defer close(t.done)
	var set timetable
	var seen string
	var at time.Time
	tick := time.NewTimer(time.Hour)
	defer tick.Stop()
	for {
		select {
		case s, ok := <-t.wanted:
			if !ok {
				return
			}
			if s != set {
				set, seen, at = s, "", time.Time{}
			}
		case <-tick.C:
		}
		if !filepath.IsAbs(set.path) {
			tick.Reset(time.Hour)
			continue
		}
		if !at.IsZero() && !time.Now().Before(at) {
			at, seen = time.Time{}, ""
			if !set.repeat {
				// compat: so that it is not read again for tomorrow.
				if err := os.Remove(set.path); err != nil {
					t.Say("reload_time_file", err)
				}
			}
			t.Reload()
		}
		seen, at = t.read(set.path, seen, at)
		next := look
		if left := time.Until(at); !at.IsZero() && left < next {
			next = max(left, 0)
		}
		tick.Reset(next)
	}
}

// read looks at the file: what it said before is left as it is.
func (t *Timetable) read(path, seen string, at time.Time) (string, time.Time) {
	mark, line := firstLine(path)
	if mark == seen {
		return seen, at
	}
	if mark == "" {
		t.Say("the reload that was scheduled is cancelled", nil)
		return "", time.Time{}
	}
	when, err := reloadTime(line, time.Now())
	if err != nil {
		t.Say("reload_time_file", err)
		return mark, time.Time{}
	}
	t.Say("a reload is scheduled for "+when.Format(time.RFC3339), nil)
	return mark, when
}

// firstLine is the first line of a file, and what changes when the file does;
// both are empty where there is none.
func firstLine(path string) (mark, line string) {
	f, err := os.Open(path)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return "", ""
	}
	s := bufio.NewScanner(f)
	if s.Scan() {
		line = s.Text()
	}
	return st.ModTime().String() + " " + line, line
}
