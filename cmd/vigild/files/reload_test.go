// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReloadTime(t *testing.T) {
	zone := time.FixedZone("here", 2*60*60)
	now := time.Date(2026, 5, 6, 12, 0, 0, 0, zone)
	for _, c := range []struct {
		line string
		want time.Time
		err  error
	}{
		{"12:00:01", now.Add(time.Second), nil},
		{"12:00:00", now.AddDate(0, 0, 1), nil},
		{"11:59:59", now.AddDate(0, 0, 1).Add(-time.Second), nil},
		{"10:00:01Z", now.Add(time.Second), nil},
		{"26-05-06 12:00:05", now.Add(5 * time.Second), nil},
		{"2026-05-07 12:00:00", now.AddDate(0, 0, 1), nil},
		{"2026-05-07 10:00:00Z", now.AddDate(0, 0, 1), nil},
		{"2026-05-06 12:00:00", now, errPast},
	} {
		got, err := reloadTime(c.line, now)
		if !errors.Is(err, c.err) || !got.Equal(c.want) {
			t.Errorf("%q: %v, %v; want %v, %v", c.line, got, err, c.want, c.err)
		}
	}
	for _, bad := range []string{"", "12:00", " 12:00:01", "12:00:01 ", "2026-05-07  12:00:00", "12:00:61", "2026-13-07 12:00:00", "12:00:01z"} {
		if got, err := reloadTime(bad, now); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestMark(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keepalived.reload")
	if err := os.WriteFile(path, []byte("somebody waits"), 0o600); err != nil {
		t.Fatal(err)
	}
	unmark, err := Mark("keepalived.reload", filepath.Join(dir, "keepalived.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != 0 {
		t.Errorf("while it is read: %v, %v", st, err)
	}
	unmark()
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is left")
	}
	if unmark, err = Mark("", "x"); err != nil {
		t.Error(err)
	}
	unmark()
	if _, err := Mark(filepath.Join(dir, "no", "x"), "x"); err == nil {
		t.Error("a file in no folder")
	}
}

// A file that appears reloads at its time, once, and is gone; with repeat it stays.
func TestTimetable(t *testing.T) {
	for _, repeat := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "when")
		reloads, said := make(chan time.Time, 8), make(chan error, 64)
		table := &Timetable{Reload: func() { reloads <- time.Now() }, Say: func(_ string, err error) { said <- err }}
		table.Start()
		table.Configure(path, repeat)
		if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := <-said; err == nil {
			t.Error("nonsense was scheduled")
		}
		at := time.Now().Add(3 * time.Second).Truncate(time.Second)
		if err := os.WriteFile(path, []byte(at.UTC().Format("15:04:05")+"Z\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := <-said; err != nil {
			t.Fatal(err)
		}
		if got := <-reloads; got.Before(at) {
			t.Errorf("reloaded at %v, was to be at %v", got, at)
		}
		_, err := os.Stat(path)
		if left := err == nil; left != repeat {
			t.Errorf("repeat %t: the file is left: %t", repeat, left)
		}
		table.Close()
		if len(reloads) > 0 {
			t.Error("reloaded more than once")
		}
	}
}
