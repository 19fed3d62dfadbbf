// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

// Labels of virtual and real servers.
var (
	vs      = []string{"virtual_server"}
	rs      = []string{"virtual_server", "real_server"}
	rsCheck = []string{"virtual_server", "real_server", "checker"}
)

// serviceMetrics are those of tier aggregate: a few for each virtual server.
var serviceMetrics = []Metric{
	{"vigil_virtual_server_info", Gauge, on("virtual_server", "scheduler", "forwarding", "persistence"), "", "Static attributes of the virtual server, value 1.", PartCheck},
	{"vigil_virtual_server_quorum_up", Gauge, vs, "", "1 while the virtual server has its quorum.", PartCheck},
	{"vigil_virtual_server_quorum", Gauge, vs, "", "Weight that the virtual server needs alive for its quorum.", PartCheck},
	{"vigil_virtual_server_weight", Gauge, vs, "", "Weight of the real servers that are up.", PartCheck},
	{"vigil_virtual_server_sorry_server_active", Gauge, vs, "", "1 while the sorry server stands in.", PartCheck},
	{"vigil_virtual_server_suspended", Gauge, vs, "", "1 while checks rest because the address is on another director (ha_suspend).", PartCheck},
	{"vigil_virtual_server_brake_held", Gauge, vs, "", "1 while failed real servers are kept because too many failed at once.", PartCheck},
	{"vigil_virtual_server_quorum_changes_total", Counter, on("virtual_server", "to"), "", "Times the quorum was gained (up) or lost (down).", PartCheck},
	{"vigil_virtual_server_changed_timestamp_seconds", Gauge, vs, "seconds", "When the quorum was last gained or lost, in seconds since the Unix epoch.", PartCheck},
	{"vigil_virtual_server_real_servers", Gauge, on("virtual_server", "state"), "", "Real servers by state.", PartCheck},
	{"vigil_virtual_server_check_failures_total", Counter, on("virtual_server", "checker", "reason"), "", "Checks that failed, by reason; made on first use.", PartCheck},
	{"vigil_check_phase_duration_seconds", Histogram, on("virtual_server", "checker", "phase"), "seconds", "Duration of the phases of checks; made on first use.", PartCheck},
	{"vigil_check_duration_seconds", Histogram, on("checker"), "seconds", "Duration of whole checks.", PartCheck},
	{"vigil_checks_in_flight", Gauge, on("checker"), "", "Checks that go on now.", PartCheck},
	{"vigil_check_schedule_delay_seconds", Histogram, none, "seconds", "How much later than its time a check was begun.", PartCheck},
	{"vigil_check_shared_total", Counter, none, "", "Checks that were spared because another had the same target.", PartCheck},
	{"vigil_check_stray_total", Counter, none, "", "Outcomes of checks that are no more.", PartCheck},
	{"vigil_check_events_total", Counter, on("why"), "", "Outcomes of checks that were told as events and not only counted, by why.", PartCheck},
	{"vigil_check_events_limited_total", Counter, none, "", "Outcomes of checks that the limit of the rate of events kept from being told.", PartCheck},
	{"vigil_trace_decisions_total", Counter, on("decision"), "", "Outcomes of checks by what was decided of their trace: why it is kept, limited by the rate, or dropped.", PartCheck},
}

// serverMetrics are those of tier basic: some for each real server.
var serverMetrics = []Metric{
	{"vigil_real_server_up", Gauge, rs, "", "1 while the real server is up.", PartCheck},
	{"vigil_real_server_weight", Gauge, rs, "", "Weight of the real server in force, 0 if it is not in the pool.", PartCheck},
	{"vigil_real_server_changed_timestamp_seconds", Gauge, rs, "seconds", "When the real server last went up or down, in seconds since the Unix epoch.", PartCheck},
	{"vigil_real_server_changes_total", Counter, rs, "", "Times the real server went up or down.", PartCheck},
	{"vigil_check_up", Gauge, rsCheck, "", "Last verdict of the check.", PartCheck},
	{"vigil_check_consecutive_failures", Gauge, rsCheck, "", "Failures of the check in a row.", PartCheck},
	{"vigil_check_attempts_total", Counter, rsCheck, "", "Attempts of the check.", PartCheck},
	{"vigil_check_failures_total", Counter, rsCheck, "", "Attempts of the check that failed.", PartCheck},
	{"vigil_ipvs_real_server_connections_total", Counter, rs, "", "Connections that the kernel sent to the real server.", PartIPVS},
	{"vigil_ipvs_real_server_active_connections", Gauge, rs, "", "Connections to the real server that are open.", PartIPVS},
	{"vigil_ipvs_real_server_inactive_connections", Gauge, rs, "", "Connections to the real server that are known and not open.", PartIPVS},
}

// serverMetricsFull are those of tier full.
var serverMetricsFull = []Metric{
	{"vigil_check_retries_total", Counter, rsCheck, "", "Attempts of the check that followed a failure at once.", PartCheck},
	{"vigil_check_last_duration_seconds", Gauge, rsCheck, "seconds", "Duration of the last attempt.", PartCheck},
	{"vigil_check_last_run_timestamp_seconds", Gauge, rsCheck, "seconds", "When the last attempt ended, in seconds since the Unix epoch.", PartCheck},
	{"vigil_check_certificate_expiry_timestamp_seconds", Gauge, rsCheck, "seconds", "When the first certificate of the chain expires, in seconds since the Unix epoch; only of checks over TLS.", PartCheck},
	{"vigil_ipvs_real_server_persistent_connections", Gauge, rs, "", "Clients that persistence holds to the real server.", PartIPVS},
	{"vigil_ipvs_real_server_incoming_packets_total", Counter, rs, "", "Packets to the real server.", PartIPVS},
	{"vigil_ipvs_real_server_outgoing_packets_total", Counter, rs, "", "Packets from the real server that the director sees.", PartIPVS},
	{"vigil_ipvs_real_server_incoming_bytes_total", Counter, rs, "bytes", "Bytes to the real server.", PartIPVS},
	{"vigil_ipvs_real_server_outgoing_bytes_total", Counter, rs, "bytes", "Bytes from the real server that the director sees.", PartIPVS},
}

var ipvsMetrics = []Metric{
	{"vigil_ipvs_available", Gauge, none, "", "1 if the kernel has IPVS.", PartIPVS},
	{"vigil_ipvs_virtual_server_connections_total", Counter, vs, "", "Connections to the virtual server.", PartIPVS},
	{"vigil_ipvs_virtual_server_incoming_packets_total", Counter, vs, "", "Packets to the virtual server.", PartIPVS},
	{"vigil_ipvs_virtual_server_outgoing_packets_total", Counter, vs, "", "Packets from the virtual server that the director sees.", PartIPVS},
	{"vigil_ipvs_virtual_server_incoming_bytes_total", Counter, vs, "bytes", "Bytes to the virtual server.", PartIPVS},
	{"vigil_ipvs_virtual_server_outgoing_bytes_total", Counter, vs, "bytes", "Bytes from the virtual server that the director sees.", PartIPVS},
	{"vigil_ipvs_sync_daemon_up", Gauge, on("role"), "", "1 while the sync daemon of the role runs.", PartIPVS},
	{"vigil_ipvs_operations_total", Counter, on("operation"), "", "Operations on the kernel's table.", PartIPVS},
	{"vigil_ipvs_netlink_errors_total", Counter, on("operation"), "", "Operations on the kernel's table that it refused.", PartIPVS},
	{"vigil_ipvs_drift_corrections_total", Counter, on("kind"), "", "Operations that mended what somebody else had changed.", PartIPVS},
	{"vigil_ipvs_table_entries", Gauge, on("kind"), "", "Services and destinations in the kernel's table, of all owners.", PartIPVS},
}
