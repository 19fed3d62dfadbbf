// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package causes breaks things, one by one, and asks every exit for the reason:
// metrics, trace, webhook, mail, trap and `vigilctl why`. Each has to name the
// true cause, and all of them the same one, under the same id.
//
// Nothing imports it. Its labs have two directors and a third host that
// receives, with a real OpenTelemetry collector, snmpd, snmptrapd, SMTP and HTTP
// servers on it.
//
// It must never accept a reason that fits: a fault has one.
package causes
