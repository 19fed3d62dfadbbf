// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

// Record is one recording rule, named level:metric:operations.
type Record struct {
	Name, Expr, Means string
}

// Records is every recording rule: what alerts and dashboards would else
// compute again and again.
func Records() []Record {
	out := []Record{
		{"address:vigil_vrrp_vip_owned:sum", `sum by (<by>, address) (vigil_vrrp_vip_owned)`, "routers that hold the address; 1 is right"},
		{"vrrp_instance:vigil_vrrp_state:count", `count by (<by>, vrrp_instance, state) (vigil_vrrp_state == 1)`, "routers in each state"},
		{
			"instance_vrrp_instance:vigil_vrrp_adverts_missed:ratio_rate15m",
			`rate(vigil_vrrp_adverts_missed_total[15m]) / (rate(vigil_vrrp_adverts_missed_total[15m]) + rate(vigil_vrrp_adverts_received_total[15m]))`,
			"part of the master's adverts that is missing",
		},
		{
			"instance_phase:vigil_vrrp_failover_phase_duration_seconds:p99_1h",
			`histogram_quantile(0.99, sum by (<by>, instance, phase, le) (rate(vigil_vrrp_failover_phase_duration_seconds_bucket[1h])))`,
			"slowest failovers of the last hour by phase",
		},
		{"virtual_server:vigil_virtual_server_check_failures:rate5m", `sum by (<by>, virtual_server, checker, reason) (rate(vigil_virtual_server_check_failures_total[5m]))`, "failing checks by reason"},
		{"virtual_server:vigil_ipvs_virtual_server_connections:rate5m", `sum by (<by>, virtual_server) (rate(vigil_ipvs_virtual_server_connections_total[5m]))`, "connections a second over all directors"},
	}
	for _, window := range []string{"5m", "30m", "1h", "6h", "3d"} {
		out = append(out, Record{
			"virtual_server:vigil_virtual_server_quorum_down:ratio" + window,
			`min by (<by>, virtual_server) (1 - avg_over_time(vigil_virtual_server_quorum_up[` + window + `]))`,
			"part of the last " + window + " without quorum, on the director that saw least of it",
		})
	}
	return out
}
