// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Command otelcol is the real OpenTelemetry collector, as small as it gets: it
// takes OTLP over gRPC and HTTP and appends what it gets to a file, one JSON
// object per line. Tests and the demonstration use it as the receiver of
// traces and log events.
//
// It is a module of its own, so that the requirements of vigild stay small.
// Build it with
//
//	go build -C test/otelcol -o ../../.cache/bin/otelcol .
//
// and run it with a configuration like the one in config.yaml:
//
//	otelcol --config file:test/otelcol/config.yaml
//
// Nothing imports it, and it must never be part of what ships.
package main
