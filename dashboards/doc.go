// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package dashboards is what to look at in Grafana: seven dashboards, made from
// the tables here (go test ./dashboards -update), committed as JSON and embedded
// with an example of provisioning.
//
// cmd/vigilctl imports it to write the files out. Its tests hold every panel to
// Grafana's own linter's rules, every expression to the parser of Prometheus,
// and every metric and label to the catalogue (collector.Metrics); Grafana
// itself is not run.
//
// It must never import anything of ours nor ask a Grafana anything: it is data.
package dashboards
