// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// poolSamples are events of health checking, one for each form of sentence.
func poolSamples() []event.Event {
	web := event.Subject{Kind: event.SubjectVirtualServer, Name: "tcp/192.0.2.1:80"}
	real := event.Subject{Kind: event.SubjectRealServer, Name: web.Name, Sub: "198.51.100.9:80"}
	sorry := event.Subject{Kind: event.SubjectRealServer, Name: web.Name, Sub: "sorry/198.51.100.7:80"}
	check := func(k event.CheckEvidence) event.Evidence {
		k.Checker, k.Index, k.Target = event.CheckerHTTP, 1, netip.MustParseAddrPort("198.51.100.9:80")
		return event.Evidence{Check: k}
	}
	failed := check(event.CheckEvidence{Status: 503, Failures: 1, Attempt: 1, Retries: 3})
	gone := check(event.CheckEvidence{Status: 503, Failures: 4, Attempt: 4, Retries: 3})
	quorum := event.Evidence{Check: event.CheckEvidence{Alive: 2, Quorum: 3, Hysteresis: 1}}
	out := []event.Event{
		{Kind: event.CheckOutcome, Subject: real, From: event.Up, To: event.Up, Reason: event.FailHTTPStatus, Evidence: failed},
		{Kind: event.CheckOutcome, Subject: real, From: event.Up, To: event.Down, Reason: event.FailHTTPStatus, Evidence: gone, Detail: "/health"},
		{Kind: event.CheckOutcome, Subject: real, From: event.Down, To: event.Up, Reason: event.Recovered, Evidence: failed},
		{Kind: event.CheckOutcome, Subject: real, From: event.Up, To: event.Up, Reason: event.Slow, Took: 2 * time.Second, Evidence: failed},
		{Kind: event.CheckOutcome, Subject: real, From: event.Up, To: event.Up, Reason: event.Sampled, Took: 2 * time.Millisecond, Evidence: failed},
		{Kind: event.ServerState, Subject: real, From: event.Up, To: event.Down, Reason: event.FailHTTPStatus, Evidence: gone},
		{Kind: event.ServerState, Subject: real, To: event.Down, Reason: event.FailHTTPStatus, Evidence: gone, Snapshot: true},
		{Kind: event.ServerState, Subject: real, From: event.Up, To: event.Up, Reason: event.WeightChanged, Evidence: check(event.CheckEvidence{Weight: 5, WeightNow: 20})},
		{Kind: event.ServerState, Subject: real, From: event.Up, To: event.Disabled, Reason: event.HASuspend},
		{Kind: event.ServerState, Subject: real, From: event.Disabled, To: event.Up, Reason: event.HASuspend},
		{Kind: event.ServerState, Subject: sorry, From: event.Down, To: event.Up, Reason: event.SorryServer},
		{Kind: event.ServerState, Subject: sorry, From: event.Up, To: event.Down, Reason: event.SorryServer},
		{Kind: event.ServiceQuorum, Subject: web, From: event.Up, To: event.Down, Reason: event.ServerDown, Evidence: quorum},
		{Kind: event.ServiceQuorum, Subject: web, From: event.Down, To: event.Up, Reason: event.ServerUp, Evidence: quorum},
		{Kind: event.ServiceQuorum, Subject: web, To: event.Up, Reason: event.Initial, Evidence: quorum, Snapshot: true},
		{Kind: event.ServiceQuorum, Subject: web, To: event.Down, Reason: event.Initial, Evidence: quorum, Snapshot: true},
		{Kind: event.ServiceBrake, Subject: web, From: event.Down, To: event.Up, Reason: event.Brake, Count: 3},
		{Kind: event.ServiceBrake, Subject: web, From: event.Up, To: event.Down, Reason: event.Brake},
		{Kind: event.IPVSApplied, Subject: web, Reason: event.Drift, Count: 1, Took: time.Millisecond},
		{Kind: event.IPVSApplied, Subject: event.Subject{Kind: event.SubjectRouter, Name: "ipvs"}, Reason: event.Startup, Count: 40, Took: 2 * time.Millisecond},
		{Kind: event.IPVSApplied, Subject: web, Reason: event.FailKernel, Count: 2, Detail: "add destination 198.51.100.9:80: invalid argument"},
	}
	for _, why := range []event.Reason{event.Recovered, event.Initial, event.Reload, event.Admin, event.Shutdown, event.Resumed, event.Brake} {
		out = append(out, event.Event{Kind: event.ServerState, Subject: real, From: event.Down, To: event.Up, Reason: why, Evidence: failed})
	}
	return out
}

// TestEveryFailureHasWords: each way in which a check fails has a sentence, and
// no other reason has.
func TestEveryFailureHasWords(t *testing.T) {
	known := map[event.Reason]bool{}
	for _, r := range event.CheckFailures() {
		known[r] = true
		if checkFailures[r] == "" {
			t.Errorf("no words for %s", r)
		}
	}
	for r := range checkFailures {
		if !known[r] {
			t.Errorf("%s is no way in which a check fails", r)
		}
	}
}

// TestWhyPoolPutsThingsInOrder: the first failure, the change, and what came of it.
func TestWhyPoolPutsThingsInOrder(t *testing.T) {
	s := poolSamples()
	failed, down, lost := s[1], s[5], s[12]
	failed.Epoch, failed.Seq, failed.At = 1, 1, 9e9
	down.Epoch, down.Seq, down.At, down.Wall = 1, 2, 9e9, 1_763_625_609_000_000_000
	lost.Epoch, lost.Seq, lost.At, lost.Cause = 1, 3, 9e9, down.Ref()
	down.Evidence.Check.Since = 6e9
	a := WhyPool(&PoolCase{
		Subject: down.Subject, Name: "real server 198.51.100.9:80", State: event.Up, Now: down.Wall + 5e9,
		Last: down, Chain: []event.Event{failed}, Story: []event.Event{lost}, Present: []Fact{{"pool", "weight 0"}},
	})
	if a.What != "Real server 198.51.100.9:80 went DOWN at 2025-11-20 08:00:09.000 UTC, 5 s ago; it is UP now." {
		t.Errorf("what: %s", a.What)
	}
	if a.Cause != "Its HTTP_GET failed: the server answered with a status that is not accepted, 503, 4 times in a row." || len(a.LookAt) == 0 {
		t.Errorf("cause: %s; look at %q", a.Cause, a.LookAt)
	}
	var line []string
	for _, m := range a.Timeline {
		line = append(line, string(m.Mark))
	}
	if got := strings.Join(line, ""); got != ".!*+" || a.Timeline[0].After != -3*time.Second {
		t.Errorf("timeline %s: %+v", got, a.Timeline)
	}
	if last := a.Evidence[len(a.Evidence)-1]; last.Says != "weight 0" {
		t.Errorf("evidence: %+v", a.Evidence)
	}
	none := WhyPool(&PoolCase{Name: "virtual server x", State: event.Unknown})
	if none.What != "Virtual server x is UNKNOWN and has not changed yet." || none.ID != "" {
		t.Errorf("without a change: %+v", none)
	}
}
