// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const prometheusYAML = `global:
  scrape_interval: 1s
scrape_configs:
  - job_name: vigild
    static_configs:
      - targets: ["%s:10112"]
        labels: {instance: a}
      - targets: ["%s:10112"]
        labels: {instance: b}
`

const collectorYAML = `receivers:
  otlp:
    protocols:
      http: {endpoint: "%[1]s:4318"}
      grpc: {endpoint: "%[1]s:4317"}
exporters:
  file: {path: %[2]s/otlp.json, flush_interval: 200ms}
service:
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
    logs: {receivers: [otlp], exporters: [file]}
`

const snmpdConf = `rocommunity public
master agentx
agentXSocket tcp:%[1]s:%[2]d
agentXTimeout 5
trap2sink 127.0.0.1:1620 public
`

const snmptrapdConf = `disableAuthorization yes
format2 %%#y-%%#02.2m-%%#02.2l %%v\n
`

// watch starts everything that watches, and waits until each of it answers.
func watch(ctx context.Context, l *lab, self string) error {
	files := map[string]string{
		"prometheus.yml": fmt.Sprintf(prometheusYAML, addrA, addrB),
		"otelcol.yaml":   fmt.Sprintf(collectorYAML, addrWatch, l.dir),
		"snmpd-a.conf":   fmt.Sprintf(snmpdConf, addrWatch, 7051),
		"snmpd-b.conf":   fmt.Sprintf(snmpdConf, addrWatch, 7052),
		"snmptrapd.conf": strings.ReplaceAll(snmptrapdConf, "%%", "%"),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	in := func(name string) string { return filepath.Join(l.dir, name) }
	snmp := func(host string, port int) []string {
		return []string{
			"env", "MIBS=", "SNMP_PERSISTENT_DIR=" + in("snmp-"+host), "snmpd", "-f", "-Lo", "-r", "-C", "-c", in("snmpd-" + host + ".conf"),
			"-I", "-smux", "-p", in("snmpd-" + host + ".pid"), fmt.Sprintf("udp:127.0.0.1:%d", port),
		}
	}
	for _, p := range []struct {
		name string
		argv []string
	}{
		{"sinks", []string{self, "sinks", l.dir}},
		{"otelcol", []string{".cache/bin/otelcol", "--config", in("otelcol.yaml")}},
		{"prometheus", []string{
			"prometheus", "--config.file=" + in("prometheus.yml"), "--storage.tsdb.path=" + in("tsdb"),
			"--web.listen-address=127.0.0.1:9090", "--enable-feature=exemplar-storage", "--log.level=warn",
		}},
		{"snmptrapd", []string{
			"env", "MIBS=", "SNMP_PERSISTENT_DIR=" + in("snmp-trap"), "snmptrapd", "-f", "-Lo", "-On", "-C", "-c", in("snmptrapd.conf"), "udp:127.0.0.1:1620",
		}},
		{"snmpd-a", snmp("a", 1611)},
		{"snmpd-b", snmp("b", 1612)},
	} {
		argv := p.argv
		if strings.HasPrefix(argv[0], ".cache/") {
			wd, err := os.Getwd()
			if err != nil {
				return err
			}
			argv[0] = filepath.Join(wd, argv[0])
		}
		if _, err := l.start("watch", p.name, argv...); err != nil {
			return err
		}
	}
	return until(ctx, 30*time.Second, "prometheus, snmpd, the collector and the sinks answer", func() bool {
		probe := "curl -sf -o /dev/null --max-time 2 http://127.0.0.1:9090/-/ready" +
			" && curl -s -o /dev/null --max-time 2 http://" + addrWatch + ":4318/" +
			" && curl -s -o /dev/null --max-time 2 http://" + addrWatch + ":8080/" +
			" && snmpget -v2c -cpublic -t1 -r0 127.0.0.1:1611 .1.3.6.1.2.1.1.3.0" +
			" && snmpget -v2c -cpublic -t1 -r0 127.0.0.1:1612 .1.3.6.1.2.1.1.3.0"
		_, err := l.run(ctx, "watch", "sh", "-c", probe)
		return err == nil
	})
}
