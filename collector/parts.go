// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"maps"
	"runtime"
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// track emits what is followed, and what it does to priorities.
func (c *Collector) track(m *emitter, v *ledger.View) {
	for _, s := range v.Scripts {
		name := s.Row.Subject.Name
		verdict(m, s.State, s.ChangedWall, s.Row.Subject)
		m.number("vigil_track_script_runs_total", float64(s.Runs), name)
		for i, why := range ledger.ScriptFailures() {
			m.number("vigil_track_script_failures_total", float64(s.Failures[i]), name, why.String())
		}
		m.histogram("vigil_track_script_duration_seconds",
			hist{bounds: ledger.ScriptBounds(), counts: s.Took.Counts[:], sum: s.Took.Sum.Seconds(), native: s.Took.Native}, name)
	}
	for _, o := range v.Objects {
		verdict(m, o.State, o.ChangedWall, o.Subject)
		switch o.Subject.Kind { //nolint:exhaustive // the others have no number
		case event.SubjectFile:
			m.number("vigil_track_file_value", float64(o.Value), o.Subject.Name)
		case event.SubjectProcess:
			m.number("vigil_track_processes", float64(o.Value), o.Subject.Name)
		case event.SubjectBFD:
			bfd(m, o)
		}
	}
	for i, why := range event.BFDStrays() {
		m.number("vigil_bfd_stray_packets_total", float64(v.BFDStrays[i]), why)
	}
	for _, in := range v.Instances {
		weights(m, in)
	}
}

// verdict emits whether an object is up, once that is known.
func verdict(m *emitter, s event.State, changed int64, subject event.Subject) {
	kind := subject.Kind.String()
	if s != event.Unknown && s != event.StateNone {
		m.truth("vigil_track_object_up", s == event.Up, kind, subject.Name)
	}
	m.stamp("vigil_track_object_changed_timestamp_seconds", changed, kind, subject.Name)
}

// weights emits what each tracked object adds to a priority now: the terms in
// force, and 0 for the ones that add nothing.
func weights(m *emitter, in *ledger.Instance) {
	type key struct{ kind, name string }
	now := map[key]int{}
	var order []key
	at := func(kind event.SubjectKind, name string) key {
		k := key{kind.String(), name}
		if _, seen := now[k]; !seen {
			order = append(order, k)
			now[k] = 0
		}
		return k
	}
	for _, t := range in.Tracks {
		if t.Weight != 0 {
			at(t.Object.Kind, t.Object.Name)
		}
	}
	for _, t := range in.Terms {
		now[at(t.Kind, t.Name)] += int(t.Delta)
	}
	for _, k := range order {
		m.number("vigil_vrrp_track_weight", float64(now[k]), in.Row.Subject.Name, k.kind, k.name)
	}
}

// Channels are the kinds of notifiers, all shown from the start.
func Channels() []string { return []string{"script", "fifo", "smtp", "webhook", "snmp_trap"} }

// notify emits the notifiers: deliveries and failures from the events, queues
// from their own counts.
func (c *Collector) notify(m *emitter, v *ledger.View) {
	channels := map[string]*channel{}
	for _, kind := range Channels() {
		channels[kind] = &channel{}
	}
	for _, ch := range v.Channels {
		channelOf(channels, ch.Name).told(ch)
	}
	if c.opts.Channels != nil {
		for _, s := range c.opts.Channels() {
			channelOf(channels, s.Channel).queued(s)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(channels)) {
		channels[kind].emit(m, kind)
	}
}

// config emits the story of configurations.
func (c *Collector) config(m *emitter, v *ledger.View) {
	cfg := &v.Config
	m.truth("vigil_config_last_reload_successful", cfg.LastOK)
	m.stamp("vigil_config_last_reload_success_timestamp_seconds", cfg.LastGood)
	m.number("vigil_config_reloads_total", float64(cfg.Loads))
	m.number("vigil_config_reload_failures_total", float64(cfg.Failures))
	m.histogram("vigil_config_reload_duration_seconds", phaseHist(&cfg.Took))
	m.number("vigil_config_generation", float64(v.Global.Generation))
	// A float holds 53 bits: the upper 48 tell configurations apart.
	m.number("vigil_config_hash", float64(v.Global.Hash>>16))
	m.number("vigil_config_warnings", float64(v.Global.Warnings))
}

// process emits the processes, their privileges and their punctuality.
func (c *Collector) process(m *emitter, v *ledger.View) {
	b := &c.opts.Build
	m.number("vigil_build_info", 1, b.Version, b.Revision, b.Branch, runtime.Version(), runtime.GOOS, runtime.GOARCH, b.Tags)
	roles := map[string]*ledger.Worker{}
	for _, role := range []event.Role{event.RoleVRRP, event.RoleObserve} {
		roles[role.String()] = &ledger.Worker{}
	}
	for _, w := range v.Workers {
		roles[w.Name] = w
	}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		m.truth("vigil_process_up", roles[name].Up, name)
		m.number("vigil_process_restarts_total", float64(roles[name].Restarts), name)
	}
	r, vrrp := &v.Router, event.RoleVRRP.String()
	m.truth("vigil_process_realtime", r.RealTime, vrrp)
	m.truth("vigil_process_memory_locked", r.Locked, vrrp)
	m.number("vigil_process_stalls_total", float64(r.Stalls), vrrp)
	m.histogram("vigil_event_loop_lag_seconds", hist{bounds: event.LagBounds(), counts: r.Lag[:], sum: r.LagSum.Seconds()}, vrrp)
	m.seconds("vigil_event_loop_lag_max_seconds", r.LagMax, vrrp)
	m.number("vigil_clock_steps_total", float64(r.ClockSteps))
	m.number("vigil_link_lost_events_total", float64(v.Gaps))
	m.number("vigil_link_overflow_events_total", float64(r.EdgesLost))
	m.number("vigil_ledger_discontinuities_total", float64(v.Discontinuities))
	m.number("vigil_ledger_unexpected_events_total", float64(v.Unexpected))
}
