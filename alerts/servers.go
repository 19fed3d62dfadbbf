// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

// burn is an alert on how fast a virtual server spends its error budget.
func burn(name, severity, long, short, factor, hold string) Alert {
	ratio := "virtual_server:vigil_virtual_server_quorum_down:ratio"
	return Alert{
		Name: name, Severity: severity, For: hold,
		Expr:        ratio + long + ` > ` + factor + ` * <slo_budget> and ` + ratio + short + ` > ` + factor + ` * <slo_budget>`,
		Summary:     "A virtual server spends its error budget too fast.",
		Description: "{{ $labels.virtual_server }} of {{ $labels.job }} was without quorum for {{ $value | humanizePercentage }} of the last " + long + ".",
		Meaning:     "Without quorum on every director for so much of the last " + long + ", and still in the last " + short + ", that the budget <slo_budget> of a month is spent " + factor + " times too fast.",
		Impact:      "Users were turned away for that part of the time.",
		Command:     "vigilctl why tcp/192.0.2.1:443",
		Look:        "When the quorum was lost, and by which failures.",
		Mitigation:  "As with VigilVirtualServerQuorumLost; if it comes and goes, add capacity or lower the quorum.",
	}
}

// serverAlerts are about virtual and real servers.
var serverAlerts = []Alert{
	{
		Name: "VigilVirtualServerQuorumLost", Severity: Critical, For: "30s",
		Expr:        `vigil_virtual_server_quorum_up == 0`,
		Summary:     "A virtual server has lost its quorum.",
		Description: "{{ $labels.virtual_server }} on {{ $labels.instance }} has too few real servers that are up.",
		Meaning:     "The weight of the real servers that are up is below the quorum.",
		Impact:      "The sorry server answers, or nobody.",
		Command:     "vigilctl why tcp/192.0.2.1:443",
		Look:        "Which checks failed and in which phase. All servers at once speak for the network of the director.",
		Mitigation:  "Mend the real servers. If only one director sees them down, hand the address over to the other.",
	},
	{
		Name: "VigilVirtualServerEmpty", Severity: Critical, For: "30s",
		Expr:        `(vigil_virtual_server_weight == 0) unless (vigil_virtual_server_sorry_server_active == 1)`,
		Summary:     "A virtual server has nobody who answers.",
		Description: "{{ $labels.virtual_server }} on {{ $labels.instance }} has no weight and no sorry server.",
		Meaning:     "No real server with a weight is up, and no sorry server stands in.",
		Impact:      "New connections are refused or hang.",
		Command:     "vigilctl status",
		Look:        "The real servers and the failures of their checks.",
		Mitigation:  "Mend the real servers, or configure a sorry_server.",
	},
	{
		Name: "VigilSorryServerActive", Severity: Warning, For: "2m",
		Expr:        `vigil_virtual_server_sorry_server_active == 1`,
		Summary:     "A sorry server stands in.",
		Description: "The sorry server of {{ $labels.virtual_server }} on {{ $labels.instance }} answers.",
		Meaning:     "The quorum is lost and the sorry server took over.",
		Impact:      "Users see the sorry page.",
		Command:     "vigilctl why tcp/192.0.2.1:443",
		Look:        "When and by which failures the quorum was lost.",
		Mitigation:  "As with VigilVirtualServerQuorumLost.",
	},
	{
		Name: "VigilVirtualServerDegraded", Severity: Warning, For: "10m",
		Expr:        `sum without (state) (vigil_virtual_server_real_servers{state="up"}) / sum without (state) (vigil_virtual_server_real_servers{state=~"up|down"}) < <degraded>`,
		Summary:     "Many real servers of a virtual server are down.",
		Description: "Only {{ $value | humanizePercentage }} of the real servers of {{ $labels.virtual_server }} are up on {{ $labels.instance }}.",
		Meaning:     "Fewer than <degraded> of those that are not disabled.",
		Impact:      "The others carry the load; capacity is short.",
		Command:     "vigilctl status",
		Look:        "Which real servers are down since when.",
		Mitigation:  "Mend them, or add others.",
	},
	burn("VigilVirtualServerBudgetBurnFast", Critical, "1h", "5m", "14.4", "2m"),
	burn("VigilVirtualServerBudgetBurn", Critical, "6h", "30m", "6", "15m"),
	burn("VigilVirtualServerBudgetBurnSlow", Warning, "3d", "6h", "1", "3h"),
	{
		Name: "VigilVirtualServerBrakeHeld", Severity: Warning, For: "2m",
		Expr:        `vigil_virtual_server_brake_held == 1`,
		Summary:     "Failed real servers are kept because too many failed at once.",
		Description: "The brake of {{ $labels.virtual_server }} on {{ $labels.instance }} keeps real servers that fail their checks.",
		Meaning:     "More real servers failed within a short time than check.brake_percent of vigil.yaml allows, which speaks for the director and not for the servers.",
		Impact:      "Some connections may go to servers that are really down.",
		Command:     "vigilctl events --kind service.brake",
		Look:        "Which failures came together.",
		Mitigation:  "Look at the director's own network first.",
	},
	{
		Name: "VigilRealServerDown", Severity: Info, For: "15m",
		Expr:        `max by (<by>, virtual_server) (vigil_virtual_server_real_servers{state="down"}) > 0`,
		Summary:     "Real servers are down.",
		Description: "{{ $value }} real servers of {{ $labels.virtual_server }} are down.",
		Meaning:     "Their checks fail; the others carry the load.",
		Impact:      "Less capacity.",
		Command:     "vigilctl status",
		Look:        "Which ones, and the failure of the check.",
		Mitigation:  "Mend them, or take them out of the configuration.",
	},
	{
		Name: "VigilRealServerFlapping", Severity: Warning,
		Expr:        `increase(vigil_real_server_changes_total[30m]) > <server_flaps>`,
		Summary:     "A real server goes up and down again and again.",
		Description: "{{ $labels.real_server }} of {{ $labels.virtual_server }} changed {{ $value | humanize }} times in 30 minutes on {{ $labels.instance }}.",
		Meaning:     "The check succeeds and fails in turn. Needs the tier basic.",
		Impact:      "Connections break at each change.",
		Command:     "vigilctl events --kind server.state --since 30m",
		Look:        "The reasons and the phase in which the check fails.",
		Mitigation:  "Look at the server's load; raise retry and delay_before_retry.",
	},
}
