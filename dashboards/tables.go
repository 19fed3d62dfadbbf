// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

// Why a panel may be empty.
const (
	goodEmpty = "Nothing is wrong."
	ifPools   = "No virtual server is configured."
	ifTracked = "Nothing of this kind is configured."
	rare      = "It did not happen in the time shown."
)

var (
	byInstance = Variable{"vrrp_instance", "vigil_vrrp_state"}
	byService  = Variable{"virtual_server", "vigil_virtual_server_quorum_up"}
	byServer   = Variable{"real_server", "vigil_real_server_up"}
	byChecker  = Variable{"checker", "vigil_check_duration_seconds_count"}
)

const stateNumber = `sum by (instance, vrrp_instance) (vigil_vrrp_state{<v>,state="backup"}) + 2 * sum by (instance, vrrp_instance) (vigil_vrrp_state{<v>,state="master"}) + 3 * sum by (instance, vrrp_instance) (vigil_vrrp_state{<v>,state="fault"})`

var overview = Dashboard{
	UID: "vigil-overview", Title: "vigil / Overview", Description: "Who holds what, and what is wrong, over all routers.",
	Rows: []Row{
		{"Now", []Panel{
			stat("Routers up", "Routers that Prometheus can scrape.", "short", q(`sum(up{<s>})`, "up")),
			stat("Masters", "VRRP instances that are master.", "short", q(`sum(vigil_vrrp_state{<s>,state="master"})`, "masters")),
			stat("In fault", "VRRP instances in state FAULT.", "short", q(`sum(vigil_vrrp_state{<s>,state="fault"})`, "fault")),
			stat("Split brain", "Addresses that more than one router holds.", "short", q(`count(sum by (cluster, job, address) (vigil_vrrp_vip_owned{<s>}) > 1) or vector(0)`, "addresses")),
			stat("No master", "Addresses that no router holds.", "short", q(`count(sum by (cluster, job, address) (vigil_vrrp_vip_owned{<s>}) == 0) or vector(0)`, "addresses")),
			stat("Without quorum", "Virtual servers without quorum on a router.", "short", q(`count(vigil_virtual_server_quorum_up{<s>} == 0) or vector(0)`, "virtual servers")),
		}},
		{"VRRP", []Panel{
			lines("Masters by router", "How many instances each router is master of.", "short", q(`sum by (instance) (vigil_vrrp_state{<s>,state="master"})`, "{{instance}}")).stacked(),
			lines("Failovers", "Transitions to master by reason.", "short", q(`sum by (instance, reason) (increase(vigil_vrrp_transitions_total{<s>,to="master"}[$__rate_interval])) > 0`, "{{instance}} {{reason}}")).mayBeEmpty(rare),
			timeline("Holders of addresses", "Which router holds which address.", []Word{{"no", "text"}, {"HOLDS", "green"}}, `max by (address, instance) (vigil_vrrp_vip_owned{<s>})`, "{{address}} {{instance}}"),
			table("Stand-ins", "Routers that are backup, by instance.", "short", `sum by (vrrp_instance) (vigil_vrrp_state{<s>,state="backup"})`),
			table("Priorities", "Effective priority of every instance on every router.", "short", `max by (instance, vrrp_instance) (vigil_vrrp_priority{<s>})`),
		}},
		{"Virtual servers", []Panel{
			lines("Real servers by state", "As the routers' checks see them.", "short", q(`sum by (state) (vigil_virtual_server_real_servers{<s>})`, "{{state}}")).stacked().mayBeEmpty(ifPools),
			lines("Virtual servers with most failures", "Failed checks a second.", "cps", q(`topk(10, sum by (virtual_server) (rate(vigil_virtual_server_check_failures_total{<s>}[$__rate_interval])))`, "{{virtual_server}}")).mayBeEmpty(goodEmpty),
		}},
		{"Routers", []Panel{
			table("Firing alerts", "Alerts of vigild that fire.", "short", `sum by (alertname, severity) (ALERTS{job=~"$job",alertname=~"Vigil.*",alertstate="firing"})`).mayBeEmpty(goodEmpty),
			table("Versions", "What each router runs.", "short", `max by (instance, version, goversion) (vigil_build_info{<s>})`),
			stat("Last reload", "Whether the last configuration was taken.", "short", q(`min by (instance) (vigil_config_last_reload_successful{<s>})`, "{{instance}}")).words(okBad),
		}},
	},
}

var vrrp = Dashboard{
	UID: "vigil-vrrp", Title: "vigil / VRRP", Description: "States, adverts, timers and failovers of VRRP instances.", Vars: []Variable{byInstance},
	Rows: []Row{
		{"States", []Panel{
			timeline("State", "State of each instance on each router.", states, stateNumber, "{{vrrp_instance}} {{instance}}"),
			lines("Priority", "Effective and configured priority; they differ by what is tracked.", "short", q(`vigil_vrrp_priority{<v>}`, "{{vrrp_instance}} {{instance}} effective"), q(`vigil_vrrp_base_priority{<v>}`, "{{vrrp_instance}} {{instance}} configured")),
			lines("Lead of priority", "Own effective priority less that of the other router heard last.", "short", q(`vigil_vrrp_priority_lead{<v>}`, "{{vrrp_instance}} {{instance}}")),
			lines("Transitions by reason", "Transitions and why.", "short", q(`sum by (instance, to, reason) (increase(vigil_vrrp_transitions_total{<v>}[$__rate_interval])) > 0`, "{{instance}} to {{to}}: {{reason}}")).mayBeEmpty(rare),
			lines("Time in states", "Part of the time spent in each state.", "percentunit", q(`sum by (instance, state) (rate(vigil_vrrp_state_seconds_total{<v>}[$__rate_interval]))`, "{{instance}} {{state}}")),
		}},
		{"Adverts", []Panel{
			lines("Adverts", "Adverts sent and received.", "pps", q(`sum by (instance) (rate(vigil_vrrp_adverts_sent_total{<v>}[$__rate_interval]))`, "{{instance}} sent"), q(`sum by (instance) (rate(vigil_vrrp_adverts_received_total{<v>}[$__rate_interval]))`, "{{instance}} received")),
			lines("Adverts missed", "Adverts of the master that did not come in time, and timers rescued at the last moment.", "short", q(`increase(vigil_vrrp_adverts_missed_total{<v>}[$__rate_interval])`, "{{vrrp_instance}} {{instance}} missed"), q(`increase(vigil_vrrp_master_down_near_misses_total{<v>}[$__rate_interval])`, "{{vrrp_instance}} {{instance}} near misses")),
			heat("Gaps between adverts", "Time between two adverts divided by the interval; 1 is right, 3 is a failover.", "short", `sum by (le) (increase(vigil_vrrp_advert_interarrival_ratio_bucket{<v>}[$__rate_interval]))`),
			lines("Gaps, quantiles", "Time between two adverts divided by the interval.", "short", q(`histogram_quantile(0.5, sum by (instance, le) (rate(vigil_vrrp_advert_interarrival_ratio_bucket{<v>}[$__rate_interval])))`, "{{instance}} p50"), q(`histogram_quantile(0.99, sum by (instance, le) (rate(vigil_vrrp_advert_interarrival_ratio_bucket{<v>}[$__rate_interval])))`, "{{instance}} p99")),
			lines("Margin of the master-down timer", "Time that was left when the last advert came, and the whole interval.", "s", q(`vigil_vrrp_master_down_margin_seconds{<v>}`, "{{vrrp_instance}} {{instance}} left"), q(`vigil_vrrp_master_down_interval_seconds{<v>}`, "{{vrrp_instance}} {{instance}} interval")),
			lines("Adverts with faults", "Adverts received with a fault, by reason.", "pps", q(`sum by (instance, reason) (rate(vigil_vrrp_receive_errors_total{<v>}[$__rate_interval])) > 0`, "{{instance}} {{reason}}")).mayBeEmpty(goodEmpty),
			lines("Signs of a split brain", "Packets of another master or of strangers with an address.", "short", q(`sum by (instance, evidence) (increase(vigil_vrrp_split_brain_evidence_total{<v>}[$__rate_interval]))`, "{{instance}} {{evidence}}")),
			lines("Priority zero", "Adverts that give the master role up.", "short", q(`increase(vigil_vrrp_priority_zero_sent_total{<v>}[$__rate_interval])`, "{{vrrp_instance}} {{instance}} sent"), q(`increase(vigil_vrrp_priority_zero_received_total{<v>}[$__rate_interval])`, "{{vrrp_instance}} {{instance}} received")),
		}},
		{"Failovers", []Panel{
			lines("Phases of failovers, p99", "Duration of the phases of promotions; exemplars lead to traces.", "s", q(`histogram_quantile(0.99, sum by (phase, le) (rate(vigil_vrrp_failover_phase_duration_seconds_bucket{<s>}[$__rate_interval])))`, "{{phase}}")).mayBeEmpty(rare),
			lines("Last failover", "Last advert of the old master to addresses announced.", "s", q(`vigil_vrrp_last_failover_duration_seconds{<v>}`, "{{vrrp_instance}} {{instance}}")),
			lines("Announcements", "Gratuitous ARP and unsolicited neighbour advertisements sent, and failed.", "pps", q(`sum by (instance) (rate(vigil_vrrp_gratuitous_arps_sent_total{<v>}[$__rate_interval]))`, "{{instance}} ARP"), q(`sum by (instance) (rate(vigil_vrrp_unsolicited_nas_sent_total{<v>}[$__rate_interval]))`, "{{instance}} NA"), q(`sum by (instance) (rate(vigil_vrrp_announce_errors_total{<v>}[$__rate_interval]))`, "{{instance}} failed")),
			lines("Takeovers held", "Takeovers held because this router was late itself, and those an advert then made needless.", "short", q(`increase(vigil_vrrp_self_suspicions_total{<v>}[$__rate_interval])`, "{{vrrp_instance}} {{instance}} held"), q(`increase(vigil_vrrp_averted_takeovers_total{<v>}[$__rate_interval])`, "{{vrrp_instance}} {{instance}} averted")),
		}},
		{"Tracked objects", []Panel{
			timeline("Tracked objects", "Scripts, files, processes, interfaces and BFD sessions.", upDown, `max by (instance, kind, object) (vigil_track_object_up{<s>})`, "{{kind}} {{object}} {{instance}}").mayBeEmpty(ifTracked),
			lines("Weights in force", "What tracked objects add to the priority.", "short", q(`vigil_vrrp_track_weight{<v>}`, "{{vrrp_instance}} {{object}} {{instance}}")).mayBeEmpty(ifTracked),
			lines("Run time of scripts, p99", "How long tracked scripts run.", "s", q(`histogram_quantile(0.99, sum by (object, le) (rate(vigil_track_script_duration_seconds_bucket{<s>}[$__rate_interval])))`, "{{object}}")).mayBeEmpty(ifTracked),
		}},
	},
}

var virtualServers = Dashboard{
	UID: "vigil-virtual-servers", Title: "vigil / Virtual servers", Description: "Quorum, weights, traffic and failures of virtual servers.", Vars: []Variable{byService},
	Rows: []Row{
		{"Quorum", []Panel{
			timeline("Quorum", "Whether the virtual server has its quorum.", upDown, `max by (instance, virtual_server) (vigil_virtual_server_quorum_up{<vs>})`, "{{virtual_server}} {{instance}}"),
			lines("Weight", "Weight of the real servers that are up, and what the quorum needs.", "short", q(`vigil_virtual_server_weight{<vs>}`, "{{virtual_server}} {{instance}} alive"), q(`vigil_virtual_server_quorum{<vs>}`, "{{virtual_server}} {{instance}} quorum")),
			lines("Real servers", "Real servers by state.", "short", q(`sum by (instance, state) (vigil_virtual_server_real_servers{<vs>})`, "{{instance}} {{state}}")).stacked(),
			timeline("Sorry server", "Whether the sorry server stands in.", noYes, `max by (instance, virtual_server) (vigil_virtual_server_sorry_server_active{<vs>})`, "{{virtual_server}} {{instance}}"),
			timeline("Brake", "Whether failed servers are kept because too many failed at once.", noYes, `max by (instance, virtual_server) (vigil_virtual_server_brake_held{<vs>})`, "{{virtual_server}} {{instance}}"),
		}},
		{"Traffic", []Panel{
			lines("Connections", "New connections.", "cps", q(`sum by (virtual_server) (rate(vigil_ipvs_virtual_server_connections_total{<vs>}[$__rate_interval]))`, "{{virtual_server}}")),
			lines("Packets", "Packets in, and out where the director sees them.", "pps", q(`sum by (virtual_server) (rate(vigil_ipvs_virtual_server_incoming_packets_total{<vs>}[$__rate_interval]))`, "{{virtual_server}} in"), q(`sum by (virtual_server) (rate(vigil_ipvs_virtual_server_outgoing_packets_total{<vs>}[$__rate_interval]))`, "{{virtual_server}} out")),
			lines("Bytes", "Bytes in, and out where the director sees them.", "Bps", q(`sum by (virtual_server) (rate(vigil_ipvs_virtual_server_incoming_bytes_total{<vs>}[$__rate_interval]))`, "{{virtual_server}} in"), q(`sum by (virtual_server) (rate(vigil_ipvs_virtual_server_outgoing_bytes_total{<vs>}[$__rate_interval]))`, "{{virtual_server}} out")),
			lines("Known connections", "Open connections, and those known and not open; needs the tier basic.", "short", q(`sum by (virtual_server) (vigil_ipvs_real_server_active_connections{<vs>})`, "{{virtual_server}} open"), q(`sum by (virtual_server) (vigil_ipvs_real_server_inactive_connections{<vs>})`, "{{virtual_server}} not open")),
			lines("Busiest real servers", "Real servers by new connections; needs the tier basic.", "cps", q(`topk(10, sum by (virtual_server, real_server) (rate(vigil_ipvs_real_server_connections_total{<vs>}[$__rate_interval])))`, "{{virtual_server}} {{real_server}}")),
			lines("Imbalance", "Connections of the busiest real server divided by the mean; needs the tier basic.", "short", q(`max by (virtual_server) (rate(vigil_ipvs_real_server_connections_total{<vs>}[$__rate_interval])) / avg by (virtual_server) (rate(vigil_ipvs_real_server_connections_total{<vs>}[$__rate_interval]))`, "{{virtual_server}}")).mayBeEmpty("There is no traffic."),
		}},
		{"Checks", []Panel{
			lines("Failures by reason", "Failed checks.", "cps", q(`sum by (virtual_server, reason) (rate(vigil_virtual_server_check_failures_total{<vs>}[$__rate_interval]))`, "{{virtual_server}} {{reason}}")).mayBeEmpty(goodEmpty),
			heat("Duration of phases", "Phases of the checks; exemplars lead to traces.", "s", `sum by (le) (increase(vigil_check_phase_duration_seconds_bucket{<vs>}[$__rate_interval]))`),
			lines("Certificates", "Time until the first certificate expires; needs the tier full.", "s", q(`min by (virtual_server) (vigil_check_certificate_expiry_timestamp_seconds{<vs>}) - time()`, "{{virtual_server}}")).mayBeEmpty("No check over TLS, or another tier."),
		}},
	},
}

var realServer = Dashboard{
	UID: "vigil-real-server", Title: "vigil / Real server", Description: "One real server as each router sees it; needs the tier basic.", Vars: []Variable{byService, byServer},
	Rows: []Row{
		{"State", []Panel{
			timeline("Up", "As each router sees it.", upDown, `max by (instance, virtual_server, real_server) (vigil_real_server_up{<rs>})`, "{{real_server}} {{virtual_server}} {{instance}}"),
			timeline("Checks", "Last verdict of each check.", upDown, `max by (instance, real_server, checker) (vigil_check_up{<rs>})`, "{{real_server}} {{checker}} {{instance}}"),
			lines("Weight", "Weight in force.", "short", q(`vigil_real_server_weight{<rs>}`, "{{real_server}} {{instance}}")),
			lines("Changes", "Times it went up or down.", "short", q(`increase(vigil_real_server_changes_total{<rs>}[$__rate_interval])`, "{{real_server}} {{instance}}")),
			stat("Last change", "Time since it last went up or down.", "s", q(`time() - max by (real_server) (vigil_real_server_changed_timestamp_seconds{<rs>})`, "{{real_server}}")),
		}},
		{"Checks", []Panel{
			lines("Attempts", "Attempts of the checks.", "cps", q(`sum by (instance, checker) (rate(vigil_check_attempts_total{<rs>}[$__rate_interval]))`, "{{checker}} {{instance}}")),
			lines("Failing", "Part of the attempts that fails.", "percentunit", q(`sum by (instance, checker) (rate(vigil_check_failures_total{<rs>}[$__rate_interval])) / sum by (instance, checker) (rate(vigil_check_attempts_total{<rs>}[$__rate_interval]))`, "{{checker}} {{instance}}")),
			lines("Failures in a row", "Of each check.", "short", q(`vigil_check_consecutive_failures{<rs>}`, "{{real_server}} {{checker}} {{instance}}")),
			lines("Last duration", "Duration of the last attempt; needs the tier full.", "s", q(`vigil_check_last_duration_seconds{<rs>}`, "{{real_server}} {{checker}} {{instance}}")).mayBeEmpty("Another tier."),
		}},
		{"Traffic", []Panel{
			lines("Connections", "New connections.", "cps", q(`sum by (instance, real_server) (rate(vigil_ipvs_real_server_connections_total{<rs>}[$__rate_interval]))`, "{{real_server}} {{instance}}")),
			lines("Known connections", "Open connections, and those known and not open.", "short", q(`vigil_ipvs_real_server_active_connections{<rs>}`, "{{real_server}} {{instance}} open"), q(`vigil_ipvs_real_server_inactive_connections{<rs>}`, "{{real_server}} {{instance}} not open")),
			lines("Bytes", "Bytes to and from it; needs the tier full.", "Bps", q(`sum by (instance, real_server) (rate(vigil_ipvs_real_server_incoming_bytes_total{<rs>}[$__rate_interval]))`, "{{real_server}} {{instance}} in"), q(`sum by (instance, real_server) (rate(vigil_ipvs_real_server_outgoing_bytes_total{<rs>}[$__rate_interval]))`, "{{real_server}} {{instance}} out")).mayBeEmpty("Another tier."),
		}},
	},
}
