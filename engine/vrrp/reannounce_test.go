// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"slices"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

// A MASTER announces once more when it is asked to; a BACKUP, or somebody else's
// name, does not.
func TestReannounce(t *testing.T) {
	b := newBench(t, nil)
	announces := func() (out []Action) {
		for _, a := range b.out.Actions {
			if a.Kind == Announce {
				out = append(out, a)
			}
		}
		return out
	}
	b.step(Reannounce{Name: "V"})
	if got := announces(); len(got) != 0 {
		t.Errorf("a backup announces %+v", got)
	}
	b.tick()
	if b.state() != event.Master {
		t.Fatal(b.state())
	}
	b.step(Reannounce{Name: "other"})
	if got := announces(); len(got) != 0 {
		t.Errorf("somebody else's name: %+v", got)
	}
	b.step(Reannounce{Name: "V"})
	if got := announces(); len(got) != 1 || got[0].Repeat != 1 || got[0].Reason != event.AnnounceRefresh || len(b.out.Events) != 0 {
		t.Errorf("the master: %+v, %+v", got, b.out.Events)
	}
	if slices.ContainsFunc(b.out.Actions, func(a Action) bool { return a.Kind == Send }) {
		t.Error("an advert was sent for it")
	}
}
