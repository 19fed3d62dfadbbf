// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package trace renders events as OpenTelemetry: one trace per transition with
// its parts as spans, and a log event for each change, sent by OTLP over HTTP
// or gRPC. It is off unless an endpoint is set.
//
// A transition is one story, and the id of the story is the id of its trace,
// the same as in scripts, mail, traps and the log. So each member of a sync
// group has a trace of its own, and what belongs together across stories (the
// transition that started a group, the members that it moved, announcements
// repeated later) is joined by links.
//
// The observe role imports it through cmd. It imports only event and ledger of
// ours, and must never be linked to what a vrrp role runs before that role is
// a process of its own, nor make anybody wait: queues are bounded and what
// finds no room is counted.
package trace
