// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

func TestNumber(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "\n": 0, "x": 0, "-": 0, "0": 0, "7": 7, " \t7\n": 7, "+7": 7, "-7": -7, "7 8": 7, "7x": 7,
		"010": 8, "08": 0, "0x10": 16, "0XfF": 255, "0x": 0, "0xg": 0, "-0x10": -16,
		"2147483647": math.MaxInt32, "2147483648": math.MaxInt32, "-2147483648": math.MinInt32, "-2147483649": math.MinInt32,
		"99999999999999999999999": math.MaxInt32, "-99999999999999999999999": math.MinInt32,
	} {
		if got := number(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"7", "-0x10", "010", " +5", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v := number(s); v < math.MinInt32 || v > math.MaxInt32 {
			t.Errorf("%q: %d", s, v)
		}
	})
}

func value(name string, v int64) func(Report) bool {
	return func(r Report) bool {
		return r.Subject == event.Subject{Kind: event.SubjectFile, Name: name} && r.Value == v
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	put(t, one, "5\n")
	d := newDiary()
	f := NewFiles(d.report)
	defer f.Close()
	f.emptyWait = time.Hour // whoever writes here may be held up for as long as that
	if err := f.Configure([]FileSettings{{Name: "one", Path: one}, {Name: "two", Path: two}}); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "the value at the start", value("one", 5))
	d.wait(t, "a missing file", value("two", 0))
	put(t, one, "-20")
	d.wait(t, "a value that was written", value("one", -20))
	if err := os.WriteFile(two+".new", []byte("7"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(two+".new", two); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "a file that was moved there", value("two", 7))
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "a file that was removed", value("one", 0))
	if err := os.Symlink(two, one); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "a link that was made", value("one", 7))
	// Written in two pieces, or again with the same value, it has one new value.
	before := len(d.all())
	w, err := os.OpenFile(two, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"1", "2"} {
		if _, err := w.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	d.wait(t, "the whole number", value("two", 12))
	put(t, two, "012 is ten")
	d.wait(t, "an octal number", value("two", 10))
	put(t, two, "10")
	put(t, two, "11")
	d.wait(t, "the last value", value("two", 11))
	for _, r := range d.all()[before:] {
		if r.Subject.Name == "two" && r.Value != 12 && r.Value != 10 && r.Value != 11 {
			t.Errorf("a half number was reported: %+v", r)
		}
	}
	if n := strings.Count(values(d.all()[before:]), "two=10"); n != 1 {
		t.Errorf("10 was reported %d times", n)
	}
}

func values(list []Report) string {
	var b strings.Builder
	for _, r := range list {
		b.WriteString(r.Subject.Name + "=")
		for v := r.Value; ; v /= 10 {
			b.WriteByte(byte('0' + v%10))
			if v < 10 {
				break
			}
		}
		b.WriteByte(' ')
	}
	// The digits stand in reverse, which does for counting.
	return strings.ReplaceAll(b.String(), "two=01", "two=10")
}

// TestFileThatStaysEmpty: it counts as 0, as keepalived takes it, but not at once.
func TestFileThatStaysEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "5")
	d := newDiary()
	f := NewFiles(d.report)
	defer f.Close()
	if err := f.Configure([]FileSettings{{Name: "f", Path: path}}); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "the value at the start", value("f", 5))
	put(t, path, "")
	d.wait(t, "nothing", value("f", 0))
}

func TestFilesAtAReload(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	put(t, one, "1")
	put(t, two, "2")
	d := newDiary()
	f := NewFiles(d.report)
	defer f.Close()
	set := FileSettings{Name: "f", Path: one}
	if err := f.Configure([]FileSettings{set}); err != nil {
		t.Fatal(err)
	}
	if err := f.Configure([]FileSettings{set}); err != nil {
		t.Fatal(err)
	}
	if got := d.all(); len(got) != 1 {
		t.Errorf("the same file was reported again: %+v", got)
	}
	set.Path = two
	if err := f.Configure([]FileSettings{set}); err != nil {
		t.Fatal(err)
	}
	d.wait(t, "the value of another file", value("f", 2))
	put(t, one, "9")
	put(t, two, "3")
	d.wait(t, "a change of the other file", value("f", 3))
	for _, r := range d.all() {
		if r.Value == 9 {
			t.Error("a file that is not tracked any more was reported")
		}
	}
}

func TestInitFile(t *testing.T) {
	dir := t.TempDir()
	fresh, old, over := filepath.Join(dir, "fresh"), filepath.Join(dir, "old"), filepath.Join(dir, "over")
	put(t, old, "1")
	put(t, over, "1")
	d := newDiary()
	f := NewFiles(d.report)
	defer f.Close()
	set := []FileSettings{
		{Name: "fresh", Path: fresh, Init: true, InitValue: 4},
		{Name: "old", Path: old, Init: true, InitValue: 4},
		{Name: "over", Path: over, Init: true, Overwrite: true, InitValue: 4},
		{Name: "nowhere", Path: filepath.Join(dir, "no", "where"), Init: true},
	}
	if err := f.Configure(set); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a file that cannot be made: %v", err)
	}
	d.wait(t, "fresh", value("fresh", 4))
	d.wait(t, "old", value("old", 1))
	d.wait(t, "over", value("over", 4))
	// Only at the start of the daemon, not at a reload.
	put(t, over, "8")
	d.wait(t, "over", value("over", 8))
	if err := f.Configure(set[:3]); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(over); err != nil || string(b) != "8" {
		t.Errorf("the file says %q, %v", b, err)
	}
}
