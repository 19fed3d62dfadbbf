// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

// DefaultPort is where metrics are served: VRRP is IP protocol 112.
const DefaultPort = 10112

// Type is the type of a metric.
type Type uint8

// The types.
const (
	Gauge Type = iota
	Counter
	Histogram
)

func (t Type) String() string { return [...]string{"gauge", "counter", "histogram"}[t] }

// Metric is one line of the catalogue.
type Metric struct {
	Name   string
	Type   Type
	Labels []string
	// Unit is the last word of the name before _total, empty if it has none.
	Unit string
	Help string
	// Part is the collector that emits it, a value of the label collector.
	Part string
}

// The parts.
const (
	PartVRRP    = "vrrp"
	PartTrack   = "track"
	PartNotify  = "notify"
	PartProcess = "process"
	PartConfig  = "config"
	PartExits   = "exits"
	// PartCheck is virtual and real servers as they are checked, PartIPVS as the
	// kernel has them.
	PartCheck = "check"
	PartIPVS  = "ipvs"
	// PartSelf is what the collector says of itself.
	PartSelf = "collector"
)

// Metrics is the whole catalogue: it drives registration, and pages, dashboards
// and rules are checked against it. A name, once published, keeps its meaning.
func Metrics() []Metric {
	var out []Metric
	for _, part := range [][]Metric{
		vrrpMetrics, failoverMetrics, trackMetrics, bfdMetrics, serviceMetrics, serverMetrics, serverMetricsFull, ipvsMetrics,
		notifyMetrics, processMetrics, configMetrics, exitMetrics, selfMetrics,
	} {
		out = append(out, part...)
	}
	return out
}

// Shorthands for labels.
var (
	none     []string
	instance = []string{"vrrp_instance"}
)

func on(labels ...string) []string { return labels }

var vrrpMetrics = []Metric{
	{"vigil_vrrp_instance_info", Gauge, on("vrrp_instance", "vrid", "interface", "family", "version", "sync_group"), "", "Static attributes of the VRRP instance, value 1.", PartVRRP},
	{"vigil_vrrp_state", Gauge, on("vrrp_instance", "state"), "", "1 for the state that the VRRP instance is in, 0 for the others.", PartVRRP},
	{"vigil_vrrp_state_seconds_total", Counter, on("vrrp_instance", "state"), "seconds", "Time that the VRRP instance spent in the state.", PartVRRP},
	{"vigil_vrrp_state_changed_timestamp_seconds", Gauge, instance, "seconds", "When the state last changed, in seconds since the Unix epoch; 0 if never.", PartVRRP},
	{"vigil_vrrp_state_confirmed_timestamp_seconds", Gauge, instance, "seconds", "When the VRRP worker last confirmed the state, in seconds since the Unix epoch.", PartVRRP},
	{"vigil_vrrp_transitions_total", Counter, on("vrrp_instance", "from", "to", "reason"), "", "Transitions of the VRRP instance by reason.", PartVRRP},
	{"vigil_vrrp_priority", Gauge, instance, "", "Effective priority, 1 to 255.", PartVRRP},
	{"vigil_vrrp_base_priority", Gauge, instance, "", "Configured priority, 1 to 255.", PartVRRP},
	{"vigil_vrrp_master_priority", Gauge, instance, "", "Priority last seen from the master, 0 if none was seen.", PartVRRP},
	{"vigil_vrrp_advert_interval_seconds", Gauge, instance, "seconds", "Configured advertisement interval.", PartVRRP},
	{"vigil_vrrp_master_advert_interval_seconds", Gauge, instance, "seconds", "Advertisement interval of the master, 0 if none was seen.", PartVRRP},
	{"vigil_vrrp_master_down_interval_seconds", Gauge, instance, "seconds", "Silence after which the master counts as gone.", PartVRRP},
	{"vigil_vrrp_gratuitous_arp_delay_seconds", Gauge, instance, "seconds", "Configured delay of the second burst of announcements.", PartVRRP},
	{"vigil_vrrp_adverts_sent_total", Counter, instance, "", "Adverts sent.", PartVRRP},
	{"vigil_vrrp_adverts_received_total", Counter, instance, "", "Adverts received and accepted.", PartVRRP},
	{"vigil_vrrp_priority_zero_sent_total", Counter, instance, "", "Adverts of priority 0 sent to give the master role up.", PartVRRP},
	{"vigil_vrrp_priority_zero_received_total", Counter, instance, "", "Adverts of priority 0 received.", PartVRRP},
	{"vigil_vrrp_receive_errors_total", Counter, on("vrrp_instance", "reason"), "", "Adverts received with a fault, by reason; all but address_list are refused.", PartVRRP},
	{"vigil_vrrp_router_errors_total", Counter, on("reason"), "", "Packets that fit no VRRP instance, by reason.", PartVRRP},
	{"vigil_vrrp_send_errors_total", Counter, instance, "", "Adverts that could not be sent.", PartVRRP},
	{"vigil_vrrp_advert_interarrival_ratio", Histogram, instance, "ratio", "Time between two adverts of the master divided by its advertisement interval.", PartVRRP},
	{"vigil_vrrp_master_down_margin_seconds", Gauge, instance, "seconds", "Time that was left on the master-down timer when the last advert came.", PartVRRP},
	{"vigil_vrrp_master_down_near_misses_total", Counter, instance, "", "Times the master-down timer came within one interval of expiry and was rescued.", PartVRRP},
	{"vigil_vrrp_adverts_missed_total", Counter, instance, "", "Adverts of the master that were due and not seen in time.", PartVRRP},
	{"vigil_vrrp_conflicting_adverts_received_total", Counter, on("vrrp_instance", "precedence"), "", "Adverts of another master received while master, by how its priority compares.", PartVRRP},
	{"vigil_vrrp_split_brain_suspected", Gauge, instance, "", "1 while another master is heard although this router is master, two masters are heard, or a stranger speaks for an address.", PartVRRP},
	{"vigil_vrrp_split_brain_evidence_total", Counter, on("vrrp_instance", "evidence"), "", "Packets that speak of a split brain: adverts of another master while master, of a second master while backup, ARP or neighbour advertisements of strangers for an address while master.", PartVRRP},
	{"vigil_vrrp_promotions_total", Counter, instance, "", "Times the instance became MASTER.", PartVRRP},
	{"vigil_vrrp_demotions_total", Counter, instance, "", "Times the instance ceased to be MASTER.", PartVRRP},
	{"vigil_vrrp_priority_lead", Gauge, instance, "", "Own effective priority less that of the other router heard last, 0 if none was; how far the instance is from the other role.", PartVRRP},
	{"vigil_vrrp_self_suspicions_total", Counter, instance, "", "Takeovers that were held for one skew time because this process was late itself.", PartVRRP},
	{"vigil_vrrp_averted_takeovers_total", Counter, instance, "", "Held takeovers that an advert then made needless.", PartVRRP},
	{"vigil_vrrp_addresses_restored_total", Counter, instance, "", "Addresses that somebody else removed and that were added again (vrrp.address_removed: restore).", PartVRRP},
	{"vigil_vrrp_vip_owned", Gauge, on("vrrp_instance", "address"), "", "1 if this router has the address; more than one router with 1 is a split brain.", PartVRRP},
	{"vigil_vrrp_gratuitous_arps_sent_total", Counter, instance, "", "Gratuitous ARP frames sent.", PartVRRP},
	{"vigil_vrrp_unsolicited_nas_sent_total", Counter, instance, "", "Unsolicited neighbour advertisements sent.", PartVRRP},
	{"vigil_vrrp_announce_errors_total", Counter, instance, "", "Announcements of addresses that could not be sent.", PartVRRP},
	{"vigil_vrrp_socket_drops_total", Counter, none, "", "VRRP packets that the kernel dropped for want of receive buffer.", PartVRRP},
}

var failoverMetrics = []Metric{
	{"vigil_vrrp_failover_phase_duration_seconds", Histogram, on("phase"), "seconds", "Duration of the phases of promotions to master.", PartVRRP},
	{"vigil_vrrp_last_failover_duration_seconds", Gauge, instance, "seconds", "Last promotion: last advert of the old master to addresses announced; 0 if none.", PartVRRP},
	{"vigil_vrrp_sync_group_state", Gauge, on("sync_group", "state"), "", "1 for the state that the sync group is in, 0 for the others.", PartVRRP},
	{"vigil_vrrp_sync_group_member_info", Gauge, on("sync_group", "vrrp_instance"), "", "Membership of a VRRP instance in a sync group, value 1.", PartVRRP},
}

var trackMetrics = []Metric{
	{"vigil_track_object_up", Gauge, on("kind", "object"), "", "1 if the tracked object is up; not emitted before its first verdict.", PartTrack},
	{"vigil_track_object_changed_timestamp_seconds", Gauge, on("kind", "object"), "seconds", "When the verdict on the object last changed, in seconds since the Unix epoch; 0 if never.", PartTrack},
	{"vigil_vrrp_track_weight", Gauge, on("vrrp_instance", "kind", "object"), "", "What the tracked object adds to the priority of the VRRP instance now.", PartTrack},
	{"vigil_track_script_runs_total", Counter, on("object"), "", "Runs of the tracked script.", PartTrack},
	{"vigil_track_script_failures_total", Counter, on("object", "reason"), "", "Runs of the tracked script that did not end well, by reason.", PartTrack},
	{"vigil_track_script_duration_seconds", Histogram, on("object"), "seconds", "Run time of the tracked script.", PartTrack},
	{"vigil_track_file_value", Gauge, on("object"), "", "Value read from the tracked file.", PartTrack},
	{"vigil_track_processes", Gauge, on("object"), "", "Processes that match the tracked process.", PartTrack},
}

// session is the label of BFD sessions.
var session = []string{"session"}

var bfdMetrics = []Metric{
	{"vigil_bfd_session_info", Gauge, on("session", "neighbor", "source", "multihop"), "", "Static attributes of the BFD session, value 1.", PartTrack},
	{"vigil_bfd_session_state", Gauge, on("session", "state"), "", "1 for the state that the BFD session is in, 0 for the others.", PartTrack},
	{"vigil_bfd_transitions_total", Counter, on("session", "from", "to", "reason"), "", "Transitions of the BFD session by reason.", PartTrack},
	{"vigil_bfd_detection_time_seconds", Gauge, session, "seconds", "Silence of the neighbor after which the BFD session is down, 0 before the neighbor was heard.", PartTrack},
	{"vigil_bfd_transmit_interval_seconds", Gauge, session, "seconds", "Interval agreed on for packets sent, before jitter.", PartTrack},
	{"vigil_bfd_packets_sent_total", Counter, session, "", "BFD control packets sent.", PartTrack},
	{"vigil_bfd_packets_received_total", Counter, session, "", "BFD control packets received and accepted.", PartTrack},
	{"vigil_bfd_packets_refused_total", Counter, session, "", "BFD control packets of the session that were refused because they came from too far away.", PartTrack},
	{"vigil_bfd_stray_packets_total", Counter, on("reason"), "", "Packets to the ports of BFD that belong to no session, by reason.", PartTrack},
	{"vigil_bfd_send_errors_total", Counter, session, "", "BFD control packets that could not be sent.", PartTrack},
}

var notifyMetrics = []Metric{
	{"vigil_notify_events_total", Counter, on("channel"), "", "Events queued for the channel.", PartNotify},
	{"vigil_notify_sent_total", Counter, on("channel"), "", "Events delivered by the channel.", PartNotify},
	{"vigil_notify_failures_total", Counter, on("channel", "reason"), "", "Attempts of the channel that did not succeed, by reason.", PartNotify},
	{"vigil_notify_dropped_total", Counter, on("channel", "reason"), "", "Events that the channel gave up, by reason.", PartNotify},
	{"vigil_notify_queue_length", Gauge, on("channel"), "", "Events waiting in the channel.", PartNotify},
	{"vigil_notify_oldest_event_timestamp_seconds", Gauge, on("channel"), "seconds", "Time of the oldest event that waits in the channel, 0 if none waits.", PartNotify},
	{"vigil_notify_duration_seconds", Histogram, on("channel"), "seconds", "Time from the event to its delivery.", PartNotify},
}

var processMetrics = []Metric{
	{"vigil_build_info", Gauge, on("version", "revision", "branch", "goversion", "goos", "goarch", "tags"), "", "What this vigild was built from, value 1.", PartProcess},
	{"vigil_process_up", Gauge, on("process"), "", "1 while the process of the role is running.", PartProcess},
	{"vigil_process_restarts_total", Counter, on("process"), "", "Restarts of the process of the role by its parent.", PartProcess},
	{"vigil_process_realtime", Gauge, on("process"), "", "1 if the process of the role was granted real-time priority.", PartProcess},
	{"vigil_process_memory_locked", Gauge, on("process"), "", "1 if the process of the role was granted locked memory.", PartProcess},
	{"vigil_process_stalls_total", Counter, on("process"), "", "Pauses of the process itself that were longer than the shortest master-down interval.", PartProcess},
	{"vigil_event_loop_lag_seconds", Histogram, on("loop"), "seconds", "Time from when a timer of the loop was due to when it ran.", PartProcess},
	{"vigil_event_loop_lag_max_seconds", Gauge, on("loop"), "seconds", "Longest time from when a timer of the loop was due to when it ran.", PartProcess},
	{"vigil_clock_steps_total", Counter, none, "", "Jumps of the wall clock that were seen.", PartProcess},
	{"vigil_link_lost_events_total", Counter, none, "", "Events between the processes that were lost and made good by a snapshot.", PartProcess},
	{"vigil_link_overflow_events_total", Counter, none, "", "Events that found the outgoing ring of the VRRP worker full.", PartProcess},
	{"vigil_ledger_discontinuities_total", Counter, none, "", "Restarts of the VRRP worker over which counters were carried.", PartProcess},
	{"vigil_ledger_unexpected_events_total", Counter, none, "", "Events that are in no list or found no room.", PartProcess},
}

var configMetrics = []Metric{
	{"vigil_config_last_reload_successful", Gauge, none, "", "1 if the last attempt to load the configuration succeeded.", PartConfig},
	{"vigil_config_last_reload_success_timestamp_seconds", Gauge, none, "seconds", "When the configuration in force was loaded, in seconds since the Unix epoch.", PartConfig},
	{"vigil_config_reloads_total", Counter, none, "", "Configurations put into force.", PartConfig},
	{"vigil_config_reload_failures_total", Counter, none, "", "Configurations that were refused.", PartConfig},
	{"vigil_config_reload_duration_seconds", Histogram, none, "seconds", "Time to load a configuration and put it into force.", PartConfig},
	{"vigil_config_generation", Gauge, none, "", "Number of the configuration in force since the start, from 1.", PartConfig},
	{"vigil_config_hash", Gauge, none, "", "Hash of the configuration in force, 48 bits.", PartConfig},
	{"vigil_config_warnings", Gauge, none, "", "Warnings about the configuration in force.", PartConfig},
}

var exitMetrics = []Metric{
	{"vigil_log_messages_total", Counter, on("level"), "", "Log records written, by level.", PartExits},
	{"vigil_log_dropped_total", Counter, none, "", "Log records that could not be written.", PartExits},
	{"vigil_snmp_subagent_connected", Gauge, none, "", "1 while a session with the SNMP master agent is open.", PartExits},
	{"vigil_snmp_subagent_connects_total", Counter, none, "", "Sessions opened with the SNMP master agent.", PartExits},
	{"vigil_snmp_requests_total", Counter, on("operation"), "", "Requests of the SNMP master agent, by operation.", PartExits},
	{"vigil_snmp_request_errors_total", Counter, on("operation"), "", "Requests of the SNMP master agent that were answered with an error, by operation.", PartExits},
	{"vigil_snmp_traps_sent_total", Counter, on("trap"), "", "Traps handed to the SNMP master agent, by name.", PartExits},
	{"vigil_otlp_exports_total", Counter, on("signal"), "", "Batches exported over OTLP, by signal.", PartExits},
	{"vigil_otlp_export_failures_total", Counter, on("signal"), "", "Batches that could not be exported over OTLP, by signal.", PartExits},
	{"vigil_otlp_dropped_total", Counter, on("signal"), "", "Spans or log records dropped because the queue was full or the export failed, by signal.", PartExits},
	{"vigil_otlp_queue_length", Gauge, on("signal"), "", "Spans or log records waiting to be exported, by signal.", PartExits},
}

var selfMetrics = []Metric{
	{"vigil_collector_duration_seconds", Gauge, on("collector"), "seconds", "Time that the collector took for this scrape.", PartSelf},
	{"vigil_collector_success", Gauge, on("collector"), "", "1 if the collector could emit all of its metrics in this scrape.", PartSelf},
}
