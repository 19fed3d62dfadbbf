// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

// scene is what Prometheus sees, and when an alert fires. A series begins at 0
// with a sample each step: "1*10 0*5" is ten ones and five zeros, "+2*3" three
// samples that each add 2, "_*4" four that are missing. The label job="vigil"
// is added to all.
type scene struct {
	alert, step string
	series      [][2]string
	// before and after are when the alert does not fire, fires when it does,
	// for these labels and with this value in its description.
	before, fires, after string
	labels, value        string
}

const (
	a  = `instance="a"`
	b  = `instance="b"`
	v  = `vrrp_instance="V"`
	vs = `virtual_server="tcp/192.0.2.1:443"`
	rs = `real_server="10.0.0.1:443",` + vs
	// dip is bad from the tenth step to the twentieth, and once a counter that
	// counts one thing in the twentieth.
	dip, bump, once = "1*10 0*10 1*20", "0*10 1*10 0*20", "0*20 +1*1 +0*30"
)

func one(series, values string) [][2]string { return [][2]string{{series, values}} }

var scenes = []scene{
	{"VigilVRRPNoMaster", "1m", [][2]string{{`vigil_vrrp_vip_owned{` + a + `,` + v + `,address="192.0.2.1"}`, dip}, {`vigil_vrrp_vip_owned{` + b + `,` + v + `,address="192.0.2.1"}`, "0*40"}}, "9m", "11m", "20m", `address="192.0.2.1"`, ""},
	{"VigilVRRPSplitBrain", "1m", [][2]string{{`vigil_vrrp_vip_owned{` + a + `,` + v + `,address="192.0.2.1"}`, "1*40"}, {`vigil_vrrp_vip_owned{` + b + `,` + v + `,address="192.0.2.1"}`, bump}}, "9m", "11m", "27m", `address="192.0.2.1"`, "2"},
	{"VigilVRRPSplitBrainSuspected", "1m", one(`vigil_vrrp_split_brain_suspected{`+a+`,`+v+`}`, bump), "9m", "11m", "27m", a + `,` + v, ""},
	{"VigilVRRPConflictingAdverts", "1m", [][2]string{{`vigil_vrrp_conflicting_adverts_received_total{` + a + `,` + v + `,precedence="lower"}`, "0*10 +10*10 +0*10"}, {`vigil_vrrp_conflicting_adverts_received_total{` + a + `,` + v + `,precedence="higher"}`, "0*30"}}, "9m", "15m", "24m", a + `,` + v, "20"},
	{"VigilVRRPMasterSilent", "15s", [][2]string{{`vigil_vrrp_state{` + a + `,` + v + `,state="master"}`, "1*120"}, {`vigil_vrrp_adverts_sent_total{` + a + `,` + v + `}`, "+15*40 +0*40 +15*40"}, {`vigil_vrrp_state{` + b + `,` + v + `,state="master"}`, "0*120"}, {`vigil_vrrp_adverts_sent_total{` + b + `,` + v + `}`, "0*120"}}, "10m", "12m", "21m", a + `,` + v + `,state="master"`, ""},
	{"VigilVRRPFault", "1m", one(`vigil_vrrp_state{`+a+`,`+v+`,state="fault"}`, bump), "9m", "12m", "21m", a + `,` + v + `,state="fault"`, ""},
	{"VigilVRRPNoRedundancy", "1m", [][2]string{
		{`vigil_vrrp_vip_owned{` + a + `,` + v + `,address="192.0.2.1"}`, "1*40"},
		{`vigil_vrrp_vip_owned{` + b + `,` + v + `,address="192.0.2.1"}`, "0*40"},
		{`vigil_vrrp_state{` + a + `,` + v + `,state="master"}`, "1*40"},
		{`vigil_vrrp_state{` + b + `,` + v + `,state="master"}`, "0*40"},
		{`vigil_vrrp_state{` + b + `,` + v + `,state="backup"}`, "1*10 0*20 1*10"},
	}, "19m", "21m", "31m", `address="192.0.2.1"`, "1"},
	{"VigilVRRPFlapping", "1m", [][2]string{{`vigil_vrrp_transitions_total{` + a + `,` + v + `,from="backup",to="master",reason="tracking"}`, "0*5 +1*5 +0*30"}, {`vigil_vrrp_transitions_total{` + a + `,` + v + `,from="master",to="backup",reason="tracking"}`, "0*5 +1*5 +0*30"}}, "4m", "17m", "26m", a + `,` + v, "10"},
	{"VigilVRRPUnexpectedFailover", "1m", [][2]string{{`vigil_vrrp_transitions_total{` + a + `,` + v + `,from="backup",to="master",reason="master_down_timer"}`, "0*12 +1*1 +0*30"}, {`vigil_vrrp_transitions_total{` + b + `,` + v + `,from="backup",to="master",reason="preempt"}`, "0*12 +1*1 +0*30"}}, "11m", "15m", "25m", a + `,` + v, ""},
	{"VigilVRRPSlowFailover", "10m", [][2]string{{`vigil_vrrp_failover_phase_duration_seconds_bucket{` + a + `,phase="total",le="5.0"}`, "0*20"}, {`vigil_vrrp_failover_phase_duration_seconds_bucket{` + a + `,phase="total",le="10.0"}`, "0*7 +1*1 +0*12"}, {`vigil_vrrp_failover_phase_duration_seconds_bucket{` + a + `,phase="total",le="+Inf"}`, "0*7 +1*1 +0*12"}}, "60m", "80m", "160m", a, "9.95s"},
	{"VigilVRRPNotPreferredMaster", "5m", [][2]string{
		{`vigil_vrrp_base_priority{` + a + `,` + v + `}`, "150*23"},
		{`vigil_vrrp_base_priority{` + b + `,` + v + `}`, "100*23"},
		{`vigil_vrrp_state{` + a + `,` + v + `,state="master"}`, "1*2 0*16 1*5"},
		{`vigil_vrrp_state{` + b + `,` + v + `,state="master"}`, "0*2 1*16 0*5"},
	}, "60m", "75m", "95m", b + `,` + v, "100"},
	{"VigilSyncGroupInconsistent", "1m", [][2]string{
		{`vigil_vrrp_sync_group_member_info{` + a + `,` + v + `,sync_group="G"}`, "1*40"},
		{`vigil_vrrp_sync_group_member_info{` + a + `,vrrp_instance="W",sync_group="G"}`, "1*40"},
		{`vigil_vrrp_state{` + a + `,` + v + `,state="master"}`, "1*40"},
		{`vigil_vrrp_state{` + a + `,` + v + `,state="backup"}`, "0*40"},
		{`vigil_vrrp_state{` + a + `,vrrp_instance="W",state="master"}`, dip},
		{`vigil_vrrp_state{` + a + `,vrrp_instance="W",state="backup"}`, bump},
	}, "9m", "12m", "21m", a + `,sync_group="G"`, "2"},
	{"VigilTrackObjectDown", "1m", one(`vigil_track_object_up{`+a+`,kind="script",object="chk"}`, dip), "14m", "16m", "21m", a + `,kind="script",object="chk"`, ""},

	{"VigilVRRPNearMisses", "1m", one(`vigil_vrrp_master_down_near_misses_total{`+a+`,`+v+`}`, "0*35 +1*5 +0*40"), "34m", "45m", "72m", a + `,` + v, "5"},
	{"VigilVRRPAdvertLoss", "1m", [][2]string{{`vigil_vrrp_adverts_missed_total{` + a + `,` + v + `}`, "0*10 +3*40 +0*40"}, {`vigil_vrrp_adverts_received_total{` + a + `,` + v + `}`, "+60*90"}}, "9m", "45m", "80m", a + `,` + v, "4.762%"},
	{"VigilVRRPReceiveErrors", "1m", [][2]string{{`vigil_vrrp_receive_errors_total{` + a + `,` + v + `,reason="ttl"}`, "0*10 +60*20 +0*20"}, {`vigil_vrrp_receive_errors_total{` + a + `,` + v + `,reason="auth_failure"}`, "+60*50"}}, "19m", "25m", "40m", a + `,` + v, "1"},
	{"VigilVRRPAuthFailures", "1m", [][2]string{{`vigil_vrrp_receive_errors_total{` + a + `,` + v + `,reason="auth_failure"}`, "0*10 +60*20 +0*20"}, {`vigil_vrrp_receive_errors_total{` + a + `,` + v + `,reason="ttl"}`, "+60*50"}}, "9m", "20m", "40m", a + `,` + v, "1"},
	{"VigilVRRPSendErrors", "1m", one(`vigil_vrrp_send_errors_total{`+a+`,`+v+`}`, "0*10 +60*20 +0*20"), "9m", "20m", "40m", a + `,` + v, "1"},
	{"VigilVRRPSocketDrops", "1m", one(`vigil_vrrp_socket_drops_total{`+a+`}`, once), "19m", "25m", "37m", a, "1"},
	{"VigilVRRPSelfSuspicion", "1m", one(`vigil_vrrp_self_suspicions_total{`+a+`,`+v+`}`, "0*35 +1*1 +0*40"), "34m", "40m", "67m", a + `,` + v, "1"},
	{"VigilVRRPAddressRestored", "1m", one(`vigil_vrrp_addresses_restored_total{`+a+`,`+v+`}`, once), "19m", "25m", "37m", a + `,` + v, "1"},
	{"VigilBFDSessionDown", "1m", one(`vigil_bfd_session_state{`+a+`,session="gw",state="up"}`, dip), "9m", "12m", "21m", a + `,session="gw",state="up"`, ""},

	{"VigilVirtualServerQuorumLost", "1m", one(`vigil_virtual_server_quorum_up{`+a+`,`+vs+`}`, dip), "9m", "12m", "21m", a + `,` + vs, ""},
	{"VigilVirtualServerEmpty", "1m", [][2]string{
		{`vigil_virtual_server_weight{` + a + `,` + vs + `}`, dip},
		{`vigil_virtual_server_sorry_server_active{` + a + `,` + vs + `}`, "0*40"},
		{`vigil_virtual_server_weight{` + b + `,` + vs + `}`, dip},
		{`vigil_virtual_server_sorry_server_active{` + b + `,` + vs + `}`, bump},
	}, "9m", "12m", "21m", a + `,` + vs, ""},
	{"VigilSorryServerActive", "1m", one(`vigil_virtual_server_sorry_server_active{`+a+`,`+vs+`}`, bump), "11m", "13m", "21m", a + `,` + vs, ""},
	{"VigilVirtualServerDegraded", "1m", [][2]string{{`vigil_virtual_server_real_servers{` + a + `,` + vs + `,state="up"}`, "4*10 2*20 4*10"}, {`vigil_virtual_server_real_servers{` + a + `,` + vs + `,state="down"}`, "0*10 2*20 0*10"}, {`vigil_virtual_server_real_servers{` + a + `,` + vs + `,state="disabled"}`, "4*40"}}, "19m", "21m", "31m", a + `,` + vs, "50%"},
	{"VigilVirtualServerBudgetBurnFast", "1m", [][2]string{{`vigil_virtual_server_quorum_up{` + a + `,` + vs + `}`, "1*70 0*10 1*20"}, {`vigil_virtual_server_quorum_up{` + b + `,` + vs + `}`, "1*69 0*12 1*20"}}, "69m", "79m", "90m", vs, "16.39%"},
	{"VigilVirtualServerBudgetBurn", "10m", one(`vigil_virtual_server_quorum_up{`+a+`,`+vs+`}`, "1*40 0*4 1*10"), "390m", "430m", "490m", vs, "10.81%"},
	{"VigilVirtualServerBudgetBurnSlow", "1h", one(`vigil_virtual_server_quorum_up{`+a+`,`+vs+`}`, "1*80 0*6 1*12"), "79h", "84h", "93h", vs, "6.849%"},
	{"VigilVirtualServerBrakeHeld", "1m", one(`vigil_virtual_server_brake_held{`+a+`,`+vs+`}`, bump), "11m", "13m", "21m", a + `,` + vs, ""},
	{"VigilRealServerDown", "1m", one(`vigil_virtual_server_real_servers{`+a+`,`+vs+`,state="down"}`, "0*10 2*30 0*5"), "20m", "26m", "41m", vs, "2"},
	{"VigilRealServerFlapping", "1m", one(`vigil_real_server_changes_total{`+a+`,`+rs+`}`, "0*35 +1*8 +0*40"), "34m", "45m", "75m", a + `,` + rs, "8"},

	{"VigilCheckDisagreement", "1m", [][2]string{{`vigil_real_server_up{` + a + `,` + rs + `}`, "1*40"}, {`vigil_real_server_up{` + b + `,` + rs + `}`, dip}}, "14m", "16m", "21m", rs, ""},
	{"VigilCheckStalled", "1m", [][2]string{
		{`vigil_check_attempts_total{` + a + `,` + rs + `,checker="TCP_CHECK"}`, "+6*10 +0*30 +6*10"},
		{`vigil_check_attempts_total{` + b + `,` + rs + `,checker="TCP_CHECK"}`, "0*50"},
		{`vigil_virtual_server_suspended{` + b + `,` + vs + `}`, "1*50"},
	}, "15m", "30m", "42m", a, ""},
	{"VigilCheckSaturated", "1m", [][2]string{{`vigil_check_schedule_delay_seconds_bucket{` + a + `,le="1.0"}`, "0*60"}, {`vigil_check_schedule_delay_seconds_bucket{` + a + `,le="2.5"}`, "0*10 +60*25 +0*25"}, {`vigil_check_schedule_delay_seconds_bucket{` + a + `,le="+Inf"}`, "0*10 +60*25 +0*25"}}, "15m", "25m", "45m", a, "2.485s"},
	{"VigilCertificateExpiry", "1h", one(`vigil_check_certificate_expiry_timestamp_seconds{`+a+`,`+rs+`,checker="SSL_GET"}`, "1728000*160 10000000*10"), "140h", "150h", "165h", vs, "13d 18h 0m 0s"},
	{"VigilCertificateExpiryCritical", "1h", one(`vigil_check_certificate_expiry_timestamp_seconds{`+a+`,`+rs+`,checker="SSL_GET"}`, "432000*60 10000000*10"), "40h", "51h", "65h", vs, "2d 21h 0m 0s"},
	{"VigilIPVSDrift", "1m", one(`vigil_ipvs_drift_corrections_total{`+a+`,kind="add_destination"}`, once), "19m", "25m", "37m", a, "1"},
	{"VigilIPVSErrors", "1m", one(`vigil_ipvs_netlink_errors_total{`+a+`,operation="add_destination"}`, once), "19m", "23m", "30m", a, "1"},
	{"VigilIPVSUnavailable", "1m", [][2]string{{`vigil_ipvs_available{` + a + `}`, dip}, {`vigil_virtual_server_info{` + a + `,` + vs + `,scheduler="wrr"}`, "1*40"}, {`vigil_ipvs_available{` + b + `}`, "0*40"}}, "11m", "13m", "21m", a, ""},
	{"VigilIPVSSyncDaemonDown", "1m", [][2]string{{`vigil_ipvs_sync_daemon_up{` + a + `,role="master"}`, "1*10 0*80"}, {`vigil_ipvs_sync_daemon_up{` + a + `,role="backup"}`, "0*90"}, {`vigil_ipvs_sync_daemon_up{` + b + `,role="master"}`, "0*90"}}, "9m", "13m", "75m", a, ""},

	{"VigilDown", "1m", one(`up{`+a+`}`, dip), "11m", "13m", "21m", a, ""},
	{"VigilAbsent", "1m", one(`up{`+a+`}`, "1*5 _*25 1*5"), "15m", "22m", "31m", "", ""},
	{"VigilConfigReloadFailed", "1m", one(`vigil_config_last_reload_successful{`+a+`}`, dip), "14m", "16m", "21m", a, ""},
	{"VigilVersionSkew", "1h", [][2]string{{`vigil_build_info{` + a + `,version="1.0"}`, "1*60"}, {`vigil_build_info{` + b + `,version="1.1"}`, "1*30"}, {`vigil_build_info{` + b + `,version="1.0"}`, "_*30 1*30"}}, "20h", "26h", "32h", "", "2"},
	{"VigilEventLoopLag", "1m", [][2]string{
		{`vigil_vrrp_advert_interval_seconds{` + a + `,` + v + `}`, "1*60"},
		{`vigil_event_loop_lag_seconds_bucket{` + a + `,loop="vrrp",le="0.1"}`, "0*60"},
		{`vigil_event_loop_lag_seconds_bucket{` + a + `,loop="vrrp",le="0.25"}`, "0*10 +60*25 +0*25"},
		{`vigil_event_loop_lag_seconds_bucket{` + a + `,loop="vrrp",le="+Inf"}`, "0*10 +60*25 +0*25"},
	}, "15m", "25m", "45m", a, "248.5ms"},
	{"VigilProcessDown", "1m", one(`vigil_process_up{`+a+`,process="vrrp"}`, dip), "9m", "12m", "21m", a + `,process="vrrp"`, ""},
	{"VigilProcessRestarting", "1m", one(`vigil_process_restarts_total{`+a+`,process="vrrp"}`, once), "19m", "25m", "37m", a + `,process="vrrp"`, "1"},
	{"VigilClockSteps", "5m", one(`vigil_clock_steps_total{`+a+`}`, "0*14 +1*4 +0*20"), "65m", "90m", "160m", a, "4"},
	{"VigilCollectorFailed", "1m", one(`vigil_collector_success{`+a+`,collector="vrrp"}`, dip), "14m", "16m", "21m", a + `,collector="vrrp"`, ""},

	{"VigilNotifyFailing", "1m", [][2]string{{`vigil_notify_failures_total{` + a + `,channel="smtp",reason="refused"}`, "0*10 +30*30 +0*30"}, {`vigil_notify_events_total{` + a + `,channel="smtp"}`, "+60*70"}}, "9m", "35m", "60m", a + `,channel="smtp"`, "50%"},
	{"VigilNotifyDropped", "1m", one(`vigil_notify_dropped_total{`+a+`,channel="smtp",reason="overflow"}`, once), "19m", "25m", "37m", a + `,channel="smtp"`, "1"},
	{"VigilSNMPDisconnected", "1m", one(`vigil_snmp_subagent_connected{`+a+`}`, "1*10 0*30 1*10"), "20m", "26m", "41m", a, ""},
	{"VigilTelemetryExportFailing", "1m", one(`vigil_otlp_export_failures_total{`+a+`,signal="traces"}`, "0*10 +1*60 +0*30"), "30m", "45m", "90m", a + `,signal="traces"`, ""},
	{"VigilLogDropped", "1m", one(`vigil_log_dropped_total{`+a+`}`, once), "19m", "25m", "37m", a, "1"},
}
