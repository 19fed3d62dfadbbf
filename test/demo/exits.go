// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// exit is one way in which the failover comes out.
type exit struct {
	title string
	// read returns what the exit says about the story, or "" if nothing yet.
	read func(ctx context.Context, l *lab, id string) (string, error)
}

// exits are the seven, each read from the program at its far end.
func exits() []exit {
	return []exit{
		{"metrics, as Prometheus answers", fromPrometheus},
		{"trace, as the OpenTelemetry collector wrote it (start, length)", fromCollector},
		{"SNMP, as snmpd and snmptrapd say", fromSNMP},
		{"mail, as the SMTP server got it", fromMail},
		{"webhook, as the HTTP server got it (signature verified)", fromWebhook},
		{"notify script, arguments and environment", fromScript},
		{"log line of the new master", fromLog},
	}
}

// api asks Prometheus and returns the field data of its answer.
func api(ctx context.Context, l *lab, path string, args ...string) (json.RawMessage, error) {
	argv := []string{"curl", "-sS", "-G", "--max-time", "3", "http://127.0.0.1:9090/api/v1/" + path}
	for _, a := range args {
		argv = append(argv, "--data-urlencode", a)
	}
	out, err := l.run(ctx, "watch", argv...)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		return nil, fmt.Errorf("prometheus: %w: %s", err, out)
	}
	if answer.Status != "success" {
		return nil, errors.New("prometheus: " + answer.Error)
	}
	return answer.Data, nil
}

// sample is one series of an instant query.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

func query(ctx context.Context, l *lab, q string) ([]sample, error) {
	data, err := api(ctx, l, "query", "query="+q)
	if err != nil {
		return nil, err
	}
	var v struct {
		Result []sample `json:"result"`
	}
	return v.Result, json.Unmarshal(data, &v)
}

func fromPrometheus(ctx context.Context, l *lab, id string) (string, error) {
	const moved = `vigil_vrrp_transitions_total{instance="b",to="master"} > 0`
	rows, err := query(ctx, l, moved)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "vigil_vrrp_transitions_total{instance=%q,vrrp_instance=%q,from=%q,to=%q,reason=%q} %v\n",
			r.Metric["instance"], r.Metric["vrrp_instance"], r.Metric["from"], r.Metric["to"], r.Metric["reason"], r.Value[1])
	}
	now := time.Now()
	data, err := api(ctx, l, "query_exemplars", `query=vigil_vrrp_transitions_total{instance="b",to="master"}`,
		fmt.Sprintf("start=%d", now.Add(-5*time.Minute).Unix()), fmt.Sprintf("end=%d", now.Add(time.Minute).Unix()))
	if err != nil {
		return "", err
	}
	var series []struct {
		Exemplars []struct {
			Labels    map[string]string `json:"labels"`
			Timestamp float64           `json:"timestamp"`
		} `json:"exemplars"`
	}
	if err := json.Unmarshal(data, &series); err != nil {
		return "", err
	}
	for _, s := range series {
		for _, e := range s.Exemplars {
			if e.Labels["trace_id"] == id {
				fmt.Fprintf(&b, "exemplar trace_id=%s at %s\n", id, clock(time.UnixMilli(int64(e.Timestamp*1000))))
				return b.String(), nil
			}
		}
	}
	return "", nil
}

func fromCollector(_ context.Context, l *lab, id string) (string, error) {
	spans, err := spansOf(filepath.Join(l.dir, "otlp.json"), id)
	if errors.Is(err, os.ErrNotExist) || len(spans) == 0 {
		return "", nil
	}
	out := tree(spans)
	if !strings.Contains(out, "vrrp announce") || !strings.Contains(out, "notify webhook") || !strings.Contains(out, "notify smtp") {
		return "", err // parts are still on their way
	}
	return "trace " + id + " at " + clock(time.Unix(0, spans[0].start())) + "\n" + out, err
}

func fromSNMP(ctx context.Context, l *lab, id string) (string, error) {
	const table = ".1.3.6.1.4.1.9586.100.5.2.3.1."
	state, err := l.run(ctx, "watch", "snmpget", "-v2c", "-cpublic", "-On", "-t1", "127.0.0.1:1612", table+"2.1", table+"4.1")
	if err != nil {
		return "", nil //nolint:nilerr // snmpd may just be asking its sub-agent
	}
	trap, err := os.ReadFile(filepath.Join(l.dir, "snmptrapd.out"))
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(string(trap), "\n") {
		if strings.Contains(strings.ToLower(line), id) {
			return state + "trap:\n" + strings.Join(strings.Split(strings.TrimSpace(line), "\t"), "\n") + "\n", nil
		}
	}
	return "", nil
}

func fromMail(_ context.Context, l *lab, id string) (string, error) {
	return findFile(l.dir, "mail-*", func(body []byte) (string, bool) {
		if !strings.Contains(string(body), id) {
			return "", false
		}
		return strings.ReplaceAll(string(body), "\r\n", "\n"), true
	})
}

func fromWebhook(_ context.Context, l *lab, id string) (string, error) {
	return findFile(l.dir, "hook-*", func(raw []byte) (string, bool) {
		var d delivery
		if json.Unmarshal(raw, &d) != nil || !strings.Contains(d.Body, id) {
			return "", false
		}
		head := "traceparent: " + d.Header.Get("Traceparent") + "\n"
		stamp, sign := d.Header.Get("X-Vigil-Timestamp"), d.Header.Get("X-Vigil-Signature")
		mac := hmac.New(sha256.New, []byte(webhookSecret))
		mac.Write([]byte(stamp + "." + d.Body))
		if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(sign)) {
			return "", false
		}
		var pretty any
		if json.Unmarshal([]byte(d.Body), &pretty) != nil {
			return "", false
		}
		m, _ := pretty.(map[string]any)
		delete(m, "evidence") // long; `why` below shows it
		out, _ := json.MarshalIndent(pretty, "", "  ")
		return head + string(out) + "\n", true
	})
}

func fromScript(_ context.Context, l *lab, id string) (string, error) {
	return findFile(l.dir, "script-*", func(b []byte) (string, bool) {
		return string(b), strings.Contains(string(b), id)
	})
}

func fromLog(_ context.Context, l *lab, id string) (string, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, "b.out"))
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if strings.Contains(line, id) && strings.Contains(line, "vrrp.state") {
			return line + "\n", nil
		}
	}
	return "", nil
}

// findFile returns what pick makes of the first file of a pattern it takes.
func findFile(dir, pattern string, pick func([]byte) (string, bool)) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return "", err
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return "", err
		}
		if s, ok := pick(b); ok {
			return s, nil
		}
	}
	return "", nil
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
