// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

func TestSessionSentences(t *testing.T) {
	gw := event.Subject{Kind: event.SubjectBFD, Name: "gw"}
	far := netip.MustParseAddr("192.0.2.9")
	silent := event.Evidence{
		Peer: far, N: 1, Heard: [8]event.Heard{{At: event.Instant(time.Second)}},
		Interval: 10 * time.Millisecond, Detection: 50 * time.Millisecond,
	}
	late := silent
	late.Lateness = 40 * time.Millisecond
	for _, c := range []struct {
		e    event.Event
		want string
	}{
		{
			event.Event{To: event.Down, Reason: event.Startup},
			"The BFD session gw is down and looks for its neighbour",
		},
		{
			event.Event{From: event.Down, To: event.Init, Reason: event.NeighborUp, Evidence: event.Evidence{Peer: far}},
			"The BFD session gw hears the neighbour 192.0.2.9, which does not say yet that it hears us",
		},
		{
			event.Event{From: event.Init, To: event.Up, Reason: event.NeighborUp, Evidence: event.Evidence{Peer: far}},
			"The BFD session gw is up: the neighbour 192.0.2.9 hears us and is heard",
		},
		{
			event.Event{At: event.Instant(1052 * time.Millisecond), From: event.Up, To: event.Down, Reason: event.FailTimeout, Evidence: silent, Detail: "diagnostic 1"},
			"The BFD session gw is down: nothing came from the neighbour 192.0.2.9 for 52 ms, and the detection time is 50 ms (diagnostic 1)",
		},
		{
			event.Event{At: event.Instant(1090 * time.Millisecond), From: event.Up, To: event.Down, Reason: event.FailTimeout, Evidence: late},
			"The BFD session gw is down: nothing came from the neighbour 192.0.2.9 for 90 ms, and the detection time is 50 ms; careful: this process itself looked 40 ms too late",
		},
		{
			event.Event{From: event.Up, To: event.Down, Reason: event.FailTimeout},
			"The BFD session gw is down: nothing came from the neighbour",
		},
		{
			event.Event{From: event.Up, To: event.Down, Reason: event.NeighborDown, Evidence: event.Evidence{Peer: far}},
			"The BFD session gw is down: the neighbour 192.0.2.9 says that the session is down",
		},
		{
			event.Event{From: event.Up, To: event.Down, Reason: event.NeighborAdminDown},
			"The BFD session gw is down: the neighbour was told to take the session down",
		},
		{
			event.Event{From: event.Up, To: event.Down, Reason: event.Shutdown},
			"The BFD session gw is down: vigild was told to stop",
		},
		{
			event.Event{From: event.Up, To: event.Up, Reason: event.Resumed},
			"The BFD session gw is up again after a restart of the bfd worker, and counts as never lost",
		},
		{
			event.Event{From: event.Up, To: event.Deleted, Reason: event.Reload},
			"The BFD session gw ended: the new configuration no longer has it",
		},
		{
			event.Event{From: event.Init, To: event.Up, Reason: event.NeighborUp, Snapshot: true},
			"The BFD session gw is up",
		},
		{
			event.Event{To: event.Down},
			"The BFD session gw is down",
		},
	} {
		c.e.Kind, c.e.Subject = event.TrackChanged, gw
		if got := Sentence(&c.e); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
