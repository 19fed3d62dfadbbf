// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package alerts

// expiry is an alert on certificates that expire within days.
func expiry(name, severity, days string) Alert {
	return Alert{
		Name: name, Severity: severity, For: "1h",
		Expr:        `min by (<by>, virtual_server) (vigil_check_certificate_expiry_timestamp_seconds) - time() < ` + days + ` * 86400`,
		Summary:     "A certificate of a real server expires soon.",
		Description: "A certificate behind {{ $labels.virtual_server }} expires in {{ $value | humanizeDuration }}.",
		Meaning:     "The first certificate of the chain to expire, as the check over TLS saw it. Needs the tier full.",
		Impact:      "Clients will refuse the server when it has expired, and checks that verify will fail.",
		Command:     "vigilctl status",
		Look:        "The real servers of the virtual server that are checked over TLS.",
		Mitigation:  "Renew the certificate on every real server.",
	}
}

// checkAlerts are about the checks themselves and the kernel's table.
var checkAlerts = []Alert{
	{
		Name: "VigilCheckDisagreement", Severity: Warning, For: "5m",
		Expr:        `max by (<by>, virtual_server, real_server) (vigil_real_server_up) != min by (<by>, virtual_server, real_server) (vigil_real_server_up)`,
		Summary:     "Directors do not agree on a real server.",
		Description: "{{ $labels.real_server }} of {{ $labels.virtual_server }} is up for one director and down for another.",
		Meaning:     "The path of one director to the server is bad, or its firewall lets only the other in. Needs the tier basic.",
		Impact:      "After a failover the server is missing, or gets connections that hang.",
		Command:     "vigilctl why tcp/192.0.2.1:443 10.0.0.1:443",
		Look:        "Run it on both directors: the phase and the error of the failing check.",
		Mitigation:  "Mend the path or the firewall rule.",
	},
	{
		Name: "VigilCheckStalled", Severity: Critical, For: "5m",
		Expr:        `(sum by (<by>, instance) (rate(vigil_check_attempts_total[<stalled_window>])) == 0) unless on (<by>, instance) (max by (<by>, instance) (vigil_virtual_server_suspended) == 1)`,
		Summary:     "No checks run.",
		Description: "{{ $labels.instance }} has run no check for <stalled_window>.",
		Meaning:     "Checks are configured and none was attempted. Needs the tier basic; a delay_loop as long as the window needs a longer window.",
		Impact:      "Real servers that fail are not noticed.",
		Command:     "vigilctl status",
		Look:        "Is the check worker running? Problems are at the top.",
		Mitigation:  "Look at file descriptors and the log; restart vigild on the backup first.",
	},
	{
		Name: "VigilCheckSaturated", Severity: Warning, For: "10m",
		Expr:        `histogram_quantile(0.99, sum by (<by>, instance, le) (rate(vigil_check_schedule_delay_seconds_bucket[5m]))) > <check_delay_seconds>`,
		Summary:     "Checks begin late.",
		Description: "One check in a hundred begins {{ $value | humanizeDuration }} late on {{ $labels.instance }}.",
		Meaning:     "There are more checks than the processor or the limit of sockets allows.",
		Impact:      "Failures are noticed later than delay_loop promises.",
		Command:     "vigilctl status",
		Look:        "How many checks are in flight; slow virtual servers hold them.",
		Mitigation:  "Lengthen delay_loop, shorten connect_timeout, let equal checks share a probe (check.share_probes).",
	},
	expiry("VigilCertificateExpiry", Warning, "<certificate_days>"),
	expiry("VigilCertificateExpiryCritical", Critical, "<certificate_days_critical>"),
	{
		Name: "VigilIPVSDrift", Severity: Warning,
		Expr:        `sum without (kind) (increase(vigil_ipvs_drift_corrections_total[15m])) > 0`,
		Summary:     "Somebody else edits the kernel's IPVS table.",
		Description: "{{ $labels.instance }} mended {{ $value | humanize }} entries of the IPVS table in 15 minutes.",
		Meaning:     "What the kernel had was not what vigild had put there.",
		Impact:      "Between the edit and its mending traffic goes elsewhere.",
		Command:     "vigilctl events --kind ipvs.applied",
		Look:        "Which operations mended what, and when.",
		Mitigation:  "Find the other program (ipvsadm, kube-proxy, a second director daemon).",
	},
	{
		Name: "VigilIPVSErrors", Severity: Critical, For: "1m",
		Expr:        `sum without (operation) (increase(vigil_ipvs_netlink_errors_total[5m])) > 0`,
		Summary:     "The kernel refuses changes of the IPVS table.",
		Description: "The kernel of {{ $labels.instance }} refused {{ $value | humanize }} operations in 5 minutes.",
		Meaning:     "A service or destination could not be added, changed or removed.",
		Impact:      "The table is not what it should be: connections may go to servers that are down.",
		Command:     "vigilctl events --kind ipvs.applied",
		Look:        "The operation and the kernel's error.",
		Mitigation:  "A scheduler that does not exist needs its module (ip_vs_wrr, for example); no permission needs CAP_NET_ADMIN.",
	},
	{
		Name: "VigilIPVSUnavailable", Severity: Critical, For: "2m",
		Expr:        `(vigil_ipvs_available == 0) and on (<by>, instance) (count by (<by>, instance) (vigil_virtual_server_info) > 0)`,
		Summary:     "The kernel has no IPVS.",
		Description: "{{ $labels.instance }} has virtual servers and a kernel without IPVS.",
		Meaning:     "The module ip_vs is not loaded and could not be.",
		Impact:      "No connection is balanced by this director.",
		Command:     "vigilctl status",
		Look:        "Problems at the top.",
		Mitigation:  "Load ip_vs, or install the package with the kernel's modules.",
	},
	{
		Name: "VigilIPVSSyncDaemonDown", Severity: Warning, For: "2m",
		Expr:        `(max without (role) (vigil_ipvs_sync_daemon_up) == 0) and (max without (role) (max_over_time(vigil_ipvs_sync_daemon_up[1h])) == 1)`,
		Summary:     "The IPVS sync daemon no longer runs.",
		Description: "The sync daemon of {{ $labels.instance }} ran within the last hour and runs no longer.",
		Meaning:     "It was stopped by somebody else, or its interface vanished. The alert ends after an hour, since a router that never had one must not have it.",
		Impact:      "Connections break at the next failover.",
		Command:     "vigilctl status",
		Look:        "The state of the instance that lvs_sync_daemon names.",
		Mitigation:  "Look at the interface; reload.",
	},
}
