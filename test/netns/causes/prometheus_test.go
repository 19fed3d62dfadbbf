// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// faster is how much faster time passes in the rules than they say: every
// duration in them is divided by it, and metrics are scraped and rules evaluated
// so much more often.
const faster = 30

var durations = regexp.MustCompile(`(\[|for: |keep_firing_for: |group_wait: |group_interval: |repeat_interval: )(\d+)([smhd])`)

// hurry divides the durations of a file of rules, or of Alertmanager's.
func hurry(text string) string {
	return durations.ReplaceAllStringFunc(text, func(s string) string {
		m := durations.FindStringSubmatch(s)
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return s
		}
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[m[3]]
		return fmt.Sprintf("%s%dms", m[1], (time.Duration(n) * unit / faster).Milliseconds())
	})
}

// monitoring is Prometheus and Alertmanager on the watching host.
type monitoring struct {
	o       *observatory
	pages   pages
	started time.Time
}

// pages is who is paged, and who gets tickets.
type pages struct {
	mu   sync.Mutex
	told map[string][]string // by receiver, names of alerts that fire
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var doc struct {
		Alerts []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&doc); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range doc.Alerts {
		if a.Status == "firing" {
			p.told[strings.TrimPrefix(r.URL.Path, "/")] = append(p.told[strings.TrimPrefix(r.URL.Path, "/")], a.Labels["alertname"])
		}
	}
}

// has says whether a receiver was told of an alert.
func (p *pages) has(receiver, alert string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.told[receiver], alert)
}

// monitor starts both programs with the rules as vigilctl writes them.
func (o *observatory) monitor() *monitoring {
	o.t.Helper()
	m := &monitoring{o: o, pages: pages{told: map[string][]string{}}, started: time.Now()}
	dir := filepath.Join(o.lab.Dir(), "alerts")
	o.watch.Run(lab.Binary(o.t, "vigilctl"), "alerts", "export", dir)
	for _, name := range []string{"vigil.rules.yaml", "vigil.recording.yaml", "alertmanager.yaml"} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(hurry(string(text))), 0o644)
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
	conf := o.lab.File("prometheus.yaml", fmt.Sprintf(`global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [%[1]s/vigil.recording.yaml, %[1]s/vigil.rules.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
scrape_configs:
  - job_name: vigil
    static_configs:
      - {targets: ["%[2]v:10112"], labels: {instance: a}}
      - {targets: ["%[3]v:10112"], labels: {instance: b}}
`, dir, o.a.Addr4(1), o.b.Addr4(1)), 0o644)
	var hook net.Listener
	o.watch.Do(func() (err error) {
		hook, err = net.Listen("tcp", "127.0.0.1:9099")
		return err
	})
	web := &http.Server{Handler: &m.pages, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = web.Serve(hook) }()
	o.t.Cleanup(func() { web.Close(); <-done })
	o.watch.Program("alertmanager", "prometheus-alertmanager", "--config.file="+filepath.Join(dir, "alertmanager.yaml"), "--storage.path="+filepath.Join(o.lab.Dir(), "am"),
		"--cluster.listen-address=", "--web.listen-address=127.0.0.1:9093")
	o.watch.Program("prometheus", "prometheus", "--config.file="+conf, "--storage.tsdb.path="+filepath.Join(o.lab.Dir(), "tsdb"), "--web.listen-address=127.0.0.1:9090",
		"--enable-feature=exemplar-storage", "--log.level=warn")
	lab.Until(o.t, starting, "Prometheus scrapes both directors", func() bool {
		n, err := m.query(`sum(up{job="vigil"})`)
		return err == nil && len(n) == 1 && n[0].Value[1] == "2"
	})
	return m
}

type series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// ask asks Prometheus and decodes the field data of its answer.
func (m *monitoring) ask(path string, args url.Values, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9090/api/v1/"+path+"?"+args.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := m.o.watch.HTTP().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

func (m *monitoring) query(expr string) ([]series, error) {
	var out struct{ Result []series }
	return out.Result, m.fill(expr, &out)
}

func (m *monitoring) fill(expr string, out any) error {
	return m.ask("query", url.Values{"query": {expr}}, out)
}

// firing are the names of the alerts that fire now.
func (m *monitoring) firing() []string {
	var out struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	if err := m.ask("alerts", nil, &out); err != nil {
		return nil
	}
	var names []string
	for _, a := range out.Alerts {
		if name := a.Labels["alertname"]; a.State == "firing" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// stage waits until all wanted alerts have fired and says which others did.
func (m *monitoring) stage(t *testing.T, what string, wanted, allowed []string) {
	t.Helper()
	seen := map[string]bool{}
	lab.Until(t, 2*time.Minute, fmt.Sprintf("%s: %s fire", what, wanted), func() bool {
		for _, name := range m.firing() {
			seen[name] = true
		}
		for _, name := range wanted {
			if !seen[name] {
				return false
			}
		}
		return true
	})
	for name := range seen {
		if !slices.Contains(wanted, name) && !slices.Contains(allowed, name) {
			t.Errorf("%s: %s fires too", what, name)
		}
	}
	t.Logf("| %-28s %v", what, seen)
}

// quiet waits until no alert fires that is not allowed to.
func (m *monitoring) quiet(t *testing.T, what string, allowed ...string) {
	t.Helper()
	var last []string
	lab.Until(t, 2*time.Minute, what+": the alerts end", func() bool {
		last = slices.DeleteFunc(m.firing(), func(s string) bool { return slices.Contains(allowed, s) })
		return len(last) == 0
	})
}
