// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"maps"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// channel adds up the notifiers of one kind.
type channel struct {
	sent, events       uint64
	failures           [event.FailCrash - event.FailKernel + 1]uint64
	overflowed, gaveUp uint64
	waiting            int
	oldest             int64
	took               ledger.PhaseHist
	native             map[int]uint64
}

// channelOf finds the kind that a channel's name begins with; one that is not
// in the list is shown under its own kind.
func channelOf(all map[string]*channel, name string) *channel {
	kind, _, _ := strings.Cut(name, ":")
	if all[kind] == nil {
		all[kind] = &channel{}
	}
	return all[kind]
}

// told adds what the events say.
func (c *channel) told(from *ledger.Channel) {
	c.sent += from.Sent
	for _, f := range from.Failures {
		if i := int(f.Reason) - int(event.FailKernel); i >= 0 && i < len(c.failures) {
			c.failures[i] += f.Count
		}
	}
	for i, n := range from.Took.Counts {
		c.took.Counts[i] += n
	}
	c.took.Sum += from.Took.Sum
	if from.Took.LastWall >= c.took.LastWall {
		c.took.Last, c.took.LastID, c.took.LastWall = from.Took.Last, from.Took.LastID, from.Took.LastWall
	}
	for _, b := range from.Took.Native {
		if c.native == nil {
			c.native = map[int]uint64{}
		}
		c.native[b.Index] += b.Count
	}
}

// queued adds what the notifier counts itself.
func (c *channel) queued(s ChannelStats) {
	c.events += s.Queued
	c.overflowed += s.Overflowed
	c.gaveUp += s.GaveUp
	c.waiting += s.Waiting
	if s.OldestWall != 0 && (c.oldest == 0 || s.OldestWall < c.oldest) {
		c.oldest = s.OldestWall
	}
}

func (c *channel) emit(m *emitter, kind string) {
	m.number("vigil_notify_events_total", float64(c.events), kind)
	m.number("vigil_notify_sent_total", float64(c.sent), kind)
	for i, n := range c.failures {
		m.number("vigil_notify_failures_total", float64(n), kind, (event.FailKernel + event.Reason(i)).String())
	}
	m.number("vigil_notify_dropped_total", float64(c.overflowed), kind, event.FailOverflow.String())
	m.number("vigil_notify_dropped_total", float64(c.gaveUp), kind, "gave_up")
	m.number("vigil_notify_queue_length", float64(c.waiting), kind)
	m.stamp("vigil_notify_oldest_event_timestamp_seconds", c.oldest, kind)
	h := phaseHist(&c.took)
	for _, i := range slices.Sorted(maps.Keys(c.native)) {
		h.native = append(h.native, ledger.NativeBucket{Index: i, Count: c.native[i]})
	}
	m.histogram("vigil_notify_duration_seconds", h, kind)
}

// Operations are the AgentX requests that are counted.
func Operations() []string { return []string{"get", "get_next", "get_bulk", "set"} }

// Signals are what can be exported over OTLP.
func Signals() []string { return []string{"traces", "logs"} }

// exits emits what the log, SNMP and OTLP count themselves.
func (c *Collector) exits(m *emitter, _ *ledger.View) {
	if c.opts.Log != nil {
		s := c.opts.Log()
		m.number("vigil_log_messages_total", float64(s.Debug), "debug")
		m.number("vigil_log_messages_total", float64(s.Info), "info")
		m.number("vigil_log_messages_total", float64(s.Warn), "warn")
		m.number("vigil_log_messages_total", float64(s.Error), "error")
		m.number("vigil_log_dropped_total", float64(s.Dropped))
	}
	if c.opts.SNMP != nil {
		snmp(m, c.opts.SNMP())
	}
	if c.opts.OTLP != nil {
		otlp(m, c.opts.OTLP())
	}
}

func snmp(m *emitter, s SNMPStats) {
	m.truth("vigil_snmp_subagent_connected", s.Connected)
	m.number("vigil_snmp_subagent_connects_total", float64(s.Connects))
	for _, op := range Operations() {
		m.number("vigil_snmp_requests_total", float64(s.Requests[op]), op)
		m.number("vigil_snmp_request_errors_total", float64(s.Errors[op]), op)
	}
	for _, trap := range slices.Sorted(maps.Keys(s.Traps)) {
		m.number("vigil_snmp_traps_sent_total", float64(s.Traps[trap]), trap)
	}
}

func otlp(m *emitter, all []OTLPStats) {
	for _, signal := range Signals() {
		var sum OTLPStats
		for _, s := range all {
			if s.Signal == signal {
				sum.Exports += s.Exports
				sum.Failures += s.Failures
				sum.Dropped += s.Dropped
				sum.Waiting += s.Waiting
			}
		}
		m.number("vigil_otlp_exports_total", float64(sum.Exports), signal)
		m.number("vigil_otlp_export_failures_total", float64(sum.Failures), signal)
		m.number("vigil_otlp_dropped_total", float64(sum.Dropped), signal)
		m.number("vigil_otlp_queue_length", float64(sum.Waiting), signal)
	}
}
