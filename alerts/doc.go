// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package alerts is what a Prometheus should wake people for: the tables from
// which vigil.rules.yaml, vigil.recording.yaml and runbooks/ are generated
// (go test ./alerts -update), their thresholds, and a sample of Alertmanager's
// configuration, alertmanager.yaml. All files are embedded.
//
// cmd/vigilctl imports it to write the files out, with other thresholds if
// asked. An alert names only metrics of the catalogue (collector.Metrics) and
// labels that they have; each has a runbook page and a test with promtool that
// it fires, does not fire, and resolves.
//
// It must never import anything of ours nor ask a Prometheus anything: it is
// data. It has no alert on what vigild does not export: the age of a
// configuration file, the versions of peers that are not scraped, and node
// facts (memory, disks, interfaces), for which node_exporter has rules.
// There is none on the webhook's or the trap's receiver, which only they know.
package alerts
