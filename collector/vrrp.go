// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// vrrp emits the instances, the groups and what belongs to no instance.
func (c *Collector) vrrp(m *emitter, v *ledger.View) {
	for _, in := range v.Instances {
		c.instance(m, in)
		instanceCounters(m, in)
		instanceAddresses(m, in)
	}
	for _, g := range v.Groups {
		group(m, g)
	}
	for i, name := range ledger.PhaseNames() {
		m.histogram("vigil_vrrp_failover_phase_duration_seconds", phaseHist(&v.Phases[i]), name)
	}
	r := &v.Router
	for _, e := range []struct {
		why event.Reason
		n   uint64
	}{{event.RejectChecksum, r.Checksum}, {event.RejectVersion, r.Version}, {event.RejectVRID, r.VRID}, {event.RejectPacketLength, r.Length}} {
		m.number("vigil_vrrp_router_errors_total", float64(e.n), e.why.String())
	}
	m.number("vigil_vrrp_socket_drops_total", float64(r.Dropped))
}

// instance emits what an instance is and where it stands.
func (c *Collector) instance(m *emitter, in *ledger.Instance) {
	row, t, name := &in.Row, &in.Tally, in.Row.Subject.Name
	family := ""
	if row.Subject.Family != 0 {
		family = "ipv" + strconv.Itoa(int(row.Subject.Family))
	}
	m.number("vigil_vrrp_instance_info", 1, name, strconv.Itoa(int(row.Subject.VRID)), row.Interface, family, strconv.Itoa(int(row.Version)), row.SyncGroup)
	for i, s := range event.VRRPStates() {
		m.truth("vigil_vrrp_state", in.State == s, name, stateLabel(s))
		m.seconds("vigil_vrrp_state_seconds_total", t.InState[i], name, stateLabel(s))
	}
	m.stamp("vigil_vrrp_state_changed_timestamp_seconds", in.SinceWall, name)
	m.stamp("vigil_vrrp_state_confirmed_timestamp_seconds", in.ConfirmedWall, name)
	for i, tr := range event.Transitions() {
		if i < len(in.Transitions) {
			m.marked("vigil_vrrp_transitions_total", in.Transitions[i], in.Marks[i], name, stateLabel(tr.From), stateLabel(tr.To), tr.Reason.String())
		}
	}
	// What only an observer sees is shown where there is one.
	for i, tr := range event.ShadowTransitions() {
		if i += len(event.Transitions()); i < len(in.Transitions) && in.Transitions[i] > 0 {
			m.marked("vigil_vrrp_transitions_total", in.Transitions[i], in.Marks[i], name, stateLabel(tr.From), stateLabel(tr.To), tr.Reason.String())
		}
	}
	m.number("vigil_vrrp_priority", float64(in.Priority), name)
	m.number("vigil_vrrp_base_priority", float64(row.Priority), name)
	m.number("vigil_vrrp_priority_lead", float64(t.Lead), name)
	m.number("vigil_vrrp_master_priority", float64(t.MasterPriority), name)
	m.seconds("vigil_vrrp_advert_interval_seconds", row.AdvertInterval, name)
	m.seconds("vigil_vrrp_master_advert_interval_seconds", t.MasterInterval, name)
	m.seconds("vigil_vrrp_master_down_interval_seconds", t.MasterDown, name)
	m.seconds("vigil_vrrp_gratuitous_arp_delay_seconds", row.GarpDelay, name)
	m.seconds("vigil_vrrp_master_down_margin_seconds", t.Margin, name)
	m.seconds("vigil_vrrp_last_failover_duration_seconds", in.Failover, name)
	m.truth("vigil_vrrp_split_brain_suspected", t.SplitBrain || in.Conflicting, name)
}

// instanceCounters emits the counters of an instance.
func instanceCounters(m *emitter, in *ledger.Instance) {
	t, name := &in.Tally, in.Row.Subject.Name
	for _, n := range []struct {
		metric string
		value  uint64
	}{
		{"vigil_vrrp_adverts_sent_total", t.Sent},
		{"vigil_vrrp_adverts_received_total", t.Received},
		{"vigil_vrrp_priority_zero_sent_total", t.ZeroSent},
		{"vigil_vrrp_priority_zero_received_total", t.ZeroReceived},
		{"vigil_vrrp_send_errors_total", t.SendErrors},
		{"vigil_vrrp_master_down_near_misses_total", t.NearMisses},
		{"vigil_vrrp_adverts_missed_total", t.Missed},
		{"vigil_vrrp_promotions_total", t.Promotions},
		{"vigil_vrrp_demotions_total", t.Demotions},
		{"vigil_vrrp_self_suspicions_total", t.Suspicions},
		{"vigil_vrrp_averted_takeovers_total", t.Averted},
		{"vigil_vrrp_addresses_restored_total", t.Restored},
		{"vigil_vrrp_gratuitous_arps_sent_total", t.GratuitousARPs},
		{"vigil_vrrp_unsolicited_nas_sent_total", t.UnsolicitedNAs},
		{"vigil_vrrp_announce_errors_total", t.AnnounceErrors},
	} {
		m.number(n.metric, float64(n.value), name)
	}
	for i, n := range t.Rejects {
		m.number("vigil_vrrp_receive_errors_total", float64(n), name, event.RejectAt(i).String())
	}
	for i, why := range []event.Reason{event.ConflictLower, event.ConflictEqual, event.ConflictHigher} {
		m.number("vigil_vrrp_conflicting_adverts_received_total", float64(t.Conflicts[i]), name, why.String())
	}
	for _, x := range []struct {
		evidence string
		n        uint64
	}{{"another_master", t.Conflicts[0] + t.Conflicts[1] + t.Conflicts[2]}, {"two_masters", t.TwoMasters}, {"address_claimed", t.Claims}} {
		m.number("vigil_vrrp_split_brain_evidence_total", float64(x.n), name, x.evidence)
	}
	m.histogram("vigil_vrrp_advert_interarrival_ratio", hist{bounds: event.GapBounds(), counts: t.Gaps[:], sum: t.GapSum}, name)
}

// instanceAddresses emits who has the addresses. An address that is configured
// on two devices counts as owned when both have it.
func instanceAddresses(m *emitter, in *ledger.Instance) {
	owned := map[string]bool{}
	var order []string
	for _, a := range in.Addresses {
		address := a.Row.Prefix.Addr().String()
		if was, seen := owned[address]; seen {
			owned[address] = was && a.Owned
			continue
		}
		owned[address] = a.Owned
		order = append(order, address)
	}
	for _, address := range order {
		m.truth("vigil_vrrp_vip_owned", owned[address], in.Row.Subject.Name, address)
	}
}

// group emits a sync group.
func group(m *emitter, g *ledger.Group) {
	name := g.Row.Subject.Name
	for _, s := range event.VRRPStates() {
		m.truth("vigil_vrrp_sync_group_state", g.State == s, name, stateLabel(s))
	}
	seen := map[string]bool{}
	for _, member := range g.Row.Members {
		if !seen[member] {
			seen[member] = true
			m.number("vigil_vrrp_sync_group_member_info", 1, name, member)
		}
	}
}

// stateLabel is a state as a label: in lower case, as labels are.
func stateLabel(s event.State) string { return strings.ToLower(s.String()) }
