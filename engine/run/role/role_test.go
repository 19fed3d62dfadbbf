// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
)

func TestStamp(t *testing.T) {
	now, wall := event.Instant(1000), int64(5_000_000)
	p := NewProducer(event.RoleVRRP, Clock{Now: func() event.Instant { return now }, Wall: func() int64 { return wall }})
	one, two := event.Event{}, event.Event{At: 400}
	p.Stamp(&one)
	p.Stamp(&two)
	if one.Seq != 1 || two.Seq != 2 || one.Epoch == 0 || one.Epoch != two.Epoch || one.Origin != event.RoleVRRP {
		t.Errorf("%+v %+v", one, two)
	}
	if one.At != 1000 || one.Wall != wall {
		t.Errorf("at %d, wall %d", one.At, one.Wall)
	}
	// What happened before it was said has its own time, on both clocks.
	if two.At != 400 || two.Wall != wall-600 {
		t.Errorf("at %d, wall %d", two.At, two.Wall)
	}
	if q := NewProducer(event.RoleVRRP, p.clock); q.Epoch() == p.Epoch() || q.Epoch() >= 1<<53 {
		t.Errorf("epochs %d and %d", p.Epoch(), q.Epoch())
	}
}

func TestStampCutsDetailBetweenCharacters(t *testing.T) {
	p := NewProducer(event.RoleParent, SystemClock())
	for _, s := range []string{strings.Repeat("x", 300), strings.Repeat("é", 150), strings.Repeat("€", 100), "short", ""} {
		e := event.Event{Detail: s}
		p.Stamp(&e)
		if len(e.Detail) > event.DetailMax || !utf8.ValidString(e.Detail) || !strings.HasPrefix(s, e.Detail) {
			t.Errorf("%q became %q", s, e.Detail)
		}
		if len(s) <= event.DetailMax && e.Detail != s {
			t.Errorf("%q was cut to %q", s, e.Detail)
		}
		if len(s) > event.DetailMax && len(e.Detail) < event.DetailMax-utf8.UTFMax {
			t.Errorf("cut to %d bytes", len(e.Detail))
		}
	}
}

func descriptor(t *testing.T, contents string) int {
	t.Helper()
	f, err := proc.Sealed("test", []byte(contents))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := ipc.Dup(f)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestUnpack(t *testing.T) {
	body, err := json.Marshal(Preparation{Options: json.RawMessage(`{"x":1}`), Listeners: []string{"http"}})
	if err != nil {
		t.Fatal(err)
	}
	f := ipc.Frame{Type: ipc.Prepare, Gen: 4, Body: body, FDs: []int{descriptor(t, "text"), descriptor(t, "listener")}}
	p, err := Unpack(&f)
	if err != nil {
		t.Fatal(err)
	}
	if p.Number != 4 || string(p.Image) != "text" || string(p.Options) != `{"x":1}` || p.Files["http"] == nil {
		t.Errorf("got %+v", p)
	}
	b := make([]byte, 8)
	if n, err := p.Files["http"].ReadAt(b, 0); string(b[:n]) != "listener" {
		t.Errorf("listener reads %q, %v", b[:n], err)
	}
	p.Files["http"].Close()
}

func TestUnpackRefuses(t *testing.T) {
	open, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	writable, err := ipc.Dup(open)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]ipc.Frame{
		"no file":                {},
		"a file that can change": {FDs: []int{writable}},
		"a listener too many":    {FDs: []int{descriptor(t, "x"), descriptor(t, "y")}},
		"a listener too few":     {FDs: []int{descriptor(t, "x")}, Body: json.RawMessage(`{"listeners":["http"]}`)},
		"a body that is no JSON": {FDs: []int{descriptor(t, "x")}, Body: json.RawMessage(`{`)},
	} {
		if p, err := Unpack(&f); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
		if f.FDs != nil {
			t.Errorf("%s: the frame still owns its descriptors", name)
		}
	}
}
