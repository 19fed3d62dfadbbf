// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// Tier is how much is told of virtual and real servers, which may be many.
type Tier uint8

// The tiers; each has all of the one before.
const (
	// TierBasic, the default, tells of each real server whether it is up, and how
	// its checks and connections go.
	TierBasic Tier = iota
	// TierAggregate tells of virtual servers only.
	TierAggregate
	// TierFull tells everything.
	TierFull
)

var tierWords = []string{"basic", "aggregate", "full"}

func (t Tier) String() string { return tierWords[t] }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Tier) UnmarshalText(b []byte) error {
	for i, w := range tierWords {
		if w == string(b) {
			*t = Tier(i)
			return nil
		}
	}
	return fmt.Errorf("tier %q is not one of %s", b, strings.Join(tierWords, ", "))
}

// MarshalText implements encoding.TextMarshaler.
func (t Tier) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// checks emits virtual servers, real servers and their checks.
func (c *Collector) checks(m *emitter, v *ledger.View) {
	if v.Pool == nil {
		return
	}
	c.checkRole(m, v.Pool)
	for _, s := range v.Pool.Services {
		c.service(m, s)
		if c.opts.Tier == TierAggregate {
			continue
		}
		for _, r := range s.Servers {
			c.server(m, v, r)
		}
	}
}

// checkRole emits what is known of all checks together.
func (c *Collector) checkRole(m *emitter, v *ledger.Pool) {
	t, newest := &v.Tally, &v.Outcomes
	for _, kind := range event.Checkers() {
		word := kind.String()
		m.number("vigil_checks_in_flight", float64(t.InFlight[kind]), word)
		m.histogram("vigil_check_duration_seconds", checkHist(&t.Whole[kind]).marked(newest[kind], took), word)
	}
	m.histogram("vigil_check_schedule_delay_seconds", checkHist(&t.Delay))
	m.number("vigil_check_shared_total", float64(t.Shared))
	m.number("vigil_check_stray_total", float64(t.Stray))
	for i, n := range t.Kept {
		m.number("vigil_check_events_total", float64(n), event.Kept(i).String())
	}
	m.number("vigil_check_events_limited_total", float64(t.Limited))
	kept := t.Limited
	for i, n := range t.Kept {
		kept += n
		m.number("vigil_trace_decisions_total", float64(n), event.Kept(i).String())
	}
	m.number("vigil_trace_decisions_total", float64(t.Limited), "limited")
	m.number("vigil_trace_decisions_total", float64(t.Judged-min(t.Judged, kept)), "dropped")
}

// checkHist is a histogram of the check role as hist.
func checkHist(h *event.Histogram) hist {
	return hist{bounds: event.CheckBounds(), counts: h.Buckets[:], sum: h.Sum.Seconds()}
}

// marked adds the trace of a check that was told, if it has what the histogram is
// of.
func (h hist) marked(e *event.Event, of func(*event.Event) time.Duration) hist {
	if e == nil {
		return h
	}
	if d := of(e); d > 0 {
		h.last, h.id, h.wall = d.Seconds(), e.ID(), e.Wall
	}
	return h
}

// took is how long a check took.
func took(e *event.Event) time.Duration { return max(e.Evidence.Check.Total, e.Took) }

func (c *Collector) service(m *emitter, s *ledger.Service) {
	name, row, t := s.Row.Subject.Name, &s.Row, &s.Tally
	m.number("vigil_virtual_server_info", 1, name, row.Scheduler, row.Method.Forward.String(), strconv.Itoa(int(row.Persistence.Seconds())))
	m.truth("vigil_virtual_server_quorum_up", s.State == event.Up, name)
	m.number("vigil_virtual_server_quorum", float64(row.Quorum), name)
	m.number("vigil_virtual_server_weight", float64(t.Alive), name)
	m.truth("vigil_virtual_server_sorry_server_active", t.Sorry, name)
	m.truth("vigil_virtual_server_suspended", t.Suspended, name)
	m.truth("vigil_virtual_server_brake_held", t.Braked, name)
	m.number("vigil_virtual_server_quorum_changes_total", float64(t.Gained), name, "up")
	m.number("vigil_virtual_server_quorum_changes_total", float64(t.Lost), name, "down")
	m.stamp("vigil_virtual_server_changed_timestamp_seconds", s.SinceWall, name)
	m.number("vigil_virtual_server_real_servers", float64(t.Up), name, "up")
	m.number("vigil_virtual_server_real_servers", float64(t.Down), name, "down")
	m.number("vigil_virtual_server_real_servers", float64(t.Disabled), name, "disabled")
	for i := range s.Failures {
		f := &s.Failures[i]
		m.number("vigil_virtual_server_check_failures_total", float64(f.Count), name, f.Checker.String(), f.Reason.String())
	}
	for i := range s.Phases {
		p := &s.Phases[i]
		h := checkHist(&p.Histogram).marked(s.Outcome, func(e *event.Event) time.Duration {
			i := int(p.Phase) - int(event.PhaseResolve)
			if e.Evidence.Check.Checker != p.Checker || i < 0 || i >= event.PhaseCount {
				return 0
			}
			return e.Evidence.Check.Phases[i]
		})
		m.histogram("vigil_check_phase_duration_seconds", h, name, p.Checker.String(), p.Phase.String())
	}
}

func (c *Collector) server(m *emitter, v *ledger.View, r *ledger.Server) {
	if r.Row.Sorry {
		return // it is not checked; its virtual server tells whether it stands in
	}
	s, t := r.Row.Subject, &r.Tally
	m.labelled("vigil_real_server_up", one(r.State == event.Up), s, "")
	m.labelled("vigil_real_server_weight", float64(t.Weight), s, "")
	m.labelled("vigil_real_server_changed_timestamp_seconds", float64(r.SinceWall)/1e9, s, "")
	m.labelled("vigil_real_server_changes_total", float64(t.Changes), s, "")
	for i := range r.Checks {
		c.check(m, v, s, checkLabel(r, i), &r.Checks[i])
	}
}

// checkLabel names a check of a server; the second of its kind has a number.
func checkLabel(r *ledger.Server, i int) string {
	kind := r.Row.Checks[i].Checker
	same := 1
	for _, before := range r.Row.Checks[:i] {
		if before.Checker == kind {
			same++
		}
	}
	if same == 1 {
		return kind.String()
	}
	return kind.String() + ":" + strconv.Itoa(same)
}

func (c *Collector) check(m *emitter, v *ledger.View, s event.Subject, name string, t *event.CheckTally) {
	if t.Run {
		m.labelled("vigil_check_up", one(t.Up), s, name)
	}
	m.labelled("vigil_check_consecutive_failures", float64(t.Failing), s, name)
	m.labelled("vigil_check_attempts_total", float64(t.Attempts), s, name)
	m.labelled("vigil_check_failures_total", float64(t.Failures), s, name)
	if c.opts.Tier != TierFull {
		return
	}
	m.labelled("vigil_check_retries_total", float64(t.Retries), s, name)
	m.labelled("vigil_check_last_duration_seconds", t.LastTook.Seconds(), s, name)
	if t.LastRun != 0 {
		m.labelled("vigil_check_last_run_timestamp_seconds", float64(v.Wall-int64(v.At.Sub(t.LastRun)))/1e9, s, name)
	}
	if t.Expiry != 0 {
		m.labelled("vigil_check_certificate_expiry_timestamp_seconds", float64(t.Expiry), s, name)
	}
}

// ipvs emits what the kernel's table has and counts.
func (c *Collector) ipvs(m *emitter, v *ledger.View) {
	if v.Pool == nil {
		return
	}
	t := &v.Pool.Tally
	m.truth("vigil_ipvs_available", t.Available)
	m.truth("vigil_ipvs_sync_daemon_up", t.SyncMaster, "master")
	m.truth("vigil_ipvs_sync_daemon_up", t.SyncBackup, "backup")
	m.number("vigil_ipvs_table_entries", float64(t.Services), "service")
	m.number("vigil_ipvs_table_entries", float64(t.Dests), "destination")
	for op := event.IPVSNone + 1; int(op) < event.IPVSOpCount; op++ {
		word := op.String()
		m.number("vigil_ipvs_operations_total", float64(t.Ops[op]), word)
		m.number("vigil_ipvs_netlink_errors_total", float64(t.Errors[op]), word)
		m.number("vigil_ipvs_drift_corrections_total", float64(t.Drift[op]), word)
	}
	for _, s := range v.Pool.Services {
		name, k := s.Row.Subject.Name, &s.Tally.Stats
		m.number("vigil_ipvs_virtual_server_connections_total", float64(k.Conns), name)
		m.number("vigil_ipvs_virtual_server_incoming_packets_total", float64(k.InPackets), name)
		m.number("vigil_ipvs_virtual_server_outgoing_packets_total", float64(k.OutPackets), name)
		m.number("vigil_ipvs_virtual_server_incoming_bytes_total", float64(k.InBytes), name)
		m.number("vigil_ipvs_virtual_server_outgoing_bytes_total", float64(k.OutBytes), name)
		if c.opts.Tier == TierAggregate {
			continue
		}
		for _, r := range s.Servers {
			c.destination(m, r)
		}
	}
}

func (c *Collector) destination(m *emitter, r *ledger.Server) {
	if r.Row.Sorry {
		return
	}
	s, t, k := r.Row.Subject, &r.Tally, &r.Tally.Stats
	m.labelled("vigil_ipvs_real_server_connections_total", float64(k.Conns), s, "")
	m.labelled("vigil_ipvs_real_server_active_connections", float64(t.Active), s, "")
	m.labelled("vigil_ipvs_real_server_inactive_connections", float64(t.Inactive), s, "")
	if c.opts.Tier != TierFull {
		return
	}
	m.labelled("vigil_ipvs_real_server_persistent_connections", float64(t.Persistent), s, "")
	m.labelled("vigil_ipvs_real_server_incoming_packets_total", float64(k.InPackets), s, "")
	m.labelled("vigil_ipvs_real_server_outgoing_packets_total", float64(k.OutPackets), s, "")
	m.labelled("vigil_ipvs_real_server_incoming_bytes_total", float64(k.InBytes), s, "")
	m.labelled("vigil_ipvs_real_server_outgoing_bytes_total", float64(k.OutBytes), s, "")
}

// one is 1 for true.
func one(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
