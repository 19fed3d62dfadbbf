// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"time"

	"github.com/vigild/vigild/collector"
	"github.com/vigild/vigild/collector/trace"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/snmp/agentx"
)

// What the exits count, in the collector's words.

func (w *watcher) channels() []collector.ChannelStats {
	out := []collector.ChannelStats{channel(w.mailer.Stats())}
	for _, s := range w.hooks.Stats() {
		out = append(out, channel(s))
	}
	out = append(out, w.bus.Load().counts()...)
	if p := w.parent.Load(); p != nil {
		out = append(out, p.Channels...)
	}
	return out
}

// parentExits takes what the parent's exits count.
func (w *watcher) parentExits(text json.RawMessage) {
	c := &exitCounters{}
	if err := json.Unmarshal(text, c); err != nil {
		w.log.Error("counters of the parent", "error", err)
		return
	}
	w.parent.Store(c)
}

func (w *watcher) logged() collector.LogStats {
	if p := w.parent.Load(); p != nil {
		return p.Log
	}
	return collector.LogStats{}
}

func channel(s notify.Stats) collector.ChannelStats {
	c := collector.ChannelStats{Channel: s.Channel, Queued: s.Queued, Waiting: s.Length}
	for reason, n := range s.Dropped {
		if reason == event.FailOverflow {
			c.Overflowed += n
		} else {
			c.GaveUp += n
		}
	}
	if s.Length > 0 {
		c.OldestWall = time.Now().Add(-s.OldestAge).UnixNano()
	}
	return c
}

func (w *watcher) otlp() []collector.OTLPStats {
	s := w.traces.Stats()
	return []collector.OTLPStats{exported("traces", s.Traces), exported("logs", s.Logs)}
}

func exported(name string, s trace.SignalStats) collector.OTLPStats {
	return collector.OTLPStats{Signal: name, Exports: s.Exports, Failures: s.Failures, Dropped: s.Dropped, Waiting: s.Queue}
}

func (w *watcher) snmp() collector.SNMPStats {
	agent := w.agent.Stats()
	s := agent.Session
	return collector.SNMPStats{
		Connected: s.Connected, Connects: s.Connects, Traps: agent.Traps, Errors: map[string]uint64{"set": s.SetErrors},
		Requests: map[string]uint64{
			"get": s.Requests[agentx.TypeGet], "get_next": s.Requests[agentx.TypeGetNext],
			"get_bulk": s.Requests[agentx.TypeGetBulk], "set": s.Requests[agentx.TypeTestSet],
		},
	}
}
