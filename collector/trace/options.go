// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"crypto/sha1" //nolint:gosec // a UUID of version 5 is made of it, no secret depends on it
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/vigild/vigild/engine/event"
)

// Options say where traces and log events go. What is left empty comes from
// the standard OTEL_ environment.
type Options struct {
	// Endpoint is the base URL of the receiver, http or https. Empty means
	// OTEL_EXPORTER_OTLP_ENDPOINT and its variants for one signal; without any
	// of them nothing is exported.
	Endpoint string
	// Protocol is "http/protobuf" (the default) or "grpc".
	Protocol string
	// Headers are sent with each request.
	Headers map[string]string
	// Service is service.name, default "vigil". Version is service.version.
	Service, Version string
	// Instance tells vigilds on one host apart; it goes into service.instance.id.
	Instance string
	// MachineID is 32 hexadecimal digits; empty means the contents of /etc/machine-id.
	MachineID string
	// Hold is how long a transition waits for its parts at most; 0 means 3 s.
	Hold time.Duration
	// Sentence explains an event in one line; nil means only its kind is told.
	Sentence func(*event.Event) string
	// URLs are the addresses of webhooks by name, without secrets, and
	// MailServer is the host of smtp_server, for the spans about them.
	URLs       map[string]string
	MailServer string
	// Getenv reads the environment; nil means os.Getenv. The exporters of the
	// OpenTelemetry library read theirs themselves.
	Getenv func(string) string
}

// The protocols of OTLP.
const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// complete fills in the defaults.
func (o *Options) complete() {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Hold <= 0 {
		o.Hold = 3 * time.Second
	}
	if o.Service == "" {
		o.Service = "vigil"
	}
	if o.MachineID == "" {
		text, err := os.ReadFile("/etc/machine-id")
		if err == nil {
			o.MachineID = strings.TrimSpace(string(text))
		}
	}
}

// wanted says whether a signal (TRACES or LOGS) is to be exported.
func (o *Options) wanted(signal string) bool {
	if strings.EqualFold(o.Getenv("OTEL_SDK_DISABLED"), "true") || o.Getenv("OTEL_"+signal+"_EXPORTER") == "none" {
		return false
	}
	if signal == "TRACES" && strings.HasSuffix(o.Getenv("OTEL_TRACES_SAMPLER"), "always_off") {
		return false
	}
	return o.Endpoint != "" || o.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" ||
		o.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

func (o *Options) protocol(signal string) (string, error) {
	p := o.Protocol
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p == "" {
			p = o.Getenv(name)
		}
	}
	switch p {
	case "":
		return protocolHTTP, nil
	case protocolHTTP, protocolGRPC:
		return p, nil
	}
	return "", fmt.Errorf("otlp protocol %q is not one of %s, %s", p, protocolHTTP, protocolGRPC)
}

// target is the URL for one signal, empty if the environment decides.
func (o *Options) target(protocol, signal string) (string, error) {
	if o.Endpoint == "" {
		return "", nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("otlp endpoint %q is not a URL of http or https", o.Endpoint)
	}
	if protocol == protocolHTTP {
		u = u.JoinPath("v1", strings.ToLower(signal))
	}
	return u.String(), nil
}

// traces makes the exporter of spans. It retries nothing: the batcher does,
// and counts.
func (o *Options) traces(ctx context.Context) (sdktrace.SpanExporter, error) {
	protocol, err := o.protocol("TRACES")
	if err != nil {
		return nil, err
	}
	to, err := o.target(protocol, "TRACES")
	if err != nil {
		return nil, err
	}
	if protocol == protocolGRPC {
		opts := []otlptracegrpc.Option{otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})}
		if to != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(to))
		}
		if len(o.Headers) > 0 {
			opts = append(opts, otlptracegrpc.WithHeaders(o.Headers))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	opts := []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})}
	if to != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(to))
	}
	if len(o.Headers) > 0 {
		opts = append(opts, otlptracehttp.WithHeaders(o.Headers))
	}
	return otlptracehttp.New(ctx, opts...)
}

// logs makes the exporter of log events, in the same manner.
func (o *Options) logs(ctx context.Context) (sdklog.Exporter, error) {
	protocol, err := o.protocol("LOGS")
	if err != nil {
		return nil, err
	}
	to, err := o.target(protocol, "LOGS")
	if err != nil {
		return nil, err
	}
	if protocol == protocolGRPC {
		opts := []otlploggrpc.Option{otlploggrpc.WithRetry(otlploggrpc.RetryConfig{})}
		if to != "" {
			opts = append(opts, otlploggrpc.WithEndpointURL(to))
		}
		if len(o.Headers) > 0 {
			opts = append(opts, otlploggrpc.WithHeaders(o.Headers))
		}
		return otlploggrpc.New(ctx, opts...)
	}
	opts := []otlploghttp.Option{otlploghttp.WithRetry(otlploghttp.RetryConfig{})}
	if to != "" {
		opts = append(opts, otlploghttp.WithEndpointURL(to))
	}
	if len(o.Headers) > 0 {
		opts = append(opts, otlploghttp.WithHeaders(o.Headers))
	}
	return otlploghttp.New(ctx, opts...)
}

// limits reads the bounds of one signal; prefix is OTEL_BSP_ or OTEL_BLRP_.
func (o *Options) limits(prefix string, delay time.Duration) limits {
	number := func(name string, def int) int {
		n, err := strconv.Atoi(o.Getenv(prefix + name))
		if err != nil || n <= 0 {
			return def
		}
		return n
	}
	millis := func(name string, def time.Duration) time.Duration {
		return time.Duration(number(name, int(def/time.Millisecond))) * time.Millisecond
	}
	l := limits{
		queue: number("MAX_QUEUE_SIZE", 2048), batch: number("MAX_EXPORT_BATCH_SIZE", 512),
		delay: millis("SCHEDULE_DELAY", delay), timeout: millis("EXPORT_TIMEOUT", 10*time.Second),
		tries: 8, retry: time.Second, retryMax: 30 * time.Second,
	}
	l.batch = min(l.batch, l.queue)
	return l
}

// resource says who exports. The environment wins (OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES). What could not be found out is left out.
func (o *Options) resource(ctx context.Context) *resource.Resource {
	res, err := resource.New(
		ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithHostID(), resource.WithOSType(), resource.WithProcessPID(),
		resource.WithAttributes(
			attribute.String("service.name", o.Service),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", instanceID(o.MachineID, o.Instance)),
		),
		resource.WithFromEnv(),
	)
	if res == nil || err != nil && res.Len() == 0 {
		return resource.Default()
	}
	return res
}

// instanceID is the UUID of version 5 (RFC 9562 section 5.5) of a name within
// a machine, so that it survives restarts.
func instanceID(machine, name string) string {
	space, err := hex.DecodeString(strings.ReplaceAll(machine, "-", ""))
	if err != nil || len(space) != 16 {
		space = make([]byte, 16)
	}
	h := sha1.New() //nolint:gosec // see above
	h.Write(space)
	h.Write([]byte(name))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	x := hex.EncodeToString(u)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
