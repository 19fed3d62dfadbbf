// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// receiver is an OTLP receiver over HTTP and gRPC.
type receiver struct {
	tracepb.UnimplementedTraceServiceServer
	mu       sync.Mutex
	traces   []*tracepb.ExportTraceServiceRequest
	logs     []*logspb.ExportLogsServiceRequest
	keys     []string
	httpURL  string
	grpcURL  string
	refusing bool
}

type logReceiver struct {
	logspb.UnimplementedLogsServiceServer
	r *receiver
}

func (r *receiver) Export(ctx context.Context, q *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	r.take(q, nil, fmt.Sprint(md.Get("api-key")))
	return &tracepb.ExportTraceServiceResponse{}, nil
}

func (l logReceiver) Export(ctx context.Context, q *logspb.ExportLogsServiceRequest) (*logspb.ExportLogsServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	l.r.take(nil, q, fmt.Sprint(md.Get("api-key")))
	return &logspb.ExportLogsServiceResponse{}, nil
}

func (r *receiver) take(t *tracepb.ExportTraceServiceRequest, l *logspb.ExportLogsServiceRequest, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t != nil {
		r.traces = append(r.traces, t)
	}
	if l != nil {
		r.logs = append(r.logs, l)
	}
	r.keys = append(r.keys, key)
}

func (r *receiver) refuse(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = on
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	r.mu.Lock()
	refusing := r.refusing
	r.mu.Unlock()
	if err != nil || refusing {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	key := fmt.Sprint(q.Header["Api-Key"])
	var answer proto.Message
	switch q.URL.Path {
	case "/v1/traces":
		var m tracepb.ExportTraceServiceRequest
		err = proto.Unmarshal(body, &m)
		r.take(&m, nil, key)
		answer = &tracepb.ExportTraceServiceResponse{}
	case "/v1/logs":
		var m logspb.ExportLogsServiceRequest
		err = proto.Unmarshal(body, &m)
		r.take(nil, &m, key)
		answer = &logspb.ExportLogsServiceResponse{}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	web := httptest.NewServer(r)
	t.Cleanup(web.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	tracepb.RegisterTraceServiceServer(srv, r)
	logspb.RegisterLogsServiceServer(srv, logReceiver{r: r})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() {
		srv.Stop()
		<-done
	})
	r.httpURL, r.grpcURL = web.URL, "http://"+ln.Addr().String()
	return r
}

// seen is a span or log record as it arrived.
type seen struct {
	name, trace, span, parent string
	from, to                  time.Time
	links                     []string
	failed                    bool
	attrs                     map[string]string
}

func attrs(list []*commonpb.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		switch v := kv.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			out[kv.Key] = v.StringValue
		default:
			out[kv.Key] = kv.Value.String()
		}
	}
	return out
}

// spans returns what came, in order, and the resource it came from.
func (r *receiver) spans() (out []seen, resource map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.traces {
		for _, rs := range q.ResourceSpans {
			resource = attrs(rs.Resource.Attributes)
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					x := seen{
						name: s.Name, trace: hex.EncodeToString(s.TraceId), span: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId),
						from: time.Unix(0, int64(s.StartTimeUnixNano)), to: time.Unix(0, int64(s.EndTimeUnixNano)),
						failed: s.Status.GetCode() == 2, attrs: attrs(s.Attributes),
					}
					for _, l := range s.Links {
						x.links = append(x.links, hex.EncodeToString(l.TraceId)+"/"+hex.EncodeToString(l.SpanId))
					}
					out = append(out, x)
				}
			}
		}
	}
	return out, resource
}

// records returns the log events that came, in order.
func (r *receiver) records() (out []seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.logs {
		for _, rl := range q.ResourceLogs {
			for _, sl := range rl.ScopeLogs {
				for _, l := range sl.LogRecords {
					x := seen{
						name: l.EventName, trace: hex.EncodeToString(l.TraceId), span: hex.EncodeToString(l.SpanId),
						from: time.Unix(0, int64(l.TimeUnixNano)), attrs: attrs(l.Attributes),
					}
					x.attrs["body"], x.attrs["severity"] = l.Body.GetStringValue(), l.SeverityText
					out = append(out, x)
				}
			}
		}
	}
	return out
}
