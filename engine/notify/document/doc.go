// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package document renders an event for receivers that are programs: as one JSON
// document, or through a template as Alertmanager, chat programs or CloudEvents
// want it.
//
// engine/notify sends it, config checks templates with it. It imports only event
// and the sentences made of events.
//
// It must never do anything but render: a template has no function that opens,
// reads, runs or waits, and what it may write is bounded.
package document
