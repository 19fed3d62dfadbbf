// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package notify tells the outside about transitions: scripts and FIFOs as
// keepalived runs and writes them, mail over SMTP, and signed webhooks. One
// queue discipline serves all of them: bounded, ordered per subject, never
// blocking the producer, drops counted, the final state kept.
//
// Scripts and FIFOs belong to the parent role, mail and webhooks to the
// observe role; config imports the settings, cmd and engine/run wire the rest.
// It imports only event and the door that runs programs.
//
// It must never make the producer of an event wait, never lose an event
// without counting it, and never start a program itself.
package notify
