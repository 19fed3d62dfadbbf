// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/vigild/vigild/engine/event"
)

// sessionSentence says how a BFD session changed and why.
func sessionSentence(e *event.Event) string {
	what := capital(object(e.Subject.Kind, e.Subject.Name))
	switch {
	case e.To == event.Deleted:
		return what + " ended: the new configuration no longer has it"
	case e.Snapshot:
		return what + " is " + condition(e.To)
	}
	return with(what+" "+sessionChange(e), e.Detail)
}

func sessionChange(e *event.Event) string {
	ev := &e.Evidence
	peer := "the neighbour"
	if ev.Peer.IsValid() {
		peer = "the neighbour " + ev.Peer.String()
	}
	switch e.Reason { //nolint:exhaustive // the reasons of a BFD session
	case event.Startup:
		return "is down and looks for its neighbour"
	case event.NeighborUp:
		if e.To == event.Init {
			return "hears " + peer + ", which does not say yet that it hears us"
		}
		return "is up: " + peer + " hears us and is heard"
	case event.NeighborDown:
		return "is down: " + peer + " says that the session is down"
	case event.NeighborAdminDown:
		return "is down: " + peer + " was told to take the session down"
	case event.Shutdown:
		return "is down: vigild was told to stop"
	case event.Resumed:
		return "is up again after a restart of the bfd worker, and counts as never lost"
	case event.FailTimeout:
		return "is down: " + sessionSilence(e, peer)
	}
	return "is " + condition(e.To)
}

// sessionSilence compares how long nothing came with how long that may be.
func sessionSilence(e *event.Event, peer string) string {
	ev := &e.Evidence
	h, ok := ev.LastHeard()
	if !ok {
		return "nothing came from " + peer
	}
	s := fmt.Sprintf("nothing came from %s for %s, and the detection time is %s", peer, Duration(e.At.Sub(h.At)), Duration(ev.Detection))
	if ev.Lateness > ev.Interval {
		s += fmt.Sprintf("; careful: this process itself looked %s too late", Duration(ev.Lateness))
	}
	return s
}
