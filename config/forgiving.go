// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// forgiving are the keywords that may lack their value: compat: keepalived 2.2.7 passes them over then, and ends where any
// other keyword lacks one.
var forgiving = func() map[string]bool {
	known := map[string]bool{}
	for block, names := range map[string]string{
		"": "instance net_namespace vrrp_sync_group",
		"global_defs": "bfd_cpu_affinity bfd_priority bfd_rt_priority checker_cpu_affinity checker_priority checker_rt_priority " +
			"dbus_service_name default_interface lvs_netlink_cmd_rcv_bufs lvs_netlink_monitor_rcv_bufs lvs_notify_fifo " +
			"lvs_notify_fifo_script lvs_sync_daemon min_auto_priority_delay notification_email_from notify_fifo " +
			"notify_fifo_script process_monitor_rcv_bufs reload_time_file router_id script_user shutdown_script " +
			"shutdown_script_timeout snmp_socket startup_script startup_script_timeout tmp_config_directory " +
			"vrrp_cpu_affinity vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs vrrp_notify_fifo " +
			"vrrp_notify_fifo_script vrrp_priority vrrp_rt_priority vrrp_rx_bufs_multiplier vrrp_rx_bufs_policy",
		"vrrp_instance":      "kernel_rx_buf_size",
		"track_file":         "file weight",
		"vrrp_track_file":    "file weight",
		"vrrp_track_process": "weight",
	} {
		for name := range strings.FieldsSeq(names) {
			known[block+"/"+name] = true
		}
	}
	return known
}()
