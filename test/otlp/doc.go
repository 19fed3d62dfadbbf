// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package otlp builds and runs the real OpenTelemetry collector of
// test/otelcol, and reads the traces and log events from the file that it
// writes.
//
// Tests and the demonstration import it; nothing that ships may.
//
// It must never stand in for a receiver: what it returns is what the collector
// wrote.
package otlp
