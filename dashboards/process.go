// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

var checkers = Dashboard{
	UID: "vigil-checkers", Title: "vigil / Checkers", Description: "The checks themselves: how many, how late, how long.", Vars: []Variable{byChecker},
	Rows: []Row{
		{"Load", []Panel{
			lines("Checks", "Checks by kind.", "cps", q(`sum by (instance, checker) (rate(vigil_check_duration_seconds_count{<checker>}[$__rate_interval]))`, "{{checker}} {{instance}}")),
			lines("In flight", "Checks that go on.", "short", q(`sum by (instance, checker) (vigil_checks_in_flight{<checker>})`, "{{checker}} {{instance}}")),
			lines("Lateness", "How much later than its time a check begins.", "s", q(`histogram_quantile(0.5, sum by (instance, le) (rate(vigil_check_schedule_delay_seconds_bucket{<s>}[$__rate_interval])))`, "{{instance}} p50"), q(`histogram_quantile(0.99, sum by (instance, le) (rate(vigil_check_schedule_delay_seconds_bucket{<s>}[$__rate_interval])))`, "{{instance}} p99")),
			lines("Duration, p99", "Duration of whole checks by kind.", "s", q(`histogram_quantile(0.99, sum by (checker, le) (rate(vigil_check_duration_seconds_bucket{<checker>}[$__rate_interval])))`, "{{checker}}")),
			lines("Spared", "Checks spared because another had the same target.", "cps", q(`sum by (instance) (rate(vigil_check_shared_total{<s>}[$__rate_interval]))`, "{{instance}}")),
			lines("Told as events", "Outcomes told and not only counted, by why, and those the limit kept back.", "cps", q(`sum by (why) (rate(vigil_check_events_total{<s>}[$__rate_interval]))`, "{{why}}"), q(`sum by (instance) (rate(vigil_check_events_limited_total{<s>}[$__rate_interval]))`, "{{instance}} kept back")),
		}},
		{"Failures", []Panel{
			lines("Failures by reason", "Failed checks.", "cps", q(`sum by (checker, reason) (rate(vigil_virtual_server_check_failures_total{<checker>}[$__rate_interval]))`, "{{checker}} {{reason}}")).mayBeEmpty(goodEmpty),
			lines("Slowest virtual servers", "Mean duration of the phases.", "s", q(`topk(10, sum by (virtual_server, phase) (rate(vigil_check_phase_duration_seconds_sum{<checker>}[$__rate_interval])) / sum by (virtual_server, phase) (rate(vigil_check_phase_duration_seconds_count{<checker>}[$__rate_interval])))`, "{{virtual_server}} {{phase}}")),
			lines("Retries", "Attempts that followed a failure at once; needs the tier full.", "cps", q(`sum by (checker) (rate(vigil_check_retries_total{<checker>}[$__rate_interval]))`, "{{checker}}")).mayBeEmpty("Another tier."),
			table("Disagreement", "Real servers that are up for one router and down for another; needs the tier basic.", "short", `max by (virtual_server, real_server) (vigil_real_server_up{<s>}) != min by (virtual_server, real_server) (vigil_real_server_up{<s>})`).mayBeEmpty(goodEmpty),
		}},
		{"The kernel's table", []Panel{
			lines("Entries", "Services and destinations in the kernel's table, of all owners.", "short", q(`vigil_ipvs_table_entries{<s>}`, "{{kind}} {{instance}}")),
			lines("Operations", "Changes of the table.", "cps", q(`sum by (instance, operation) (rate(vigil_ipvs_operations_total{<s>}[$__rate_interval]))`, "{{operation}} {{instance}}")),
			lines("Refused", "Changes that the kernel refused.", "short", q(`sum by (instance, operation) (increase(vigil_ipvs_netlink_errors_total{<s>}[$__rate_interval]))`, "{{operation}} {{instance}}")),
			lines("Drift", "Operations that mended what somebody else had changed.", "short", q(`sum by (instance, kind) (increase(vigil_ipvs_drift_corrections_total{<s>}[$__rate_interval]))`, "{{kind}} {{instance}}")),
		}},
	},
}

var daemon = Dashboard{
	UID: "vigil-daemon", Title: "vigil / Daemon", Description: "vigild itself: punctuality, processes, configuration.",
	Rows: []Row{
		{"Punctuality", []Panel{
			lines("Lag of the loop", "Time from when a timer was due to when it ran, and the shortest advertisement interval.", "s", q(`histogram_quantile(0.5, sum by (instance, loop, le) (rate(vigil_event_loop_lag_seconds_bucket{<s>}[$__rate_interval])))`, "{{loop}} {{instance}} p50"), q(`histogram_quantile(0.99, sum by (instance, loop, le) (rate(vigil_event_loop_lag_seconds_bucket{<s>}[$__rate_interval])))`, "{{loop}} {{instance}} p99"), q(`min by (instance) (vigil_vrrp_advert_interval_seconds{<s>})`, "{{instance}} interval")),
			lines("Longest lag", "Since the start.", "s", q(`vigil_event_loop_lag_max_seconds{<s>}`, "{{loop}} {{instance}}")),
			lines("Stalls and clock steps", "Pauses of the process longer than a master-down interval, and jumps of the wall clock.", "short", q(`increase(vigil_process_stalls_total{<s>}[$__rate_interval])`, "{{process}} {{instance}} stalls"), q(`increase(vigil_clock_steps_total{<s>}[$__rate_interval])`, "{{instance}} steps")),
			lines("Packets dropped", "VRRP packets that the kernel dropped for want of buffer.", "short", q(`increase(vigil_vrrp_socket_drops_total{<s>}[$__rate_interval])`, "{{instance}}")),
		}},
		{"Processes", []Panel{
			timeline("Processes", "The processes of the roles.", upDown, `max by (instance, process) (vigil_process_up{<s>})`, "{{process}} {{instance}}"),
			lines("Restarts", "Processes that the parent started again.", "short", q(`increase(vigil_process_restarts_total{<s>}[$__rate_interval])`, "{{process}} {{instance}}")),
			lines("Privileges", "1 if real-time priority and locked memory were granted.", "short", q(`vigil_process_realtime{<s>}`, "{{process}} {{instance}} real time"), q(`vigil_process_memory_locked{<s>}`, "{{process}} {{instance}} locked")),
			lines("Events between processes", "Events lost and made good, and counters carried over a restart.", "short", q(`increase(vigil_link_lost_events_total{<s>}[$__rate_interval])`, "{{instance}} lost"), q(`increase(vigil_ledger_discontinuities_total{<s>}[$__rate_interval])`, "{{instance}} carried")),
		}},
		{"Configuration", []Panel{
			lines("Hash", "Hash of the configuration in force; it changes at each reload of something new.", "short", q(`vigil_config_hash{<s>}`, "{{instance}}")),
			lines("Reloads", "Configurations put into force, and refused.", "short", q(`increase(vigil_config_reloads_total{<s>}[$__rate_interval])`, "{{instance}} in force"), q(`increase(vigil_config_reload_failures_total{<s>}[$__rate_interval])`, "{{instance}} refused")),
			lines("Warnings", "Warnings about the configuration in force.", "short", q(`vigil_config_warnings{<s>}`, "{{instance}}")),
			stat("Last reload", "Whether the last configuration was taken.", "short", q(`min by (instance) (vigil_config_last_reload_successful{<s>})`, "{{instance}}")).words(okBad),
		}},
		{"Scrapes", []Panel{
			lines("Duration of collectors", "Time that each part of the page takes.", "s", q(`vigil_collector_duration_seconds{<s>}`, "{{collector}} {{instance}}")),
			lines("Collectors", "1 if the part could be emitted whole.", "short", q(`min by (instance, collector) (vigil_collector_success{<s>})`, "{{collector}} {{instance}}")),
		}},
	},
}

var exits = Dashboard{
	UID: "vigil-exits", Title: "vigil / Notifications and telemetry", Description: "What leaves vigild: notifications, SNMP, logs, traces.",
	Rows: []Row{
		{"Notifications", []Panel{
			lines("Events and deliveries", "Events queued and delivered, by channel.", "short", q(`sum by (channel) (increase(vigil_notify_events_total{<s>}[$__rate_interval]))`, "{{channel}} queued"), q(`sum by (channel) (increase(vigil_notify_sent_total{<s>}[$__rate_interval]))`, "{{channel}} delivered")),
			lines("Failures", "Attempts in vain and events given up.", "short", q(`sum by (channel, reason) (increase(vigil_notify_failures_total{<s>}[$__rate_interval])) > 0`, "{{channel}} {{reason}}"), q(`sum by (channel, reason) (increase(vigil_notify_dropped_total{<s>}[$__rate_interval])) > 0`, "{{channel}} given up: {{reason}}")).mayBeEmpty(goodEmpty),
			lines("Waiting", "Events that wait.", "short", q(`sum by (instance, channel) (vigil_notify_queue_length{<s>})`, "{{channel}} {{instance}}")),
			lines("Age of the oldest", "How long the oldest event has waited.", "s", q(`(time() - vigil_notify_oldest_event_timestamp_seconds{<s>}) and (vigil_notify_oldest_event_timestamp_seconds{<s>} > 0)`, "{{channel}} {{instance}}")).mayBeEmpty(goodEmpty),
			lines("Time to delivery, p99", "From the event to its delivery.", "s", q(`histogram_quantile(0.99, sum by (channel, le) (rate(vigil_notify_duration_seconds_bucket{<s>}[$__rate_interval])))`, "{{channel}}")).mayBeEmpty(rare),
		}},
		{"SNMP", []Panel{
			timeline("Session", "Session with the master agent.", upDown, `max by (instance) (vigil_snmp_subagent_connected{<s>})`, "{{instance}}").mayBeEmpty("SNMP is not configured."),
			lines("Requests", "Requests, and those answered with an error.", "reqps", q(`sum by (operation) (rate(vigil_snmp_requests_total{<s>}[$__rate_interval]))`, "{{operation}}"), q(`sum by (operation) (rate(vigil_snmp_request_errors_total{<s>}[$__rate_interval]))`, "{{operation}} error")).mayBeEmpty("SNMP is not configured."),
			lines("Traps", "Traps handed to the master agent.", "short", q(`sum by (trap) (increase(vigil_snmp_traps_sent_total{<s>}[$__rate_interval]))`, "{{trap}}")).mayBeEmpty("SNMP is not configured."),
		}},
		{"Telemetry", []Panel{
			lines("Exports", "Batches exported over OTLP, and those in vain.", "short", q(`sum by (signal) (increase(vigil_otlp_exports_total{<s>}[$__rate_interval]))`, "{{signal}}"), q(`sum by (signal) (increase(vigil_otlp_export_failures_total{<s>}[$__rate_interval]))`, "{{signal}} in vain")).mayBeEmpty("OTLP is not configured."),
			lines("Queue", "Spans and log records that wait, and that were dropped.", "short", q(`sum by (signal) (vigil_otlp_queue_length{<s>})`, "{{signal}} waiting"), q(`sum by (signal) (increase(vigil_otlp_dropped_total{<s>}[$__rate_interval]))`, "{{signal}} dropped")).mayBeEmpty("OTLP is not configured."),
			lines("Log records", "Records by level.", "short", q(`sum by (level) (increase(vigil_log_messages_total{<s>}[$__rate_interval]))`, "{{level}}")).stacked(),
			lines("Log records lost", "Records that could not be written.", "short", q(`sum by (instance) (increase(vigil_log_dropped_total{<s>}[$__rate_interval]))`, "{{instance}}")),
		}},
	},
}
