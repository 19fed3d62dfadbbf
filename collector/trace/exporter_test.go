// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// clean is an environment without settings of OpenTelemetry.
func clean(t *testing.T, set ...string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
			_ = os.Unsetenv(name) // Setenv has it restored
		}
	}
	for i := 0; i < len(set); i += 2 {
		t.Setenv(set[i], set[i+1])
	}
}

func export(t *testing.T, o Options) *Exporter {
	t.Helper()
	if o.MachineID == "" {
		o.MachineID = "6ba7b8109dad11d180b400c04fd430c8"
	}
	x, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExport(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(r *receiver) (Options, []string)
		key  string
	}{
		{"HTTP by options", func(r *receiver) (Options, []string) {
			return Options{Endpoint: r.httpURL, Headers: map[string]string{"Api-Key": "k"}}, nil
		}, "[k]"},
		{"gRPC by options", func(r *receiver) (Options, []string) {
			return Options{Endpoint: r.grpcURL, Protocol: "grpc", Headers: map[string]string{"api-key": "k"}}, nil
		}, "[k]"},
		{"HTTP by the environment", func(r *receiver) (Options, []string) {
			return Options{}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL, "OTEL_EXPORTER_OTLP_HEADERS", "api-key=env", "OTEL_EXPORTER_OTLP_COMPRESSION", "none"}
		}, "[env]"},
		{"gRPC by the environment", func(r *receiver) (Options, []string) {
			return Options{}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.grpcURL, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_HEADERS", "api-key=env"}
		}, "[env]"},
		{"each signal its way", func(r *receiver) (Options, []string) {
			return Options{}, []string{
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.grpcURL, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc",
				"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", r.httpURL + "/v1/logs", "OTEL_EXPORTER_OTLP_HEADERS", "api-key=env",
			}
		}, "[env]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t)
			o, env := c.set(r)
			clean(t, append(env, "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")...)
			o.Version, o.Instance = "1.2.3", "www.example.com"
			o.Sentence = func(e *event.Event) string { return "told " + e.Kind.String() }
			x := export(t, o)
			x.Events(view(), failover())
			x.Shutdown(t.Context())
			checkSpans(t, r)
			checkLogs(t, r)
			if !slices.Contains(r.keys, c.key) || len(slices.Compact(slices.Sorted(slices.Values(r.keys)))) != 1 {
				t.Errorf("keys %q, want all %s", r.keys, c.key)
			}
			want := Stats{Traces: SignalStats{Exports: 1, Items: 10}, Logs: SignalStats{Exports: 1, Items: 6}}
			if got := x.Stats(); got != want {
				t.Errorf("stats %+v, want %+v", got, want)
			}
		})
	}
}

func checkSpans(t *testing.T, r *receiver) {
	t.Helper()
	spans, resource := r.spans()
	story := ref(7)
	root := story.Span("", 0).String()
	var got []string
	for _, s := range spans {
		where := "root"
		switch s.parent {
		case root:
			where = "child"
		case "":
		default:
			where = "child of " + s.parent
		}
		got = append(got, fmt.Sprintf("%s %s %v %v %v", s.name, where, s.from.UnixNano()-epoch, s.to.UnixNano()-epoch, s.failed))
		if s.name == "vrrp transition" && (s.span != root || s.trace != story.ID().String()) {
			t.Errorf("the root is %s/%s, want %s/%s", s.trace, s.span, story.ID(), root)
		}
		if where == "child" && s.trace != story.ID().String() {
			t.Errorf("%s is in trace %s", s.name, s.trace)
		}
		if s.name == "vrrp announce repeat" && (s.trace != ref(15).ID().String() || !slices.Equal(s.links, []string{story.ID().String() + "/" + root})) {
			t.Errorf("the repeat is %s with links %v", s.trace, s.links)
		}
	}
	slices.Sort(got)
	want := []string{
		"notify script notify_master child 100005000000 100050000000 true",
		"notify smtp child 102470000000 102500000000 false",
		"notify webhook POST child 100980000000 101000000000 true",
		"notify webhook POST child 101990000000 102000000000 false",
		"vrrp address add child 100001000000 100004000000 false",
		"vrrp announce child 100005000000 100006000000 false",
		"vrrp announce repeat root 105005000000 105006000000 false",
		"vrrp decide child 99914000000 100000000000 false",
		"vrrp detect child 96500000000 99914000000 false",
		"vrrp transition root 96500000000 100006000000 false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	for k, want := range map[string]string{
		"service.name": "vigil", "service.version": "1.2.3", "service.instance.id": "2ed6657d-e927-568b-95e1-2665a8aea6a2",
		"deployment.environment.name": "test", "telemetry.sdk.language": "go", "os.type": "linux",
	} {
		if resource[k] != want {
			t.Errorf("resource %s is %q, want %q", k, resource[k], want)
		}
	}
	if resource["host.name"] == "" || resource["process.pid"] == "" {
		t.Errorf("resource %v", resource)
	}
}

func checkLogs(t *testing.T, r *receiver) {
	t.Helper()
	story := ref(7)
	channel := event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: "pager"}
	var got []string
	for _, l := range r.records() {
		if l.trace != story.ID().String() {
			t.Errorf("%s is in trace %s", l.name, l.trace)
		}
		got = append(got, fmt.Sprintf("%s %v %s %s %s", l.name, l.from.UnixNano()-epoch, l.attrs["severity"], l.span, l.attrs["body"]))
	}
	detect, root := story.Span("detect", 0).String(), story.Span("", 0).String()
	missed := " WARN " + detect + " an advert that was due did not come"
	want := []string{
		"vigil.vrrp.advert_missed 97500000000" + missed,
		"vigil.vrrp.advert_missed 98500000000" + missed,
		"vigil.vrrp.advert_missed 99500000000" + missed,
		"vigil.vrrp.state_change 100000000000 INFO " + root + " told vrrp.state",
		"vigil.notify.failed 100050000000 WARN " + story.DeliverySpan(story, event.Subject{Name: "script", Sub: "notify_master"}, 1).String() + " told notify.failed",
		"vigil.notify.failed 101000000000 WARN " + story.DeliverySpan(story, channel, 1).String() + " told notify.failed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("log events\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestOffUnlessAskedFor(t *testing.T) {
	r := newReceiver(t)
	for _, c := range []struct {
		name string
		o    Options
		env  []string
		want [2]bool
	}{
		{"nothing set", Options{}, nil, [2]bool{false, false}},
		{"endpoint", Options{Endpoint: r.httpURL}, nil, [2]bool{true, true}},
		{"disabled", Options{Endpoint: r.httpURL}, []string{"OTEL_SDK_DISABLED", "TRUE"}, [2]bool{false, false}},
		{"no traces", Options{Endpoint: r.httpURL}, []string{"OTEL_TRACES_EXPORTER", "none"}, [2]bool{false, true}},
		{"no logs", Options{Endpoint: r.httpURL}, []string{"OTEL_LOGS_EXPORTER", "none"}, [2]bool{true, false}},
		{"never sampled", Options{Endpoint: r.httpURL}, []string{"OTEL_TRACES_SAMPLER", "parentbased_always_off"}, [2]bool{false, true}},
		{"logs only", Options{}, []string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", r.httpURL}, [2]bool{false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clean(t, c.env...)
			x := export(t, c.o)
			if got := [2]bool{x.Tracing(), x.logs != nil}; got != c.want || x.Enabled() != (c.want[0] || c.want[1]) {
				t.Errorf("traces and logs: %v, want %v", got, c.want)
			}
			x.Events(view(), failover()[:1])
			x.Shutdown(t.Context())
			x.Events(view(), failover()[:1])
			x.Shutdown(t.Context())
			if s := x.Stats(); !x.Enabled() && s != (Stats{}) || x.Enabled() && s.EventsDropped != 1 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		o    Options
		env  []string
		want string
	}{
		{Options{Endpoint: "collector:4317"}, nil, `export traces: otlp endpoint "collector:4317" is not a URL of http or https`},
		{Options{Endpoint: "http://x", Protocol: "soap"}, nil, `export traces: otlp protocol "soap" is not one of http/protobuf, grpc`},
		{Options{Endpoint: "http://x"}, []string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"}, `export logs: otlp protocol "http/json" is not one of http/protobuf, grpc`},
	} {
		clean(t, c.env...)
		if x, err := New(t.Context(), c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, %v; want %s", x, err, c.want)
		}
	}
}

func TestLimitsFromTheEnvironment(t *testing.T) {
	clean(t, "OTEL_BSP_MAX_QUEUE_SIZE", "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "500", "OTEL_BSP_SCHEDULE_DELAY", "250", "OTEL_BSP_EXPORT_TIMEOUT", "nonsense")
	o := Options{}
	o.complete()
	l := o.limits("OTEL_BSP_", 5*time.Second)
	if l.queue != 100 || l.batch != 100 || l.delay != 250*time.Millisecond || l.timeout != 10*time.Second {
		t.Errorf("limits %+v", l)
	}
}

// A receiver that is away costs counters, and at most 2 s at the end.
func TestDeadReceiver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // it accepts nothing: requests hang
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, c := range []struct{ name, to, protocol string }{
		{"hangs, HTTP", ln.Addr().String(), "http/protobuf"},
		{"hangs, gRPC", ln.Addr().String(), "grpc"},
		{"refuses, HTTP", gone.Addr().String(), "http/protobuf"},
		{"refuses, gRPC", gone.Addr().String(), "grpc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := export(t, Options{Endpoint: "http://" + c.to, Protocol: c.protocol})
			start := time.Now()
			const rounds = 600
			for range rounds {
				x.Events(view(), failover())
			}
			if took := time.Since(start); took > 5*time.Second { // an export that hangs takes 10 s
				t.Errorf("handing over %d events took %v", 9*rounds, took)
			}
			start = time.Now()
			x.Shutdown(t.Context())
			if took := time.Since(start); took > shutdownMax+time.Second {
				t.Errorf("shutdown took %v", took)
			}
			s := x.Stats()
			if s.Traces.Items != 0 || s.Traces.Failures == 0 || s.Traces.Dropped == 0 || s.Logs.Dropped == 0 || s.Traces.Queue != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestReceiverComesBack(t *testing.T) {
	clean(t, "OTEL_BSP_SCHEDULE_DELAY", "10", "OTEL_BLRP_SCHEDULE_DELAY", "10")
	r := newReceiver(t)
	r.refuse(true)
	x := export(t, Options{Endpoint: r.httpURL})
	x.Events(view(), failover())
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for x.Stats().Traces.Items < 10 || x.Stats().Logs.Items < 6 {
		if s := x.Stats(); s.Traces.Failures > 0 && s.Logs.Failures > 0 {
			r.refuse(false)
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("stats %+v", x.Stats())
		}
	}
	x.Shutdown(t.Context())
	countSpans(t, r)
	if s := x.Stats(); s.Traces.Dropped != 0 || s.Logs.Dropped != 0 {
		t.Errorf("stats %+v", s)
	}
}

// countSpans only counts: nothing came twice and nothing is missing.
func countSpans(t *testing.T, r *receiver) {
	t.Helper()
	spans, _ := r.spans()
	ids := map[string]bool{}
	for _, s := range spans {
		ids[s.trace+s.span] = true
	}
	if len(spans) != 10 || len(ids) != 10 {
		t.Errorf("%d spans, %d different", len(spans), len(ids))
	}
}

// A transition whose parts do not come is let go of after a while.
func TestHold(t *testing.T) {
	clean(t, "OTEL_BSP_SCHEDULE_DELAY", "1")
	r := newReceiver(t)
	x := export(t, Options{Endpoint: r.httpURL, Hold: 30 * time.Millisecond})
	defer x.Shutdown(t.Context())
	x.Events(view(), failover()[:1])
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		spans, _ := r.spans()
		if i := slices.IndexFunc(spans, func(s seen) bool { return s.name == "vrrp transition" }); i >= 0 {
			if s := spans[i]; s.to.UnixNano()-epoch != 100_000e6 {
				t.Errorf("it ends at %v", s.to)
			}
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the transition is still held")
		}
	}
}
