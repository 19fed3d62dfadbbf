// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds the collector, unless it is up to date, and returns the path
// of the program. root is the root of the repository. The first time takes a
// minute or more and loads modules.
func Build(ctx context.Context, root string) (string, error) {
	bin, err := filepath.Abs(filepath.Join(root, ".cache", "bin", "otelcol"))
	if err != nil {
		return "", fmt.Errorf("build otelcol: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, ".")
	cmd.Dir = filepath.Join(root, "test", "otelcol")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build otelcol: %w: %s", err, out)
	}
	return bin, nil
}

// Arguments has the collector listen for OTLP on two addresses and write all
// that it gets to a file, at once.
func Arguments(grpc, http, file string) []string {
	conf := fmt.Sprintf(`yaml:
receivers: {otlp: {protocols: {grpc: {endpoint: %q}, http: {endpoint: %q}}}}
exporters: {file: {path: %q, flush_interval: 50ms}}
service:
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
    logs: {receivers: [otlp], exporters: [file]}
`, grpc, http, file)
	return []string{"--config", conf}
}
